"""Accesses of map values and keys (check_map_access)."""

from __future__ import annotations

from typing import Final

from vm.bits import U64
from vm.kernel.types import (
    ACCESS_DIRECT,
    BPF_F_RDONLY_PROG,
    BPF_F_WRONLY_PROG,
    BPF_MAP_TYPE_ARRAY,
    BPF_MAP_TYPE_DEVMAP,
    BPF_MAP_TYPE_DEVMAP_HASH,
    BPF_READ,
    BPF_WRITE,
)
from vm.program import MapSpec
from vm.verifier.env import VerifierEnv
from vm.verifier.mem.common import check_mem_region_access
from vm.verifier.prepass.record import BPF_KPTR, RecordField, field_type_name, map_record
from vm.verifier.rules.fields import (
    DIRECT_READ_MANY_ENTRIES,
    KPTR_ACCESS_MISALIGNED,
    KPTR_ACCESS_SIZE,
    KPTR_ACCESS_VARIABLE_OFFSET,
    KPTR_HELPER_ACCESS,
    MAP_ACCESS_FORBIDDEN,
    SPECIAL_FIELD_DIRECT_ACCESS,
)
from vm.verifier.state.map_facts import MapFacts
from vm.verifier.state.reg import RegState

# For importing modules.
__all__ = ["BPF_F_RDONLY_PROG"]

_DEVICE_MAPS: Final = frozenset({BPF_MAP_TYPE_DEVMAP, BPF_MAP_TYPE_DEVMAP_HASH})


def map_of(env: VerifierEnv, reg: RegState) -> MapSpec:
    """The map of a pointer, key or value; for maps from a map of maps, the inner template."""
    spec = env.program.maps[reg.map_ptr]
    if reg.inner_map and spec.inner is not None:
        return spec.inner
    return spec


def map_facts(env: VerifierEnv, reg: RegState) -> MapFacts:
    """The facts about that map that accesses need."""
    key = reg.map_ptr << 1 | reg.inner_map
    facts = env.map_facts.get(key)
    if facts is None:
        spec = map_of(env, reg)
        facts = env.map_facts[key] = MapFacts(spec, map_flags(spec), map_record(env.program, spec))
    return facts


def map_flags(spec: MapSpec) -> int:
    """The flags the kernel's map has: a value of a device map is a copy of the device's number, nothing to write."""
    return spec.map_flags | (BPF_F_RDONLY_PROG if spec.map_type in _DEVICE_MAPS else 0)


def map_name_of(env: VerifierEnv, reg: RegState) -> str:
    """The name of that map as messages say it: the copy of a template that the kernel keeps has none."""
    return "" if reg.inner_map else env.program.maps[reg.map_ptr].name


def check_map_access_type(env: VerifierEnv, regno: int, off: int, size: int, access: int) -> None:
    """Rejects accesses that the flags of the map do not allow."""
    facts = map_facts(env, env.cur_state.frame[-1].regs[regno])
    forbidden, flags = "", facts.flags
    if access == BPF_WRITE and flags & BPF_F_RDONLY_PROG:
        forbidden = "write into"
    elif access == BPF_READ and not flags & BPF_F_RDONLY_PROG and flags & BPF_F_WRONLY_PROG:
        forbidden = "read from"
    if forbidden:
        env.reject(MAP_ACCESS_FORBIDDEN, regno, forbidden=forbidden, value_size=facts.value_size, off=off, size=size)


def check_map_access(env: VerifierEnv, regno: int, off: int, size: int, zero_size_allowed: bool, src: int) -> None:
    """Checks bytes of a map value; locks, timers and other special fields must not be accessed."""
    reg = env.cur_state.frame[-1].regs[regno]
    facts = map_facts(env, reg)
    check_mem_region_access(env, regno, off, size, facts.value_size, zero_size_allowed)
    if not facts.fields:
        return
    s = reg.scalar
    for field in facts.fields:
        p = field.offset
        if not (s.smin + off < p + field.size and p < s.umax + off + size):
            continue
        if not field.kind & BPF_KPTR:
            env.reject(SPECIAL_FIELD_DIRECT_ACCESS, regno, field=field_type_name(field.kind))
        if src != ACCESS_DIRECT:
            env.reject(KPTR_HELPER_ACCESS, regno)
        if s.var_off.mask:
            env.reject(KPTR_ACCESS_VARIABLE_OFFSET, regno)
        at = (off + s.var_off.value) & U64
        if p != at:
            env.reject(KPTR_ACCESS_MISALIGNED, regno, expected=p, off=at)
        if size != 8:
            env.reject(KPTR_ACCESS_SIZE, regno)


def kptr_at(env: VerifierEnv, reg: RegState, off: int) -> RecordField | None:
    """The pointer field of the value that is accessed; None for other bytes."""
    if reg.scalar.var_off.mask:
        return None
    facts = map_facts(env, reg)
    if not facts.fields:
        return None
    return facts.record.find((off + reg.scalar.var_off.value) & U64, BPF_KPTR)


def map_is_rdonly(spec: MapSpec) -> bool:
    """bpf_map_is_rdonly(): whether the contents of the map cannot change."""
    return spec.map_flags & BPF_F_RDONLY_PROG != 0 and spec.frozen


def direct_read(env: VerifierEnv, spec: MapSpec, off: int, size: int, is_ldsx: bool) -> int | None:
    """The number at `off` of a read-only map (bpf_map_direct_read); None if the contents may change."""
    if spec.map_type != BPF_MAP_TYPE_ARRAY or not map_is_rdonly(spec):
        return None
    if spec.max_entries != 1:
        env.reject(DIRECT_READ_MANY_ENTRIES)
    content = (spec.initial or b"").ljust(spec.value_size, b"\0")
    return int.from_bytes(content[off : off + size], "little", signed=is_ldsx) & U64
