"""Values of the wrong kind: numbers used as pointers, registers without a value, arithmetic on pointers."""

from __future__ import annotations

import re
from typing import Final

from vm.bits import U32
from vm.explain.words import number
from vm.isa import opcodes as o
from vm.logs.decode import decode
from vm.logs.facts import Facts
from vm.logs.values import NO_REASON, Cause, Reason
from vm.logs.words import NUMBERS, OR_NULL, at, count, kind

_BITS: Final = re.compile(r"\(0x([0-9a-f]{1,16}); 0x([0-9a-f]{1,16})\)$")
_BOUNDS: Final = re.compile(r"\bsmin=(-?\d{1,20}) smax=(-?\d{1,20})\b")
_COPY: Final = (
    "memory of the kernel copied with bpf_probe_read_kernel() or BPF_CORE_READ(), memory of a process with "
    "bpf_probe_read_user()"
)
_EITHER: Final = re.compile(r"(-?\d{1,10})(?: or (-?\d{1,10}))?$")
_ZERO_SLOTS: Final = ("00000000", "0", "inv0", "scalar0")
_ARGUMENTS: Final = 5
_CURRENT_TASK: Final = "bpf_get_current_task"


def not_a_pointer(facts: Facts) -> Reason:
    """An access through a register that is no pointer, or may be NULL."""
    name, kind_ = facts.reg, facts.word("type")
    if not name:
        return NO_REASON
    does = _does(facts)
    if kind_ in NUMBERS:
        what, needed = became(facts)
        return Reason(
            f"{does} address in {name}, but to the verifier {name} is a number and no pointer. {what}".strip(), needed
        )
    words = kind(kind_)
    if OR_NULL in kind_:
        origin = facts.origin
        given = f", as {_called(facts, origin)} returned it" if _called(facts, origin) else ""
        return Reason(
            f"{name} may be NULL{given}: no comparison with NULL on this path proves that it is not.",
            f"a comparison of {name} with NULL before this access, on every path: if (!p) return 0;",
        )
    return (
        Reason(f"{does} address in {name}. It is {words}, which may not be accessed directly.", "")
        if words
        else NO_REASON
    )


def _does(facts: Facts) -> str:
    if facts.writes is None or facts.step is None or facts.size is None:
        return "The program accesses memory at the"
    return f"{at(facts.step).capitalize()} {'writes' if facts.writes else 'reads'} {count(facts.size)} at the"


def _called(facts: Facts, cause: Cause | None) -> str:
    """ "bpf_map_lookup_elem() at instruction 3": the call that gave a value; "" if none did."""
    step = facts.step_of(cause) if cause is not None and cause.kind == "call" else None
    name = decode(step.code, step.text).called if step is not None else ""
    return f"{name}() at {at(step)}" if step is not None and name else ""


def became(facts: Facts) -> tuple[str, str]:
    """(where the value became a number, what would be accepted instead)."""
    held, origin = facts.held(), facts.origin
    null = held is not None and held.scalar is not None and held.scalar.umin == held.scalar.umax == 0
    if null:
        return (
            "Its value is 0: it is NULL on this path.",
            "the access only where the pointer was compared and is not NULL",
        )
    stored = facts.stored()
    if stored is not None and stored[1] in _ZERO_SLOTS:
        load = stored[0]
        return (
            f"It was loaded from the stack by {at(load)} ({load.text}), where 0 was stored: it is NULL on this path.",
            "the access only where the pointer was compared and is not NULL",
        )
    if origin is None or origin.step < 0:
        return "", _COPY
    step = facts.step_of(origin)
    if step is None:
        return "", _COPY
    text = f"{at(step)} ({step.text})"
    if origin.kind == "clobbered":
        return f"It does not keep its value over the call at {at(step)}.", "a copy in r6 to r9 or on the stack"
    if origin.kind == "call":
        called = _called(facts, origin)
        if not called:
            return "", _COPY
        helper = called.partition("(")[0]
        needed = (
            f"{_CURRENT_TASK}_btf(), whose result may be followed; or {_COPY}" if helper == _CURRENT_TASK else _COPY
        )
        return f"It is what {called} returned.", needed
    if origin.kind == "value":
        return (
            f"{at(step).capitalize()} sets it to a constant: {step.text}.",
            "the pointer that was meant: this is a number",
        )
    if origin.kind == "load":
        return _loaded(facts, step.text, origin), _COPY
    return _was_a_pointer(facts) or (f"It is computed by {text}.", _COPY)


