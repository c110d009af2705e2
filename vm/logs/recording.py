"""Writes the steps of a log as blocks of a trace (docs/trace-store.md), as they are read.

The state after a step is what was printed, put together along its path. What an instruction changes and the text does
not print is not known any more: it is left out, never computed.
"""

from __future__ import annotations

from array import array
from collections import Counter, deque
from struct import Struct
from typing import Final

from vm.isa import opcodes as o
from vm.logs.decode import Decoded, decode
from vm.logs.effects import CALL, SLOTS, Frame, after, printed
from vm.logs.printed import view
from vm.logs.reading import Read
from vm.logs.values import Path, SourceLine, State, Step
from vm.trace.blocks import (
    ENDS,
    FIRST_BLOCK,
    STEPS_IN_BLOCK,
    Block,
    Changes,
    Storage,
    no_changes,
    no_ends,
    no_starts,
)
from vm.trace.records import RegView
from vm.trace.snapshots import FIRST_SLOT, slot_index

PRINTED: Final = 6
"""First byte of a row: a value as it was printed; its length in bytes and its text (UTF-8) follow."""
ROW: Final = Struct("<BH")
MAX_PATHS: Final = 1000
"""Paths that are told with the verdict; the blocks hold all."""
_MAX_TEXT: Final = 4096
_MAX_FORKS: Final = 8192


