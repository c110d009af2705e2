"""The `stage` messages: what each stage of a run says when it begins, ends, fails or is skipped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias

from msgspec import UNSET

from playground.messages.base import Unset, Wire, about
from playground.messages.programs import Value
from playground.messages.steps import Reg

Stage: TypeAlias = Literal["compile", "load", "verify", "jit", "run"]
Ended: TypeAlias = Literal["done", "failed"]
_MS: Final = about("milliseconds since the stage began")
_SUMMARY: Final = about("a few words for the stage's button")
_MORE: Final = about("lists of which this message holds only the beginning: how many items `part` has of each")
_WHY: Final = about('why it failed, a sentence; `""` if it did not')


class Edit(Wire, frozen=True):
    """A range of the user's source and what replaces it. Lines and columns count from 1; the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int
    text: str
    file: Annotated[str, about("the file beside the source that is edited")] | Unset = UNSET


class Fix(Wire, frozen=True):
    """A change of the user's source."""

    title: Annotated[str, about("what it does, for a button")]
    edits: list[Edit]


class Remark(Wire, frozen=True):
    """Something the user should know about the source. It stops nothing."""

    message: Annotated[str, about("a sentence")]
    program: Annotated[str, about('the program it is about; `""`: the whole source')]
    line: Annotated[int | None, about("1-based line of the source")]
    fix: Annotated[Fix | None, about("what would settle it")]
    kind: Annotated[str, about('`missing`: the fix writes what `missing` lists into the source; else `""`')]


class Diagnostic(Wire, frozen=True):
    """What is wrong in a source, and where. Lines and columns count from 1."""

    line: int
    column: int
    end_column: int | None
    severity: Annotated[str, about("`error`, `fatal error`, `warning` or `note`")]
    message: str
    file: Annotated[str, about("the file beside the source that it is in")] | Unset = UNSET


class Passed(Wire, frozen=True):
    """Something that a stage took or returned."""

    what: Annotated[str, about("what it is: `C source`, `ELF object`, `BPF program`, `packet`, …")]
    name: Annotated[str, about('`""`: none')]
    size: Annotated[int | None, about("how much it is")]
    unit: Annotated[
        Literal["byte", "slot", "instruction", "step", "map", "program", "packet", "event", "value"],
        about("of what `size` is the number; a `slot` is an instruction's eight bytes"),
    ]


_COMMAND: Final = about("the command line that does the same, with a file of the source in the current directory")
_TOOK: Final = about("what the stage took")
_RETURNED: Final = about("what it returned")


class Missing(Wire, frozen=True):
    """An `#include` that the option `fix_includes` would add."""

    what: Annotated[str, about("the name that is not declared")]
    add: Annotated[str, about("the line")]
    message: Annotated[str, about("a sentence")]


class NotCovered(Wire, frozen=True):
    """Something the program uses that is not emulated (docs/kernel.md names them)."""

    kind: Annotated[
        Literal[
            "helper", "kfunc", "map", "program type", "context", "machine code", "tail call", "crash", "symbol",
            "other",
        ],
        about("`machine code`: the interpreter runs it; `crash`: a real kernel may stop at it"),
    ]  # fmt: skip
    name: Annotated[str, about('its name; `""` if it has none')]
    text: Annotated[str, about("what it is, in words")]


class Working(Wire, frozen=True):
    """A stage begins."""

    type: Literal["stage"]
    stage: Stage
    status: Literal["working"]


class Skipped(Wire, frozen=True):
    """A stage has nothing to do, or one before it failed."""

    type: Literal["stage"]
    stage: Stage
    status: Literal["skipped"]
    ms: Annotated[float, _MS] | Unset = UNSET


class ProgramEntry(Wire, frozen=True):
    """A program of the object."""

    name: str
    section: str
    prog_type: Annotated[int, about("`enum bpf_prog_type`")]
    error: Annotated[str, about('why libbpf would not hand it to the kernel; `""` if it does')]


class Refused(Wire, frozen=True):
    """A stage could not use its input. The stages after it are skipped."""

    type: Literal["stage"]
    stage: Stage
    status: Literal["failed"]
    ms: Annotated[float, _MS]
    message: Annotated[str, _WHY]
    not_emulated: Annotated[list[str], about("what is not emulated, in words, where that is the reason")] | Unset = (
        UNSET
    )
    not_covered: Annotated[list[NotCovered], about("the same with kind and name")] | Unset = UNSET
    diagnostics: Annotated[list[Diagnostic], about("where in the source, if it is known")] | Unset = UNSET
    programs: Annotated[list[ProgramEntry], about("of `load`: those of the object, if none is chosen")] | Unset = UNSET
    command: Annotated[str, _COMMAND] | Unset = UNSET


