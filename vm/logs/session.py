"""One text read once: its answer, the steps of one program as blocks, and the text itself as far as it is shown."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from vm.logs.answer import Answers, report
from vm.logs.reader import Reader
from vm.logs.reading import Read
from vm.logs.recording import Recording
from vm.logs.split import MAX_LINE
from vm.logs.turned import as_given
from vm.logs.values import LogReport, Path, ProgramLog, Step, Verdict
from vm.trace.blocks import Storage

HEAD_LINES: Final = 2000
TAIL_LINES: Final = 3000
MAX_WAY: Final = 5000
MAX_WAYS: Final = 16
_LINES_AT_ONCE: Final = 2000
_SHOWN_BYTES: Final = 8 << 20
"""Of the text's beginning and of its end, together."""


class Session(Answers):
    """Reads a text piece by piece.

    storage -- takes the blocks; wanted -- which program's steps, the `number` of a ProgramLog
    turned -- the number of lines of a text that was turned round (vm.logs.turned); 0: it was not
    """

    def __init__(self, storage: Storage, wanted: int = 0, turned: int = 0) -> None:
        super().__init__()
        self._turned = turned
        self.recording = Recording(storage, wanted)
        self.recorded: ProgramLog | None = None
        """The program whose steps are stored; None until its log has ended, or if there is none."""
        self.ways: dict[int, tuple[Step, ...]] = {}
        """The path to the last step of each of the last MAX_WAYS programs, by number: its first MAX_WAY steps."""
        self._reader = Reader(self, self._keep)
        self._head: list[str] = []
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._lines = 0
        self._left_out = 0

    def begin(self) -> None:
        super().begin()
        self.recording.begin()

    def step(self, step: Step) -> None:
        super().step(step)
        self.recording.step(step)

    def path(self, path: Path) -> None:
        super().path(path)
        self.recording.path(path)

    def path_end(self, path: int, last_step: int, how: str) -> None:
        self.recording.path_end(path, last_step, how)

    def end(self, read: Read) -> None:
        known = len(self.programs)
        super().end(read)
        program = self.programs[-1] if len(self.programs) > known else None
        if self.recording.on:
            self.recorded = program
        if program is not None:
            self.ways[program.number] = self.chain.way()[:MAX_WAY]
            if len(self.ways) > MAX_WAYS:
                del self.ways[next(iter(self.ways))]
        rejected = program is not None and program.verdict is Verdict.REJECT
        self.recording.end(read, rejected=rejected, at=program.insn if program is not None else None)

    def read(self, chunks: Iterable[str | bytes]) -> Iterator[int]:
        """Reads; gives the number of lines read so far from time to time."""
        told = self._reader.unwrapper.lines(chunks)
        while True:
            batch = list(islice(told, _LINES_AT_ONCE))
            for line in batch:
                self._reader.line(line)
            if len(batch) < _LINES_AT_ONCE:
                break
            yield batch[-1].number
        self._reader.close()
        yield self._lines

    def _keep(self, line: str) -> None:
        self._lines += 1
        line = line[:MAX_LINE]
        if len(self._head) < HEAD_LINES:
            self._head.append(line)
            return
        if len(self._tail) == TAIL_LINES:
            self._left_out += len(self._tail[0]) + 1
        self._tail.append(line)

    def report(self) -> LogReport:
        """What the text tells; once it was read."""
        found = report(self.programs, self._reader)
        if not self._turned:
            return found
        found = as_given(found, self._turned)
        known = self.recorded
        if known is not None:
            self.recorded = next((each for each in found.programs if each.number == known.number), known)
        return found

    def text(self) -> tuple[str, int, list[tuple[int, int]]]:
        """(the text, characters left out in its middle, [line of it from 0, step])."""
        gap = self._lines - len(self._head) - len(self._tail)
        lines = [*self._head, *([f"… {gap:,} lines left out …"] if gap else []), *self._tail]
        text = "\n".join(lines)[:_SHOWN_BYTES]
        resume = len(self._head) + gap
        steps = [*self.recording.first_line_steps, *self.recording.line_steps]
        kept = [
            (line if line < len(self._head) else line - gap + bool(gap), step)
            for line, step in steps
            if line < len(self._head) or line >= resume
        ]
        return text, self._left_out, kept
