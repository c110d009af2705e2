"""Map types that helpers accept (check_map_func_compatibility)."""

from __future__ import annotations

from typing import Final

from vm.kernel import func_ids as f
from vm.kernel import types as k
from vm.program import MapSpec
from vm.verifier.call.names import func_text
from vm.verifier.env import VerifierEnv
from vm.verifier.rules.notes import SOCKMAP_UPDATE_CONTEXT
from vm.verifier.rules.policy import MAP_TYPE_NOT_FOR_HELPER

_STORAGE_FREE: Final = frozenset({f.KPTR_XCHG})

# Maps that only these helpers accept.
FUNCS_OF_MAP: Final[dict[int, frozenset[int]]] = {
    k.BPF_MAP_TYPE_PROG_ARRAY: frozenset({f.TAIL_CALL}),
    k.BPF_MAP_TYPE_PERF_EVENT_ARRAY: frozenset(
        {f.PERF_EVENT_READ, f.PERF_EVENT_OUTPUT, f.SKB_OUTPUT, f.PERF_EVENT_READ_VALUE, f.XDP_OUTPUT}
    ),
    k.BPF_MAP_TYPE_RINGBUF: frozenset(
        {
            f.RINGBUF_OUTPUT,
            f.RINGBUF_RESERVE,
            f.RINGBUF_QUERY,
            f.RINGBUF_RESERVE_DYNPTR,
            f.RINGBUF_SUBMIT_DYNPTR,
            f.RINGBUF_DISCARD_DYNPTR,
        }
    ),
    k.BPF_MAP_TYPE_USER_RINGBUF: frozenset({f.USER_RINGBUF_DRAIN}),
    k.BPF_MAP_TYPE_STACK_TRACE: frozenset({f.GET_STACKID}),
    k.BPF_MAP_TYPE_CGROUP_ARRAY: frozenset({f.SKB_UNDER_CGROUP, f.CURRENT_TASK_UNDER_CGROUP}),
    k.BPF_MAP_TYPE_CGROUP_STORAGE: frozenset({f.GET_LOCAL_STORAGE}),
    k.BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE: frozenset({f.GET_LOCAL_STORAGE}),
    k.BPF_MAP_TYPE_DEVMAP: frozenset({f.REDIRECT_MAP, f.MAP_LOOKUP_ELEM}),
    k.BPF_MAP_TYPE_DEVMAP_HASH: frozenset({f.REDIRECT_MAP, f.MAP_LOOKUP_ELEM}),
    k.BPF_MAP_TYPE_CPUMAP: frozenset({f.REDIRECT_MAP}),
    k.BPF_MAP_TYPE_XSKMAP: frozenset({f.REDIRECT_MAP, f.MAP_LOOKUP_ELEM}),
    k.BPF_MAP_TYPE_ARRAY_OF_MAPS: frozenset({f.MAP_LOOKUP_ELEM}),
    k.BPF_MAP_TYPE_HASH_OF_MAPS: frozenset({f.MAP_LOOKUP_ELEM}),
    k.BPF_MAP_TYPE_SOCKMAP: frozenset(
        {f.SK_REDIRECT_MAP, f.SOCK_MAP_UPDATE, f.MSG_REDIRECT_MAP, f.SK_SELECT_REUSEPORT, f.MAP_LOOKUP_ELEM}
    ),
    k.BPF_MAP_TYPE_SOCKHASH: frozenset(
        {f.SK_REDIRECT_HASH, f.SOCK_HASH_UPDATE, f.MSG_REDIRECT_HASH, f.SK_SELECT_REUSEPORT, f.MAP_LOOKUP_ELEM}
    ),
    k.BPF_MAP_TYPE_REUSEPORT_SOCKARRAY: frozenset({f.SK_SELECT_REUSEPORT}),
    k.BPF_MAP_TYPE_QUEUE: frozenset({f.MAP_PEEK_ELEM, f.MAP_POP_ELEM, f.MAP_PUSH_ELEM}),
    k.BPF_MAP_TYPE_STACK: frozenset({f.MAP_PEEK_ELEM, f.MAP_POP_ELEM, f.MAP_PUSH_ELEM}),
    k.BPF_MAP_TYPE_SK_STORAGE: frozenset({f.SK_STORAGE_GET, f.SK_STORAGE_DELETE}) | _STORAGE_FREE,
    k.BPF_MAP_TYPE_INODE_STORAGE: frozenset({f.INODE_STORAGE_GET, f.INODE_STORAGE_DELETE}) | _STORAGE_FREE,
    k.BPF_MAP_TYPE_TASK_STORAGE: frozenset({f.TASK_STORAGE_GET, f.TASK_STORAGE_DELETE}) | _STORAGE_FREE,
    k.BPF_MAP_TYPE_CGRP_STORAGE: frozenset({f.CGRP_STORAGE_GET, f.CGRP_STORAGE_DELETE}) | _STORAGE_FREE,
    k.BPF_MAP_TYPE_BLOOM_FILTER: frozenset({f.MAP_PEEK_ELEM, f.MAP_PUSH_ELEM}),
}

