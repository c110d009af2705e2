"""Map helpers: direct calls of a map type's functions, and inlined lookups (map_gen_lookup of bpf_map_ops)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from vm.isa import opcodes as bpf
from vm.kernel import func_ids as f
from vm.kernel.types import BPF_F_INNER_MAP
from vm.program import MapSpec
from vm.rewritten import AddressRef
from vm.verifier.fixups.build import (
    R0,
    R1,
    R2,
    alu32_imm,
    alu64_imm,
    alu64_reg,
    call,
    ja,
    jmp32_imm,
    jmp_imm,
    ldx,
    mov64_imm,
    mov64_percpu,
    st,
)  # fmt: skip
from vm.verifier.fixups.code import Named, PatchItem
from vm.verifier.fixups.ctx.recipe import offset

# Helpers that go straight to the map's own operation.
MAP_HELPERS: Final = {
    f.MAP_LOOKUP_ELEM: "lookup", f.MAP_UPDATE_ELEM: "update", f.MAP_DELETE_ELEM: "delete", f.REDIRECT_MAP: "redirect",
    f.MAP_PUSH_ELEM: "push", f.MAP_POP_ELEM: "pop", f.MAP_PEEK_ELEM: "peek", f.FOR_EACH_MAP_ELEM: "for_each",
    f.MAP_LOOKUP_PERCPU_ELEM: "lookup_percpu",
}  # fmt: skip


class Lookup(NamedTuple):
    """What an inlined lookup depends on: the map, and whether its index is masked against speculation."""

    spec: MapSpec
    guarded: bool


Gen = Callable[[Lookup], list[PatchItem]]


def _round_up(value: int, to: int) -> int:
    return -(-value // to) * to


def _raw_lookup() -> PatchItem:
    """__htab_map_lookup_elem() returns the element, its key and value still to be found in it."""
    return Named(call(), AddressRef("map_helper", "__htab_map_lookup_elem"))


def _value_offset(spec: MapSpec) -> int:
    return offset("htab_elem.key") + _round_up(spec.key_size, 8)


def _bounds(lookup: Lookup, beyond: int) -> list[PatchItem]:
    """With the index in r0: an index out of bounds jumps over `beyond` instructions."""
    entries = lookup.spec.max_entries
    if not lookup.guarded:
        return [jmp_imm(bpf.JGE, R0, entries, beyond)]
    mask = (1 << max(entries - 1, 0).bit_length()) - 1
    return [jmp_imm(bpf.JGE, R0, entries, beyond + 1), alu32_imm(bpf.AND, R0, mask)]


def _scale(size: int) -> PatchItem:
    if size & (size - 1) == 0:
        return alu64_imm(bpf.LSH, R0, size.bit_length() - 1)
    return alu64_imm(bpf.MUL, R0, size)


def _array(lookup: Lookup) -> list[PatchItem]:
    return [
        alu64_imm(bpf.ADD, R1, offset("bpf_array.value")),
        ldx(bpf.W, R0, R2, 0),
        *_bounds(lookup, 3),
        _scale(_round_up(lookup.spec.value_size, 8)),
        alu64_reg(bpf.ADD, R0, R1),
        ja(1),
        mov64_imm(R0, 0),
    ]


def _percpu_array(lookup: Lookup) -> list[PatchItem]:
    return [
        alu64_imm(bpf.ADD, R1, offset("bpf_array.pptrs")),
        ldx(bpf.W, R0, R2, 0),
        *_bounds(lookup, 5),
        alu64_imm(bpf.LSH, R0, 3),
        alu64_reg(bpf.ADD, R0, R1),
        ldx(bpf.DW, R0, R0, 0),
        mov64_percpu(R0, R0),
        ja(1),
        mov64_imm(R0, 0),
    ]


def _array_of_maps(lookup: Lookup) -> list[PatchItem]:
    return [
        alu64_imm(bpf.ADD, R1, offset("bpf_array.value")),
        ldx(bpf.W, R0, R2, 0),
        *_bounds(lookup, 5),
        _scale(_round_up(lookup.spec.value_size, 8)),
        alu64_reg(bpf.ADD, R0, R1),
        ldx(bpf.DW, R0, R0, 0),
        jmp_imm(bpf.JEQ, R0, 0, 1),
        ja(1),
        mov64_imm(R0, 0),
    ]


def _hash(lookup: Lookup) -> list[PatchItem]:
    return [_raw_lookup(), jmp_imm(bpf.JEQ, R0, 0, 1), alu64_imm(bpf.ADD, R0, _value_offset(lookup.spec))]


def _lru_hash(lookup: Lookup) -> list[PatchItem]:
    """A hit marks the element as used, unless it is marked already."""
    mark = offset("htab_elem.lru_node", "bpf_lru_node.ref")
    return [
        _raw_lookup(),
        jmp_imm(bpf.JEQ, R0, 0, 4),
        ldx(bpf.B, R1, R0, mark),
        jmp_imm(bpf.JNE, R1, 0, 1),
        st(bpf.B, R0, mark, 1),
        alu64_imm(bpf.ADD, R0, _value_offset(lookup.spec)),
    ]


def _percpu_hash(lookup: Lookup) -> list[PatchItem]:
    return [
        _raw_lookup(),
        jmp_imm(bpf.JEQ, R0, 0, 3),
        alu64_imm(bpf.ADD, R0, _value_offset(lookup.spec)),
        ldx(bpf.DW, R0, R0, 0),
        mov64_percpu(R0, R0),
    ]


def _hash_of_maps(lookup: Lookup) -> list[PatchItem]:
    return [
        _raw_lookup(),
        jmp_imm(bpf.JEQ, R0, 0, 2),
        alu64_imm(bpf.ADD, R0, _value_offset(lookup.spec)),
        ldx(bpf.DW, R0, R0, 0),
    ]


def _xsk(lookup: Lookup) -> list[PatchItem]:
    return [
        ldx(bpf.W, R0, R2, 0),
        jmp32_imm(bpf.JGE, R0, lookup.spec.max_entries, 5),
        alu64_imm(bpf.LSH, R0, 3),
        alu64_imm(bpf.ADD, R1, offset("xsk_map.xsk_map")),
        alu64_reg(bpf.ADD, R0, R1),
        ldx(bpf.DW, R0, R0, 0),
        ja(1),
        mov64_imm(R0, 0),
    ]


class MapOps(NamedTuple):
    """The kernel's functions of a map type. gen -- makes the code of an inlined lookup; inner -- also for inner maps"""

    functions: dict[str, str]
    gen: Gen | None = None
    inner: bool = True


