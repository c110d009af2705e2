"""Accesses outside of what is proven: packets, map values and other memory, the stack, the context."""

from __future__ import annotations

import re
from typing import Final

from vm.explain.words import number
from vm.logs.facts import Facts
from vm.logs.values import NO_REASON, Reason
from vm.logs.words import at, count
from vm.verifier.state.reg_types import MAX_PACKET_OFF

_FRAME: Final = 512
_WORD: Final = 8
_PLACE: Final = re.compile(r"\boff (-\d{1,5})\+(\d{1,5}) size\b")


def _does(facts: Facts, size: int) -> str:
    """ "Instruction 16 reads 4 bytes", "bpf_csum_diff() may access 64 bytes", "The program accesses 4 bytes"."""
    if facts.calls:
        return f"{facts.called or 'The call'} may access {count(size)}"
    if facts.step is None or facts.writes is None:
        return f"The program accesses {count(size)}"
    return f"{at(facts.step).capitalize()} {'writes' if facts.writes else 'reads'} {count(size)}"


def packet(facts: Facts) -> Reason:
    """Bytes of the packet that were not compared with its end."""
    off, size, known = facts.number("off"), facts.number("size"), facts.number("range")
    if off is None or size is None or known is None:
        needed = "the pointer compared with data_end again, by what is accessed, right before the access"
        return (
            Reason(
                f"No comparison with data_end proves that what {facts.reg} points to lies inside the packet.", needed
            )
            if facts.reg
            else NO_REASON
        )
    moving = facts.number("id") not in (0, None)
    start = f"the variable position that {facts.reg} was computed from" if moving else "the packet's start"
    does = f"{_does(facts, size)} at offset {number(off)} from {start}" if off else f"{_does(facts, size)} at {start}"
    last = off + size
    if known > 0:
        proven = (
            f"Comparisons with data_end prove only the first {count(known)} from {start}; {number(last)} are needed."
        )
    else:
        proven = "No comparison with data_end proves anything from there on this path"
        proven += (
            ": it may be missing, be of another pointer, or be lost because the offset was computed again."
            if moving
            else "."
        )
    if known < 0:
        proven = "On this path the comparison with data_end has found that the packet ends before."
    if last <= 0:
        needed = "a comparison with data_end for as many bytes as are accessed"
    elif last > MAX_PACKET_OFF:
        proven = f"Comparisons with data_end count only within the first {number(MAX_PACKET_OFF)} bytes of the packet."
        needed = "a bound on how far the pointer is moved, beside the packet's end"
    elif moving:
        needed = f"a comparison of this very pointer with data_end that covers {count(last)}"
    else:
        needed = f"before this access: if (data + {last} > data_end) return …;"
    copied = "; or the bytes that are needed copied to the stack, and the copy given to the call" if facts.calls else ""
    return Reason(f"{does}. {proven}", needed + copied)


def _memory(facts: Facts) -> tuple[str, int | None]:
    words = facts.word("memory").partition(",")[0]
    named = {"map value": "the map value", "map key": "the map key", "memory": "the memory"}
    return named.get(words, "the map value" if not words else f"the {words}"), facts.number("memory_size")


def _bytes(off: int, size: int) -> str:
    """ "byte 48", "bytes 76 to 79"."""
    return f"byte {number(off)}" if size <= 1 else f"bytes {number(off)} to {number(off + size - 1)}"


def beyond(facts: Facts) -> Reason:
    """The largest offset is too large."""
    off, size = facts.number("off"), facts.number("size")
    memory, has = _memory(facts)
    if off is None or size is None or has is None:
        return NO_REASON
    what = (
        f"{_does(facts, size)} of {memory}, and the offset may be as large as {number(off)}: that would be "
        f"{_bytes(off, size)}, and it has {count(has)}."
    )
    return Reason(f"{what}{_compared(facts)}", _limit(facts, has, size))


def _limit(facts: Facts, has: int, size: int) -> str:
    if size > has:
        return f"an access of at most {count(has)}: that is all there is"
    most = has - size
    whole = (
        f" (in an array of elements of {count(size)}: an index below {number(has // size)})"
        if size > 1 and not has % size and not facts.calls
        else ""
    )
    return f"an offset of at most {number(most)}{whole}, compared on every path before the access" + (
        f"; or a smaller size: offset and size together at most {number(has)}" if facts.calls else ""
    )


def _compared(facts: Facts) -> str:
    """The last comparison of the value, which lets too much pass."""
    branch = facts.compared
    step = facts.step_of(branch) if branch is not None else None
    if step is None or branch is None:
        return ""
    if " == " in step.text or " != " in step.text or " & " in step.text:
        return ""
    return f" The last comparison on the way, at {at(step)} ({step.text}), lets such a value pass."


