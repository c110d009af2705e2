"""What the verifier knew about a value at each step of a path, and which values are possible."""

from __future__ import annotations

import time
from bisect import bisect_right
from typing import Any, Final, NamedTuple

import z3

from vm.bits import S64_MAX, S64_MIN, U64
from vm.counterexample.execute import Execution
from vm.counterexample.memory import number_of
from vm.counterexample.request import Known
from vm.counterexample.values import Number, Pointer, Value, bits, boolean, signed_of
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.verifier.state import reg_types as t

MAX_LOOKS: Final = 400
QUERY_MS: Final = 700
MAX_SOLVERS: Final = 8
MAX_SCAN: Final = 2000
"""Steps that are looked at for the store of what is filled."""


class Place(NamedTuple):
    """A register after step `step` (-1: at the start), in frame `frame`."""

    step: int
    frame: int
    regno: int


class OverError(Exception):
    """The time limit is exceeded."""


class Knowledge:
    """The verifier's knowledge on one path, and the solver's. Methods raise OverError after the time limit."""

    def __init__(self, run: Execution, deadline: float) -> None:
        self._run = run
        self._steps = run.request.steps
        self._deadline = deadline
        self._looks = 0
        self._solvers: dict[tuple[int, bool], Any] = {}
        # place -> steps at which the verifier's knowledge of it changed, and the new knowledge
        self._known: dict[tuple[int, int], tuple[list[int], list[Known]]] = {}
        for idx, known in run.request.entry.items():
            self._known[0, idx] = [-1], [known]
        for at, step in enumerate(self._steps):
            for place, known in step.changed.items():
                steps, all_known = self._known.setdefault(place, ([], []))
                steps.append(at)
                all_known.append(known)

    def _count(self, step: int) -> int:
        return self._run.first if step < 0 else self._run.after[min(step, len(self._run.after) - 1)]

    def _constraints(self, step: int) -> list[Any]:
        """The constraints after a step."""
        return self._run.state.constraints[: self._count(step)]

    def _impossible(self, step: int, condition: Any) -> bool:
        self._looks += 1
        if self._looks > MAX_LOOKS or time.monotonic() > self._deadline - 0.3:
            raise OverError
        definitions = self._run.state.definitions
        if self._checked(step, [], condition):
            return True
        return bool(definitions) and self._checked(step, definitions, condition)

    def _checked(self, step: int, also: list[Any], condition: Any) -> bool:
        key = self._count(step), bool(also)
        if key not in self._solvers:
            if len(self._solvers) >= MAX_SOLVERS:
                self._solvers.clear()
            solver = self._solvers[key] = z3.Solver()
            solver.set("timeout", QUERY_MS)
            solver.add(*self._constraints(step), *also)
        solver = self._solvers[key]
        solver.push()
        solver.add(boolean(condition))
        found = solver.check()
        solver.pop()
        return bool(found == z3.unsat)

    def _wider(self, step: int, value: Number, known: Known) -> bool:
        """Whether the verifier allows numbers that are impossible after a step."""
        number = bits(value)
        if known.umax < U64 and self._impossible(step, z3.UGE(number, known.umax)):
            return True
        if known.umin and self._impossible(step, z3.ULE(number, known.umin)):
            return True
        if known.umax == U64 and known.smin < 0 and self._impossible(step, number < 0):
            return True
        if known.umax == U64 and known.smax == S64_MAX and self._impossible(step, z3.UGE(number, 1 << 62)):
            return True
        if S64_MIN < known.smin < 0 and self._impossible(step, number <= known.smin):
            return True
        return 0 <= known.smax < S64_MAX and self._impossible(step, z3.And(number >= 0, number >= known.smax))

    def _range(self, step: int, value: Number) -> tuple[int, int] | None:
        """The smallest and largest possible value of a number, signed; None if the range is very large."""
        if isinstance(value, int):
            return signed_of(value), signed_of(value)
        number = bits(value)
        low, high = S64_MIN, S64_MAX
        try:
            low = self._edge(step, lambda edge: number < edge, low, high)
            high = -self._edge(step, lambda edge: number > -edge, -high, -low)
        except OverError:
            return None
        return low, high

    def _edge(self, step: int, beyond: Any, low: int, high: int) -> int:
        """The largest edge in [low, high] below which nothing is possible."""
        # The steps grow from zero, so that small numbers need few calls of the solver.
        while low < high:
            middle = (low + high + 1) // 2
            if self._impossible(step, beyond(middle)):
                low = middle
            else:
                high = middle - 1
        return low

    def known(self, place: Place) -> Known | None:
        steps, found = self._known.get((place.frame, place.regno), ([], []))
        at = bisect_right(steps, place.step) - 1
        return found[at] if at >= 0 else None

    def _value(self, place: Place) -> Value | None:
        """The value of a register of a frame after a step."""
        if place.step < 0:
            return self._run.begun[place.regno]
        snap = self._run.snapshots[place.step]
        return snap[place.frame][place.regno] if place.frame < len(snap) else None

    def _definition(self, place: Place) -> Place:
        """The step that wrote the value of a register."""
        value = self._value(place)
        step = place.step
        while step >= 0:
            before = self._value(place._replace(step=step - 1)) if step > 0 else self._run.begun[place.regno]
            snap = self._run.snapshots[step - 1] if step > 0 else None
            if before is not value or (snap is not None and place.frame >= len(snap)):
                return place._replace(step=step)
            step -= 1
        return place._replace(step=-1)

    def _number(self, place: Place, known: Known) -> Number | None:
        """The number of a register that the verifier's bounds describe: itself, or a pointer's variable offset."""
        value = self._value(place)
        if value is None:
            return None
        if isinstance(value, Pointer):
            if known.type == t.SCALAR_VALUE:
                return None
            number = number_of(value.off)
            return number if not known.off else (bits(number) - known.off)
        return value if known.type == t.SCALAR_VALUE else None

    def _is_wider(self, place: Place) -> bool:
        known = self.known(place)
        number = self._number(place, known) if known is not None else None
        return known is not None and number is not None and self._wider(place.step, number, known)

    def _operands(self, made: Place) -> list[Place]:
        """The registers from which an instruction computed its result, before it."""
        step = made.step
        insn = self._insn(step)
        cls = insn.code & 7
        before = step - 1
        if cls in (o.ALU, o.ALU64):
            regs = [] if insn.code & 0xF0 == o.MOV else [insn.dst_reg]
            if insn.code & 8 and insn.code & 0xF0 != o.END:
                regs.append(insn.src_reg)
            return [Place(before, made.frame, regno) for regno in regs]
        if cls == o.LDX:
            stored = self._stored(made)
            return [stored] if stored is not None else []
        if insn.code == o.JMP | o.CALL and insn.src_reg == o.PSEUDO_CALL:
            return [Place(before, made.frame - 1, made.regno)]
        if insn.code == o.JMP | o.EXIT:
            return [Place(before, made.frame + 1, 0)]
        return []

    def _stored(self, made: Place) -> Place | None:
        """The register that was spilled to the stack slot which an instruction loads."""
        base = self._value(Place(made.step - 1, made.frame, self._insn(made.step).src_reg))
        value = self._value(made)
        if not isinstance(base, Pointer) or base.obj.kind != "stack":
            return None
        for step in range(made.step - 1, max(made.step - MAX_SCAN, -1), -1):
            insn = self._insn(step)
            if insn.code & 7 == o.STX:
                frame = len(self._run.snapshots[step]) - 1
                place = Place(step, frame, insn.src_reg)
                if self._value(place) is value:
                    return place
        return None

    def _insn(self, step: int) -> Insn:
        return self._run.request.insns[self._steps[step].insn_idx]

    def _first(self, last: int, condition: Any) -> int:
        """The first step after which a condition is impossible; -1: it is impossible from the start."""
        low, high = -1, last
        while low < high:
            middle = (low + high) // 2
            if self._impossible(middle, condition):
                high = middle
            else:
                low = middle + 1
        return low
