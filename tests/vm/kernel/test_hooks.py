from __future__ import annotations

import pytest

from vm.btf.types import Kind
from vm.kernel import hooks as h
from vm.kernel import kfuncs as kf
from vm.kernel import types as k
from vm.kernel.attach import attach_target
from vm.kernel.btf import kernel_btf
from vm.kernel.facts import emulated
from vm.kernel.hook_facts import Operation
from vm.kernel.symbols import kconfig, ksym_address, linux_version_code


def test_kfuncs_and_their_flags() -> None:
    acquire = h.kfunc("bpf_task_acquire")
    assert acquire is not None and acquire.flags == kf.KF_ACQUIRE | kf.KF_RCU | kf.KF_RET_NULL
    assert h.kfunc_by_id(acquire.id) == acquire
    assert kernel_btf().type(acquire.id).name == "bpf_task_acquire"
    step = h.kfunc("bpf_iter_num_next")
    assert step is not None and step.flags == kf.KF_ITER_NEXT | kf.KF_RET_NULL
    assert h.kfunc("bpf_kfunc_call_test1") is None


def test_every_kfunc_is_a_function_of_the_kernel() -> None:
    btf = kernel_btf()
    names = {name for s in h.kfunc_sets() for name in s.kfuncs}
    assert len(names) > 120
    for name in names:
        found = h.kfunc(name)
        assert found is not None
        assert (btf.type(found.id).kind, btf.type(found.id).name) == (Kind.FUNC, name)


@pytest.mark.parametrize(
    ("prog_type", "name", "answer"),
    [
        (k.BPF_PROG_TYPE_XDP, "bpf_dynptr_from_xdp", ""),
        (k.BPF_PROG_TYPE_SCHED_CLS, "bpf_dynptr_from_xdp", None),
        (k.BPF_PROG_TYPE_SCHED_CLS, "bpf_dynptr_from_skb", ""),
        (k.BPF_PROG_TYPE_KPROBE, "bpf_rcu_read_lock", ""),
        (k.BPF_PROG_TYPE_KPROBE, "bpf_task_acquire", None),
        (k.BPF_PROG_TYPE_LSM, "bpf_task_acquire", ""),
        (k.BPF_PROG_TYPE_LSM, "bpf_get_task_exe_file", "bpf_fs_kfuncs_filter"),
        (k.BPF_PROG_TYPE_TRACING, "bpf_sock_destroy", "tracing_iter_filter"),
        (k.BPF_PROG_TYPE_CGROUP_SOCKOPT, "bpf_dynptr_from_skb", ""),
        (k.BPF_PROG_TYPE_FLOW_DISSECTOR, "bpf_dynptr_from_skb", None),
    ],
)
def test_who_may_call_a_kfunc(prog_type: int, name: str, answer: str | None) -> None:
    assert h.kfunc_filter(prog_type, name) == answer


def test_sets_of_hooks() -> None:
    assert "bpf_lsm_file_open" in h.id_set("sleepable_lsm_hooks")
    assert "bpf_lsm_file_free_security" not in h.id_set("sleepable_lsm_hooks")
    assert "migrate_disable" in h.id_set("btf_id_deny")
    assert "bpf_modify_return_test" in h.fmod_ret_functions()
    assert h.kptr_destructor("task_struct") == "bpf_task_release_dtor"
    assert h.kptr_destructor("sock") is None
    with pytest.raises(KeyError):
        h.id_set("no_such_set")


def test_iterators_tracepoints_and_maps() -> None:
    args = h.iterator_args("task")
    assert args is not None
    assert args == ((8, k.PTR_TO_BTF_ID | k.PTR_MAYBE_NULL | k.PTR_TRUSTED),)
    assert h.iterator_args("nothing") is None
    assert h.raw_tracepoint("sched_switch") == (4, 0)
    assert h.raw_tracepoint("bpf_test_finish") == (1, 4)
    assert h.map_struct(k.BPF_MAP_TYPE_HASH) == "bpf_htab"


def test_struct_ops() -> None:
    tcp, dummy = h.struct_ops("tcp_congestion_ops"), h.struct_ops("bpf_dummy_ops")
    assert tcp is not None and dummy is not None
    assert {"init", "ssthresh", "cong_control"} < set(tcp.operations)
    assert "get_info" not in tcp.operations and "flags" not in tcp.operations
    assert dummy.operations["test_1"] == Operation((0,), False)
    assert dummy.operations["test_sleepable"] == Operation((), True)
    cwnd = kernel_btf().offset_of("tcp_sock", "snd_cwnd")
    assert (cwnd, cwnd, cwnd + 4) in tcp.writable
    private = kernel_btf().field("tcp_sock", "inet_conn.icsk_ca_priv").offset
    assert (private, private + 103, private + 104) in tcp.writable
    assert h.struct_ops("task_struct") is None


def test_attach_targets() -> None:
    tracepoint = attach_target(k.BPF_PROG_TYPE_TRACING, k.BPF_TRACE_RAW_TP, "sched_switch")
    assert tracepoint is not None and (tracepoint.kind, tracepoint.name) == (Kind.TYPEDEF, "btf_trace_sched_switch")
    hook = attach_target(k.BPF_PROG_TYPE_LSM, k.BPF_LSM_MAC, "file_open")
    assert hook is not None and hook.name == "bpf_lsm_file_open"
    function = attach_target(k.BPF_PROG_TYPE_TRACING, k.BPF_TRACE_FENTRY, "vmlinux:do_unlinkat")
    assert function is not None and function.kind is Kind.FUNC
    assert attach_target(k.BPF_PROG_TYPE_TRACING, k.BPF_TRACE_FENTRY, "bpf_testmod:x") is None


def test_where_it_comes_from() -> None:
    assert emulated().release == "6.12.117+deb12-cloud-amd64"
    assert emulated().banner.startswith("Linux version " + emulated().release)
    assert linux_version_code() >> 8 == 6 << 8 | 12
    assert kconfig("CONFIG_BPF_SYSCALL") == "y"
    assert kconfig("CONFIG_NO_SUCH_THING") is None
    address = ksym_address("bpf_map_lookup_elem")
    assert address is not None and address >> 32 == 0xFFFFFFFF
    assert ksym_address("no_such_symbol_at_all") is None


def test_every_filter_of_a_set_is_known() -> None:
    assert {s.filter for s in h.kfunc_sets()} == set(kf._FILTERS)


def test_filters_decide_by_program_and_attach_type() -> None:
    assert kf.kfunc_flags("bpf_sock_destroy", k.BPF_PROG_TYPE_TRACING, k.BPF_TRACE_ITER) is not None
    assert kf.kfunc_flags("bpf_sock_destroy", k.BPF_PROG_TYPE_TRACING, k.BPF_TRACE_FENTRY) is None
    assert kf.kfunc_flags("bpf_get_file_xattr", k.BPF_PROG_TYPE_TRACING, k.BPF_TRACE_FENTRY) is None
