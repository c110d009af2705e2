from __future__ import annotations

from vm.kernel import types as k
from vm.kernel.btf import kernel_btf
from vm.kernel.func_ids import MAX_BPF_FUNC
from vm.kernel.helpers import all_helpers, helper, helper_by_name, helper_proto, protos


def test_every_helper_has_a_declaration() -> None:
    assert [h.id for h in all_helpers()] == list(range(1, MAX_BPF_FUNC))
    lookup = helper(1)
    assert lookup is not None
    assert (lookup.name, lookup.ret) == ("bpf_map_lookup_elem", "void *")
    assert lookup.params == (("void *", "map"), ("const void *", "key"))
    assert helper_by_name("trace_printk") is helper(6)
    assert helper(0) is helper(MAX_BPF_FUNC) is None


def test_prototype_of_map_lookup() -> None:
    proto = helper_proto(k.BPF_PROG_TYPE_XDP, 0, 1)
    assert proto is not None
    assert proto.symbol == "bpf_map_lookup_elem_proto"
    assert proto.ret_type == k.RET_PTR_TO_MAP_VALUE_OR_NULL
    assert proto.arg_types == (k.ARG_CONST_MAP_PTR, k.ARG_PTR_TO_MAP_KEY, 0, 0, 0)
    assert proto.pkt_access and not proto.gpl_only


def test_one_id_several_prototypes() -> None:
    def symbol(prog_type: int) -> str:
        found = helper_proto(prog_type, 0, 25)
        assert found is not None
        return found.symbol

    assert symbol(k.BPF_PROG_TYPE_XDP) == "bpf_xdp_event_output_proto"
    assert symbol(k.BPF_PROG_TYPE_SCHED_CLS) == "bpf_skb_event_output_proto"
    assert symbol(k.BPF_PROG_TYPE_KPROBE) == "bpf_perf_event_output_proto"


def test_what_programs_may_not_call() -> None:
    skb_load_bytes = 26
    assert helper_proto(k.BPF_PROG_TYPE_XDP, 0, skb_load_bytes) is None
    assert helper_proto(k.BPF_PROG_TYPE_SOCKET_FILTER, 0, skb_load_bytes) is not None
    seq_printf = 126
    assert helper_proto(k.BPF_PROG_TYPE_TRACING, k.BPF_TRACE_FENTRY, seq_printf) is None
    assert helper_proto(k.BPF_PROG_TYPE_TRACING, k.BPF_TRACE_ITER, seq_printf) is not None


def test_capabilities_hooks_and_sleepable_count() -> None:
    jiffies = 118
    assert helper_proto(k.BPF_PROG_TYPE_SOCKET_FILTER, 0, jiffies) is not None
    assert helper_proto(k.BPF_PROG_TYPE_SOCKET_FILTER, 0, jiffies, privileged=False) is None
    setsockopt = 49
    lsm = (k.BPF_PROG_TYPE_LSM, k.BPF_LSM_CGROUP, setsockopt)
    assert helper_proto(*lsm) is None
    assert helper_proto(*lsm, hook="socket_post_create") is not None
    get_stack = 67
    found = helper_proto(k.BPF_PROG_TYPE_KPROBE, 0, get_stack, sleepable=True)
    assert found is not None and found.symbol == "bpf_get_stack_sleepable_proto"


def test_struct_ops_operations() -> None:
    setsockopt = 49
    found = helper_proto(k.BPF_PROG_TYPE_STRUCT_OPS, 3, setsockopt, hook="tcp_congestion_ops")
    assert found is not None and found.symbol == "bpf_sk_setsockopt_proto"
    assert helper_proto(k.BPF_PROG_TYPE_STRUCT_OPS, 3, setsockopt, hook="bpf_dummy_ops") is None
    members = [m.name for m in kernel_btf().struct("tcp_congestion_ops").members]
    release = members.index("release")
    assert helper_proto(k.BPF_PROG_TYPE_STRUCT_OPS, release, setsockopt, hook="tcp_congestion_ops") is None
    send_ack = helper_proto(k.BPF_PROG_TYPE_STRUCT_OPS, release, 116, hook="tcp_congestion_ops")
    assert send_ack is not None and send_ack.arg_btf_ids[0] == "tcp_sock"


def test_enum_names() -> None:
    assert k.enum_name("bpf_prog_type", 6) == "BPF_PROG_TYPE_XDP"
    assert k.enum_name("bpf_prog_type", 9999) == "9999"


def test_flags_of_prototypes_are_known() -> None:
    flags = sum(getattr(k, name) for name in k.ENUMS["bpf_type_flag"])
    for proto in protos():
        for arg in proto.arg_types:
            assert arg & 0xFF <= k.ARG_PTR_TO_DYNPTR
            assert not (arg & ~0xFF) & ~flags


def test_cgroup_programs_by_what_they_are_attached_to() -> None:
    get_retval = 186
    assert helper_proto(k.BPF_PROG_TYPE_CGROUP_DEVICE, k.BPF_CGROUP_DEVICE, get_retval) is not None
    assert helper_proto(k.BPF_PROG_TYPE_CGROUP_SKB, k.BPF_CGROUP_INET_EGRESS, get_retval) is None