class Compiled(Wire, frozen=True):
    """`compile` done, or failed with clang's diagnostics."""

    type: Literal["stage"]
    stage: Literal["compile"]
    status: Ended
    ms: Annotated[float, _MS]
    summary: Annotated[str, _SUMMARY]
    message: Annotated[str, _WHY]
    compiler: Annotated[str, about("`clang 22.1.8`")]
    object_bytes: Annotated[int, about("size of the ELF object")]
    diagnostics: list[Diagnostic]
    missing: list[Missing]
    added: Annotated[list[str], about("lines that `fix_includes` added")]
    remarks: list[Remark]
    command: Annotated[str, _COMMAND] | Unset = UNSET
    took: Annotated[list[Passed], _TOOK] | Unset = UNSET
    returned: Annotated[list[Passed], _RETURNED] | Unset = UNSET


class MapEntry(Wire, frozen=True):
    """A map of the chosen program. Sizes are in bytes."""

    name: str
    type: Annotated[str, about("`hash`, `array`, … as bpftool names them")]
    key_size: int
    value_size: int
    max_entries: int
    flags: Annotated[int, about("`BPF_F_…`")]


class Insn(Wire, frozen=True):
    """An instruction of the chosen program."""

    idx: Annotated[int, about("its 8-byte slot")]
    hex: Annotated[str, about('`""` where a log does not carry all of it')]
    text: Annotated[str, about("as the kernel prints it")]
    line: Annotated[int | None, about("1-based line of the C source")]
    target: Annotated[int | None, about("the slot a jump goes to")]
    column: Annotated[int, about("1-based column, where there is a line")] | Unset = UNSET
    file: Annotated[str, about("the line's file, where that is not the source itself")] | Unset = UNSET
    func: Annotated[str, about("on a function's first slot: its name")] | Unset = UNSET
    call: Annotated[str, about("of a call: the helper, kernel function or function that it calls")] | Unset = UNSET
    source: Annotated[str, about("of a log: the C line, where it is printed without a number")] | Unset = UNSET


class EventField(Wire, frozen=True):
    """A value of an event with its C type."""

    name: str
    type: str
    value: Value


class DefaultInput(Wire, frozen=True):
    """What the chosen program is run on by default. These are example values, not recordings."""

    kind: Literal["packet", "event", "none"]
    hook: Annotated[str, about("the program's section")]
    hex: Annotated[str, about("of a packet: its bytes")] | Unset = UNSET
    name: Annotated[str, about('of an event: its name; `""`: the program\'s own')] | Unset = UNSET
    values: Annotated[dict[str, Value], about("of an event: its values, as an input takes them")] | Unset = UNSET
    fields: Annotated[list[EventField], about("the same in order, with C types")] | Unset = UNSET


class Loaded(Wire, frozen=True):
    """`load` done. The object is loaded whole, as `bpf_object__load()` does."""

    type: Literal["stage"]
    stage: Literal["load"]
    status: Literal["done"]
    ms: Annotated[float, _MS]
    summary: Annotated[str, _SUMMARY]
    programs: list[ProgramEntry]
    program: Annotated[str, about("name of the chosen program")]
    maps: list[MapEntry]
    insns: list[Insn]
    lines: Annotated[dict[str, str], about("line number: text, where the source is not the editor's (an object file)")]
    remarks: Annotated[list[Remark], about("about the object and the chosen program")]
    input: DefaultInput
    more: Annotated[dict[str, int], _MORE] | Unset = UNSET
    wide: Annotated[list[int], about("with `more`: slots of the loads that take two")] | Unset = UNSET
    line_info: (
        Annotated[
            list[tuple[int, int | None]],
            about("with `more`: [slot, line] where the source line changes; null: from here on none is known"),
        ]
        | Unset
    ) = UNSET
    func_info: Annotated[list[tuple[int, str]], about("with `more`: [slot, name] of each function")] | Unset = UNSET
    file_info: (
        Annotated[list[tuple[int, str]], about('with `more`: [slot, file] where the file changes; `""`: the source')]
        | Unset
    ) = UNSET
    files: (
        Annotated[dict[str, dict[str, str]], about("of an object: as `lines`, of its other files by their names")]
        | Unset
    ) = UNSET
    command: Annotated[str, _COMMAND] | Unset = UNSET
    took: Annotated[list[Passed], _TOOK] | Unset = UNSET
    returned: Annotated[list[Passed], _RETURNED] | Unset = UNSET
    call_info: Annotated[list[tuple[int, str]], about("with `more`: [slot, callee] of each call")] | Unset = UNSET


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
    text: Annotated[str, about("the rule as a sentence")]
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
    text: Annotated[str, about("why")]


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
    ms: Annotated[float, _MS]
    summary: Annotated[str, _SUMMARY]
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
    more: Annotated[dict[str, int], _MORE] | Unset = UNSET
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
    command: Annotated[str, _COMMAND] | Unset = UNSET
    took: Annotated[list[Passed], _TOOK] | Unset = UNSET
    returned: Annotated[list[Passed], _RETURNED] | Unset = UNSET


class MachineInsn(Wire, frozen=True):
    """An x86 instruction."""

    off: Annotated[int, about("offset in bytes")]
    hex: str
    text: str
    insn: Annotated[int, about("slot of the verified program's instruction it belongs to")]


