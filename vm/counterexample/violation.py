"""The condition on the state before the rejected instruction under which its memory access fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import z3

from vm.bits import U64
from vm.counterexample.contracts import helper_of, proto_of, size_of
from vm.counterexample.memory import number_of
from vm.counterexample.state import STACK
from vm.counterexample.values import Condition, Number, Pointer, Value, add, bits, boolean, decided, outside
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.runner.proto_args import Shape, shapes_of
from vm.verifier.state import reg_types as t

if TYPE_CHECKING:
    from vm.counterexample.execute import Execution

PAGE: Final = 4096


class Violation(NamedTuple):
    """condition -- when the access fails; preferences -- conditions that make the failure easy to see.

    value  -- the number that decides it (an offset or a size), and the register that holds it
    through_number -- the access is through a number, not a pointer
    """

    condition: Condition
    preferences: tuple[Any, ...]
    value: Number | None
    regno: int
    through_number: bool = False


def either(*conditions: Condition) -> Condition:
    return decided(z3.Or([boolean(each) for each in conditions]))


def violation(run: Execution, insn: Insn) -> Violation | None:
    """The violation of an instruction; None if it accesses no memory."""
    cls = insn.code & 7
    if cls in (o.LDX, o.ST, o.STX):
        return _access(run, insn, cls)
    if insn.code == o.JMP | o.CALL and insn.src_reg != o.PSEUDO_CALL:
        return _call(run, insn)
    return None


def _access(run: Execution, insn: Insn, cls: int) -> Violation:
    atomic = cls == o.STX and insn.code & 0xE0 == o.ATOMIC
    regno = insn.src_reg if cls == o.LDX else insn.dst_reg
    size = o.SIZE_BYTES[insn.code & 0x18]
    base = run.value(regno)
    off = insn.off & U64
    condition = touches(run, base, off, size, read=cls == o.LDX or atomic, write=cls != o.LDX)
    value = base.off if isinstance(base, Pointer) else base
    return Violation(condition, _plain(base, off, size), value, regno, not isinstance(base, Pointer))


def touches(run: Execution, base: Value, off: int, size: Number, *, read: bool, write: bool) -> Condition:
    """The condition under which an access of `size` (not 0) bytes at base + off fails."""
    if not isinstance(base, Pointer):
        return True
    at = add(base.off, off)
    obj = base.obj
    if obj.kind in ("function", "gone"):
        return True
    if obj.kind == "ctx":
        return True  # the run checks which fields exist
    wrong = either(base.null, outside(at, size, obj.low, obj.high))
    if write and not obj.writable:
        return True
    if read and run.request.check_stack and obj.written is not None:
        wrong = either(wrong, _unwritten(obj.written, at, size))
    return wrong


def _unwritten(written: set[int], at: Number, size: Number) -> Condition:
    """Whether an access reads stack bytes that were not written."""
    missing = [off for off in range(-STACK, 0) if off not in written]
    if isinstance(at, int) and isinstance(size, int):
        start = at - (1 << 64) if at >> 63 else at
        return any(start <= off < start + size for off in missing)
    low, end = bits(at), bits(at) + bits(size)
    return decided(z3.Or([z3.And(low <= off, end > off) for off in missing]))


def _plain(base: Value, off: int, size: Number) -> tuple[Any, ...]:
    """Preferences: an address that is certainly unmapped, and a violation by few bytes."""
    if not isinstance(base, Pointer):
        number = number_of(base)
        return (z3.ULT(bits(number), PAGE - 8 - 1),) if not isinstance(number, int) else ()
    at = bits(add(base.off, off))
    return (z3.Not(boolean(base.null)), at >= 0, at < bits(base.obj.high) + 64)


def _call(run: Execution, insn: Insn) -> Violation | None:
    proto = proto_of(run, insn)
    if proto is None:
        return None
    name = helper_of(insn)
    wrong: list[Condition] = []
    value: Number | None = None
    regno = run.request.regno
    shapes = shapes_of(name, proto)
    for shape in shapes:
        size = size_of(run, shape)
        wrong.append(_argument(run, shape, size))
        if regno in (shape.regno, shape.size_reg):
            base = run.value(shape.regno)
            value = (
                run.number(shape.size_reg)
                if regno == shape.size_reg
                else (base.off if isinstance(base, Pointer) else base)
            )
    if not shapes:
        return None
    return Violation(either(*wrong), (), value, regno)


def _argument(run: Execution, shape: Shape, size: Number) -> Condition:
    base = run.value(shape.regno)
    some = decided(bits(size) != 0)
    if not isinstance(base, Pointer):
        zero = decided(bits(number_of(base)) == 0) if shape.nullable else False
        return decided(z3.And(boolean(some), z3.Not(boolean(zero))))
    obj = base.obj
    if obj.kind == "ctx":
        return decided(boolean(some))
    if obj.kind == "gone":
        return some
    off, low, high = base.off, obj.low, obj.high
    if shape.write and not obj.writable:
        return some
    null = z3.And(boolean(base.null), z3.BoolVal(not shape.nullable))
    wrong = either(null, z3.And(z3.Not(boolean(base.null)), boolean(outside(off, size, low, high))))
    if shape.read and run.request.check_stack and obj.written is not None:
        wrong = either(wrong, _unwritten(obj.written, off, size))
    return decided(z3.And(boolean(some), boolean(wrong)))


__all__ = ["Violation", "either", "t", "touches", "violation"]
