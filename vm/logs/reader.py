"""Reads a text line by line: steps, states, paths, programs. Memory does not grow with the text."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, Protocol

from vm.isa import opcodes as o
from vm.logs.lines import Kind, Line, add_stats, listed, source_of, starts_listing, summed_up, told_apart
from vm.logs.messages import Text, first_reason
from vm.logs.states import read_state
from vm.logs.unwrap import Told, Unwrapper
from vm.logs.values import Path, SourceLine, State, Stats, Step
from vm.logs.wrappers import BTF_LOG, CUT, OMITTED, Effect

MAX_TAIL: Final = 64
"""Lines kept at each end of what follows the last instruction: a reason is among the first, or before the summary."""
MAX_INSNS: Final = 1 << 20
_MAX_FORKS: Final = 8192
_MAX_DIAGNOSIS: Final = 400
# Up to 4.13 a value without attributes has no parentheses.
_OLD: Final = re.compile(r"=(?:fp|ctx|imm-?\d+|map_ptr|frame_ptr)(?:[ ,]|$)|R10=fp0,call_")

_DIAGNOSIS: Final = "Verification failed: "


class Sink(Protocol):
    """Who takes what is read, in the order of the text."""

    def begin(self) -> None:
        """Another program's log."""

    def step(self, step: Step) -> None:
        """A step, when everything that was printed of it is known."""

    def path(self, path: Path) -> None:
        """A path that begins; its last_step and end are not known yet."""

    def path_end(self, path: int, last_step: int, how: str) -> None:
        """A path that ended."""

    def end(self, read: Read) -> None:
        """The program's log has ended."""


class NoSink:
    """Takes nothing."""

    def begin(self) -> None: ...

    def step(self, step: Step) -> None: ...

    def path(self, path: Path) -> None: ...

    def path_end(self, path: int, last_step: int, how: str) -> None: ...

    def end(self, read: Read) -> None: ...


class Read:
    """What was read of one program's log, the `number`-th of the text, from 0."""

    def __init__(self, number: int, first_line: int, name: str) -> None:
        self.number = number
        self.name = name
        self.first_line = first_line
        self.last_line = first_line
        self.stats = Stats()
        self.has_stats = False
        self.delimited = False  # the loader says where it begins and ends
        self.failed = False  # the loader says that it was refused
        self.steps = 0
        self.states = 0
        self.first_insn = -1
        self.last: Step | None = None
        self.source: SourceLine | None = None
        self.head: list[Text] = []  # the first lines of the tail
        self.late: deque[Text] = deque(maxlen=MAX_TAIL)  # its last ones
        self.blank_since = False  # since the last instruction
        self.apart = False  # the tail begins after a blank line
        self.cut_before = False  # lines are left out before the first instruction
        self.cut_after = False  # and after the last one
        self.cut_anywhere = False
        self.omitted = False
        self.entered = False  # what comes before the first instruction is there
        self.validated = False
        self.insns: dict[int, str] = {}
        self.inv = 0
        self.scalar = 0
        self.diagnosis: list[str] = []
        self.btf = 0
        self.kernel_lines = 0
        self.ended_by = ""  # "exit" or "safe": how the path ended that was printed last
        self.terminated = False  # the summary or the loader's end follows the tail

    @property
    def tail(self) -> list[Text]:
        """The lines after the last instruction that are nothing else, as far as they are kept."""
        seen = self.head[-1].number if self.head else -1
        return [*self.head, *(line for line in self.late if line.number > seen)]

    def add_text(self, number: int, text: str) -> None:
        line = Text(number, text[:2000])
        if not self.head:
            self.apart = self.blank_since
        if len(self.head) < MAX_TAIL:
            self.head.append(line)
        else:
            self.late.append(line)

    def forget_tail(self) -> None:
        self.head.clear()
        self.late.clear()
        self.blank_since = self.apart = self.cut_after = False


class _Fork(NamedTuple):
    insn_idx: int
    step: int
    path: int


