"""What the stage verify says: the verdict, why, and the lists of its walk."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET

from playground.messages.base import Unset, Wire, about
from playground.messages.built import Insn
from playground.messages.stage_fields import COMMAND, MORE, MS, RETURNED, SUMMARY, TOOK, Ended, NotCovered, Passed
from playground.messages.steps import Reg


class Cause(Wire, frozen=True):
    """A step that led to the value a program was rejected for. Step and insn are -1 for what was there at the entry."""

    step: int
    insn: int
    line: int | None
    name: Annotated[str, about("the register or slot it is about")]
    kind: Annotated[
        str,
        about(
            "`entry`, `value`, `load`, `call`, `argument`, `move`, `spill`, `fill`, `arithmetic`, `branch`, "
            "`clobbered`, `acquired`, `loop`, `checkpoint` or `failed`"
        ),
    ]
    why: str
    file: Annotated[str, about("the line's file, where that is not the source itself")] | Unset = UNSET


class SourceCheck(Wire, frozen=True):
    """A comparison as the source has it."""

    line: int
    text: Annotated[str, about("the condition on one line")]


class RootCause(Wire, frozen=True):
    """What a rejection comes from, for programs. Its place is the comparison, call or other step of the kind."""

    kind: Annotated[
        str,
        about(
            "`missing-check`, `wrong-sign`, …: `CauseKind` in `vm/trace/root_cause.py` lists them; `none`: no rule fits"
        ),
    ]
    step: Annotated[int, about("-1: the place is no step")]
    insn: Annotated[int, about("-1: the place is no instruction, as of a comparison that the compiler left out")]
    line: int | None
    source_check: Annotated[SourceCheck | None, about("the comparison in the source, where the cause is one")]
    insns: Annotated[list[int], about("instructions to be shown beside the source line")]


class Fail(Wire, frozen=True):
    """Why the program was rejected."""

    rule: Annotated[str, about("name of the rule, as `python -m vm rules` lists them")]
    category: Annotated[str, about("`Register Type Safety`, `Memory Safety`, … as the rule's topic is called")]
    message: Annotated[str, about("the line of the log that names the reason")]
    partners: Annotated[list[str], about("other lines of the log that belong to it")]
    explanation: Annotated[str, about('what is wrong here, a sentence; `""` where nothing more follows from the facts')]
    step: int
    insn: Annotated[int, about("-1: libbpf gave up the object, at no instruction")]
    line: int | None
    reg: Annotated[str, about('`r1`, `1:fp-8` or `""`')]
    proven: Annotated[Reg | None, about("what is known of `reg`, with `w`")]
    proven_text: Annotated[str, about("the same as a sentence")]
    needed: Annotated[str, about('what would have been needed; `""` if the message says it all')]
    causes: Annotated[list[Cause], about("oldest first, the failing step last; copies of one value are one entry")]
    cause: Annotated[RootCause, about("absent of a log, whose text does not carry it")] | Unset = UNSET
    file: Annotated[str, about("the line's file, where that is not the source itself")] | Unset = UNSET


class Path(Wire, frozen=True):
    """A straight way through the program, from where it was forked to its end."""

    id: int
    parent: Annotated[int, about("the path it was forked from; -1: none")]
    push_step: Annotated[int, about("the step after which it forked")]
    first_step: int
    last_step: int
    end: Annotated[str, about("`exit`, `safe` (pruned), `reject`, or `cut` where a log does not show it")]
    pruned_by: Annotated[int, about("the step before which the state that covers it was remembered, else -1")]
    speculative: Annotated[bool, about("true: only a mispredicted branch goes there")] | Unset = UNSET


Branch: TypeAlias = Annotated[
    tuple[int, int, int, int, str, int, int, int, int, bool],
    about(
        "[path it was forked from, step after which it forked, its first step, its last step, `end` and `pruned_by` as "
        "in `paths`, instruction at the fork, at its first step, at its last step, only a mispredicted branch goes "
        "there]; -1: there is none"
    ),
]
"""A path as a branch of the tree of paths; its id is its position."""


class Pruning(Wire, frozen=True):
    """A path that ended because a checkpoint covers its state."""

    insn: int
    path: int
    after: Annotated[int, about("the step whose state arrived")]
    checkpoint: Annotated[int, about("the step before which the covering state was remembered")]
    rule: Annotated[
        str,
        about("`done`, `open_loop`, `iterator`, `may_goto`, `callback` or `endless` (the same state again: refused)"),
    ]
    exact: Annotated[str, about("how `states_equal()` compared")]
    text: Annotated[str, about("the rule as a sentence, without a full stop")]
    compared: Annotated[
        list[tuple[str, str, str, str]],
        about(
            "[name, checkpoint's value, value that arrived, how]; how is `same`, `within` its range, or `any` number"
        ),
    ]


class Arrival(Wire, frozen=True):
    """A comparison with a checkpoint that did not cover the state."""

    insn: int
    path: int
    after: int
    checkpoint: int
    rule: str
    exact: str
    name: Annotated[str, about('the first register or slot that differed; `""`: none')]
    text: Annotated[str, about("why, a sentence without a full stop; a register or slot may be its first word")]


class Precision(Wire, frozen=True):
    """A step at which exact values mattered, and the chain back through the instructions they came from."""

    step: int
    insn: int
    path: int
    names: list[str]
    why: Annotated[str, about("a word")]
    text: Annotated[str, about("a sentence")]
    chain: Annotated[
        list[tuple[int, list[str]]], about("[instruction, names precise after it]; instruction -1: given up")
    ]


class Release(Wire, frozen=True):
    """A path that gave something back."""

    step: int
    path: int
    insn: int
    how: str


class Holding(Wire, frozen=True):
    """Something that has to be given back."""

    kind: Annotated[str, about("`reference`, `lock`, `rcu` or `preempt`")]
    id: Annotated[int, about("the kernel's number of a reference or lock, else 0")]
    by: Annotated[str, about("the function that gave it")]
    step: int
    insn: int
    path: int
    released: list[Release]
    still_held: Annotated[list[int], about("paths at whose rejected end it was held")]


class ReasonsTotal(Wire, frozen=True):
    """How many there are of each; 500 of each at most are told."""

    prunings: int
    arrivals: int
    precision: int
    holdings: int


class PathMarks(Wire, frozen=True):
    """Steps at which paths forked, and at which they ended, by how; thinned out where they lie close together."""

    fork: list[int]
    safe: list[int]
    exit: list[int]
    reject: list[int]


class Stopped(Wire, frozen=True):
    """Where the walk met something that is not emulated."""

    step: Annotated[int, about("the last step")]
    insn: Annotated[int, about("the instruction after it")]
    line: int | None


class LogProgram(Wire, frozen=True):
    """A program whose log is in the text."""

    number: Annotated[int, about("of the program in the text, from 0: the option `program` takes it as `#0`")]
    name: Annotated[str, about('`""` where the text does not name it')]
    verdict: Annotated[Literal["accept", "reject", "unknown"], about("what the text says")]
    message: Annotated[str, about('the kernel\'s sentence, `""`: none')]
    insn: int | None
    steps: int
    line: Annotated[int, about("its first line in the text, from 1")]


class Parting(Wire, frozen=True):
    """The source beside a log, verified here, and the first place where the two say different things."""

    program: Annotated[str, about("the program that was verified")]
    verdict: Annotated[Literal["accept", "reject", "none"], about("`none`: it could not be verified; `why` says why")]
    message: Annotated[str, about('the kernel\'s sentence of our walk; `""`: none')]
    kind: Annotated[
        Literal["none", "insn", "path", "value", "verdict", "error"],
        about(
            "`none`: they agree as far as the log goes; `insn`: another instruction stands there; `path`: our walk "
            "does not go there; `value`: a register or slot holds something else; `verdict`: only the end differs"
        ),
    ]
    agreed: Annotated[int, about("steps of the log that agree, on the path to its last step")]
    step: Annotated[int | None, about("the step of the log where they part")]
    our_step: Annotated[int | None, about("the step of our walk beside it")]
    insn: int | None
    name: Annotated[str, about('with `value`: the register or slot, else `""`')]
    log: Annotated[str, about("what the log says there")]
    ours: Annotated[str, about("what our walk says there")]
    why: Annotated[str, about("a sentence")]


class ReadFrom(Wire, frozen=True):
    """The log that a `verify` was read from. What its text does not carry is null, `""` or empty."""

    wrapper: Annotated[
        str,
        about(
            "who printed it: `libbpf`, `ebpf-go`, `iproute2`, `bcc`, `bpftrace`, `aya`; else what carried it: "
            "`journald`, `logfmt`, `json-escaped`; `other`, `none`"
        ),
    ]
    carriers: Annotated[list[str], about("everything that carried it")]
    newest_first: Annotated[bool, about("its lines run from the newest to the oldest: it was read from the end")]
    format: Annotated[str, about("`inv`, `scalar`, `7.3`, `stats` (no instruction), `btf` (no program's log), `other`")]
    kernel_named: Annotated[str | None, about("the version that the text names")]
    kernel_first: Annotated[str | None, about("the first version that prints such a log")]
    kernel_last: Annotated[str | None, about("the last one")]
    cut: Annotated[list[str], about("where text is missing: `start`, `middle`, `end`, `omitted`")]
    states: Annotated[int, about("lines that carry register state")]
    program: Annotated[str, about("the program's name")]
    verdict: Annotated[Literal["accept", "reject", "unknown"], about("what the text says")]
    insn: Annotated[int | None, about("the instruction at fault")]
    reg: Annotated[str, about('the register at fault, `""`: none')]
    rules: Annotated[list[str], about("rules whose message it is; several where they share the wording")]
    source: Annotated[str | None, about("the C line at the instruction at fault")]
    insns_processed: int | None
    message_line: Annotated[int | None, about("line of the text, from 1")]
    diagnosis: Annotated[list[str], about("what Linux 7.3 says beside the message, line by line")]
    programs: list[LogProgram]
    parting: Annotated[Parting | None, about("with a source beside the log")]


class Verified(Wire, frozen=True):
    """`verify` done or failed; or read from a log."""

    type: Literal["stage"]
    stage: Literal["verify"]
    status: Ended
    ms: Annotated[float, MS]
    summary: Annotated[str, SUMMARY]
    message: Annotated[
        str,
        about(
            'the line of the log that names the reason, `""` if the kernel says nothing; or libbpf\'s, where it gives '
            "up the object although the verifier accepts the program"
        ),
    ]
    kernel: Annotated[str, about("release of the emulated kernel; of a log what it tells of its own, in words")]
    verdict: Annotated[
        Literal["accept", "reject", "none"], about("`none`: the program uses something that is not emulated")
    ]
    errno: int
    steps: Annotated[int, about("how many there are")]
    insns_processed: int
    log: Annotated[str, about("of level 2, maybe cut in the middle; part `log` has [line, step or -1] of more of it")]
    log_cut: Annotated[int, about("bytes left out of the log")]
    log_steps: Annotated[list[tuple[int, int]], about("[line of the log from 0, step]")]
    visits: Annotated[dict[str, int], about("instruction: number of visits")]
    fail: Fail | None
    paths: Annotated[list[Path], about("the first; at most 1,000 are told")]
    paths_total: int
    prunings: list[Pruning]
    arrivals: list[Arrival]
    precision: list[Precision]
    holdings: list[Holding]
    reasons_total: ReasonsTotal
    not_emulated: Annotated[list[str], about("what is not emulated, in words; with verdict `none`")]
    not_covered: Annotated[list[NotCovered], about("the same with kind and name")]
    log_more: Annotated[bool, about("true: `log` is cut, and the message `log` asks for the whole")] | Unset = UNSET
    log_head: (
        Annotated[int, about("with part `log`: lines of `log` before the one that says what is left out")] | Unset
    ) = UNSET
    log_index: (
        Annotated[list[tuple[int, int]], about("with part `log`: [line, step] of some of its lines, in order")] | Unset
    ) = UNSET
    more: Annotated[dict[str, int], MORE] | Unset = UNSET
    path_marks: Annotated[PathMarks, about("where `more` has paths")] | Unset = UNSET
    tree: Annotated[list[Branch], about("all paths in short, at most 60,000, in order; not of a log")] | Unset = UNSET
    stopped: Annotated[Stopped, about("with verdict `none`")] | Unset = UNSET
    read_from: (
        Annotated[
            ReadFrom, about("of a request of the kind `log`: nothing was verified; `verdict` `none` means unknown")
        ]
        | Unset
    ) = UNSET
    insns: (
        Annotated[
            list[Insn], about("with `read_from`: the instructions of the whole log, where `load` did not have them all")
        ]
        | Unset
    ) = UNSET
    lines: Annotated[dict[str, str], about("with `insns`: as in `load`")] | Unset = UNSET
    command: Annotated[str, COMMAND] | Unset = UNSET
    took: Annotated[list[Passed], TOOK] | Unset = UNSET
    returned: Annotated[list[Passed], RETURNED] | Unset = UNSET
