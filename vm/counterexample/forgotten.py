"""Where the verifier lost information about a number that the path implies.

The value that decides the access is tracked back through the instructions that computed it. At each one, the
verifier's bounds are compared with the range that the solver finds. The information was lost at the first instruction
where the bounds of the result are wider than that range and those of the operands are not.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any, Final, NamedTuple

import z3

from vm.bits import S64_MAX, S64_MIN, U64
from vm.counterexample.contracts import helper_of
from vm.counterexample.execute import Execution
from vm.counterexample.knowledge import QUERY_MS, Knowledge, OverError, Place
from vm.counterexample.request import Known
from vm.counterexample.values import Pointer, boolean
from vm.counterexample.violation import Violation
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.verifier.state import reg_types as t

MAX_LINKS: Final = 48

_NAMES: Final = {
    o.ADD: "addition", o.SUB: "subtraction", o.MUL: "multiplication", o.DIV: "division", o.MOD: "remainder",
    o.OR: "bitwise or", o.AND: "bitwise and", o.XOR: "exclusive or", o.LSH: "left shift", o.RSH: "right shift",
    o.ARSH: "arithmetic shift", o.NEG: "negation", o.END: "byte swap",
}  # fmt: skip


class Forgotten(NamedTuple):
    """text -- a sentence with {at} where the instruction `insn_idx` is to be named."""

    text: str
    insn_idx: int


def forgotten(run: Execution, found: Violation, deadline: float) -> list[Any]:
    """[text, instruction] of Forgotten; [] where it was not found in time."""
    search = _Search(run, deadline)
    try:
        told = (
            search.header(found)
            or search.impossible_path()
            or search.entry(found)
            or search.ended(found)
            or search.lost(found)
            or search.shown(found)
        )
    except OverError:
        return []
    return list(told) if told is not None else []


def lost_bounds(run: Execution, found: Violation, deadline: float) -> list[Any]:
    """forgotten() of a number alone, whatever it is used for."""
    try:
        told = _Search(run, deadline).lost(found)
    except OverError:
        return []
    return list(told) if told is not None else []


class _Search(Knowledge):
    """Makes sentences about lost information; a method returns None if its sentence does not apply."""

    def lost(self, found: Violation) -> Forgotten | None:
        """The instruction at which the verifier's bounds became wider than the possible range."""
        if found.regno < 0 or not self._run.after:
            return None
        place = Place(len(self._run.after) - 1, len(self._run.state.frames), found.regno)
        if not self._is_wider(place):
            return None
        for _ in range(MAX_LINKS):
            made = self._definition(place)
            if not self._is_wider(made):
                return self._narrowed(made, place)
            if made.step < 0:
                return None
            operand = next((each for each in self._operands(made) if self._is_wider(each)), None)
            if operand is None:
                return self._told(made)
            place = operand
        return None

    def _narrowed(self, made: Place, place: Place) -> Forgotten | None:
        """The first comparison that implies narrower bounds than the verifier derives from it."""
        for step in range(made.step + 1, place.step + 1):
            if self._run.after[step] == (self._run.after[step - 1] if step else self._run.first):
                continue
            here = place._replace(step=step)
            if self._is_wider(here):
                return self._compared(here)
        return None

    def _compared(self, place: Place) -> Forgotten:
        insn = self._insn(place.step)
        name = f"r{place.regno}"
        what = f"The verifier concludes too little about {name} from the comparison {{at}}"
        if insn.code & 7 == o.JMP32:
            what += ", which is about the lower 32 bits"
        elif place.regno not in (insn.dst_reg, insn.src_reg):
            what += f": the registers compared are others, and it does not know how {name} depends on them"
        return Forgotten(what + self._numbers(place) + ".", self._steps[place.step].insn_idx)

    def _numbers(self, place: Place) -> str:
        """The two ranges."""
        known = self.known(place)
        number = self._number(place, known) if known is not None else None
        if known is None or number is None:
            return ""
        shown = f"; it allows {_span(known)}"
        truth = self._range(place.step, number)
        return shown + (f", and possible here is {_between(*truth)}" if truth is not None else "")

    def _told(self, made: Place) -> Forgotten:
        insn = self._insn(made.step)
        idx = self._steps[made.step].insn_idx
        return Forgotten(self._what(insn, idx) + self._numbers(made) + ".", idx)

    def _what(self, insn: Insn, idx: int) -> str:
        cls, operation = insn.code & 7, insn.code & 0xF0
        if cls in (o.ALU, o.ALU64) and operation == o.MOV:
            if insn.off:
                return "The verifier forgets the number's range at the sign extension {at}"
            return "The verifier forgets the number's range at the 32-bit copy {at}"
        if cls in (o.ALU, o.ALU64):
            width = "32-bit " if cls == o.ALU else ""
            both = " and how its two operands depend on each other" if insn.code & 8 and operation != o.END else ""
            return f"The verifier does not follow the {width}{_NAMES.get(operation, 'operation')} {{at}}{both} exactly"
        if cls == o.LDX:
            return (
                "The verifier does not know what the memory read {at} holds, though it was written or checked before "
                "on this path"
            )
        if insn.code == o.JMP | o.CALL:
            name = helper_of(insn)
            called = f"bpf_{name}()" if name else self._run.request.kernel_names.get(idx, "") or "the function"
            return f"The verifier does not know the range of what {called} returns {{at}}"
        return "The verifier forgets the number's range {at}"

    def header(self, found: Violation) -> Forgotten | None:
        """Whether the access fails only for a packet that is shorter than an Ethernet header."""
        shortest = self._run.state.shortest
        if shortest is None:
            return None
        solver = z3.SolverFor("QF_ABV")
        solver.set("timeout", 2 * QUERY_MS)
        state = self._run.state
        solver.add(*(each for each in state.constraints if each is not shortest), *state.definitions)
        solver.add(boolean(found.condition))
        if solver.check() != z3.sat:
            return None
        text = "A packet has at least the 14 bytes of its Ethernet header, and the verifier does not count on them."
        return Forgotten(text, -1)

    def entry(self, found: Violation) -> Forgotten | None:
        """The lookup in an array at an index that always exists."""
        if found.regno < 0 or not self._run.after:
            return None
        place = Place(len(self._run.after) - 1, len(self._run.state.frames), found.regno)
        value, known = self._value(place), self.known(place)
        if not isinstance(value, Pointer) or known is None or not known.type & t.PTR_MAYBE_NULL:
            return None
        if "index" not in value.obj.details or self._first(place.step, value.null) >= place.step:
            return None
        step = next(
            (
                step
                for step, each in enumerate(self._steps)
                if helper_of(self._run.request.insns[each.insn_idx]) == "map_lookup_elem"
                and step < len(self._run.snapshots)
                and self._value(Place(step, place.frame, 0)) is value
            ),
            -1,
        )
        name = value.obj.details["map"].name
        text = (
            f"The array has an entry for every key that is possible here, so the lookup in {name} "
            "{at} does not give NULL; the verifier does not look at the key."
        )
        return Forgotten(text, self._steps[step].insn_idx) if step >= 0 else None

    def ended(self, found: Violation) -> Forgotten | None:
        """The instruction after which the verifier treats a pointer as a number although its target is unchanged."""
        if found.regno < 0 or not self._run.after:
            return None
        place = Place(len(self._run.after) - 1, len(self._run.state.frames), found.regno)
        known = self.known(place)
        if not isinstance(self._value(place), Pointer) or known is None or known.type != t.SCALAR_VALUE:
            return None
        while place.step > 0:
            steps, all_known = self._known[place.frame, place.regno]
            at = bisect_right(steps, place.step) - 1
            if at > 0 and all_known[at].type == t.SCALAR_VALUE and all_known[at - 1].type != t.SCALAR_VALUE:
                insn_idx = self._steps[steps[at]].insn_idx
                if self._insn(steps[at]).code == o.JMP | o.CALL:
                    name = helper_of(self._run.request.insns[insn_idx])
                    called = f"bpf_{name}()" if name else "the call"
                    text = f"The verifier gives up the pointer at {called} {{at}}, though it still leads to the memory."
                    return Forgotten(text, insn_idx)
            made = self._definition(place)
            if made.step < 0:
                return None
            operands = self._operands(made)
            if not operands:
                return None
            place = operands[-1]
        return None

    def impossible_path(self) -> Forgotten | None:
        """The branch whose outcome on this path is impossible."""
        last = len(self._run.after) - 1
        if last < 0 or not self._impossible(last, True):
            return None
        at = self._first(last, True)
        at = max(at, 0)
        what = "call" if self._insn(at).code == o.JMP | o.CALL else "branch"
        text = (
            f"No run takes this path: the {what} {{at}} would have to go a way that it cannot go here, which the "
            "verifier does not see."
        )
        return Forgotten(text, self._steps[at].insn_idx)

    def shown(self, found: Violation) -> Forgotten | None:
        """The comparison that makes the access safe, if no single number explains it."""
        if found.condition is True:
            return None
        last = len(self._run.after) - 1
        if last < 0 or not self._impossible(last, found.condition):
            return None
        low = self._first(last, found.condition)
        if low < 0:
            return Forgotten("The numbers that decide it are the same on every run.", -1)
        insn = self._insn(low)
        branch = insn.code & 7 in (o.JMP, o.JMP32) and insn.code & 0xF0 != o.CALL
        what = "comparison" if branch else "values that are possible"
        name = f"r{found.regno}" if found.regno >= 0 else "the access"
        return Forgotten(
            f"That it is safe follows from the {what} {{at}}, which the verifier does not connect with {name}.",
            self._steps[low].insn_idx,
        )


def _between(low: int, high: int) -> str:
    return f"{low}" if low == high else f"{low} to {high}"


def _span(known: Known) -> str:
    if known.umin == 0 and known.umax == U64:
        return "any number" if known.smin == S64_MIN and known.smax == S64_MAX else _between(known.smin, known.smax)
    if known.umax > S64_MAX and known.smin != S64_MIN:
        return _between(known.smin, known.smax)
    return _between(known.umin, known.umax)