class Reader:
    """Reads a text; what it finds goes to `sink`, every physical line to `keep`."""

    def __init__(self, sink: Sink, keep: Callable[[str], None] | None = None) -> None:
        self.unwrapper = Unwrapper(keep)
        self.evidence: dict[str, None] = {}
        self.limits: set[int] = set()
        self._sink = sink
        self._read: Read | None = None
        self._pending: Step | None = None
        self._programs = 0
        self._forks: deque[_Fork] = deque(maxlen=_MAX_FORKS)
        self._paths = 0
        self._path = -1
        self._frame = 0
        self._state: State | None = None  # printed before the next instruction
        self._after_call = ""
        self._listing = False
        self._precision = False
        self._diagnosis = False
        self._push_step = -1
        self._fresh = True  # the next state is one of a path's or function's start
        self._name = ""
        self._failed = False
        self._delimited = False
        self._ended = False
        self._omitted = False  # lines of the noise were left out by the loader
        self._noise: deque[Text] = deque(maxlen=MAX_TAIL)

    def read(self, chunks: Iterable[str | bytes]) -> None:
        """The whole text."""
        for told in self.unwrapper.lines(chunks):
            self.line(told)
        self.close()

    def close(self) -> None:
        """The text has ended."""
        if self._read is not None:
            self._finish()
        elif self._noise:
            self._orphan()

    # ---- programs

    def _program(self, number: int) -> Read:
        read = self._read
        if read is None:
            read = self._read = Read(self._programs, number, self._name)
            self._programs += 1
            read.failed, read.delimited = self._failed, self._delimited
            self._name, self._failed, self._delimited, self._ended = "", False, False, False
            self._pending, self._state = None, None
            self._paths, self._path, self._frame = 0, -1, 0
            self._forks.clear()
            self._fresh = True
            self._listing = self._precision = self._diagnosis = False
            self._sink.begin()
        read.last_line = number
        return read

    def _finish(self) -> None:
        read = self._read
        if read is None:
            return
        self._flush()
        self._read = None
        if self._path >= 0:
            self._sink.path_end(self._path, read.steps - 1, read.ended_by if not read.tail else "")
        self._sink.end(read)
        self._noise.clear()
        self._failed = False

    def _orphan(self) -> None:
        """A message alone, with no line of a log around it."""
        lines = [line for line in self._noise if line.text.strip()]
        if first_reason(lines) is None:
            return
        read = self._program(lines[0].number)
        read.omitted |= self._omitted
        for line in lines:
            read.add_text(*line)
        self._finish()

    # ---- lines

    def line(self, told: Told) -> None:
        """The next line of the text."""
        number, text, line, sign, name = told
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

    def _sign(self, told: Told) -> None:
        sign = told.sign
        assert sign is not None
        if sign.effect in (Effect.BEGIN, Effect.HEAD):
            if self._read is not None and (self._read.kernel_lines or self._read.has_stats):
                self._finish()
            self._read = None
            self._noise.clear()
            self._name = told.name or self._name
            self._failed |= sign.failed
            self._delimited = sign.effect is Effect.BEGIN
            return
        if sign.effect is Effect.END:
            if self._read is None and self._noise:
                self._between(told.number)
            if self._read is not None:
                self._read.terminated = True
                self._finish()
            return
        read = self._read
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

    def _between(self, number: int) -> None:
        """What stood between the loader's begin and end, and was no line of a walk."""
        lines = list(self._noise)
        self._noise.clear()
        read = self._program(lines[0].number if lines else number)
        for line in lines:
            if line.text.strip():
                read.add_text(*line)

    def _text(self, number: int, text: str) -> None:
        read = self._read
        if text.startswith(_DIAGNOSIS):
            if read is None:
                self._between(number)
                read = self._program(number)
            read.diagnosis.append(text)
            self._diagnosis = True
            return
        if not text.strip():
            if read is not None:
                read.blank_since = True
            return
        if BTF_LOG.match(text):
            self._program(number).btf += 1
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
        self._flush()
        read.last_line = number
        read.add_text(number, text)

    def _cut(self, number: int) -> None:
        read = self._read
        if read is None:
            if not (self._delimited or self._failed):
                self._noise.append(Text(number, "..."))
                return
            read = self._program(number)
        self._flush()
        read.cut_anywhere = True
        if read.steps:
            read.cut_after = True
        else:
            read.cut_before = True
        read.source = None
        self._state = None
        self._path = -1

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
            self._walk(number)
            self._list(*entry)

    def _list(self, index: int, words: str) -> None:
        read = self._read
        if read is not None and len(read.insns) < MAX_INSNS:
            read.insns.setdefault(index, words)

    # ---- the walk

    def _walk(self, number: int) -> Read:
        """The program that a line of a walk belongs to: another one if the last has ended."""
        read = self._read
        if read is not None and (read.has_stats or (read.btf and not read.kernel_lines)):
            self._finish()
            read = None
        if read is None:
            lines = [line for line in self._noise if line.text != "..."]
            cut = bool(self._noise) and self._noise[-1].text == "..."
            self._noise.clear()
            read = self._program(number)
            read.cut_before = read.cut_anywhere = cut
            for line in lines[-8:]:
                read.add_text(*line)
        read.kernel_lines += 1
        read.last_line = number
        return read

    def _heading(self, number: int, line: Line) -> None:
        read = self._walk(number)
        self._flush()
        self._fresh = True
        self._listing = starts_listing(line.text)
        if line.text.startswith("Validating "):
            read.validated = True
            self._path = -1
            self._frame = 0
        read.entered = True
        if line.text.startswith("Live regs"):
            self.evidence["live_regs"] = None

    def _insn(self, number: int, line: Line) -> None:
        words = line.text
        message = ""
        if line.code >= 0 and ": " in words:
            parts = summed_up(words)
            if parts is not None and not words.startswith(";"):
                words, message = parts
        read = self._read
        if read is not None and not read.has_stats and line.insn_idx == 0 and read.steps and self._refused(read):
            self._finish()
        read = self._walk(number)
        self._flush()
        if not read.steps:
            read.first_insn = line.insn_idx
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
            self._weigh(read, line.state)
            self.evidence["joined"] = None
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
            assert self._pending is not None
            self._pending = self._pending._replace(after=None)
            self._flush()
            self._take_up(self._path, read.last.number if read.last is not None else -1, after)
            self._frame = after.frame
            self._state = after
            self._fresh = True
        if message:
            omitted = OMITTED.search(message)
            read.omitted |= omitted is not None
            self._flush()
            read.add_text(number, message[: omitted.start()] if omitted is not None else message)

    def _refused(self, read: Read) -> bool:
        return bool(read.head) and first_reason(read.tail) is not None

    def _pending_before(self) -> int:
        read = self._read
        if read is None or read.last is None or self._path < 0:
            return -1
        if read.last.path != self._path:
            return self._push_step
        return read.last.number

    def _flush(self) -> None:
        """The step that was read last is complete."""
        step = self._pending
        if step is None or self._read is None:
            return
        self._pending = None
        read = self._read
        read.steps = step.number + 1
        read.last = step
        self._sink.step(step)
        code = step.code
        if code & 7 in (o.JMP, o.JMP32) and code & 0xF0 not in (o.CALL, o.EXIT):
            self._forks.append(_Fork(step.insn_idx, step.number, step.path))
        if code == o.JMP | o.EXIT and not step.frame:
            read.ended_by = "exit"

    def _state_line(self, number: int, line: Line) -> None:
        read = self._walk(number)
        read.states += 1
        self._weigh(read, line.state)
        # Since 5.17 a state in the middle of a path holds only what changed.
        modern = "joined" in self.evidence or "scalar" in self.evidence
        state = read_state(line.state, self._fresh or line.insn_idx < 0 or not modern, number)
        if not read.steps and self._pending is None:
            read.forget_tail()  # what was said before the walk refused nothing
        if self._precision and line.insn_idx < 0:
            return  # the state of a checkpoint that backtracking went through
        if self._after_call:
            self._frame = state.frame
            self._after_call = ""
            self._state = state
            return
        if line.insn_idx >= 0:
            if not read.steps and self._pending is None:
                read.entered = True
            self._frame = state.frame
            step = self._pending
            if step is not None and step.after is None and self._follows(step, line.insn_idx):
                self._pending = step._replace(after=state)
            self._flush()
            self._state = state
            if self._path < 0:
                self._take_up(-1, -1, state)
            return
        step = self._pending
        if step is not None:
            if step.code & 7 in (o.JMP, o.JMP32) and step.code != o.JMP | o.CALL:
                if step.after is None:
                    self._pending = step._replace(after=state)
            elif step.at is None:
                self._pending = step._replace(at=state)
        else:
            self._state = state

    @staticmethod
    def _follows(step: Step, index: int) -> bool:
        return index in (step.insn_idx + 1, step.insn_idx + 2) or step.code & 7 in (o.JMP, o.JMP32)

    def _take_up(self, parent: int, push_step: int, state: State | None) -> None:
        read = self._read
        assert read is not None
        if self._path >= 0:
            self._sink.path_end(self._path, read.steps - 1, read.ended_by)
        self._path = self._paths
        self._paths += 1
        self._push_step = push_step
        self._sink.path(Path(self._path, parent, push_step, read.steps, read.steps - 1, "", state))

    def _from(self, number: int, line: Line) -> None:
        read = self._walk(number)
        self._flush()
        read.forget_tail()
        self._precision = False
        self._fresh = True
        read.entered = True
        if line.state.strip() == "safe":
            self._fork_of(line.code)
            read.ended_by = "safe"
            return
        fork = self._fork_of(line.code)
        state = None
        if line.state.strip():
            read.states += 1
            self._weigh(read, line.state)
            state = read_state(line.state, True, number)
            self._frame = state.frame
        returned = (
            read.last is not None
            and read.last.code == o.JMP | o.EXIT
            and read.last.insn_idx == line.code
            and fork is None
        )
        if returned and read.last is not None and read.last.frame:
            # "from 11 to 2": the way back from a callee, which goes on on the same path.
            self._state = state
            return
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

    def _safe(self, number: int, line: Line) -> None:
        read = self._walk(number)
        self._flush()
        read.ended_by = "safe"

    def _source(self, number: int, line: Line) -> None:
        read = self._walk(number)
        self._flush()
        if not read.steps:
            read.forget_tail()
        text, file, at = source_of(line.text)
        if file:
            self.evidence["file"] = None
        read.source = SourceLine(text, file, at) if text or file else None

    def _backtracking(self, number: int, line: Line) -> None:
        read = self._walk(number)
        self._precision = True
        read.states += bool(line.state)
        if line.text.startswith("mark_precise"):
            self.evidence["mark_precise"] = None

    def _debug(self, number: int, line: Line) -> None:
        self._walk(number)

    def _call(self, number: int, line: Line) -> None:
        self._walk(number)
        self._flush()
        self._after_call = line.text
        self._fresh = True

    def _looped(self, number: int, line: Line) -> None:
        read = self._walk(number)
        read.states += 1

    def _stats(self, number: int, line: Line) -> None:
        if line.text.startswith("stack depth") and self._read is None:
            return
        read = self._read
        if read is not None and read.stats.processed >= 0:
            self._finish()
            read = None
        if read is None:
            self._between(number)
            read = self._read
            assert read is not None
        self._flush()
        read.last_line = number
        read.stats = add_stats(read.stats, line.text)
        read.has_stats = read.terminated = True
        if read.stats.limit > 0:
            self.limits.add(read.stats.limit)

    def _weigh(self, read: Read, state: str) -> None:
        """What the words of a state tell about the kernel that printed it."""
        if read.inv + read.scalar >= 64:
            return
        if "=inv" in state or "=Pinv" in state or "(id=0" in state or "_value=" in state or _OLD.search(state):
            read.inv += 1
            self.evidence["inv"] = None
        elif any(word in state for word in ("scalar", "ctx()", "(off=", "map=", "(r=", "=ctx(", "pkt(")):
            read.scalar += 1
            self.evidence["scalar"] = None
        if "map=" in state or "smin=umin=" in state or "smax=umax=" in state:
            self.evidence["map_names"] = None
        if "min_value=" in state and ",min_value=" in state:
            self.evidence["min_value"] = None


def tell(text: str, number: int = 1) -> Told:
    """A line as it stands, for tests."""
    return Told(number, text, told_apart(text))


_HANDLERS: Final = {
    Kind.INSN: Reader._insn,
    Kind.STATE: Reader._state_line,
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
