"""Memory accesses after rejected pointer arithmetic, on all short paths from there.

The verifier rejects the arithmetic itself, so its walk does not contain the instructions that follow.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vm.counterexample.execute import Execution
from vm.counterexample.request import PathStep, Request
from vm.counterexample.values import Pointer, UnsupportedError
from vm.counterexample.violation import Violation, violation
from vm.isa import opcodes as o
from vm.isa.insn import Insn

MAX_BEHIND: Final = 48
"""Instructions that are followed on one way."""
MAX_STEPS: Final = 30_000
"""Steps of all executions together."""


class Behind:
    """The paths from a rejected instruction. `complete`: all of them were followed to the end of the program."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._spent = 0
        self.complete = True

    def accesses(self) -> Iterator[tuple[Execution, Violation]]:
        """For each access through the resulting pointer: the execution up to it, and its violation."""
        steps = self._request.steps
        last = steps[-1]
        ways = [[last.insn_idx]]
        while ways:
            way = ways.pop()
            if len(way) > MAX_BEHIND or self._spent > MAX_STEPS:
                self.complete = False
                continue
            following = self._following(way[-1])
            for at in following:
                reached = self._reached([*way, at])
                if reached is None:
                    self.complete = False
                    continue
                insn = self._request.insns[at]
                found = self._through(reached, insn)
                if found is not None:
                    yield reached, found
                    if found.through_number:
                        continue
                if insn.code != o.JMP | o.EXIT:
                    ways.append([*way, at])
                elif reached.state.frames:
                    self.complete = False

    def _following(self, idx: int) -> list[int]:
        """The possible successors of an instruction."""
        insns = self._request.insns
        insn = insns[idx]
        cls, operation = insn.code & 7, insn.code & 0xF0
        if insn.code == o.LD_IMM64:
            found = [idx + 2]
        elif cls not in (o.JMP, o.JMP32) or operation == o.CALL:
            found = [idx + 1]
            if insn.code == o.JMP | o.CALL and insn.src_reg == o.PSEUDO_CALL:
                self.complete = False
                return []
        elif operation == o.JA:
            found = [idx + 1 + (insn.off if cls == o.JMP else insn.imm)]
        else:
            found = [idx + 1 + insn.off, idx + 1]
        return [each for each in dict.fromkeys(found) if 0 <= each < len(insns)]

    def _reached(self, way: list[int]) -> Execution | None:
        """An execution up to the last instruction of a path; None if the path does something that is not modelled."""
        request = self._request
        depth = request.steps[-1].depth
        steps = request.steps[:-1] + tuple(PathStep(-1, idx, depth, {}) for idx in way)
        self._spent += len(steps)
        run = Execution(request._replace(steps=steps, regno=-1))
        try:
            run.run()
        except UnsupportedError:
            return None
        return run

    def _through(self, run: Execution, insn: Insn) -> Violation | None:
        """The memory access of an instruction through a pointer; None if it has none."""
        if insn.code & 7 in (o.LDX, o.ST, o.STX):
            base = run.value(insn.src_reg if insn.code & 7 == o.LDX else insn.dst_reg)
            if isinstance(base, Pointer) and base.obj.kind == "ctx":
                return None
        try:
            return violation(run, insn)
        except UnsupportedError:
            self.complete = False
            return None