_PERF: Final = frozenset({k.BPF_MAP_TYPE_PERF_EVENT_ARRAY})
_RINGBUF: Final = frozenset({k.BPF_MAP_TYPE_RINGBUF})
_CGROUP_ARRAY: Final = frozenset({k.BPF_MAP_TYPE_CGROUP_ARRAY})
_SOCKMAP: Final = frozenset({k.BPF_MAP_TYPE_SOCKMAP})
_SOCKHASH: Final = frozenset({k.BPF_MAP_TYPE_SOCKHASH})
_FIFO: Final = frozenset({k.BPF_MAP_TYPE_QUEUE, k.BPF_MAP_TYPE_STACK})
_PEEKABLE: Final = _FIFO | {k.BPF_MAP_TYPE_BLOOM_FILTER}
_SK_STORAGE: Final = frozenset({k.BPF_MAP_TYPE_SK_STORAGE})
_INODE_STORAGE: Final = frozenset({k.BPF_MAP_TYPE_INODE_STORAGE})
_TASK_STORAGE: Final = frozenset({k.BPF_MAP_TYPE_TASK_STORAGE})
_CGRP_STORAGE: Final = frozenset({k.BPF_MAP_TYPE_CGRP_STORAGE})

# Helpers that take only these maps.
MAPS_OF_FUNC: Final[dict[int, frozenset[int]]] = {
    f.TAIL_CALL: frozenset({k.BPF_MAP_TYPE_PROG_ARRAY}),
    f.PERF_EVENT_READ: _PERF,
    f.PERF_EVENT_OUTPUT: _PERF,
    f.PERF_EVENT_READ_VALUE: _PERF,
    f.SKB_OUTPUT: _PERF,
    f.XDP_OUTPUT: _PERF,
    f.RINGBUF_OUTPUT: _RINGBUF,
    f.RINGBUF_RESERVE: _RINGBUF,
    f.RINGBUF_QUERY: _RINGBUF,
    f.RINGBUF_RESERVE_DYNPTR: _RINGBUF,
    f.RINGBUF_SUBMIT_DYNPTR: _RINGBUF,
    f.RINGBUF_DISCARD_DYNPTR: _RINGBUF,
    f.USER_RINGBUF_DRAIN: frozenset({k.BPF_MAP_TYPE_USER_RINGBUF}),
    f.GET_STACKID: frozenset({k.BPF_MAP_TYPE_STACK_TRACE}),
    f.CURRENT_TASK_UNDER_CGROUP: _CGROUP_ARRAY,
    f.SKB_UNDER_CGROUP: _CGROUP_ARRAY,
    f.REDIRECT_MAP: frozenset(
        {k.BPF_MAP_TYPE_DEVMAP, k.BPF_MAP_TYPE_DEVMAP_HASH, k.BPF_MAP_TYPE_CPUMAP, k.BPF_MAP_TYPE_XSKMAP}
    ),
    f.SK_REDIRECT_MAP: _SOCKMAP,
    f.MSG_REDIRECT_MAP: _SOCKMAP,
    f.SOCK_MAP_UPDATE: _SOCKMAP,
    f.SK_REDIRECT_HASH: _SOCKHASH,
    f.MSG_REDIRECT_HASH: _SOCKHASH,
    f.SOCK_HASH_UPDATE: _SOCKHASH,
    f.GET_LOCAL_STORAGE: frozenset({k.BPF_MAP_TYPE_CGROUP_STORAGE, k.BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE}),
    f.SK_SELECT_REUSEPORT: frozenset(
        {k.BPF_MAP_TYPE_REUSEPORT_SOCKARRAY, k.BPF_MAP_TYPE_SOCKMAP, k.BPF_MAP_TYPE_SOCKHASH}
    ),
    f.MAP_POP_ELEM: _FIFO,
    f.MAP_PEEK_ELEM: _PEEKABLE,
    f.MAP_PUSH_ELEM: _PEEKABLE,
    f.MAP_LOOKUP_PERCPU_ELEM: frozenset(
        {k.BPF_MAP_TYPE_PERCPU_ARRAY, k.BPF_MAP_TYPE_PERCPU_HASH, k.BPF_MAP_TYPE_LRU_PERCPU_HASH}
    ),
    f.SK_STORAGE_GET: _SK_STORAGE,
    f.SK_STORAGE_DELETE: _SK_STORAGE,
    f.INODE_STORAGE_GET: _INODE_STORAGE,
    f.INODE_STORAGE_DELETE: _INODE_STORAGE,
    f.TASK_STORAGE_GET: _TASK_STORAGE,
    f.TASK_STORAGE_DELETE: _TASK_STORAGE,
    f.CGRP_STORAGE_GET: _CGRP_STORAGE,
    f.CGRP_STORAGE_DELETE: _CGRP_STORAGE,
}