class Translated(Wire, frozen=True):
    """`jit` done."""

    type: Literal["stage"]
    stage: Literal["jit"]
    status: Literal["done"]
    ms: Annotated[float, _MS]
    summary: Annotated[str, _SUMMARY]
    bytes: Annotated[int, about("size of the machine code")]
    listing: list[MachineInsn]
    more: Annotated[dict[str, int], _MORE] | Unset = UNSET
    command: Annotated[str, _COMMAND] | Unset = UNSET
    took: Annotated[list[Passed], _TOOK] | Unset = UNSET
    returned: Annotated[list[Passed], _RETURNED] | Unset = UNSET


class Fault(Wire, frozen=True):
    """Why the machine stopped."""

    kind: Annotated[str, about("`memory`, `insns`, `time` or `helper`")]
    message: Annotated[str, about("a sentence")]
    insn_idx: int
    step: int


class RunResult(Wire, frozen=True):
    """One run of the program on one input."""

    r0: Annotated[str, about("64 bits, hex")]
    result: Annotated[str, about("what the hook makes of it: `XDP_DROP`, `-EACCES (-13)`, a number")]
    packet_out: Annotated[str | None, about("the packet as the program left it, hex")]
    insns: Annotated[int, about("instructions executed")]
    steps: Annotated[int, about("steps recorded")]
    steps_cut: Annotated[bool, about("true: not all were recorded")]
    fault: Fault | None


class Variable(Wire, frozen=True):
    """A global variable."""

    name: str
    type: Annotated[str, about("C text")]
    offset: Annotated[int, about("bytes, in the section")]
    size: Annotated[int, about("bytes")]
    value: Annotated[str, about("C text")]


class MapContent(Wire, frozen=True):
    """A map as the last run left it."""

    type: str
    entries: Annotated[
        list[tuple[str, str, str]], about('[key in hex, value in hex, value as C text or `""`], the first 256')
    ]
    cut: Annotated[int, about("entries left out")]
    variables: Annotated[list[Variable], about("of .data, .bss, .rodata or .kconfig with BTF")] | Unset = UNSET


class Event(Wire, frozen=True):
    """What a helper did or printed."""

    run: int
    step: int
    kind: Annotated[
        str,
        about("`printk`, `perf`, `ringbuf`, `redirect`, `adjust` or `tail_call`; `call` of a helper, in a recording"),
    ]
    text: str
    hex: Annotated[str, about("bytes of the output")]
    decoded: Annotated[
        str, about("a record by the only structure of the program that has its size, else the strings in it")
    ]


class Region(Wire, frozen=True):
    """A named part of memory."""

    name: str
    address: Annotated[str, about("hex")]
    size: Annotated[int, about("bytes")]


class Recorded(Wire, frozen=True):
    """Where and how the events of a recording were recorded."""

    kernel: Annotated[str, about("what `uname -r` printed there")]
    workload: Annotated[str, about("the line of shell that ran")]
    matched: Annotated[
        Literal["instruction", "line"],
        about(
            "how the steps were found: `instruction`, the kernel's machine code is the one that is made here; "
            "`line`, by the kernel's line information, a step for each C line"
        ),
    ]
    tasks: Annotated[list[str], about("of each run, the name and process id of the task")]
    notes: Annotated[list[str], about("what the recording leaves out")]
    printed: Annotated[list[str], about("what the programs printed, with bpf_printk")]
    outside: Annotated[
        list[list[int]], about("run and step, where a register was outside what the verifier had proved")
    ]


class Executed(Wire, frozen=True):
    """`run` done, or failed in the middle of the last run."""

    type: Literal["stage"]
    stage: Literal["run"]
    status: Ended
    ms: Annotated[float, _MS]
    summary: Annotated[str, _SUMMARY]
    message: Annotated[str, _WHY]
    packet_in: Annotated[list[str], about("the packets, hex")]
    engine: Annotated[str, about("`jit`, `interpreter`, or the kernel that was recorded")]
    runs: list[RunResult]
    maps: Annotated[dict[str, MapContent], about("by name")]
    events: Annotated[list[Event], about("the first 2,000")]
    memory: Annotated[list[Region], about("the regions that addresses belong to")]
    recorded: Annotated[Recorded, about("with an input of kind `recording`")] | Unset = UNSET
    command: Annotated[str, _COMMAND] | Unset = UNSET
    took: Annotated[list[Passed], _TOOK] | Unset = UNSET
    returned: Annotated[list[Passed], _RETURNED] | Unset = UNSET


ENDS: Final[Mapping[str, tuple[type[Wire], str]]] = {
    "compile": (Compiled, "compiler"),
    "load": (Loaded, "insns"),
    "verify": (Verified, "verdict"),
    "jit": (Translated, "listing"),
    "run": (Executed, "runs"),
}
"""Stage -> its message with a result, and the field that tells it from Refused."""

PLAIN: Final[Mapping[str, type[Wire]]] = {"working": Working, "skipped": Skipped}


def stage_type(fields: Mapping[str, Any]) -> type[Wire]:
    """The type of a `stage` message with these fields. KeyError for a stage that does not exist."""
    end, mark = ENDS[fields["stage"]]
    status = fields["status"]
    if status in PLAIN:
        return PLAIN[status]
    return end if mark in fields or status == "done" else Refused
