"""Makes a refused C source smaller as long as it is refused for the same reason, at the same line of C.

Each candidate (vm.csource.removal) is compiled and verified as the source itself was. What is the same: the rule, the
words in the verifier's message, whether a register or stack slot is at fault, and what stands at its place in the C.
Numbers of registers, offsets and bounds may differ.
"""

from __future__ import annotations

import gc
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from vm.caps import ROOT, Caps
from vm.csource.text import blank
from vm.errors import InputError
from vm.pipeline.objects import choose, load
from vm.pipeline.source import BuildOptions, Source, compile_source
from vm.pipeline.verdicts import MAX_EXPLAINED, Check
from vm.program import LineInfo, Program

if TYPE_CHECKING:
    from vm.csource.removal import Cut, Parts
    from vm.trace.recorder import Recorder

SECONDS: Final = 12.0
"""Time after which the smallest source so far is the answer."""
MAX_TRIES: Final = 600
"""Sources that are compiled for one answer."""
_ROUNDS: Final = 6
_END: Final = re.compile("[;{}]")
_LINE_END: Final = re.compile(r"\r\n?")  # of other systems: the compiler takes them as well
_LONG: Final = 10_000  # instructions of a walk that leaves much behind
_PATH: Final = 4096  # steps of the refused path that are looked at


class Reduced(NamedTuple):
    """The smallest source so far.

    source  -- with the same program in it that is refused as before; of one file unless headers had to stay
    lines, whole -- lines with something in them, now and of the source as it was given, with its headers
    tried   -- sources that were compiled
    message, line -- the verifier's message about it, and the line at which it is refused; 0: it has none
    ended   -- "": the search goes on; "smallest": nothing else can be taken out alone; "time", "tries": it was stopped
    """

    source: Source
    lines: int
    whole: int
    tried: int
    message: str
    line: int = 0
    ended: str = ""


class _Reason(NamedTuple):
    """What has to stay the same of a rejection."""

    rule: str
    words: tuple[tuple[str, str], ...]
    at_fault: tuple[bool, bool]
    line: str


class _Refusal(NamedTuple):
    reason: _Reason
    program: Program
    message: str
    line: int
    insns_processed: int


class _Stopped(Exception):
    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def reduced(
    source: Source,
    options: BuildOptions,
    name: str = "",
    *,
    caps: Caps = ROOT,
    alone: bool = True,
    limit_seconds: float = SECONDS,
    most: int = MAX_TRIES,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Reduced]:
    """Yields smaller and smaller sources, the last one with `ended`.

    name -- the program, "" for the likeliest one
    limit_seconds -- of the search; the verifier may take as long for the source as it was given
    InputError if the source is not C, does not compile, or the verifier does not refuse the program in time.
    """
    if source.kind != "c":
        raise InputError("Only C sources can be reduced: this program has none.")
    yield from _Search(source, options, name, caps, alone, most, clock).found(limit_seconds)


