"""Values as sentences: what the verifier has proven of a register, said to a person."""

from __future__ import annotations

from typing import Final

from vm.bits import S32_MAX, S32_MIN, S64_MAX, S64_MIN
from vm.verifier.domain.scalar import U32_MAX, U64_MAX, Scalar
from vm.verifier.report.state_text import TypeNames, dynptr_type_str, iter_type_str
from vm.verifier.state import reg_types as t
from vm.verifier.state.frame import StackSlot
from vm.verifier.state.reg import RegState

_PLAIN: Final = {
    t.PTR_TO_CTX: "the context",
    t.PTR_TO_PACKET_END: "the end of the packet",
    t.PTR_TO_FLOW_KEYS: "the flow keys",
    t.PTR_TO_SOCKET: "a full socket",
    t.PTR_TO_SOCK_COMMON: "the common part of a socket",
    t.PTR_TO_TCP_SOCK: "a TCP socket",
    t.PTR_TO_TP_BUFFER: "the tracepoint's buffer",
    t.PTR_TO_XDP_SOCK: "an XDP socket",
    t.PTR_TO_ARENA: "the arena",
    t.PTR_TO_BUF: "a buffer of the kernel",
    t.PTR_TO_FUNC: "a function of the program",
    t.CONST_PTR_TO_DYNPTR: "a dynptr",
}

_FLAGS: Final = (
    (t.PTR_UNTRUSTED, "that is not trusted"),
    (t.PTR_TRUSTED, "that is trusted"),
    (t.MEM_RCU, "that is protected by RCU"),
    (t.MEM_USER, "in user space"),
    (t.MEM_PERCPU, "that is per-CPU"),
    (t.MEM_RDONLY, "that is read-only"),
)


def number(value: int) -> str:
    """A number as people read it: decimal, with commas where it is long; addresses and masks in hexadecimal."""
    return f"{value:,}" if abs(value) < 1 << 40 else f"{value:#x}"


def bounds(s: Scalar) -> str:
    """The bounds of a number in words: "between 0 and 255", "exactly 4"; "" for nothing."""
    tnum = s.var_off
    if tnum.mask == 0:
        return f"exactly {number(s.smin)}"
    parts: list[str] = []
    low, high = s.umin, s.umax
    if s.smin < 0 and s.smin != S64_MIN:
        parts.append(f"between {number(s.smin)} and {number(s.smax)}")
    elif low > 0 and high < U64_MAX:
        parts.append(f"between {number(low)} and {number(high)}")
    elif high < U64_MAX and not (s.smin < 0 and high > S64_MAX):
        parts.append(f"between 0 and {number(high)}")
    elif low > 0:
        parts.append(f"at least {number(low)} as an unsigned number")
    if not parts and s.smax < S64_MAX:
        parts.append(f"at most {number(s.smax)}, possibly negative")
    if not parts and (s.u32_min > 0 or s.u32_max < U32_MAX):
        parts.append(f"anything, its lower 32 bits between {number(s.u32_min)} and {number(s.u32_max)}")
    if not parts and (s.s32_min > S32_MIN or s.s32_max < S32_MAX):
        parts.append(f"anything, its lower 32 bits between {number(s.s32_min)} and {number(s.s32_max)}")
    if not parts and tnum.mask != U64_MAX:
        parts.append(f"any value whose bits match ({tnum.value:#x}; {tnum.mask:#x})")
    return ", ".join(parts)


def offset(reg: RegState) -> str:
    """Where in its object a pointer points: "at its start", "14 bytes on", "between 0 and 60 bytes on"."""
    low, high = reg.off + reg.scalar.smin, reg.off + reg.scalar.smax
    if reg.scalar.var_off.mask == 0:
        return f"at offset {number(low)}"
    if reg.scalar.smin == S64_MIN and reg.scalar.smax == S64_MAX:
        return "at an unknown offset"
    return f"at an offset between {number(low)} and {number(high)}"


