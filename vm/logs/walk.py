"""The lines of one program's walk: steps, states, frames and paths."""

from __future__ import annotations

import re
from collections import deque
from typing import Final, NamedTuple

from vm.isa import opcodes as o
from vm.logs.lines import Line, source_of, starts_listing
from vm.logs.reading import MAX_INSNS, Read, Sink
from vm.logs.states import read_state
from vm.logs.values import Path, SourceLine, State, Step

_MAX_FORKS: Final = 8192
# Up to 4.13 a value without attributes has no parentheses.
_OLD: Final = re.compile(r"=(?:fp|ctx|imm-?\d+|map_ptr|frame_ptr)(?:[ ,]|$)|R10=fp0,call_")


class _Fork(NamedTuple):
    insn_idx: int
    step: int
    path: int


class Walk:
    """Takes the lines of a walk; tells `sink` of steps and paths, and `read` what else is in them.

    evidence -- takes the names of what only some kernels print
    """

    def __init__(self, read: Read, sink: Sink, evidence: dict[str, None]) -> None:
        self.read = read
        self._sink = sink
        self._evidence = evidence
        self._pending: Step | None = None  # the last instruction, until everything that was printed of it is known
        self._forks: deque[_Fork] = deque(maxlen=_MAX_FORKS)
        self._paths = 0
        self._path = -1
        self._frame = 0
        self._state: State | None = None  # printed before the next instruction
        self._after_call = ""
        self._precision = False
        self._push_step = -1
        self._fresh = True  # the next state is one of a path's or function's start

    @property
    def begun(self) -> bool:
        """Whether an instruction was printed."""
        return self._pending is not None or self.read.steps > 0

    def heading(self, text: str) -> None:
        """What is said of a function before it is walked."""
        read = self.read
        self.flush()
        self._fresh = True
        read.order.anywhere()
        if starts_listing(text):
            read.order.gaps = 0  # what came before was a listing, if it looked like a walk
        if text.startswith("Validating "):
            read.validated = True
            self._path = -1
            self._frame = 0
        read.entered = True
        if text.startswith("Live regs"):
            self._evidence["live_regs"] = None

    def insn(self, number: int, line: Line, words: str) -> None:
        """An instruction; words: without a message that a loader put behind it."""
        read = self.read
        self.flush()
        if not read.steps:
            read.first_insn = line.insn_idx
        self._broken_off(read.order.visit(read.last, line.insn_idx))
        read.forget_tail()
        self._precision = False
        before = self._pending_before()
        at = self._state if self._state is not None and self._state.line >= 0 else None
        if self._path < 0:
            self._take_up(-1, -1, at)
            before = -1
        after = None
        if line.state:
            read.states += bool(line.state.strip())
            after = read_state(line.state, False, number)
            if line.next_idx >= 0:
                after = after._replace(whole=True)
            self._weigh(line.state)
            self._evidence["joined"] = None
        if at is not None and at.frame != self._frame:
            self._frame = at.frame
        if after is not None and after.values:
            self._frame = after.frame
        self._pending = Step(
            read.steps, number, line.insn_idx, line.code, words, self._frame, self._path, before, read.source, at, after
        )
        if line.code >= 0 and line.insn_idx not in read.insns and len(read.insns) < MAX_INSNS:
            read.insns[line.insn_idx] = f"({line.code:02x}) {words}"
        self._state = None
        self._fresh = False
        read.ended_by = ""
        if line.next_idx >= 0 and after is not None:
            # At level 1 kernels since 5.17 take away what they printed of a path that was fine, with the end of the
            # line of the branch that forked it: the other way is taken up in the same line.
            self._pending = self._pending._replace(after=None)
            self.flush()
            read.order.take_up(None, line.next_idx, number, covered=False)
            self._take_up(self._path, read.last.number if read.last is not None else -1, after)
            self._frame = after.frame
            self._state = after
            self._fresh = True

    def _pending_before(self) -> int:
        last = self.read.last
        if last is None or self._path < 0:
            return -1
        return last.number if last.path == self._path else self._push_step

    def _broken_off(self, gap: bool) -> None:
        """After a gap nothing is known of what came before."""
        if gap:
            self.read.source = None
            self._path = -1

    def flush(self) -> None:
        """The step that was read last is complete."""
        step = self._pending
        if step is None:
            return
        self._pending = None
        read = self.read
        read.steps = step.number + 1
        read.last = step
        self._sink.step(step)
        code = step.code
        if code & 7 in (o.JMP, o.JMP32) and code & 0xF0 not in (o.CALL, o.EXIT):
            self._forks.append(_Fork(step.insn_idx, step.number, step.path))
        if code == o.JMP | o.EXIT and not step.frame:
            read.ended_by = "exit"

    def state(self, number: int, line: Line) -> None:
        """A state, with or without the index of the next instruction."""
        read = self.read
        read.states += 1
        self._weigh(line.state)
        # Since 5.17 a state in the middle of a path holds only what changed.
        modern = "joined" in self._evidence or "scalar" in self._evidence
        state = read_state(line.state, self._fresh or line.insn_idx < 0 or not modern, number)
        if not self.begun:
            read.forget_tail()  # what was said before the walk refused nothing
        if self._precision and line.insn_idx < 0:
            return  # the state of a checkpoint that backtracking went through
        if self._after_call:
            self._frame = state.frame
            self._after_call = ""
            self._state = state
            return
        if line.insn_idx >= 0:
            read.entered |= not self.begun
            self._frame = state.frame
            step = self._pending
            if step is not None and step.after is None and _follows(step, line.insn_idx):
                self._pending = step._replace(after=state)
            self.flush()
            self._broken_off(read.order.expect(read.last, line.insn_idx, number))
            self._state = state
            if self._path < 0:
                self._take_up(-1, -1, state)
            return
        step = self._pending
        if step is None:
            self._state = state
        elif step.code & 7 in (o.JMP, o.JMP32) and step.code != o.JMP | o.CALL:
            if step.after is None:
                self._pending = step._replace(after=state)
        elif step.at is None:
            self._pending = step._replace(at=state)

    def _take_up(self, parent: int, push_step: int, state: State | None) -> None:
        read = self.read
        if self._path >= 0:
            self._sink.path_end(self._path, read.steps - 1, read.ended_by)
        self._path = self._paths
        self._paths += 1
        self._push_step = push_step
        self._sink.path(Path(self._path, parent, push_step, read.steps, read.steps - 1, "", state))

    def path(self, number: int, line: Line) -> None:
        """Another path is taken up, or one ended because a remembered state covers it."""
        read = self.read
        self.flush()
        read.forget_tail()
        self._precision = False
        self._fresh = True
        read.entered = True
        covered = read.ended_by == "safe"
        if line.state.strip() == "safe":
            self._fork_of(line.code)
            self._ended()
            return
        fork = self._fork_of(line.code)
        state = None
        if line.state.strip():
            read.states += 1
            self._weigh(line.state)
            state = read_state(line.state, True, number)
            self._frame = state.frame
        last = read.last
        returned = last is not None and last.code == o.JMP | o.EXIT and last.insn_idx == line.code and fork is None
        if returned and last is not None and last.frame:
            # "from 11 to 2": the way back from a callee, which goes on on the same path.
            self._state = state
            return
        read.order.take_up(last, line.insn_idx, number, covered=covered)
        self._take_up(fork.path if fork is not None else -1, fork.step if fork is not None else -1, state)
        read.ended_by = ""
        self._state = state

    def _fork_of(self, insn_idx: int) -> _Fork | None:
        """The branch a path was pushed by: the newest visit of it, what was pushed later is done."""
        for number in range(len(self._forks) - 1, -1, -1):
            if self._forks[number].insn_idx == insn_idx:
                found = self._forks[number]
                while len(self._forks) > number:
                    self._forks.pop()
                return found
        return None

    def safe(self) -> None:
        """The path ends: a remembered state covers it."""
        self.flush()
        self._ended()

    def _ended(self) -> None:
        self.read.ended_by = "safe"
        self.read.order.safe += 1
        self.read.order.anywhere()

    def source(self, number: int, text: str) -> None:
        """A line of C."""
        read = self.read
        self.flush()
        if not read.steps:
            read.forget_tail()
        read.order.await_one(number)
        text, file, at = source_of(text)
        if file:
            self._evidence["file"] = None
        read.source = SourceLine(text, file, at) if text or file else None

    def backtracking(self, number: int, line: Line) -> None:
        """A line of the precision marks."""
        read = self.read
        if not self._precision:
            step = self._pending if self._pending is not None else read.last
            read.order.backtrack(step, line.insn_idx, number)
        self._precision = True
        read.states += bool(line.state)
        if line.text.startswith("mark_precise"):
            self._evidence["mark_precise"] = None

    def call(self, number: int, text: str) -> None:
        """Which function's state follows."""
        self.flush()
        self._after_call = text
        self._fresh = True
        self.read.order.anywhere()
        self.read.order.await_one(number)

    def cut(self) -> None:
        """Somebody left lines out."""
        read = self.read
        self.flush()
        read.cut_anywhere = True
        if read.steps:
            read.cut_after = True
        else:
            read.cut_before = True
        read.source = None
        read.order.cut()
        self._state = None
        self._path = -1

    def end(self) -> None:
        """The program's log has ended."""
        self.flush()
        if self._path >= 0:
            self._sink.path_end(self._path, self.read.steps - 1, self.read.ended_by if not self.read.tail else "")

    def _weigh(self, state: str) -> None:
        """What the words of a state tell about the kernel that printed it."""
        read = self.read
        if read.inv + read.scalar >= 64:
            return
        if "=inv" in state or "=Pinv" in state or "(id=0" in state or "_value=" in state or _OLD.search(state):
            read.inv += 1
            self._evidence["inv"] = None
        elif any(word in state for word in ("scalar", "ctx()", "(off=", "map=", "(r=", "=ctx(", "pkt(")):
            read.scalar += 1
            self._evidence["scalar"] = None
        if "map=" in state or "smin=umin=" in state or "smax=umax=" in state:
            self._evidence["map_names"] = None
        if "min_value=" in state and ",min_value=" in state:
            self._evidence["min_value"] = None


def _follows(step: Step, index: int) -> bool:
    return index in (step.insn_idx + 1, step.insn_idx + 2) or step.code & 7 in (o.JMP, o.JMP32)
