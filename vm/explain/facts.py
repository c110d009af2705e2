"""Where a program was refused, with what the trace knows of the path that led there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.namedtuples import NamedTuple
from vm.program import LineInfo
from vm.trace.recorder import Recorder
from vm.trace.records import Cause
from vm.trace.root_cause import CauseKind, SourceCheck
from vm.trace.snapshots import FrameSnapshot, slot_index, value_at
from vm.verifier.env import Reject, VerifierEnv
from vm.verifier.state.frame import StackSlot
from vm.verifier.state.reg import RegState

PROGRAM: Final = "program.c"
"""The file name under which the user's source is compiled."""

_MAX_SCAN: Final = 20_000  # steps of the path that are looked at
_MAX_BRANCHES: Final = 1_000  # conditional jumps of them whose states are
_MAX_MOVES: Final = 32


class Advice(NamedTuple):
    """What follows from the facts.

    what -- what is wrong, a sentence; needed -- what would have been accepted. "" where nothing more is known.
    kind -- what it comes from; None: what the rule stands for (kinds.kind_of)
    step -- the step that is the cause's place; None: the rejected instruction
    check -- the condition in the source, where that is the cause's place
    """

    what: str = ""
    needed: str = ""
    kind: CauseKind | None = None
    step: int | None = None
    check: SourceCheck | None = None


def in_program(info: LineInfo) -> bool:
    """Whether the line is one of the source that the user gave, and not of a header."""
    return info.file.removeprefix("./") == PROGRAM


def is_branch(insn: Insn) -> bool:
    """Whether an instruction is a conditional jump."""
    return insn.code & 0x07 in (o.JMP, o.JMP32) and o.op(insn.code) not in (o.CALL, o.EXIT, o.JA)


class Branch(NamedTuple):
    """A conditional jump of the path: `before` and `after` are the states around it."""

    step: int
    insn_idx: int
    insn: Insn
    before: tuple[FrameSnapshot, ...]
    after: tuple[FrameSnapshot, ...]


@dataclass(frozen=True, eq=False)
class Facts:
    """A rejection. at: the step, whose state is recorder.raw_before(at); name: of the register or slot at fault."""

    env: VerifierEnv
    recorder: Recorder
    rejected: Reject
    at: int
    name: str
    causes: tuple[Cause, ...]

    @property
    def reg(self) -> RegState | None:
        """The value of the register or stored register at fault."""
        return self.reg_before(self.at, self.name)

    @property
    def size_words(self) -> str:
        """ "r2 is 20", "r2 may be as large as 64": the register that holds the size; "" if there is none."""
        also = self.rejected.also
        before = self.recorder.raw_before(self.at)
        if also < 0 or not before:
            return ""
        fixed = before[-1].regs[also].scalar.var_off.mask == 0
        return f"r{also} {'is' if fixed else 'may be as large as'} {self.value('size'):,}"

    @property
    def insn(self) -> Insn:
        """The instruction that was refused."""
        return self.env.insns[self.env.insn_idx]

    def value(self, field: str) -> int:
        """A number of the message; 0 if it has no such field."""
        found = self.rejected.values.get(field, 0)
        return found if isinstance(found, int) else 0

    def reg_before(self, step: int, name: str) -> RegState | None:
        """A register, or what a stack slot keeps of one, as `step` found it."""
        if not name:
            return None
        found = value_at(self.recorder.raw_before(step), *slot_index(name))
        return found.spilled_ptr if isinstance(found, StackSlot) else found

    def where(self, insn_idx: int) -> str:
        """ "line 12", or "instruction 7" where there is no source line."""
        return self.env.program.where(insn_idx)

    def line_info(self, insn_idx: int) -> LineInfo | None:
        """The line info that covers an instruction."""
        return self.env.program.place_of(insn_idx)

    def insns_of(self, line: int, end_line: int) -> tuple[int, ...]:
        """The instructions of lines of the user's source."""
        return tuple(
            idx
            for idx in range(len(self.env.insns))
            if (info := self.line_info(idx)) is not None and line <= info.line <= end_line and in_program(info)
        )

    @cached_property
    def _path(self) -> tuple[int, ...]:
        step, found = self.at, []
        for _ in range(_MAX_SCAN):
            step = self.recorder.before(step)
            if step < 0:
                break
            found.append(step)
        return tuple(found)

    def steps_back(self) -> Iterator[int]:
        """The steps before the failing one, the last first, along its path; as many as are looked at."""
        return iter(self._path)

    @cached_property
    def visited(self) -> dict[int, int]:
        """The last step at which the path visited an instruction, by instruction."""
        found: dict[int, int] = {}
        for step in self._path:
            found.setdefault(self.recorder.insn_idx(step), step)
        return found

    @cached_property
    def _jumps(self) -> tuple[tuple[int, int, int], ...]:
        """(step, instruction, step after it) of the conditional jumps of the path, the last first."""
        found, later = [], self.at
        for step in self._path:
            insn_idx = self.recorder.insn_idx(step)
            if is_branch(self.recorder.insns[insn_idx]):
                found.append((step, insn_idx, later))
            later = step
        return tuple(found[:_MAX_BRANCHES])

    @cached_property
    def _branches(self) -> list[Branch]:
        return []

    def branches(self) -> Iterator[Branch]:
        """The conditional jumps of the path, the last first; as many as are looked at."""
        known, recorder = self._branches, self.recorder
        for at, (step, insn_idx, later) in enumerate(self._jumps):
            if at == len(known):
                before, after = recorder.raw_before(step), recorder.raw_before(later)
                known.append(Branch(step, insn_idx, recorder.insns[insn_idx], before, after))
            yield known[at]

    def origin(self, step: int, frame: int, idx: int) -> int:
        """The step that made the value a register holds before `step`, followed back through moves and constants."""
        for _ in range(_MAX_MOVES):
            writer = self.recorder.writer_before(step, frame, idx)
            if writer < 0:
                return writer
            insn = self.recorder.insns[self.recorder.insn_idx(writer)]
            if insn.code & 0x07 not in (o.ALU, o.ALU64) or insn.dst_reg != idx:
                return writer
            operation = o.op(insn.code)
            if operation == o.MOV and o.src(insn.code) == o.X:
                idx = insn.src_reg
            elif operation == o.MOV or o.src(insn.code) == o.X:
                return writer
            step = writer
        return step