class _Search:
    def __init__(
        self,
        source: Source,
        options: BuildOptions,
        name: str,
        caps: Caps,
        alone: bool,
        most: int,
        clock: Callable[[], float],
    ) -> None:
        files = tuple(file._replace(text=_LINE_END.sub("\n", file.text)) for file in source.files)
        self.source = replace(source, data=_LINE_END.sub("\n", source.text()).encode(), files=files)
        self.options, self.name = options, name
        self.caps, self.alone, self.most = caps, alone, most
        self.tried = 0
        self.deadline = float("inf")
        self.clock = clock
        self.seen: set[str] = set()
        self.sound = False  # whether the grammar reads all of the source
        self.long = 0  # instructions of the longest walk so far that was refused as it should be

    def found(self, seconds: float) -> Iterator[Reduced]:
        """See reduced()."""
        first = self._given(seconds)
        self.deadline = self.clock() + seconds
        self.reason, self.long = first.reason, first.insns_processed
        self.name = first.program.name
        self.best = first
        whole = sum(_lines(text) for text in (self.source.text(), *(file.text for file in self.source.files)))
        ended = "smallest"
        told = -1
        try:
            for _ in self._smaller():
                lines = _lines(self.source.text())
                if lines != told:
                    told = lines
                    yield self._reduced(whole)
        except _Stopped as stopped:
            ended = stopped.why
        yield self._reduced(whole, ended)

    def _reduced(self, whole: int, ended: str = "") -> Reduced:
        lines = _lines(self.source.text())
        return Reduced(self.source, lines, whole, self.tried, self.best.message, self.best.line, ended)

    def _given(self, seconds: float) -> _Refusal:
        """The rejection of the source as it was given, which then has the includes that it lacks. InputError."""
        compilation = compile_source(self.source, self.options)
        if compilation.object is None:
            raise InputError("The source does not compile, so there is no program.")
        if compilation.added:
            text = "".join(f"{line}\n" for line in compilation.added) + self.source.text()
            self.source = replace(self.source, data=text.encode())
        self.options = replace(self.options, fix_includes=False)
        program = choose(load(self.source, self.options, compilation.object), self.name)
        self.name = program.name
        found = self._refused(compilation.object, self.clock() + seconds)
        if found is None:
            said = f"Only a program that the verifier refuses within {seconds:g} s can be reduced: this one is not."
            raise InputError(said)
        return found

    # -- what is tried ---------------------------------------------------------------

    def _smaller(self) -> Iterator[None]:
        """Takes out part after part, from the largest to the smallest, until nothing goes any more."""
        from vm.csource.removal import Parts, inlined, plain, without

        self.sound = Parts(self.source.text()).sound()
        if self.source.files:
            text = inlined(self.source.text(), {file.name: file.text for file in self.source.files})
            yield from self._take(text, files=False)
        yield from self._take(plain(self.source.text()))
        yield from self._conditionals()
        parts = Parts(self.source.text())
        yield from self._take(without(parts.source, parts.unused(self.name)))
        lines = self._path()
        if lines:
            parts = Parts(self.source.text())
            yield from self._take(without(parts.source, parts.unvisited(lines)))
        # What the program itself does not need to do spares whole functions.
        yield from self._statements(self.name)
        for _ in range(_ROUNDS):
            before = self.source.data
            parts = Parts(self.source.text())
            yield from self._take(without(parts.source, parts.unused(self.name)))
            yield from self._all(Parts.items)
            yield from self._statements("")
            yield from self._each(Parts.simpler)
            yield from self._all(Parts.members)
            if self.source.data == before:
                return

    def _conditionals(self) -> Iterator[None]:
        """One branch in the place of each #if: what the others hold is no part of the program."""
        from vm.csource.removal import Parts

        for _ in range(_ROUNDS):
            before = self.source.data
            yield from self._all(Parts.decided)
            if self.source.data == before:
                break
        yield from self._each(Parts.branches)

    def _statements(self, function: str) -> Iterator[None]:
        """Statements, of the outermost blocks first. function: only its own, "": those of all."""
        from vm.csource.removal import MAX_NESTING, Parts

        for depth in range(MAX_NESTING):
            if not Parts(self.source.text()).statements(depth, function):
                return
            yield from self._all(partial(Parts.statements, depth=depth, function=function))

    def _all(self, cuts: Callable[[Parts], list[Cut]]) -> Iterator[None]:
        """Cuts of one kind, in halves, quarters …, one by one; the last of the text first, which the first serve."""
        from vm.csource.removal import Parts, without

        parts = Parts(self.source.text())
        left = cuts(parts)
        size = len(left)
        gone: list[Cut] = []
        while size:
            at = len(left)
            while at > 0:
                chunk = left[max(0, at - size) : at]
                text = without(parts.source, [*gone, *chunk])
                if self._serves(chunk, left, text) and self._try(text):
                    gone += chunk
                    del left[max(0, at - size) : at]
                    yield
                at -= size
            size = size // 2

    def _each(self, cuts: Callable[[Parts], list[Cut]]) -> Iterator[None]:
        """Cuts of one kind, one by one, the last of the text first; after each that is made, those of the new text."""
        from vm.csource.removal import Parts, without

        parts = Parts(self.source.text())
        left = cuts(parts)
        while left:
            cut = left.pop()
            if self._try(without(parts.source, [cut])):
                yield
                parts = Parts(self.source.text())
                left = [each for each in cuts(parts) if each.start < cut.end]

    def _serves(self, chunk: Sequence[Cut], all_: Sequence[Cut], text: str) -> bool:
        """Whether a text without a chunk may compile: nothing in it names what only the chunk defined."""
        from vm.csource.removal import names

        defined = {name for cut in chunk for name in cut.defines}
        if not defined:
            return True
        others = {name for cut in all_ if cut not in chunk for name in cut.defines}
        return not (defined - others) & names(text)

    def _take(self, text: str, *, files: bool = True) -> Iterator[None]:
        if self._try(text, files=files):
            yield

    def _try(self, text: str, *, files: bool = True) -> bool:
        """Whether a text is refused as the source was: it is the source then."""
        from vm.csource.removal import Parts

        if text in self.seen or (text == self.source.text() and files):
            return False
        self.seen.add(text)
        sound = Parts(text).sound()
        if self.sound and not sound:
            return False
        self._may_go_on()
        self.tried += 1
        try:
            source = replace(self.source, data=text.encode(), files=self.source.files if files else ())
            compilation = compile_source(source, self.options)
            if compilation.object is None:
                return False
            found = self._refused(compilation.object, self.clock() + max(1.0, (self.deadline - self.clock()) / 4))
        except InputError:
            return False
        if found is None or found.reason != self.reason:
            return False
        self.source, self.best, self.sound = source, found, sound
        return True

    def _may_go_on(self) -> None:
        if self.clock() > self.deadline:
            raise _Stopped("time")
        if self.tried >= self.most:
            raise _Stopped("tries")

    # -- the verdict ---------------------------------------------------------------

    def _refused(self, compiled: bytes, until: float) -> _Refusal | None:
        """The verifier's rejection of the program; None if there is none, or it takes too long."""
        obj = load(self.source, self.options, compiled)
        program = next((each for each in obj.programs if each.name == self.name), None)
        if program is None:
            return None
        check = Check(obj, program, alone=self.alone, log_level=0, record=False, caps=self.caps)
        for _ in check.advance():
            if self.clock() > until:
                return None
            if self.clock() > self.deadline:
                raise _Stopped("time")
        rejected, env = check.walk.rejected, check.walk.env
        verdict = check.result()
        if verdict.insns_processed > _LONG:
            gc.collect()  # a worker collects nothing by itself
        if verdict.accepted or rejected is None:
            return None
        insn_idx = rejected.insn_idx if rejected.insn_idx >= 0 else env.insn_idx
        info = program.place_of(insn_idx)
        words = tuple((key, value) for key, value in sorted(rejected.values.items()) if isinstance(value, str))
        line = _code(info) if info is not None else ""
        reason = _Reason(rejected.rule.name, words, (rejected.regno >= 0, rejected.spi >= 0), line)
        own = info is not None and not program.file_of(info)
        return _Refusal(
            reason, program, verdict.message, info.line if info is not None and own else 0, verdict.insns_processed
        )

    def _path(self) -> frozenset[int]:
        """The lines of the source on the path that is refused; none of a walk that is too long to be recorded."""
        if self.long > MAX_EXPLAINED:
            return frozenset()
        compilation = compile_source(self.source, self.options)
        obj = load(self.source, self.options, compilation.object)
        program = choose(obj, self.name)
        check = Check(obj, program, alone=self.alone, log_level=0, record=True, caps=self.caps)
        for _ in check.advance():
            self._may_go_on()
        recorder: Recorder | None = check.recorder
        if recorder is None or not len(recorder):
            return frozenset()
        found: set[int] = set()
        step = len(recorder) - 1 if check.walk.in_step else len(recorder)
        indices = [check.walk.env.insn_idx]
        for _ in range(_PATH):
            step = recorder.before(step)
            if step < 0:
                break
            indices.append(recorder.insn_idx(step))
        for insn_idx in indices:
            info = program.place_of(insn_idx)
            if info is not None and not program.file_of(info):
                found.add(info.line)
        return frozenset(found)


def _code(info: LineInfo) -> str:
    """What stands at a place of the source, up to the end of its statement or its line."""
    text = blank(info.text, strings=False)[max(info.column - 1, 0) :]
    return " ".join(_END.split(text, maxsplit=1)[0].split())


def _lines(text: str) -> int:
    """Lines with something in them."""
    return sum(bool(line.strip()) for line in text.split("\n"))