def outside(facts: Facts) -> Reason:
    """The smallest offset lies outside."""
    off, size = facts.number("off"), facts.number("size")
    memory, has = _memory(facts)
    if off is None or size is None or has is None:
        return NO_REASON
    if not size:
        return Reason(
            f"{facts.called or 'The call'} may be given a size of 0 for {memory} of {count(has)}.",
            "a comparison before the call, after which the size is above 0",
        )
    if off < 0:
        return Reason(
            f"{_does(facts, size)} of {memory}, and the offset may be negative: as low as {number(off)}.",
            "an unsigned index or offset; or a comparison that it is not negative",
        )
    if off + size > has:
        held = facts.held()
        always = held is not None and held.kind != "none" and held.scalar is None
        may = "is" if always else "is, at the least,"
        return Reason(
            f"{_does(facts, size)} of {memory}, but the offset {may} {number(off)}: {memory} has {count(has)}, and "
            "the last of them is byte "
            f"{number(has - 1)}.",
            f"an offset of at most {number(has - size)}, or a larger {memory.removeprefix('the ')}"
            if size <= has
            else f"an access of at most {count(has)}",
        )
    return NO_REASON


def unbounded(facts: Facts) -> Reason:
    """An offset without an upper bound."""
    if not facts.reg:
        return NO_REASON
    origin = facts.origin
    step = facts.step_of(origin) if origin is not None else None
    made = f" It was computed at {at(step)} ({step.text})." if step is not None else ""
    who = (
        _does(facts, facts.size or 1)
        if facts.writes is not None
        else f"{facts.called or 'The program'} accesses memory"
    )
    return Reason(
        f"{who} through {facts.reg}, a pointer whose offset has no upper bound on this path.{made}",
        "the index or offset compared with the number of elements right before the access, in the variable that is "
        "used; or masked with &",
    )


def misaligned(facts: Facts) -> Reason:
    """An access whose offset is no multiple of its size."""
    off, start, size = facts.number("off"), facts.number("reg_off"), facts.number("size")
    if off is None or size is None:
        return NO_REASON
    whole = off + (start or 0)
    stack = facts.word("memory").strip() == "stack"
    held = facts.word("var_off")
    known = held in ("", "0", "(0x0; 0x0)")
    where = f"fp{whole:+}" if stack and known else f"offset {number(whole)}" if known else "an offset that varies"
    return Reason(
        f"{_does(facts, size)} at {where}, which is not{'' if known else ' known to be'} a multiple of {size}.",
        f"a variable that is aligned: __attribute__((aligned({size}))), not a packed structure; or an access byte by "
        "byte, or with __builtin_memcpy()",
    )


def stack(facts: Facts) -> Reason:
    """An access that leaves the stack frame."""
    off, size = facts.number("off"), facts.number("size")
    if off is None or size is None:
        return NO_REASON
    if size < 0 or (size == 0 and facts.calls):
        return Reason(f"{facts.called or 'The call'} may be given a size of {number(size)}.", "a size above 0")
    if off < -_FRAME:
        return Reason(
            f"{_does(facts, size)} of the stack at fp{off}: a function's stack begins at fp-{_FRAME}.",
            f"local variables of at most {_FRAME} bytes in all; larger ones in a map (a per-CPU array of one element)",
        )
    if off + size > 0:
        return Reason(
            f"{_does(facts, size)} of the stack from fp{off:+} on: the stack frame ends at fp-1.",
            f"at most {count(-off)} from there" if off < 0 else "an address below fp",
        )
    return NO_REASON


def uninitialized(facts: Facts) -> Reason:
    """Bytes of the stack are read that were never written."""
    size = facts.number("size")
    place = _PLACE.search(facts.message.text)
    if size is None:
        return NO_REASON
    who = facts.called or "The call" if facts.calls else at(facts.step).capitalize() if facts.step else "The program"
    start = f" from fp{place[1]}" if place is not None else ""
    never = f"byte {place[2]} of these (counted from 0) was" if place is not None else "some of these were"
    hint = " It may be padding between members." if facts.calls and size > _WORD else ""
    return Reason(
        f"{who} reads {count(size)} of the stack{start}, and {never} never written on this path.{hint}",
        "the whole variable set before: __builtin_memset(&v, 0, sizeof(v)), which sets the padding too",
    )


def context(facts: Facts) -> Reason:
    """A place of the context that is no field, or may not be accessed so."""
    off, size = facts.number("off"), facts.number("size")
    if off is None or size is None:
        return NO_REASON
    does = "written" if facts.writes else "read" if facts.writes is False else "accessed"
    return Reason(
        f"At offset {number(off)} the context of this program type has no field of {count(size)} that may be {does}.",
        "the context structure of this program type, and a field of it with the size that it has; for a tracepoint "
        "its format file lists them",
    )
