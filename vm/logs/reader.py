"""Reads a text line by line: programs, loaders, messages. Memory does not grow with the text."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from vm.logs.lines import Kind, Line, add_stats, listed, starts_listing, summed_up
from vm.logs.loading import Loading
from vm.logs.messages import Text, first_reason
from vm.logs.reading import MAX_INSNS, MAX_TAIL, Read, Sink
from vm.logs.unwrap import Told, Unwrapper
from vm.logs.walk import Walk
from vm.logs.wrappers import BTF_LOG, CUT, OMITTED, Effect

_MAX_DIAGNOSIS: Final = 400
_DIAGNOSIS: Final = "Verification failed: "


class Reader:
    """Reads a text; what it finds goes to `sink`, every physical line to `keep`."""

    def __init__(self, sink: Sink, keep: Callable[[str], None] | None = None) -> None:
        self.unwrapper = Unwrapper(keep)
        self.loading = Loading()
        self.evidence: dict[str, None] = {}
        self.limits: set[int] = set()
        self._sink = sink
        self._walk: Walk | None = None
        self._programs = 0
        self._listing = False
        self._diagnosis = False
        self._name = ""
        self._failed = False
        self._delimited = False
        self._ended = False
        self._closing = False  # the loader marked the end of the log: the program's name may still follow
        self._omitted = False  # lines of the noise were left out by the loader
        self._noise: deque[Text] = deque(maxlen=MAX_TAIL)

    def read(self, chunks: Iterable[str | bytes]) -> None:
        """The whole text."""
        for told in self.unwrapper.lines(chunks):
            self.line(told)
        self.close()

    def close(self) -> None:
        """The text has ended."""
        if self._walk is not None:
            self._finish()
        elif self._noise:
            self._orphan()

    # ---- programs

    @property
    def _read(self) -> Read | None:
        return self._walk.read if self._walk is not None else None

    def _program(self, number: int) -> Walk:
        walk = self._walk
        if walk is None:
            read = Read(self._programs, number, self._name)
            walk = self._walk = Walk(read, self._sink, self.evidence)
            self._programs += 1
            read.failed, read.delimited = self._failed, self._delimited
            self._name, self._failed, self._delimited, self._ended = "", False, False, False
            self._listing = self._diagnosis = False
            self._sink.begin()
        walk.read.last_line = number
        return walk

    def _finish(self) -> None:
        walk = self._walk
        if walk is None:
            return
        self._walk = None
        self._closing = False
        walk.end()
        self._sink.end(walk.read)
        self._noise.clear()
        self._failed = False

    def _orphan(self) -> None:
        """A message alone, with no line of a log around it."""
        lines = [line for line in self._noise if line.text.strip()]
        if first_reason(lines) is None:
            return
        read = self._program(lines[0].number).read
        read.omitted |= self._omitted
        for line in lines:
            read.add_text(*line)
        self._finish()

    # ---- lines

    def line(self, told: Told) -> None:
        """The next line of the text."""
        number, text, line, sign, name = told
        if line.kind is Kind.TEXT and text:
            self.loading.line(number, text)
        if self._closing and text.strip() and not self._named_behind(told):
            self._finish()
        if sign is not None:
            self._sign(told)
            return
        if self._diagnosis and self._diagnosed(number, text, line):
            return
        kind = line.kind
        if self._listing:
            if not text:  # somebody put one behind each line
                return
            entry = listed(text)
            if entry is not None and not line.state:
                self._list(*entry)
                return
            self._listing = kind is Kind.HEADING and starts_listing(text)
        handler = _HANDLERS.get(kind)
        if handler is not None:
            handler(self, number, line)
        else:
            self._text(number, text)

    def _named_behind(self, told: Told) -> bool:
        """Whether a line behind the end of a program's log is about that program."""
        read = self._read
        about = told.sign is not None and told.sign.effect is Effect.BEHIND
        return about and read is not None and told.name in (read.name or told.name, "")

    def _sign(self, told: Told) -> None:
        sign = told.sign
        assert sign is not None
        read = self._read
        if sign.effect in (Effect.BEGIN, Effect.HEAD):
            if read is not None and (read.kernel_lines or read.has_stats):
                self._finish()
            self._walk = None
            self._noise.clear()
            self._name = told.name or self._name
            self._failed |= sign.failed
            self._delimited = sign.effect is Effect.BEGIN
            return
        if sign.effect is Effect.END:
            if read is None and self._noise:
                read = self._between(told.number)
            if read is not None:
                read.terminated = self._closing = True
            return
        if read is not None:
            read.failed |= sign.failed
            read.name = read.name or told.name
            if sign.wrapper == "other" and read.has_stats is False and read.kernel_lines:
                read.add_text(told.number, told.text)
        else:
            self._failed |= sign.failed
            if told.name:
                self._name = told.name
        omitted = OMITTED.search(told.text)
        if omitted is not None and read is not None:
            read.omitted = True

    def _between(self, number: int) -> Read:
        """What stood between the loader's begin and end, and was no line of a walk."""
        lines = list(self._noise)
        self._noise.clear()
        read = self._program(lines[0].number if lines else number).read
        for line in lines:
            if line.text.strip():
                read.add_text(*line)
        return read

    def _text(self, number: int, text: str) -> None:
        read = self._read
        if text.startswith(_DIAGNOSIS):
            read = read if read is not None else self._between(number)
            read.last_line = number
            read.diagnosis.append(text)
            self._diagnosis = True
            return
        if not text.strip():
            if read is not None:
                read.blank_since = True
            return
        if BTF_LOG.match(text):
            self._program(number).read.btf += 1
            return
        if CUT.match(text):
            self._cut(number)
            return
        omitted = OMITTED.search(text)
        if omitted is not None:
            text = text[: omitted.start()]
        if read is None:
            self._omitted |= omitted is not None
            self._noise.append(Text(number, text[:2000]))
            return
        read.omitted |= omitted is not None
        if read.has_stats:
            if self._ended:
                return
            self._ended = True
            self._finish()
            self._noise.append(Text(number, text[:2000]))
            return
        self._program(number).flush()
        read.add_text(number, text)

    def _cut(self, number: int) -> None:
        if self._walk is None and not (self._delimited or self._failed):
            self._noise.append(Text(number, "..."))
            return
        self._program(number).cut()

    def _diagnosed(self, number: int, text: str, line: Line) -> bool:
        """Whether the line belongs to the diagnosis of 7.3, which ends with the summary or another program."""
        read = self._read
        if read is None or line.kind is Kind.STATS:
            self._diagnosis = False
            return False
        if len(read.diagnosis) < _MAX_DIAGNOSIS:
            read.diagnosis.append(text)
        read.last_line = number
        return True

    def _listed(self, number: int, line: Line) -> None:
        entry = listed(line.text)
        if entry is not None:
            self._walked(number)
            self._list(*entry)

    def _list(self, index: int, words: str) -> None:
        read = self._read
        if read is not None and len(read.insns) < MAX_INSNS:
            read.insns.setdefault(index, words)

    # ---- the walk

    def _walked(self, number: int) -> Walk:
        """The walk that a line belongs to: another program's if the last one has ended."""
        walk = self._walk
        if walk is not None and (walk.read.has_stats or (walk.read.btf and not walk.read.kernel_lines)):
            self._finish()
            walk = None
        if walk is None:
            lines = [line for line in self._noise if line.text != "..."]
            cut = bool(self._noise) and self._noise[-1].text == "..."
            self._noise.clear()
            walk = self._program(number)
            walk.read.cut_before = walk.read.cut_anywhere = cut
            for line in lines[-8:]:
                walk.read.add_text(*line)
        walk.read.kernel_lines += 1
        walk.read.last_line = number
        return walk

    def _heading(self, number: int, line: Line) -> None:
        self._walked(number).heading(line.text)
        self._listing = starts_listing(line.text)

    def _insn(self, number: int, line: Line) -> None:
        words = line.text
        message = ""
        if line.code >= 0 and ": " in words:
            parts = summed_up(words)
            if parts is not None and not words.startswith(";"):
                words, message = parts
        read = self._read
        if read is not None and not read.has_stats and line.insn_idx == 0 and read.steps and _refused(read):
            read.order.awaited = 0  # what stands before the first instruction is the other program's
            self._finish()
        walk = self._walked(number)
        walk.insn(number, line, words)
        if message:
            read = walk.read
            omitted = OMITTED.search(message)
            read.omitted |= omitted is not None
            walk.flush()
            read.add_text(number, message[: omitted.start()] if omitted is not None else message)

    def _state(self, number: int, line: Line) -> None:
        self._walked(number).state(number, line)

    def _from(self, number: int, line: Line) -> None:
        self._walked(number).path(number, line)

    def _safe(self, number: int, line: Line) -> None:
        self._walked(number).safe()

    def _source(self, number: int, line: Line) -> None:
        self._walked(number).source(number, line.text)

    def _backtracking(self, number: int, line: Line) -> None:
        self._walked(number).backtracking(number, line)

    def _debug(self, number: int, line: Line) -> None:
        self._walked(number)

    def _call(self, number: int, line: Line) -> None:
        self._walked(number).call(number, line.text)

    def _looped(self, number: int, line: Line) -> None:
        self._walked(number).read.states += 1

    def _stats(self, number: int, line: Line) -> None:
        read = self._read
        if line.text.startswith("stack depth") and read is None:
            return
        if read is not None and read.stats.processed >= 0:
            self._finish()
            read = None
        if read is None:
            read = self._between(number)
        self._program(number).flush()
        read.stats = add_stats(read.stats, line.text)
        read.has_stats = read.terminated = True
        if read.stats.limit > 0:
            self.limits.add(read.stats.limit)


def _refused(read: Read) -> bool:
    return bool(read.head) and first_reason(read.tail) is not None


_HANDLERS: Final = {
    Kind.INSN: Reader._insn,
    Kind.STATE: Reader._state,
    Kind.SOURCE: Reader._source,
    Kind.FROM: Reader._from,
    Kind.SAFE: Reader._safe,
    Kind.PRECISION: Reader._backtracking,
    Kind.STATS: Reader._stats,
    Kind.HEADING: Reader._heading,
    Kind.LISTING: Reader._listed,
    Kind.DEBUG: Reader._debug,
    Kind.CALL: Reader._call,
    Kind.LOOPED: Reader._looped,
}