def _ops(prefix: str, **others: str) -> dict[str, str]:
    return {op: f"{prefix}_{op}_elem" for op in ("lookup", "update", "delete")} | others


_QUEUE: Final = _ops("queue_stack_map", push="queue_stack_map_push_elem")
_FD_ARRAY: Final = _ops("fd_array_map")
_HASH_EACH: Final = {"for_each": "bpf_for_each_hash_elem"}

# By enum bpf_map_type.
OPS: Final = {
    1: MapOps(_ops("htab_map", **_HASH_EACH), _hash),
    2: MapOps(_ops("array_map", for_each="bpf_for_each_array_elem"), _array, inner=False),
    3: MapOps(_FD_ARRAY),
    4: MapOps(_FD_ARRAY),
    5: MapOps(
        _ops("htab_percpu_map", lookup_percpu="htab_percpu_map_lookup_percpu_elem", **_HASH_EACH)
        | {"delete": "htab_map_delete_elem"},
        _percpu_hash,
    ),
    6: MapOps(
        _ops(
            "percpu_array_map", for_each="bpf_for_each_array_elem", lookup_percpu="percpu_array_map_lookup_percpu_elem"
        )
        | {"update": "array_map_update_elem", "delete": "array_map_delete_elem"},
        _percpu_array,
        inner=False,
    ),
    7: MapOps(_ops("stack_map")),
    8: MapOps(_FD_ARRAY),
    9: MapOps(_ops("htab_lru_map", **_HASH_EACH), _lru_hash),
    10: MapOps(
        _ops("htab_lru_percpu_map", lookup_percpu="htab_lru_percpu_map_lookup_percpu_elem", **_HASH_EACH)
        | {"delete": "htab_lru_map_delete_elem"}
    ),
    11: MapOps(_ops("trie")),
    12: MapOps(_ops("array_of_map") | {"delete": "fd_array_map_delete_elem"}, _array_of_maps),
    13: MapOps(_ops("htab_of_map") | {"delete": "htab_map_delete_elem"}, _hash_of_maps),
    14: MapOps(_ops("dev_map", redirect="dev_map_redirect")),
    15: MapOps(_ops("sock_map")),
    16: MapOps(_ops("cpu_map", redirect="cpu_map_redirect")),
    17: MapOps(_ops("xsk_map", redirect="xsk_map_redirect"), _xsk),
    18: MapOps(_ops("sock_hash")),
    19: MapOps(_ops("cgroup_storage")),
    20: MapOps(_ops("reuseport_array")),
    21: MapOps(_ops("cgroup_storage")),
    22: MapOps({**_QUEUE, "pop": "queue_map_pop_elem", "peek": "queue_map_peek_elem"}),
    23: MapOps({**_QUEUE, "pop": "stack_map_pop_elem", "peek": "stack_map_peek_elem"}),
    24: MapOps(_ops("bpf_fd_sk_storage")),
    25: MapOps(_ops("dev_map_hash", redirect="dev_hash_map_redirect")),
    26: MapOps(_ops("bpf_struct_ops_map")),
    27: MapOps(_ops("ringbuf_map")),
    28: MapOps(_ops("bpf_fd_inode_storage")),
    29: MapOps(_ops("bpf_pid_task_storage")),
    30: MapOps(_ops("bloom_map", push="bloom_map_push_elem", pop="bloom_map_pop_elem", peek="bloom_map_peek_elem")),
    31: MapOps(_ops("ringbuf_map")),
    32: MapOps(_ops("bpf_cgrp_storage")),
    33: MapOps(_ops("arena_map", push="arena_map_push_elem", pop="arena_map_pop_elem", peek="arena_map_peek_elem")),
}


def inlined_lookup(spec: MapSpec, guarded: bool) -> list[PatchItem] | None:
    """The code of an inlined bpf_map_lookup_elem() of this map; None where the kernel calls a function."""
    found = OPS.get(spec.map_type)
    if found is None or found.gen is None or (spec.map_flags & BPF_F_INNER_MAP and not found.inner):
        return None
    return found.gen(Lookup(spec, guarded))


def direct_function(spec: MapSpec, helper_id: int) -> str | None:
    """The kernel function a map helper's call on this map goes to; None where it has no such operation."""
    found = OPS.get(spec.map_type)
    return found.functions.get(MAP_HELPERS[helper_id]) if found is not None else None