_SOCK_MAPS: Final = _SOCKMAP | _SOCKHASH
# Programs that never hold a socket lock, and may change sock maps therefore.
_MAY_UPDATE_SOCKMAP: Final = frozenset(
    {
        k.BPF_PROG_TYPE_SOCKET_FILTER, k.BPF_PROG_TYPE_SCHED_CLS, k.BPF_PROG_TYPE_SCHED_ACT, k.BPF_PROG_TYPE_XDP,
        k.BPF_PROG_TYPE_SK_REUSEPORT, k.BPF_PROG_TYPE_FLOW_DISSECTOR, k.BPF_PROG_TYPE_SK_LOOKUP,
    }
)  # fmt: skip


def _may_update_sockmap(env: VerifierEnv, func_id: int) -> bool:
    if func_id not in (f.MAP_UPDATE_ELEM, f.MAP_DELETE_ELEM):
        return False
    prog_type = env.program.prog_type
    if prog_type in _MAY_UPDATE_SOCKMAP:
        return True
    if prog_type == k.BPF_PROG_TYPE_TRACING and env.program.expected_attach_type == k.BPF_TRACE_ITER:
        return True
    if prog_type == k.BPF_PROG_TYPE_SOCK_OPS and func_id == f.MAP_DELETE_ELEM:
        return True
    env.note(SOCKMAP_UPDATE_CONTEXT)
    return False


def check_map_func_compatibility(env: VerifierEnv, spec: MapSpec | None, func_id: int) -> None:
    """Checks that the helper accepts the map type, and that the map type allows the helper."""
    if spec is None:
        return
    funcs = FUNCS_OF_MAP.get(spec.map_type)
    if funcs is None or func_id in funcs or (spec.map_type in _SOCK_MAPS and _may_update_sockmap(env, func_id)):
        maps = MAPS_OF_FUNC.get(func_id)
        if maps is None or spec.map_type in maps:
            return
    env.reject(MAP_TYPE_NOT_FOR_HELPER, map_type=spec.map_type, func=func_text(func_id))