def reg_sentence(name: str, reg: RegState, names: TypeNames) -> str:
    """What is proven of a register, as a sentence without its full stop."""
    base = t.base_type(reg.type)
    if base == t.NOT_INIT:
        return f"{name} was never written on this path"
    if base == t.SCALAR_VALUE:
        known = bounds(reg.scalar)
        return f"{name} is a number{f', {known}' if known else ' of which nothing is known'}"
    what, where = _pointee(reg, base, names)
    or_null = " or NULL" if reg.type & t.PTR_MAYBE_NULL else ""
    flags = "".join(f" {words}" for flag, words in _FLAGS if reg.type & flag)
    return f"{name} is {what}{flags}{or_null}{where}"


def _pointee(reg: RegState, base: int, names: TypeNames) -> tuple[str, str]:
    """(what a pointer points to, where in it)."""
    where = f", {offset(reg)}"
    moved = reg.off or reg.scalar.var_off.mask or reg.scalar.var_off.value
    if base in (t.PTR_TO_PACKET, t.PTR_TO_PACKET_META):
        what = "packet" if base == t.PTR_TO_PACKET else "packet's metadata"
        if reg.range < 0:
            return f"a pointer into the {what}", f"{where}, past its end"
        start = "its variable offset" if reg.id else f"the start of the {what}"
        return f"a pointer into the {what}", f"{where}; {number(reg.range)} bytes from {start} are proven readable"
    if base == t.PTR_TO_STACK:
        return f"a pointer into the stack of frame {reg.frameno}", where
    if base in (t.PTR_TO_MAP_VALUE, t.PTR_TO_MAP_KEY, t.CONST_PTR_TO_MAP):
        spec = names.map_of(reg)
        name = f" {spec.name}" if spec is not None and spec.name else ""
        if base == t.CONST_PTR_TO_MAP:
            return f"the map{name}", where if moved else ""
        value = base == t.PTR_TO_MAP_VALUE
        size = 0 if spec is None else spec.value_size if value else spec.key_size
        return f"a pointer to a {'value' if value else 'key'} of map{name} ({number(size)} bytes)", where
    if base == t.PTR_TO_MEM:
        return f"a pointer to {number(reg.mem_size)} bytes of memory", where
    if base == t.PTR_TO_BTF_ID:
        struct = reg.btf.type(reg.btf_id).name if reg.btf is not None else ""
        kernel = "an object of" if reg.type & t.MEM_ALLOC else "a kernel"
        return f"a pointer to {kernel} struct {struct or '(anonymous)'}", where
    if base == t.CONST_PTR_TO_DYNPTR:
        return f"a dynptr ({dynptr_type_str(reg.dynptr_type)})", ""
    return _PLAIN.get(base, "a pointer"), where if moved else ""


_BYTES: Final = {
    t.STACK_INVALID: "never written", t.STACK_MISC: "written, with a value that is not tracked", t.STACK_ZERO: "zero",
    t.STACK_SPILL: "part of a spilled register",
}  # fmt: skip


def slot_sentence(name: str, slot: StackSlot, names: TypeNames) -> str:
    """What is proven of a stack slot."""
    kind = slot.slot_type[7]
    reg = slot.spilled_ptr
    if kind == t.STACK_SPILL and slot.slot_type[0] == t.STACK_SPILL:
        return reg_sentence(name, reg, names)
    if kind == t.STACK_DYNPTR:
        return f"{name} is half of a dynptr ({dynptr_type_str(reg.dynptr_type)})"
    if kind == t.STACK_ITER:
        return f"{name} is an iterator ({iter_type_str(reg.btf, reg.btf_id)})"
    kinds = dict.fromkeys(slot.slot_type[::-1])
    if len(kinds) == 1:
        return f"all 8 bytes of {name} are {_BYTES[kind]}"
    runs = "; ".join(
        f"{8 - len(slot.slot_type) + sum(1 for k in slot.slot_type if k == each)} of its bytes {_BYTES.get(each, '')}"
        for each in kinds
    )
    return f"{name} is mixed: {runs}"
