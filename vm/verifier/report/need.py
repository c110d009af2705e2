"""Sentences about what would have been accepted (Reject.needed)."""

from __future__ import annotations

from typing import Final

from vm.bits import S64_MAX, S64_MIN
from vm.kernel import types as k
from vm.verifier.domain.scalar import U64_MAX
from vm.verifier.state import reg_types as t
from vm.verifier.state.reg import RegState

_LONG: Final = 1 << 29  # BPF_MAX_VAR_SIZ: sizes from here on are no sizes


def span(low: int, high: int) -> str:
    """ "4", "from 0 to 63", "anything"."""
    if low == high:
        return f"{low:,}"
    if low == S64_MIN and high == S64_MAX:
        return "anything"
    if low == S64_MIN:
        return f"anything up to {high:,}"
    if high in (S64_MAX, U64_MAX):
        return f"anything from {low:,} on"
    return f"from {low:,} to {high:,}"


def _of(count: int) -> str:
    return f"{count:,} byte" if count == 1 else f"{count:,} bytes"


def packet_names(reg_type: int, prog_type: int) -> tuple[str, str]:
    """What the start and the end of the memory are called in the context of a program type."""
    if reg_type == t.PTR_TO_PACKET_META:
        return "data_meta", "data"
    return ("optval", "optval_end") if prog_type == k.BPF_PROG_TYPE_CGROUP_SOCKOPT else ("data", "data_end")


def packet(regno: int, reg: RegState, off: int, size: int, prog_type: int) -> str:
    """A packet access at `off` (fixed parts) of `size` bytes, where reg.range bytes are known to be there."""
    if reg.range < 0:
        return f"a pointer that is not past the end of the packet: r{regno} was compared with the end and is past it"
    if off < 0 and reg.id:
        return (
            f"a constant part of the offset that is not negative: it is {off:,}, and has to be 0 or more however large "
            "the number is that was added besides"
        )
    if off < 0:
        return f"an offset that is not before the start of the packet; here it is {off:,}"
    if size <= 0:
        return f"an access of at least 1 byte; this one has {size}"
    end = off + size
    start, bound = packet_names(reg.type, prog_type)
    farthest = end + reg.scalar.umax if reg.id else end
    if farthest > t.MAX_PACKET_OFF:
        return (
            f"a bound on how far the pointer is moved, beside {bound}: comparisons with {bound} count only within the "
            f"first {t.MAX_PACKET_OFF:,} bytes, and the access may end at byte {farthest:,}"
        )
    where = ""
    if reg.id:
        start = "p"
        where = f" (p is r{regno} without its fixed offset {reg.off})" if reg.off else f" (p is r{regno})"
    check = f"{start} + {end} <= {bound}{where}"
    bytes_ = f"byte {off}" if size == 1 else f"bytes {off} to {end - 1}"
    return f"the access needs {bytes_}, so {check} has to be checked before it; proven readable: {_of(reg.range)}"


def region(low: int, high: int, size: int, mem_size: int) -> str:
    """An access of `size` bytes somewhere from low to high in a region of mem_size bytes."""
    if size > mem_size:
        return f"an access of at most {_of(mem_size)}, the size of the memory; this one has {_of(size)}"
    if size <= 0:
        return f"an access of at least 1 byte; this one has {size}"
    return f"an offset {span(0, mem_size - size)} for {_of(size)} out of {mem_size:,}; here it is {span(low, high)}"


def not_negative(low: int) -> str:
    """An offset or size that may be below zero."""
    known = "it is not known to be non-negative" if low == S64_MIN else f"here it may be {low:,}"
    return f"a value that cannot be negative: an unsigned one with an upper bound, or a check that it is >= 0; {known}"


def upper_bound(high: int, most: int) -> str:
    """An offset without a useful upper bound."""
    known = "it has none" if high in (S64_MAX, U64_MAX) else f"here it may be {high:,}"
    return f"an upper bound: at most {most:,}; {known}"


def size_argument(low: int, high: int, least: int) -> str:
    """The size of a memory argument."""
    bounded = "an upper bound, for example by `if (size < limit)` or `size &= mask`"
    if low < least:
        what = f"a size of at least {least}" + (f" with {bounded}" if high > _LONG else "")
    else:
        what = f"a size with {bounded}"
    return f"{what}; here it is {span(low, high)}"


def stack_place(low: int, high: int, size: int) -> str:
    """An access of the stack frame."""
    if size <= 0:
        return f"an access of at least 1 byte; this one has {size}"
    return f"an offset from the frame pointer {span(-512, -size)} for {_of(size)}; here it is {span(low, high)}"


def stack_byte(off: int, kind: int) -> str:
    """A byte of the stack that may not be read; kind: what it is (STACK_*)."""
    if kind in (t.STACK_DYNPTR, t.STACK_ITER):
        what = "a dynptr" if kind == t.STACK_DYNPTR else "an iterator"
        return f"bytes the program may read: the one at fp{off} is part of {what}"
    if kind == t.STACK_SPILL:
        return f"bytes the program may read: the one at fp{off} is part of a stored pointer"
    slot = off // 8 * 8
    where = f"fp{off}" if slot == off else f"fp{off}, in the slot fp{slot},"
    return f"the byte at {where} written on every path that leads here, before it is read"


def written(regno: int) -> str:
    """A register that holds nothing."""
    return f"r{regno} written on every path that leads here, before it is read"


def pointer_not(regno: int, reg: RegState) -> str:
    """A register that is accessed through and may not be."""
    if reg.type & t.PTR_MAYBE_NULL:
        return f"a check that r{regno} is not NULL before this access"
    if reg.type == t.SCALAR_VALUE:
        return f"a pointer in r{regno}; it is a number, and the verifier does not know what memory it points to"
    return f"a pointer in r{regno} to memory that programs may access"


def argument(regno: int, reg: RegState, expected: str, null_is_all: bool) -> str:
    """An argument of another type; null_is_all: it would fit but for being NULL perhaps."""
    if null_is_all:
        return f"a check that r{regno} is not NULL before the call"
    if reg.type & t.MEM_RDONLY and "mem" in expected.split(", "):
        return f"a pointer in r{regno} to memory that the call may write; this memory is read-only"
    if reg.type & t.PTR_MAYBE_NULL:
        return f"r{regno} of one of these types: {expected}; and a check that it is not NULL"
    return f"r{regno} of one of these types: {expected}"


def memory(regno: int, reg: RegState, size: int) -> str:
    """Something that is no memory, where a call reads or writes."""
    if reg.type & t.PTR_MAYBE_NULL:
        return f"a check that r{regno} is not NULL before the call"
    return f"a pointer in r{regno} to {_of(size)} of memory"


def result(low: int, high: int, minval: int, maxval: int) -> str:
    """A return value outside of its range."""
    return f"a return value {span(minval, maxval)}; here it is {span(low, high)}"


def pointer_offset(low: int, high: int) -> str:
    """A number that is added to a pointer."""
    return f"a number with bounds, each within ±536,870,912, before it is added; here it is {span(low, high)}"


def aligned(size: int, low: int, high: int) -> str:
    """An access that must be aligned."""
    return f"an offset that is known to be a multiple of {size}; here it is {span(low, high)}"


def context(off: int, size: int, write: bool) -> str:
    """A field of the context."""
    verb = "written" if write else "read"
    return (
        f"a field of this program type's context that may be {verb}, with its own size; "
        f"there is none of {_of(size)} at offset {off}"
    )
