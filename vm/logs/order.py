"""The order of a walk's lines, and what it says of lines that are missing.

After each instruction only some others can come: the next one, the target of a jump, what the kernel names when it
takes up another path. A line of C or a state with an index is always followed by an instruction. The summary counts
the instructions that were visited.
"""

from __future__ import annotations

import re
from typing import Final

from vm.isa import opcodes as o
from vm.logs.values import Step

_JUMPS: Final = (o.JMP, o.JMP32)
_CALL: Final = o.JMP | o.CALL
_EXIT: Final = o.JMP | o.EXIT
_TARGET: Final = re.compile(r"\bgoto(?:l|_or_nop)? pc([+-]\d{1,7})\b")
_CALLED: Final = re.compile(r"call pc([+-]\d{1,7})\b")

ANY: Final = -1


def comes_after(step: Step, index: int) -> bool:
    """Whether an instruction can be the next one on the path of a step, as far as its words tell."""
    cls = step.code & 7
    if step.code < 0 or step.code == _EXIT:
        return True
    if step.code == o.LD_IMM64:
        return index == step.insn_idx + 2
    if cls not in _JUMPS:
        return index == step.insn_idx + 1
    found = (_CALLED if step.code == _CALL else _TARGET).search(step.text)
    if step.code == _CALL:
        return index == step.insn_idx + 1 or (found is not None and index == step.insn_idx + 1 + int(found[1]))
    if found is None:
        return True
    ways = (int(found[1]),) if step.code & 0xF0 == o.JA else (0, int(found[1]))
    return index - step.insn_idx - 1 in ways


class Order:
    """Follows one program's walk.

    gaps -- instructions that cannot come after the one that is printed before them
    in_order -- those that can; backwards -- those that can come before it
    safe -- ends of paths whose last instruction is not printed
    taken_up -- another path was taken up: at level 1 the kernel takes away one that was fine
    complete -- nothing was taken away, because a path that was fine is there
    awaited -- the line behind the last instruction that only comes before another one; 0: there is none
    """

    def __init__(self) -> None:
        self.gaps = 0
        self.in_order = 0
        self.backwards = 0
        self.safe = 0
        self.taken_up = False
        self.complete = False
        self.awaited = 0
        self._next: int | None = ANY
        """The instruction that has to come; ANY: each may; None: one that can come after the last one."""

    @property
    def reversed(self) -> bool:
        """Whether the last line comes first."""
        return self.backwards > self.in_order

    def visit(self, last: Step | None, index: int) -> bool:
        """Another instruction; whether lines are missing before it."""
        gap = self._gap(last, index)
        self._next = None
        self.awaited = 0
        return gap

    def expect(self, last: Step | None, index: int, line: int) -> bool:
        """The state before an instruction; whether lines are missing before it."""
        if last is not None and self._next is None and index == last.insn_idx:
            return False  # what a comparison proved, behind the lines of its backtracking
        gap = self._gap(last, index)
        self._next = index
        self.awaited = line
        return gap

    def _gap(self, last: Step | None, index: int) -> bool:
        if self._next == ANY:
            return False
        fits = index == self._next if self._next is not None else last is None or comes_after(last, index)
        if fits:
            self.in_order += 1
        else:
            self.gaps += 1
            if last is not None and index < last.insn_idx and last.insn_idx - index <= 2:
                self.backwards += 1
        return not fits

    def take_up(self, last: Step | None, index: int, line: int, *, covered: bool) -> None:
        """Another path begins with an instruction. covered: the path before it ended with a state that covers it."""
        self.complete |= covered or (last is not None and last.code == _EXIT and not last.frame)
        self.taken_up = True
        self._next = index
        self.awaited = line

    def anywhere(self) -> None:
        """Any instruction may come."""
        self._next = ANY

    def cut(self) -> None:
        """Somebody left lines out."""
        self.gaps += 1
        self._next = ANY

    def await_one(self, line: int) -> None:
        """A line that only comes before an instruction."""
        self.awaited = line

    def backtrack(self, last: Step | None, index: int, line: int) -> None:
        """Backtracking begins at an instruction, the last or the next one; -1: its first line is missing."""
        if last is not None and index != last.insn_idx and (index < 0 or not comes_after(last, index)):
            self.awaited = line

    def missing_at_end(self, steps: int, processed: int, unprinted: int) -> bool:
        """Whether the summary counts instructions that can only stand behind the last one.

        steps -- that were printed, from the program's first instruction; unprinted -- how many the reason leaves out
        """
        whole = self.complete or not self.taken_up
        return not self.gaps and whole and processed > steps + self.safe + unprinted
