"""What is read from a log, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final, NamedTuple


class Verdict(Enum):
    """What the text says about the program."""

    ACCEPT = "accept"
    REJECT = "reject"
    UNKNOWN = "unknown"


class Format(Enum):
    """How registers are printed, and with that the family of kernels."""

    INV = "inv"
    """Unknown numbers are "inv": up to 5.17."""
    SCALAR = "scalar"
    """Unknown numbers are "scalar": since 5.18."""
    DIAGNOSIS = "7.3"
    """The kernel's own diagnosis follows the message: since 7.3."""
    STATS = "stats"
    """No instruction was printed."""
    BTF = "btf"
    """A log of the BTF checker; no program's."""
    OTHER = "other"
    """Instructions, and nothing that tells how registers are printed."""


class Value(NamedTuple):
    """A register or stack slot as it was printed.

    name -- "r3", "fp-8"; live -- the kernel's liveness letters ("w", "rw", "" for none); text -- as printed
    """

    name: str
    live: str
    text: str


class State(NamedTuple):
    """A printed state of one frame.

    whole -- whether every live register and slot is printed: else only what changed
    rest -- what follows the registers: "refs=2", "cb"; "" for nothing
    line -- number of the line in the text, from 1
    """

    frame: int
    values: tuple[Value, ...]
    whole: bool
    rest: str
    line: int


class SourceLine(NamedTuple):
    """The C line printed before an instruction. file and number: "" and 0 where the kernel did not print them."""

    text: str
    file: str
    number: int


class Step(NamedTuple):
    """One visit of an instruction, as printed.

    number -- from 0, in the order of the text
    line -- number of the line in the text, from 1
    code -- the opcode in parentheses, -1 where libbpf printed something else in the instruction's place
    text -- the instruction's words
    path -- index of the path
    before -- the step after which this one comes on its path; -1: none that was printed
    source -- the C line that covers it, None where none was printed
    at -- the state printed before the instruction took effect, after -- the one printed after it
    """

    number: int
    line: int
    insn_idx: int
    code: int
    text: str
    frame: int
    path: int
    before: int
    source: SourceLine | None
    at: State | None
    after: State | None


class Path(NamedTuple):
    """A way through the program, from where the text takes it up.

    parent, push_step -- the path and step of the branch that forked it, -1 where the text does not show it
    first_step -- its first step; last_step -- its last one, first_step - 1 if it has none
    end -- "exit", "safe", "reject", "" where the text does not say
    state -- the state printed at its start
    """

    id: int
    parent: int
    push_step: int
    first_step: int
    last_step: int
    end: str
    state: State | None


class Stats(NamedTuple):
    """The summary at a log's end; -1 and "" for what was not printed. time is in microseconds."""

    processed: int = -1
    limit: int = -1
    time: int = -1
    stack_depth: str = ""
    max_states: int = -1
    total_states: int = -1
    peak_states: int = -1
    mark_read: int = -1


class Whole(Enum):
    """Whether all lines of a message are there."""

    YES = "yes"
    MAYBE = "maybe"
    """Some kernels print this line alone, others behind another one."""
    NO = "no"
    """No kernel prints this line alone."""


class Message(NamedTuple):
    """Why the program was refused.

    text -- the kernel's sentence; partners -- the lines that belong to it
    rules -- names of the rules (vm.verifier.rules) that say this; several where they share the wording, none if it is
             no rule's
    values -- what was filled in, by field of the template
    line -- number of the line in the text
    whole -- whether lines that belong before `text` may be missing
    """

    text: str
    partners: tuple[str, ...]
    rules: tuple[str, ...]
    values: tuple[tuple[str, str], ...]
    line: int
    whole: Whole = Whole.YES


class Cause(NamedTuple):
    """A step that led to the value at fault. step -1: it is only named, not shown; line: of the text."""

    step: int
    insn_idx: int
    line: int
    name: str
    kind: str
    why: str


class Reason(NamedTuple):
    """Why a program was refused, in words of ours that follow from the text.

    what -- sentences that say what is wrong; "" where nothing more follows than the message says
    needed -- what would have been accepted, without a full stop; "" for what the rule itself says
    """

    what: str = ""
    needed: str = ""


NO_REASON: Final = Reason()


@dataclass(frozen=True, slots=True)
class ProgramLog:
    """What a text tells about one program.

    number -- of the program in the text, from 0
    name -- of the program, "" where the text does not name it
    first_line, last_line -- the lines of the text, from 1
    insn, reg -- instruction and register at fault: None and ""
    source -- the C line that covers the instruction at fault
    steps, states -- how many instructions were printed in the order of the walk, how many lines carry register state
    cut -- where text is missing: start, middle, end, omitted (the loader left lines out)
    insns -- the instructions as printed: index to text with the opcode
    causes -- the chain behind the value at fault, oldest first
    diagnosis -- what Linux 7.3 says beside the message, line by line
    reason -- the message explained, as far as the text carries it
    """

    number: int = 0
    name: str = ""
    first_line: int = 0
    last_line: int = 0
    verdict: Verdict = Verdict.UNKNOWN
    message: Message | None = None
    insn: int | None = None
    reg: str = ""
    source: SourceLine | None = None
    category: str = ""
    format: Format = Format.STATS
    cut: tuple[str, ...] = ()
    steps: int = 0
    states: int = 0
    stats: Stats = field(default_factory=Stats)
    insns: tuple[tuple[int, str], ...] = ()
    causes: tuple[Cause, ...] = ()
    diagnosis: tuple[str, ...] = ()
    reason: Reason = NO_REASON


class Era(NamedTuple):
    """Kernel versions that the text allows, as (major, minor); None: no bound.

    named -- the version that the text says itself, or ""
    """

    first: tuple[int, int] | None
    last: tuple[int, int] | None
    named: str


@dataclass(frozen=True, slots=True)
class LogReport:
    """What a text tells: `programs` in the order of the text, `chosen` the index of the one that the answer is about.

    wrapper -- who printed it: a name of wrappers.WRAPPERS; carriers -- what it was carried in (journald, logfmt, ...)
    newest_first -- whether the text's last line was read first
    loader -- what a loader says, and what it means, where the verifier says nothing about any program
    """

    wrapper: str
    carriers: tuple[str, ...]
    era: Era
    programs: tuple[ProgramLog, ...]
    chosen: int
    newest_first: bool = False
    loader: tuple[Message, Reason] | None = None

    @property
    def program(self) -> ProgramLog:
        """The program that the answer is about; an empty one if the text has none."""
        return self.programs[self.chosen] if self.programs else ProgramLog()

    @property
    def answered(self) -> ProgramLog:
        """The same; with the loader's words where the verifier says nothing."""
        return self.completed(self.program)

    def completed(self, program: ProgramLog) -> ProgramLog:
        """A program with what a loader says, where the verifier says nothing."""
        if self.loader is None:
            return program
        message, reason = self.loader
        return replace(program, message=message, reason=reason if program.reason == NO_REASON else program.reason)