def _was_a_pointer(facts: Facts) -> tuple[str, str] | None:
    """The same where arithmetic made a number of a pointer; None where the text does not show that."""
    for cause in facts.causes:
        step = facts.step_of(cause) if cause.kind == "arithmetic" else None
        insns = decode(step.code, step.text).insns if step is not None else ()
        if step is None or not insns:
            continue
        held = facts.before(step, f"r{insns[0].dst_reg}")
        words = kind(held.text.partition("(")[0]) if held is not None and held.kind not in ("number", "none") else ""
        if not words:
            continue
        needed = (
            "the pointer as it was: no cast of it to a 32-bit type, and arithmetic only on the offset that is added"
        )
        if held is not None and held.kind == "ctx":
            needed = "ctx->member in one expression, not the address of a member in a variable"
        return f"It was {words} until {at(step)} ({step.text}), which makes a number of it.", needed
    return None


def _loaded(facts: Facts, text: str, origin: Cause) -> str:
    step = facts.step_of(origin)
    insn = decode(step.code, text).insns if step is not None else ()
    base = facts.before(step, f"r{insn[0].src_reg}") if step is not None and insn else None
    where = f"instruction {origin.insn_idx} ({text})"
    if base is not None and base.kind == "ctx":
        return f"It was loaded from the context by {where}: to the verifier a number, also where it is an address."
    if base is not None and base.kind == "map_value":
        return f"It was loaded from a map value by {where}: a pointer stored there is a number when it is loaded again."
    return f"It was loaded by {where}."


def never_written(facts: Facts) -> Reason:
    """A register is read that has no value."""
    name, step = facts.reg, facts.step
    if not name or step is None:
        return NO_REASON
    insn = facts.insn
    ends = step.code == o.JMP | o.EXIT
    if ends and name == "r0":
        return Reason(
            "The function ends, and on this path nothing was written to r0, which is its result.",
            "a return statement with a value on every path",
        )
    there = f"{at(step).capitalize()} ({step.text})"
    over = next((each for each in reversed(facts.causes) if each.kind == "clobbered" and each.name == name), None)
    if over is not None:
        return Reason(
            f"{there} reads {name}, which has no value any more after the call at {at(over)}: a call destroys r1 to "
            "r5.",
            "the value kept in r6 to r9 or on the stack, or loaded again after the call",
        )
    way = facts.whole()
    regs = range(2, _ARGUMENTS + 1)
    if (
        (way or step.number == 0)
        and step.frame == 0
        and int(name[1:]) in regs
        and not any(each.code == o.JMP | o.CALL for each in way)
    ):
        return Reason(
            f"{there} reads {name}, which nothing has written since the program began. A program is given one "
            "argument, "
            "the context in r1: further parameters of the function have no value.",
            "the arguments taken from the context: with BPF_PROG(), BPF_KPROBE(), PT_REGS_PARM…() or the members of "
            "ctx",
        )
    reads = f"{facts.called} takes {name} as an argument" if facts.called else f"{there} reads {name}"
    if insn is None and not facts.called:
        reads = f"{at(step).capitalize()} reads {name}"
    return Reason(f"{reads}, which nothing has written on this path.", "")


def computed_with_pointer(facts: Facts) -> Reason:
    """An operator that pointers do not have."""
    held = facts.held()
    words = (
        f" {facts.reg} holds a pointer ({held.text})."
        if held is not None and held.kind not in ("number", "none")
        else ""
    )
    if facts.step is None or not facts.reg:
        return NO_REASON
    return Reason(
        f"{at(facts.step).capitalize()} ({facts.step.text}) computes with the bits of a pointer.{words} The result "
        "would be neither a "
        "pointer nor a useful number.",
        "the operator applied to the offset or length before it is added to the pointer; where the compiler joined "
        "two comparisons, "
        "an if statement for each",
    )


def moved_pointer(facts: Facts) -> Reason:
    """The context or another pointer with an offset of its own."""
    off, kind_ = facts.number("off"), facts.word("type") or "ctx"
    words = kind(kind_) or "the pointer"
    if off is None or not facts.reg:
        return NO_REASON
    return Reason(
        f"{facts.reg} is {words} with {number(off)} added to it before the access. The kernel rewrites such an "
        "access by the offset in the "
        "instruction, and so the pointer itself has to stay as it was given.",
        "ctx->member in one expression, not the address of a member in a variable; barrier_var(ctx) where the "
        "compiler computes the address",
    )


