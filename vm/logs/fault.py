"""Whether a message can be about the instruction that stands before it.

A message is printed right after the instruction that is refused. Where lines are missing between the two, another
instruction stands there: it does not use the register that the message names, does something else than what the
message speaks of, was not the last one that the summary counts, or is followed by lines that only come between two
instructions.
"""

from __future__ import annotations

from typing import Final

from vm.isa import opcodes as o
from vm.logs.decode import decode
from vm.logs.messages import register_of
from vm.logs.reading import Read
from vm.logs.values import Message, Step
from vm.verifier.rules.catalogue import rule_named
from vm.verifier.rules.rule import Topic

_CALL: Final = o.JMP | o.CALL
_EXIT: Final = o.JMP | o.EXIT
_LEGACY: Final = (o.LD | o.ABS, o.LD | o.IND)

ALU: Final = "alu"
LOAD: Final = "load"
JUMP: Final = "jump"
CALL: Final = "call"
EXIT: Final = "exit"

_BY_TOPIC: Final[dict[Topic, tuple[str, ...]]] = {
    Topic.POINTER: (LOAD, CALL),
    Topic.STACK: (LOAD, CALL),
    Topic.PACKET: (LOAD, CALL),
    Topic.CONTEXT_FIELD: (LOAD, CALL),
    Topic.SIZE: (CALL,),
    Topic.HELPER: (CALL,),
    Topic.KFUNC: (CALL,),
    Topic.RESULT: (EXIT,),
    Topic.HELD: (EXIT, CALL, LOAD),
}
_BY_RULE: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(("offset-unbounded", "memory-access-out-of-range-min", "memory-access-out-of-range-max",
                     "offset-may-be-negative", "stack-access-unbounded"), (LOAD, CALL)),
    **dict.fromkeys(("pointer-value-out-of-bounds", "pointer-math-unbounded-min", "pointer-math-value-too-large",
                     "pointer-arithmetic", "pointer-pair-arithmetic", "pointer-bitwise", "pointer-operator",
                     "pointer-subtracted-from-scalar", "stack-pointer-subtraction", "pointer-arithmetic-on-type",
                     "pointer-arithmetic-before-null-check", "pointer-arithmetic-32-bit", "pointer-partial-copy",
                     "pointer-sign-extension", "shift-out-of-range", "division-by-zero"), (ALU,)),
    "pointer-comparison": (JUMP,),
    "zero-sized-read": (CALL,),
}  # fmt: skip
"""Which instructions the rules of a topic can be about, and which those of one rule; the others are about any."""

_BY_FIELD: Final = {"func": (CALL,), "kfunc": (CALL,), "arg": (CALL,), "where": (EXIT,)}
"""The same for a message's fields."""

_BEFORE_PRINTING: Final = frozenset({"infinite-loop", "program-too-large"})
"""What is refused when an instruction is counted, and before it is printed."""

_SIZES: Final = {o.B: 1, o.H: 2, o.W: 4, o.DW: 8}
_THROW: Final = "call bpf_throw#"
"""A call that ends the program: its argument is the result."""
_MAX_NAMED: Final = 5  # arguments of a call are r1 to r5


def kind_of(step: Step) -> str:
    """What an instruction does; "" where its opcode was not printed."""
    if step.code < 0:
        return ""
    if step.code in (_CALL, _EXIT):
        return CALL if step.code == _CALL else EXIT
    cls = step.code & 7
    if cls in (o.ALU, o.ALU64):
        return ALU
    return JUMP if cls in (o.JMP, o.JMP32) else LOAD


def about(message: Message) -> tuple[str, ...]:
    """The kinds of instruction that a message can be about; none: any."""
    found: set[str] = set()
    for name in message.rules:
        rule = rule_named(name)
        kinds: tuple[str, ...] = _BY_RULE.get(name) or _BY_TOPIC.get(rule.topic, ())
        if not kinds:
            found.clear()
            break
        found.update(kinds)
    if found:
        return tuple(sorted(found))
    fields = {field for field, _ in message.values if field != "where" or message.text.startswith("At ")}
    return next((kinds for field, kinds in _BY_FIELD.items() if field in fields), ())


def can_be_about(message: Message, step: Step) -> bool:
    """Whether an instruction can be what a message is about, as far as their words tell."""
    if step.text.startswith(_THROW):
        return register_of(message) in ("", "R1")
    kind = kind_of(step)
    kinds = about(message)
    if kind and kinds and kind not in kinds:
        return False
    return _uses(step, kind, register_of(message)) and _moves(step, kind, message) and _calls(step, kind, message)


def _uses(step: Step, kind: str, name: str) -> bool:
    """Whether an instruction reads or writes a register."""
    if not name or not kind:
        return True
    number = int(name[1:])
    if kind == CALL:
        return number <= _MAX_NAMED
    if kind == EXIT:
        return number == 0
    what = decode(step.code, step.text)
    return not what.insns or number in what.reads or number == what.writes or step.code & 0xE0 in (o.ABS, o.IND)


def _moves(step: Step, kind: str, message: Message) -> bool:
    """Whether an access has the size that the message tells."""
    values = dict(message.values)
    size = values.get("size", "")
    if kind != LOAD or not size.isdecimal() or "off" not in values or step.code & 7 == o.LD:
        return True
    return int(size) == _SIZES[step.code & 0x18]


def _calls(step: Step, kind: str, message: Message) -> bool:
    """Whether a call is of the helper that the message names with its number."""
    func = dict(message.values).get("func", "")
    return kind != CALL or "#" not in func or "#" not in step.text or step.text.endswith(func)


def refused(read: Read, message: Message) -> bool:
    """Whether the instruction that was printed last is the one that the message is about."""
    last, order = read.last, read.order
    if last is None or read.cut_after or order.awaited or order.reversed or last.after is not None:
        return False
    from_start = read.first_insn == 0 and not read.validated and not read.cut_before
    unprinted = sum(name in _BEFORE_PRINTING for name in message.rules[:1])
    if from_start and order.missing_at_end(read.steps, read.stats.processed, unprinted):
        return False
    return can_be_about(message, last)
