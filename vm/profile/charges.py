"""The visits of a recorded walk, counted by instruction and call stack.

A visit is what the kernel counts in insns_processed, including one at which a checkpoint covers the state and the path
ends.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from vm.trace.blocks import ENDS

if TYPE_CHECKING:
    from vm.trace.recorder import Recorder

Stack = tuple[int, ...]
"""The call instructions of the frames outside the current one, the outermost first."""

_RUNS: Final = re.compile(rb"(.)\1*", re.DOTALL)
_SAFE: Final = ENDS.index("safe")


class Charges(NamedTuple):
    """visits -- by stack, of each instruction; their sum is insns_processed

    pruned  -- visits at which a checkpoint covered the state, by instruction; they are part of `visits`
    entered -- frames entered, by (call instruction, first instruction of the function)
    resumed -- paths that start in the main frame, by (the instruction that pushed them, their first instruction):
               other outcomes of branches, and callbacks that the kernel runs later
    alone   -- first instructions of the functions that were verified separately, the main program first
    """

    visits: dict[Stack, Counter[int]]
    pruned: Counter[int]
    entered: Counter[tuple[int, int]]
    resumed: Counter[tuple[int, int]]
    alone: tuple[int, ...]

    def by_insn(self) -> Counter[int]:
        """Visits of each instruction."""
        found: Counter[int] = Counter()
        for counted in self.visits.values():
            found.update(counted)
        return found


def charges(trace: Recorder, processed: int, last: int) -> Charges:
    """The charges of a finished walk.

    processed -- insns_processed of the walk; last -- the instruction at which it stopped: a visit that was rejected
    before it became a step is counted there
    """
    return _Pass(trace).run(processed, last)


class _Pass:
    """One pass over the columns of a trace."""

    def __init__(self, trace: Recorder) -> None:
        self.insns, depths = array("i"), array("B")
        self.first, self.push, self.start_depth = array("i"), array("i"), array("B")
        self.parent, self.ended, self.how, self.by = array("i"), array("i"), array("B"), array("i")
        for block in trace.blocks():
            self.insns += block.insn
            depths += block.depth
            self.first += block.starts.first_step
            self.push += block.starts.push_step
            self.parent += block.starts.parent
            self.start_depth += block.starts.depth
            self.ended += block.ends.last_step
            self.how += block.ends.how
            self.by += block.ends.pruned_by
        self.depths = depths.tobytes()
        self.pushes = sorted({step for step in self.push if step >= 0})
        self.seen: dict[Stack, array[int]] = {}
        self.after: dict[int, Stack] = {}  # the stack after each step that pushed a path
        self.entered: Counter[tuple[int, int]] = Counter()
        self.resumed: Counter[tuple[int, int]] = Counter()

    def run(self, processed: int, last: int) -> Charges:
        pruned: Counter[int] = Counter()
        alone: dict[int, None] = {}
        counted = 0
        stack: Stack = ()
        for path, first in enumerate(self.first):
            end = self.ended[path] + 1 if path < len(self.ended) else len(self.insns)
            stack = self._start(path)
            if self.parent[path] < 0 and first < len(self.insns):
                alone[self.insns[first]] = None
            if end > first:
                stack = self._steps(path, first, end, stack)
                counted += end - first
            if path < len(self.how) and self.how[path] == _SAFE:
                at = self.insns[self.by[path]]
                pruned[at] += 1
                self._charged(stack).append(at)
                counted += 1
        if counted < processed:
            self._charged(stack).extend([last] * (processed - counted))
        visits = {stack: Counter(insns) for stack, insns in self.seen.items()}
        return Charges(visits, pruned, self.entered, self.resumed, tuple(alone))

    def _charged(self, stack: Stack) -> array[int]:
        found = self.seen.get(stack)
        if found is None:
            found = self.seen[stack] = array("i")
        return found

    def _start(self, path: int) -> Stack:
        """The call stack at the start of a path."""
        push = self.push[path]
        if push < 0:
            return ()
        stack, callers = self.after.get(push, ()), self.start_depth[path] - 1
        site, entry = self.insns[push], self._visited(path, self.first[path])
        enters = callers > len(stack)  # a callback
        if entry >= 0 and (enters or not callers):
            (self.entered if enters else self.resumed)[site, entry] += 1
        return (*stack, *[site] * (callers - len(stack))) if enters else stack[:callers]

    def _visited(self, path: int, step: int) -> int:
        """The instruction that a path visits at `step`; after its last step the one where it was pruned; -1: none."""
        ended = path < len(self.ended)
        if not ended or step <= self.ended[path]:
            return self.insns[step] if step < len(self.insns) else -1
        return self.insns[self.by[path]] if self.how[path] == _SAFE else -1

    def _steps(self, path: int, first: int, end: int, stack: Stack) -> Stack:
        """Counts the steps of one path; returns the stack after them."""
        insns = self.insns
        at = bisect_left(self.pushes, first)
        for run in _RUNS.finditer(self.depths, first, end):
            start, stop = run.span()
            callers = run[0][0] - 1
            if callers == len(stack):
                self._charged(stack).extend(insns[start:stop])
            else:
                # The step that changed the depth belongs to the frame before it.
                self._charged(stack).append(insns[start])
                if callers > len(stack):
                    stack = (*stack, *[insns[start]] * (callers - len(stack)))
                    entry = self._visited(path, start + 1)
                    if entry >= 0:
                        self.entered[insns[start], entry] += 1
                else:
                    stack = stack[:callers]
                if stop > start + 1:
                    self._charged(stack).extend(insns[start + 1 : stop])
            while at < len(self.pushes) and self.pushes[at] < stop:
                self.after[self.pushes[at]] = stack
                at += 1
        return stack