def unbounded_addend(facts: Facts) -> Reason:
    """A number that may be anything is added to a pointer."""
    words = kind(facts.word("type")) or "a pointer"
    added = _addend(facts)
    if facts.step is None:
        return Reason(
            f"A number that may be negative or anything at all is added to {words}.",
            "an unsigned variable, compared with its limit (or masked with &) before it is added",
        )
    held = facts.held(added) if added else None
    low = held.scalar.smin if held is not None and held.scalar is not None else None
    known = f": {added} may be as low as {number(low)}" if low is not None and low > -(1 << 63) else ""
    return Reason(
        f"{at(facts.step).capitalize()} ({facts.step.text}) adds to {words} a number that may be negative or "
        f"anything at all{known}.",
        f"{added or 'the number'} as an unsigned variable, compared with its limit (or masked with &) before it is "
        "added",
    )


def huge_addend(facts: Facts) -> Reason:
    """A number outside of every object is added to a pointer."""
    said, words = facts.number("value"), kind(facts.word("type")) or "a pointer"
    if said is None or facts.step is None:
        return NO_REASON
    return Reason(
        f"{at(facts.step).capitalize()} ({facts.step.text}) adds to {words} a number that may be {number(said)}: the "
        "sum could lie outside of every "
        "object.",
        f"{_addend(facts) or 'the number'} as an unsigned variable, compared with its limit before it is added",
    )


def _addend(facts: Facts) -> str:
    """The register that is added to a pointer."""
    insn = facts.insn
    if insn is None or not insn.insns or insn.insns[0].code & 7 not in (o.ALU, o.ALU64) or not insn.insns[0].code & o.X:
        return ""
    return f"r{insn.insns[0].src_reg}"


def compared_pointer(facts: Facts) -> Reason:
    """A comparison of a pointer that an unprivileged user may not make."""
    if facts.step is None or not facts.reg:
        return NO_REASON
    return Reason(
        f"{at(facts.step).capitalize()} ({facts.step.text}) compares {facts.reg}, a pointer, with another value. "
        "Users without CAP_PERFMON may not, because it "
        "would tell addresses of the kernel.",
        "CAP_PERFMON beside CAP_BPF (or root) for the user who loads the program; or no comparison of this pointer",
    )


def result(facts: Facts) -> Reason:
    """A program returns what it may not."""
    words = _allowed(facts)
    if not words:
        return NO_REASON
    said = facts.word("value")
    constant = _constant(said or facts.message.text)
    origin = facts.origin
    set_by = (
        f", computed at {at(origin)}"
        if origin is not None and origin.kind in ("value", "arithmetic") and constant is not None
        else ""
    )
    signed = (
        f" ({number(constant - (1 << 32))} as an int)" if constant is not None and 1 << 31 <= constant <= U32 else ""
    )
    here = f"{number(constant)}{signed}{set_by}" if constant is not None else "not proven to be one of these"
    return Reason(
        f"A program of this type has to return {words}; on this path the result is {here}.", f"{words} on every path"
    )


def _allowed(facts: Facts) -> str:
    """The values that may be returned, "0 or 1"; "" where the message does not tell them."""
    low, high = facts.number("minval"), facts.number("maxval")
    bits = _BITS.match(facts.word("allowed").removeprefix("in ").strip())
    if bits is not None:
        low, mask = int(bits[1], 16), int(bits[2], 16)
        if mask & (mask + 1) or low & mask:
            return ""
        high = low + mask
    either = _EITHER.match(facts.word("allowed"))  # before 5.3
    if either is not None:
        return either[0]
    if low is None or high is None:
        return ""
    return f"{low}" if low == high else f"{low} or {high}" if high == low + 1 else f"{low} to {number(high)}"


def _constant(text: str) -> int | None:
    """The number of "(0x2; 0x0)" or "smin=2 smax=2"; None if it is not one number, or the text is something else."""
    bits, bounds = _BITS.match(text), _BOUNDS.search(text)
    if bits is not None:
        return int(bits[1], 16) if int(bits[2], 16) == 0 else None
    return int(bounds[1]) if bounds is not None and bounds[1] == bounds[2] else None
