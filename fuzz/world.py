"""What wide random programs live in: maps of many types, program types, kernel functions with their shapes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from vm.kernel import types as k


@dataclass(frozen=True, slots=True)
class FuzzMap:
    """A map as `.maps` describes it. `inner` is an index into WIDE_MAPS; `special` gives its value
    {bpf_spin_lock, int, bpf_timer, task_struct __kptr *, u64, u64}."""

    name: str
    map_type: int
    key_size: int
    value_size: int
    max_entries: int
    flags: int = 0
    inner: int = -1
    special: bool = False


SPECIAL_SIZE: Final = 48
LOCK_AT, NUMBER_AT, TIMER_AT, KPTR_AT, REST_AT = 0, 4, 8, 24, 32
NO_PREALLOC: Final = 1

WIDE_MAPS: Final = (
    FuzzMap("numbers", k.BPF_MAP_TYPE_ARRAY, 4, 16, 4),
    FuzzMap("table", k.BPF_MAP_TYPE_HASH, 4, 24, 8),
    FuzzMap("big", k.BPF_MAP_TYPE_ARRAY, 4, 400, 1),
    FuzzMap("percpu", k.BPF_MAP_TYPE_PERCPU_ARRAY, 4, 32, 2),
    FuzzMap("percpu_table", k.BPF_MAP_TYPE_PERCPU_HASH, 4, 8, 4),
    FuzzMap("lru", k.BPF_MAP_TYPE_LRU_HASH, 8, 64, 16),
    FuzzMap("queue", k.BPF_MAP_TYPE_QUEUE, 0, 16, 4),
    FuzzMap("stack", k.BPF_MAP_TYPE_STACK, 0, 8, 4),
    FuzzMap("ring", k.BPF_MAP_TYPE_RINGBUF, 0, 0, 4096),
    FuzzMap("trie", k.BPF_MAP_TYPE_LPM_TRIE, 8, 8, 4, NO_PREALLOC),
    FuzzMap("outer", k.BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, 2, 0, 0),
    FuzzMap("outer_table", k.BPF_MAP_TYPE_HASH_OF_MAPS, 4, 4, 2, 0, 1),
    FuzzMap("programs", k.BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 3),
    FuzzMap("events", k.BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 4, 4),
    FuzzMap("groups", k.BPF_MAP_TYPE_CGROUP_ARRAY, 4, 4, 1),
    FuzzMap("traces", k.BPF_MAP_TYPE_STACK_TRACE, 4, 80, 4),
    FuzzMap("socks", k.BPF_MAP_TYPE_SOCKMAP, 4, 4, 2),
    FuzzMap("sock_table", k.BPF_MAP_TYPE_SOCKHASH, 4, 8, 2),
    FuzzMap("devices", k.BPF_MAP_TYPE_DEVMAP, 4, 8, 2),
    FuzzMap("cpus", k.BPF_MAP_TYPE_CPUMAP, 4, 4, 2),
    FuzzMap("xsks", k.BPF_MAP_TYPE_XSKMAP, 4, 4, 2),
    FuzzMap("bloom", k.BPF_MAP_TYPE_BLOOM_FILTER, 0, 4, 8),
    FuzzMap("special", k.BPF_MAP_TYPE_ARRAY, 4, SPECIAL_SIZE, 2, 0, -1, True),
    FuzzMap("special_table", k.BPF_MAP_TYPE_HASH, 4, SPECIAL_SIZE, 4, 0, -1, True),
    FuzzMap("user_ring", k.BPF_MAP_TYPE_USER_RINGBUF, 0, 0, 4096),
    FuzzMap("reuse", k.BPF_MAP_TYPE_REUSEPORT_SOCKARRAY, 4, 8, 2),
)
BY_NAME: Final = {m.name: n for n, m in enumerate(WIDE_MAPS)}
VALUES: Final = tuple(
    BY_NAME[n] for n in ("numbers", "table", "big", "percpu", "percpu_table", "lru", "trie", "special_table")
)
RODATA: Final = bytes(range(1, 33)) + bytes(8) + b"\xff" * 8 + b"%d %x\0\0\0"
DATA_SECTIONS: Final = (".rodata", ".data", ".bss")
DATA_SIZE: Final = 64


class Kind(NamedTuple):
    """A program type by its section: bytes of its context, places of data, data_end, data_meta in it (or -1)."""

    section: str
    prog_type: int
    ctx: int
    data: int = -1
    end: int = -1
    meta: int = -1
    width: int = 4  # of the packet pointers' fields


WIDE_KINDS: Final = (
    Kind("xdp", k.BPF_PROG_TYPE_XDP, 24, 0, 4, 8),
    Kind("tc", k.BPF_PROG_TYPE_SCHED_CLS, 192, 76, 80, 140),
    Kind("socket", k.BPF_PROG_TYPE_SOCKET_FILTER, 192),
    Kind("cgroup_skb/egress", k.BPF_PROG_TYPE_CGROUP_SKB, 192, 76, 80),
    Kind("cgroup/sock_create", k.BPF_PROG_TYPE_CGROUP_SOCK, 80),
    Kind("cgroup/post_bind4", k.BPF_PROG_TYPE_CGROUP_SOCK, 80),
    Kind("cgroup/connect4", k.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, 72),
    Kind("cgroup/sendmsg6", k.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, 72),
    Kind("cgroup/sysctl", k.BPF_PROG_TYPE_CGROUP_SYSCTL, 8),
    Kind("cgroup/setsockopt", k.BPF_PROG_TYPE_CGROUP_SOCKOPT, 40, 8, 16, -1, 8),
    Kind("cgroup/getsockopt", k.BPF_PROG_TYPE_CGROUP_SOCKOPT, 40, 8, 16, -1, 8),
    Kind("cgroup/dev", k.BPF_PROG_TYPE_CGROUP_DEVICE, 12),
    Kind("sockops", k.BPF_PROG_TYPE_SOCK_OPS, 224, 200, 208, -1, 8),
    Kind("sk_skb/stream_verdict", k.BPF_PROG_TYPE_SK_SKB, 192, 76, 80),
    Kind("sk_msg", k.BPF_PROG_TYPE_SK_MSG, 80, 0, 8, -1, 8),
    Kind("sk_reuseport", k.BPF_PROG_TYPE_SK_REUSEPORT, 56, 0, 8, -1, 8),
    Kind("sk_lookup", k.BPF_PROG_TYPE_SK_LOOKUP, 72),
    Kind("lwt_in", k.BPF_PROG_TYPE_LWT_IN, 192, 76, 80),
    Kind("lwt_xmit", k.BPF_PROG_TYPE_LWT_XMIT, 192, 76, 80),
    Kind("lwt_seg6local", k.BPF_PROG_TYPE_LWT_SEG6LOCAL, 192, 76, 80),
    Kind("flow_dissector", k.BPF_PROG_TYPE_FLOW_DISSECTOR, 192, 76, 80),
    Kind("kprobe", k.BPF_PROG_TYPE_KPROBE, 168),
    Kind("tracepoint", k.BPF_PROG_TYPE_TRACEPOINT, 64),
    Kind("raw_tp", k.BPF_PROG_TYPE_RAW_TRACEPOINT, 96),
    Kind("perf_event", k.BPF_PROG_TYPE_PERF_EVENT, 184),
    Kind("syscall", k.BPF_PROG_TYPE_SYSCALL, 64),
    Kind("netfilter", k.BPF_PROG_TYPE_NETFILTER, 16),
    Kind("fentry/bpf_fentry_test2", k.BPF_PROG_TYPE_TRACING, 24),
    Kind("fexit/bpf_fentry_test3", k.BPF_PROG_TYPE_TRACING, 40),
    Kind("fmod_ret/bpf_modify_return_test", k.BPF_PROG_TYPE_TRACING, 32),
    Kind("tp_btf/sched_switch", k.BPF_PROG_TYPE_TRACING, 40),
    Kind("tp_btf/task_newtask", k.BPF_PROG_TYPE_TRACING, 24),
    Kind("lsm/file_open", k.BPF_PROG_TYPE_LSM, 16),
    Kind("lsm.s/bprm_committed_creds", k.BPF_PROG_TYPE_LSM, 16),
    Kind("iter/task", k.BPF_PROG_TYPE_TRACING, 24),
    Kind("iter/bpf_map_elem", k.BPF_PROG_TYPE_TRACING, 40),
    Kind("raw_tp.w", k.BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE, 64),
    Kind("action", k.BPF_PROG_TYPE_SCHED_ACT, 192, 76, 80, 140),
)


class Kfunc(NamedTuple):
    """A kernel function: result and parameters as "int", "void", "long" or "struct NAME *", "void *", "int *"."""

    name: str
    ret: str
    params: tuple[str, ...]


KFUNCS: Final = (
    Kfunc("bpf_iter_num_new", "int", ("struct bpf_iter_num *", "int", "int")),
    Kfunc("bpf_iter_num_next", "int *", ("struct bpf_iter_num *",)),
    Kfunc("bpf_iter_num_destroy", "void", ("struct bpf_iter_num *",)),
    Kfunc("bpf_rcu_read_lock", "void", ()),
    Kfunc("bpf_rcu_read_unlock", "void", ()),
    Kfunc("bpf_preempt_disable", "void", ()),
    Kfunc("bpf_preempt_enable", "void", ()),
    Kfunc("bpf_dynptr_from_skb", "int", ("struct __sk_buff *", "long", "struct bpf_dynptr *")),
    Kfunc("bpf_dynptr_from_xdp", "int", ("struct xdp_md *", "long", "struct bpf_dynptr *")),
    Kfunc("bpf_dynptr_slice", "void *", ("struct bpf_dynptr *", "int", "void *", "int")),
    Kfunc("bpf_dynptr_slice_rdwr", "void *", ("struct bpf_dynptr *", "int", "void *", "int")),
    Kfunc("bpf_dynptr_adjust", "int", ("struct bpf_dynptr *", "int", "int")),
    Kfunc("bpf_dynptr_is_null", "int", ("struct bpf_dynptr *",)),
    Kfunc("bpf_dynptr_size", "int", ("struct bpf_dynptr *",)),
    Kfunc("bpf_dynptr_clone", "int", ("struct bpf_dynptr *", "struct bpf_dynptr *")),
    Kfunc("bpf_cast_to_kern_ctx", "void *", ("void *",)),
    Kfunc("bpf_task_from_pid", "struct task_struct *", ("int",)),
    Kfunc("bpf_task_acquire", "struct task_struct *", ("struct task_struct *",)),
    Kfunc("bpf_task_release", "void", ("struct task_struct *",)),
    Kfunc("bpf_throw", "void", ("long",)),
    Kfunc("bpf_iter_bits_new", "int", ("struct bpf_iter_bits *", "long *", "int")),
    Kfunc("bpf_iter_bits_next", "int *", ("struct bpf_iter_bits *",)),
    Kfunc("bpf_iter_bits_destroy", "void", ("struct bpf_iter_bits *",)),
)
KFUNC: Final = {f.name: n for n, f in enumerate(KFUNCS)}