class Recording:
    """Takes the steps of the `wanted`-th program of a text, from 0."""

    def __init__(self, storage: Storage, wanted: int = 0) -> None:
        self.steps = 0
        self.paths: list[Path] = []
        self.paths_total = 0
        self.visits: Counter[int] = Counter()
        self.line_steps: deque[tuple[int, int]] = deque(maxlen=20_000)
        self.first_line_steps: list[tuple[int, int]] = []
        self.last_step = -1
        self.lines: dict[int, SourceLine] = {}
        self._storage = storage
        self.wanted = wanted
        self._seen = -1
        self.on = False  # whether the steps that come are written
        self._frames: list[Frame] = []
        self._forks: dict[int, list[Frame]] = {}
        self._held: Step | None = None
        self._ended = 0
        self._over: tuple[int, str] | None = None
        self._open = -1
        self._begin_block()

    # ---- blocks

    def _begin_block(self) -> None:
        self._texts: dict[str, int] = {}
        self._rows = bytearray()
        self._row_starts: array[int] = array("I")
        self._first, self._first_start, self._first_end = self.steps, self._open + 1, self._ended
        self._insn: array[int] = array("i")
        self._path: array[int] = array("I")
        self._depth: array[int] = array("B")
        self._end: array[int] = array("I")
        self._starts, self._ends = no_starts(), no_ends()
        self._changes = no_changes()
        self._read_step: array[int] = array("i")
        self._read_slot: array[int] = array("H")
        self._key_depth = len(self._frames)
        self._keyframe = no_changes()
        for number, frame in enumerate(self._frames):
            for idx, (text, writer) in frame.items():
                self._change(self._keyframe, number, idx, text, writer)

    def _flush(self) -> None:
        if not self._insn and not self._starts.end and not self._ends.how:
            return
        block = Block(
            self._first, self._first_start, self._first_end, self._key_depth, self._insn, self._path, self._depth,
            self._end, self._starts, self._ends, self._changes, self._keyframe, self._read_step, self._read_slot,
            self._row_starts, bytes(self._rows),
        )  # fmt: skip
        self._storage.append(block.encoded())
        self._begin_block()

    def _row(self, text: str) -> int:
        if not text:
            return 0
        row = self._texts.get(text)
        if row is None:
            data = text.encode()[:_MAX_TEXT]
            self._row_starts.append(len(self._rows))
            self._rows += ROW.pack(PRINTED, len(data)) + data
            row = self._texts[text] = len(self._row_starts)
        return row

    def _change(self, changes: Changes, frame: int, idx: int, text: str, writer: int) -> None:
        changes.slot.append(frame << 8 | idx)
        changes.row.append(self._row(text))
        changes.writer.append(writer)

    # ---- what is read

    def begin(self) -> None:
        """Another program."""
        self._seen += 1
        self.on = self._seen == self.wanted

    def path(self, path: Path) -> None:
        """A path is taken up, with what is known because its branch was taken."""
        if not self.on:
            return
        self._release()
        self._end_path()
        frames = self._forks.get(path.push_step, [])[:]
        if path.state is not None:
            del frames[path.state.frame + 1 :]
            while len(frames) <= path.state.frame:
                frames.append({})
            frames[path.state.frame] = printed(frames[path.state.frame], path.state)
        self._move(frames or [{}])
        self._open = path.id
        self._starts.end.append(len(self._changes.slot))
        self._starts.depth.append(len(self._frames))
        self._starts.parent.append(path.parent)
        self._starts.push_step.append(path.push_step)
        self._starts.first_step.append(path.first_step)
        self._starts.speculative.append(0)
        self.paths_total += 1
        if len(self.paths) < MAX_PATHS:
            self.paths.append(path)

    def path_end(self, path: int, last_step: int, how: str) -> None:
        """A path is over."""
        if self.on:
            self._over = (last_step, how)

    def _end_path(self, how: str = "") -> None:
        if self._over is None:
            return
        last_step, told = self._over
        self._over = None
        how = told or how or "cut"
        self._ends.last_step.append(last_step)
        self._ends.how.append(ENDS.index(how))
        self._ends.pruned_by.append(-1)
        if self._ended < len(self.paths):
            self.paths[self._ended] = self.paths[self._ended]._replace(last_step=last_step, end=how)
        self._ended += 1

    def step(self, step: Step) -> None:
        """A step: it is written when what is printed before the next one is known."""
        if not self.on:
            return
        held = self._held
        if held is not None and step.at is not None and step.before == held.number:
            after = held.after
            if after is None or (step.at.whole and not after.whole):
                self._held = held._replace(after=step.at)
        elif held is None and step.at is not None and not self._insn:
            self._apply(step.at)
        self._release()
        self._held = step

    def end(self, read: Read, *, rejected: bool = False, at: int | None = None) -> None:
        """The program's log has ended. at: the instruction that was refused, which changed nothing."""
        if not self.on:
            return
        held = self._held
        self._release(failed=rejected and held is not None and held.insn_idx == at)
        self._end_path("reject" if rejected else "")
        self._flush()
        self.on = False

    def value(self, name: str) -> RegView | None:
        """What a register or slot held at the end, with the step that wrote it; None if it is not known."""
        frame, idx = slot_index(name)
        found = self._frames[frame].get(idx) if frame < len(self._frames) else None
        return view(found[0])._replace(written_at=found[1]) if found is not None and found[0] else None

    # ---- states

    def _release(self, *, failed: bool = False) -> None:
        """Write the step that is held; the one that was refused changed nothing."""
        step, self._held = self._held, None
        if step is None:
            return
        what = decode(step.code, step.text)
        self._note_reads(step, what)
        if len(self._frames) <= step.frame:
            self._frames = [*self._frames, *({} for _ in range(step.frame + 1 - len(self._frames)))]
        frames = self._frames if failed else after(self._frames, step, what)
        self._move(frames)
        self._insn.append(step.insn_idx)
        self._path.append(step.path)
        self._depth.append(len(self._frames))
        self._end.append(len(self._changes.slot))
        self.visits[step.insn_idx] += 1
        self.steps = step.number + 1
        if step.source is not None:
            self.lines.setdefault(step.insn_idx, step.source)
        (self.first_line_steps if len(self.first_line_steps) < 20_000 else self.line_steps).append(
            (step.line - 1, step.number)
        )
        if step.code & 7 in (o.JMP, o.JMP32) and step.code & 0xF0 not in (o.CALL, o.EXIT, o.JA):
            self._forks[step.number] = self._frames
            if len(self._forks) > _MAX_FORKS:
                del self._forks[next(iter(self._forks))]
        if self.steps >= self._first + (STEPS_IN_BLOCK if self._first else FIRST_BLOCK):
            self._flush()

    def _apply(self, state: State) -> None:
        frames = self._frames[: state.frame + 1]
        while len(frames) <= state.frame:
            frames.append({})
        frames[state.frame] = printed(frames[state.frame], state)
        self._move(frames)

    def _move(self, frames: list[Frame]) -> None:
        """The state becomes `frames`: what differs is a change."""
        for number, frame in enumerate(frames):
            old = self._frames[number] if number < len(self._frames) else {}
            if frame is old:
                continue
            for idx, value in frame.items():
                if old.get(idx) != value:
                    self._change(self._changes, number, idx, *value)
            for idx in old:
                if idx not in frame:
                    self._change(self._changes, number, idx, "", -1)
        self._frames = frames

    def _note_reads(self, step: Step, what: Decoded) -> None:
        frame = self._frames[step.frame] if step.frame < len(self._frames) else {}
        names = list(what.reads)
        if step.code == CALL:
            names = [idx for idx in names if frame.get(idx, ("", 0))[0]]
        if what.insns and step.code & 7 == o.LDX and what.insns[0].src_reg == o.REG_FP and what.insns[0].off < 0:
            names.append(FIRST_SLOT + (-what.insns[0].off - 1) // 8)
        for idx in names:
            if idx < FIRST_SLOT + SLOTS:
                self._read_step.append(step.number)
                self._read_slot.append(step.frame << 8 | idx)
