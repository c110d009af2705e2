"""What clients send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal, TypeAlias, get_args

from msgspec import UNSET, field

from playground.messages import VERSION
from playground.messages.base import NAME_LENGTH, Unset, Wire, about

EVENT_VALUES: Final = 128
LIST_LENGTH: Final = 64
MAX_FILES: Final = 32
MAX_LAYERS: Final = 16
MAX_LAYER_FIELDS: Final = 32
MAX_SET: Final = 16
SERIES: Final = 16
KERNEL_LENGTH: Final = 16
SHELL_LENGTH: Final = 1000
REAL_SECONDS: Final = 30

Series: TypeAlias = Annotated[str, about("", max_length=16)]
Kind: TypeAlias = Literal["c", "asm", "hex", "elf", "listing", "log"]
Name: TypeAlias = Annotated[str, about("a name", max_length=NAME_LENGTH)]
FileName: TypeAlias = Annotated[
    str,
    about(
        "a relative path",
        sentence="The file name {0} cannot be used: it has to be a relative path of at most 128 letters, digits and "
        "the characters _ . + @ - whose parts, at most 8, do not begin with a point.",
        pattern=r"^(?=.{1,128}(?![\s\S]))[A-Za-z0-9_][A-Za-z0-9_.+@-]*(/[A-Za-z0-9_][A-Za-z0-9_.+@-]*){0,7}(?![\s\S])",
    ),
]
FileText: TypeAlias = Annotated[str, about("", sentence="The file {0} has to be text.")]
LayerField: TypeAlias = Annotated[
    str | int, about("", sentence="The fields of the layer {0} have to be text or whole numbers.")
]
Layer: TypeAlias = Annotated[
    dict[Name, LayerField],
    about(
        "",
        sentence=f"The layer {{0}} of a packet has to be an object of at most {MAX_LAYER_FIELDS} fields by name.",
        max_length=MAX_LAYER_FIELDS,
    ),
]


SettingValues: TypeAlias = Annotated[
    list[Name],
    about("", sentence=f"The values of {{0}} have to be at most {LIST_LENGTH} texts.", max_length=LIST_LENGTH),
]


class Options(Wire, frozen=True):
    """How the program is compiled, loaded, verified and run. Every option may be left out."""

    program: Annotated[
        str, about('the program\'s name; `""`: the first', title="The option program", max_length=NAME_LENGTH)
    ] = ""
    opt: Annotated[Literal["O0", "O1", "O2"], about("clang's optimisation level", title="The option opt")] = "O2"
    mcpu: Annotated[Literal["v1", "v2", "v3", "v4"], about("BPF instruction set version", title="The option mcpu")] = (
        "v3"
    )
    fix_includes: Annotated[
        bool, about("add the `#include` lines a C source lacks", title="The option fix_includes")
    ] = False
    prog_type: Annotated[
        str,
        about(
            "program type of assembly and hex, as a section name", title="The option prog_type", max_length=NAME_LENGTH
        ),
    ] = "xdp"
    verify: Annotated[
        bool, about("without it the interpreter runs the program unverified", title="The option verify")
    ] = True
    unprivileged: Annotated[bool, about("load as a user without capabilities", title="The option unprivileged")] = False
    engine: Annotated[Literal["jit", "interpreter"], about("what executes the program", title="The option engine")] = (
        "jit"
    )


_SOCKET: Final = about(
    "the socket a socket filter is attached to: `packet` (the default), `dgram`, `ip`, `transport` or `test_run`",
    title="The socket's name",
    max_length=NAME_LENGTH,
)


class _Input(Wire, frozen=True, tag_field="kind"):
    """What a program is run on."""


class AutoInput(_Input, frozen=True, tag="auto"):
    """The program decides: a packet for networking programs, an event with example values for tracing ones."""


class NoInput(_Input, frozen=True, tag="none"):
    """Nothing."""


class PacketInput(_Input, frozen=True, tag="packet"):
    """One packet, as bytes."""

    hex: Annotated[str, about("the bytes; white space is ignored", sentence="The packet has to be hex text.")]
    socket: Annotated[str, _SOCKET] | Unset = UNSET


class FormInput(_Input, frozen=True, tag="form"):
    """One packet, as layers."""

    layers: Annotated[
        dict[Name, Layer],
        about(
            "see *Layers*",
            title="The packet's form",
            sentence=f"A packet's layers have to be an object of at most {MAX_LAYERS} layers by name.",
            max_length=MAX_LAYERS,
        ),
    ] = field(default_factory=dict)
    socket: Annotated[str, _SOCKET] | Unset = UNSET


class PcapInput(_Input, frozen=True, tag="pcap"):
    """The packets of a capture, one run each; maps are kept between them."""

    base64: Annotated[str, about("a pcap or pcapng file", sentence="The capture has to be sent as base64 text.")]
    socket: Annotated[str, _SOCKET] | Unset = UNSET


class Bytes(Wire, frozen=True):
    """Bytes."""

    hex: str


Value: TypeAlias = str | int | Annotated[list[str], about("at most 64 texts", max_length=LIST_LENGTH)] | Bytes


EventValue: TypeAlias = Annotated[
    Value,
    about(
        "",
        sentence="The event's value {0} has to be text, a whole number, a list of at most "
        f"{LIST_LENGTH} texts or bytes in hex.",
    ),
]


class EventInput(_Input, frozen=True, tag="event"):
    """An event with the values of its arguments or fields."""

    name: Annotated[
        str, about('the event; `""`: the program\'s own', title="The event's name", max_length=NAME_LENGTH)
    ] = ""
    values: Annotated[
        dict[Name, EventValue],
        about(
            "see *Values*; at most 128",
            title="The event's values",
            sentence=f"The event's values have to be an object of at most {EVENT_VALUES} names.",
            max_length=EVENT_VALUES,
        ),
    ] = field(default_factory=dict)


class GivenInput(_Input, frozen=True, tag="given"):
    """Everything a run gets, by where the program gets it: a counterexample.

    The program runs as it was loaded, in the interpreter, also if the verifier rejected it; each access is checked.
    """

    json: Annotated[str, about("the JSON text of an input file (docs/counterexample.md)")]


class RecordedInput(_Input, frozen=True, tag="recording"):
    """A recording of the program in a real kernel (docs/recordings.md): its events take the place of runs."""

    base64: Annotated[str, about("a file of `record`", sentence="The recording has to be sent as base64 text.")]


Input: TypeAlias = AutoInput | NoInput | PacketInput | FormInput | PcapInput | EventInput | GivenInput | RecordedInput


class Beside(Wire, frozen=True):
    """The source of the program that a log is of: verified here too, to see where the two part."""

    kind: Annotated[
        Literal["c", "asm", "hex", "elf"],
        about("what `source` is", sentence="The kind of the source beside a log has to be one of c, asm, hex, elf."),
    ]
    source: Annotated[
        str,
        about("the text; of an object file (`elf`) its base64", sentence="The source beside a log has to be text."),
    ]
    options: Annotated[
        Options, about("how it is treated", title="The options", sentence="The options have to be an object.")
    ] = Options()


class Request(Wire, frozen=True):
    """What is run, shared and stored."""

    kind: Annotated[
        Kind,
        about(
            "what `source` is; `listing`: by `llvm-objdump -d` or `bpftool prog dump xlated`; "
            "`log`: a verifier's log that is read instead of a program",
            sentence="The kind of the source has to be one of c, asm, hex, elf, listing, log.",
        ),
    ]
    source: Annotated[
        str,
        about(
            'the text; of an object file (`elf`) its base64; `""` with `upload`',
            sentence="The source has to be text.",
        ),
    ]
    options: Annotated[
        Options, about("how it is treated", title="The options", sentence="The options have to be an object.")
    ] = Options()
    input: Annotated[Input, about("what it is run on; absent: `auto`", title="The input")] = AutoInput()
    name: (
        Annotated[
            str,
            about(
                "the object's name, with which the names of its maps of global variables begin; absent: `program`",
                title="The object's name",
                max_length=NAME_LENGTH,
            ),
        ]
        | Unset
    ) = UNSET
    files: (
        Annotated[
            dict[FileName, FileText],
            about(
                f"with `c`: the user's own headers by the names that `#include` gives them, at most {MAX_FILES}",
                sentence=f"The files have to be an object of at most {MAX_FILES} texts by name.",
                max_length=MAX_FILES,
            ),
        ]
        | Unset
    ) = UNSET
    upload: (
        Annotated[
            str,
            about(
                "with `log`: id of a log that was uploaded (docs/web.md); it can be read once, and is not shared",
                sentence="The id of an uploaded log has to be text.",
                max_length=NAME_LENGTH,
            ),
        ]
        | Unset
    ) = UNSET
    beside: (
        Annotated[
            Beside, about("with `log`: the program's source", sentence="The source beside a log has to be an object.")
        ]
        | Unset
    ) = UNSET


class Run(Wire, frozen=True):
    """Start a run. A second one on a socket cancels the first. A known request is answered from what is stored."""

    type: Literal["run"]
    v: Annotated[
        Literal[1],
        about(
            "version of the protocol",
            sentence=f"This server speaks version {VERSION} of the run protocol; reload the page.",
        ),
    ]
    request: Annotated[Request, about("what to run", title="A request")]
    instead: Annotated[
        str,
        about(
            "id of a run that this one replaces: it is cancelled if nobody watches it (its connection was lost)",
            sentence="instead must be the id of a run.",
        ),
    ] = ""


_BACKWARDS: Final = "A window must end at a later step than it starts."


class Window(Wire, frozen=True, kw_only=True):
    """Ask for steps.

    Answered by the `steps` messages (whole chunks) that hold them as far as they exist, or by one without steps.
    """

    type: Literal["window"]
    stage: Annotated[
        Literal["verify", "run"],
        about("whose steps", sentence="The stage of a window must be verify or run."),
    ]
    run: Annotated[
        int,
        about(
            "number of the run, for stage `run`",
            sentence="The run of a window must be a number from 0.",
            ge=0,
        ),
    ] = 0
    from_: Annotated[int, about("the first step", sentence=_BACKWARDS, ge=0)] = field(name="from")
    to: Annotated[
        int,
        about(
            "behind the last step; at most 1024 after `from`",
            sentence=_BACKWARDS,
            ge=1,
        ),
    ]


ListName: TypeAlias = Literal[
    "insns", "listing", "log", "paths", "prunings", "arrivals", "precision", "holdings", "tree"
]


class PartRequest(Wire, frozen=True, kw_only=True):
    """Ask for items of a list of which a stage's message holds only the beginning (its `more` names them).

    Answered by the `part` messages (whole ones) that hold them as far as they exist, with one without items
    where they end before `to`.
    """

    type: Literal["part"]
    list_: Annotated[
        ListName, about("which list", sentence=f"The list of a part must be one of {', '.join(get_args(ListName))}.")
    ] = field(name="list")
    from_: Annotated[int, about("the first item", sentence="A part must end at a later item than it starts.", ge=0)] = (
        field(name="from")
    )
    to: Annotated[
        int,
        about(
            "behind the last item; at most 1024 after `from`",
            sentence="A part must end at a later item than it starts.",
            ge=1,
        ),
    ]


MOST_STOPS: Final = 64
MOST_INSNS: Final = 1 << 16
CONDITION_LENGTH: Final = 200


class SeekStop(Wire, frozen=True):
    """A reason for a search to stop at a step."""

    kind: Annotated[
        Literal["insn", "line", "frame", "fork", "prune", "path", "change", "condition"],
        about(
            "`insn`: the step visits one of `insns`; `line`: it comes to one of them from elsewhere, or anew; "
            "`frame`: at most `most` frames are left; `fork`: it pushed a path; `prune`: a path was pruned after it; "
            "`path`: a path forks, begins or ends there; `change`: the register or slot `name` got a value; "
            "`condition`: `text` becomes true (docs/seeking.md)",
            sentence="The kind of a stop must be one of insn, line, frame, fork, prune, path, change, condition.",
        ),
    ]
    insns: Annotated[
        list[int],
        about(
            f"slots of instructions, at most {MOST_INSNS:,}",
            title="The instructions of a stop",
            max_length=MOST_INSNS,
        ),
    ] = field(default_factory=list)
    most: Annotated[int, about("frames", title="The frames of a stop", ge=0)] = 0
    name: Annotated[
        str,
        about(
            "`r3`, `fp-8`, `1:r3` in frame 1; in a run `r3` or a register of the machine",
            title="The name of a stop",
            pattern=r"^(([0-7]:)?(r[0-9]{1,2}|fp-[0-9]{1,3})|[a-z0-9]{2,4})?$",
        ),
    ] = ""
    text: Annotated[str, about("the condition", title="A condition", max_length=CONDITION_LENGTH)] = ""


class Seek(Wire, frozen=True, kw_only=True):
    """Search for the nearest step before or after another one at which one of the stops holds.

    Answered by `found`. A search in the states of a long walk ends after some time and says how far it came.
    """

    type: Literal["seek"]
    id: Annotated[int, about("the answer has the same", title="The id of a search", ge=0)]
    stage: Annotated[
        Literal["verify", "run"],
        about("in whose steps", sentence="The stage of a search must be verify or run."),
    ]
    run: Annotated[
        int, about("number of the run, for stage `run`", sentence="The run of a search must be a number from 0.", ge=0)
    ] = 0
    from_: Annotated[
        int,
        about(
            "the step from which on is searched; itself it is no answer. -1: before the first",
            sentence="The step of a search must be a number from -1.",
            ge=-1,
        ),
    ] = field(name="from")
    direction: Annotated[
        Literal[1, -1], about("1: later steps; -1: earlier ones", sentence="The direction of a search must be 1 or -1.")
    ]
    stops: Annotated[
        list[SeekStop],
        about(
            f"at most {MOST_STOPS}",
            sentence=f"The stops of a search have to be a list of at most {MOST_STOPS} stops.",
            max_length=MOST_STOPS,
        ),
    ]


class LogRequest(Wire, frozen=True):
    """Ask for the whole log of a walk whose `verify` message has `log_more`. Answered by `log`."""

    type: Literal["log"]


class ValueRequest(Wire, frozen=True, kw_only=True):
    """Ask how a register or slot got the value it has at a step, and which steps read and write it.

    Answered by `value`.
    """

    type: Literal["value"]
    stage: Annotated[
        Literal["verify", "run"], about("whose step", sentence="The stage of a value must be verify or run.")
    ] = "verify"
    run: Annotated[
        int,
        about(
            "number of the run: for stage `verify` the one whose values stand beside",
            sentence="The run of a value must be a number from 0.",
            ge=0,
        ),
    ] = 0
    step: Annotated[int, about("the step", sentence="The step of a value must be a number from 0.", ge=0)]
    name: Annotated[
        str,
        about(
            "`r3`, `fp-8`; in a run also `@0x…`, an address",
            sentence="The name of a value must be a register, a stack slot or an address.",
            pattern=r"^(r[0-9]|r10|fp-[1-9][0-9]{0,2}|@0x[0-9a-f]{1,16})$",
            max_length=20,
        ),
    ]
    frame: Annotated[
        int, about("number of its frame", sentence="The frame of a value must be a number from 0 to 8.", ge=0, le=8)
    ] = 0
    before: Annotated[
        bool, about("as the step found it, not as it left it", sentence="before must be true or false.")
    ] = False


class FactsRequest(Wire, frozen=True, kw_only=True):
    """Ask what branches proved that holds at a step of the walk, and at those of its path around it.

    Answered by `facts`.
    """

    type: Literal["facts"]
    step: Annotated[int, about("the step", sentence="The step of facts must be a number from 0.", ge=0)]


class StatesRequest(Wire, frozen=True, kw_only=True):
    """Ask for the two states of a comparison: the stored one, and the one that arrived. Answered by `states`."""

    type: Literal["states"]
    step: Annotated[
        int,
        about(
            "the step after which the state arrived, as `after` of prunings and arrivals; -1: the entry",
            sentence="The step of states must be a number from -1.",
            ge=-1,
        ),
    ]
    path: Annotated[int, about("the path that arrived", sentence="The path of states must be a number from 0.", ge=0)]
    checkpoint: Annotated[
        int,
        about(
            "the step before which the other state was stored",
            sentence="The checkpoint of states must be a number from 0.",
            ge=0,
        ),
    ]


class RoundsRequest(Wire, frozen=True, kw_only=True):
    """Ask for the visits of an instruction on the path of a step, with the states they found. Answered by `rounds`."""

    type: Literal["rounds"]
    step: Annotated[int, about("the step", sentence="The step of rounds must be a number from 0.", ge=0)]
    insn: Annotated[
        int,
        about("slot of the instruction", sentence="The instruction of rounds must be a number from 0.", ge=0),
    ]


class Analysis(Wire, frozen=True, kw_only=True):
    """Ask something about a program. Its answer may take as long as a run; the run of the socket goes on."""

    slow: ClassVar[bool] = False
    """Whether it is asked only where somebody wants it: its answer takes far longer than a run."""
    type: str
    request: Annotated[Request, about("the program, as in `run`", title="A request")]


class ContentsRequest(Analysis, frozen=True, kw_only=True):
    """Ask what the object file holds. Answered by `contents`."""

    type: Literal["contents"]


class RewrittenRequest(Analysis, frozen=True, kw_only=True):
    """Ask for the program as the verifier rewrote it. Answered by `rewritten`."""

    type: Literal["rewritten"]


class FixesRequest(Analysis, frozen=True, kw_only=True):
    """Ask for changes of a rejected C source after which the verifier accepts it.

    Answered by a `fix` for each, and by `fixes_done`.
    """

    type: Literal["fixes"]


class CounterexampleRequest(Analysis, frozen=True, kw_only=True):
    """Ask for an input on which a rejected memory access goes wrong. Answered by `counterexample`."""

    type: Literal["counterexample"]


class KernelAnalysis(Analysis, frozen=True, kw_only=True):
    """Ask real kernels about a program."""

    slow: ClassVar[bool] = True
    take: Annotated[
        Literal["any", "new", "stored"],
        about("`new`: ask anew, also if there is a stored answer; `stored`: only tell the stored answer", title="take"),
    ] = "any"


class MatrixRequest(KernelAnalysis, frozen=True, kw_only=True):
    """Ask real kernels about the program, as each of several compilers makes it.

    Answered by `kernels`, a `cell` for each kernel and compiler, `emulated`, a `fix_tried` for each fix, and
    `cells_done`.
    """

    type: Literal["matrix"]
    kernels: Annotated[
        list[Series],
        about(
            "which, by series; `[]`: all",
            sentence=f"The kernels have to be a list of at most {SERIES} series.",
            max_length=SERIES,
        ),
    ] = field(default_factory=list)
    clangs: Annotated[
        list[Series],
        about(
            'major versions of clang, `""`: the usual one; `[]`: only that',
            sentence=f"The clangs have to be a list of at most {SERIES} versions.",
            max_length=SERIES,
        ),
    ] = field(default_factory=list)
    mcpus: Annotated[
        list[Literal["v1", "v2", "v3", "v4"]],
        about(
            "`[]`: that of the request",
            sentence="The instruction set versions have to be a list of v1, v2, v3 and v4.",
            max_length=4,
        ),
    ] = field(default_factory=list)
    opts: Annotated[
        list[Literal["O0", "O1", "O2"]],
        about(
            "`[]`: that of the request",
            sentence="The optimisation levels have to be a list of O0, O1 and O2.",
            max_length=3,
        ),
    ] = field(default_factory=list)


KernelSeries: TypeAlias = Annotated[
    str,
    about('which, its series; `""`: the emulated one, else the newest', title="The kernel", max_length=KERNEL_LENGTH),
]
Workload: TypeAlias = Annotated[
    Literal["shell", "files", "network", "scheduler"], about("what runs meanwhile", title="The workload")
]


class RealRequest(KernelAnalysis, frozen=True, kw_only=True):
    """Run the object's programs on a real kernel, with a workload.

    Answered by `real`, by what happens as it happens, and by `real_done`.
    """

    type: Literal["real"]
    kernel: KernelSeries = ""
    workload: Workload = "shell"
    shell: Annotated[
        str,
        about("a line for busybox's shell, instead of a workload", title="The line of shell", max_length=SHELL_LENGTH),
    ] = ""
    seconds: Annotated[
        int, about("after which the workload is stopped", title="The number of seconds", ge=1, le=REAL_SECONDS)
    ] = 5


class RecordRequest(KernelAnalysis, frozen=True, kw_only=True):
    """Have the object's programs attached in a real kernel and recorded while a workload runs.

    Answered by an `event_recorded` for each event, and by `recording`.
    """

    type: Literal["record"]
    kernel: KernelSeries = ""
    workload: Workload = "shell"


class BinariesRequest(Analysis, frozen=True, kw_only=True):
    """Ask for the files that the stages made. Answered by `binaries`."""

    type: Literal["binaries"]


class ProfileRequest(Analysis, frozen=True, kw_only=True):
    """Ask what the verifier's walk costs and where. Answered by `profile`."""

    type: Literal["profile"]


class AdviceRequest(Analysis, frozen=True, kw_only=True):
    """Ask for changes of a C source with which the verifier's walk is shorter.

    Answered by an `advice` for each, and by `advice_done`.
    """

    type: Literal["advice"]


class SettingsRequest(Analysis, frozen=True, kw_only=True):
    """Ask what the walk costs with other values of `const volatile` variables.

    Answered by a `setting` for each combination of values, at most 64, and by `settings_done`.
    """

    type: Literal["settings"]
    values: Annotated[
        dict[Name, SettingValues],
        about(
            "values by variable, as C writes them",
            title="The values of a setting",
            sentence=f"The values of a setting have to be an object of at most {MAX_SET} names with lists of texts.",
            max_length=MAX_SET,
        ),
    ]


class CompareRequest(Analysis, frozen=True, kw_only=True):
    """Ask how another program, or the same one with other options, differs for the verifier. Answered by `compare`."""

    type: Literal["compare"]
    other: Annotated[Request, about("the other side, as in `run`", title="The other request")]


class GraphRequest(Analysis, frozen=True, kw_only=True):
    """Ask for the control-flow graph of the chosen program. Answered by `graph`."""

    type: Literal["graph"]


class Stop(Wire, frozen=True, kw_only=True):
    """Stop a question about a program. Answered by an `error` with the code `analysis` if it was not answered yet."""

    type: Literal["stop"]
    asked: Annotated[
        str,
        about("the type of the message that asked", sentence="asked must be the type of a question.", max_length=32),
    ]


class Resume(Wire, frozen=True):
    """Go on after a lost connection, on a new socket; for a run that still goes on, within 20 s.

    All its messages are sent again, then it goes on.
    """

    type: Literal["resume"]
    run: Annotated[
        str,
        about(
            "the id that `accepted` gave",
            sentence="This run is no longer stored on the server; press Run again.",
            code="unknown_run",
        ),
    ]


class Cancel(Wire, frozen=True):
    """Stop the run. Answered by `done` with `cancelled: true`."""

    type: Literal["cancel"]


TYPES: Final[Mapping[str, type[Wire]]] = {
    "run": Run,
    "window": Window,
    "part": PartRequest,
    "log": LogRequest,
    "value": ValueRequest,
    "facts": FactsRequest,
    "seek": Seek,
    "states": StatesRequest,
    "rounds": RoundsRequest,
    "contents": ContentsRequest,
    "rewritten": RewrittenRequest,
    "fixes": FixesRequest,
    "counterexample": CounterexampleRequest,
    "matrix": MatrixRequest,
    "real": RealRequest,
    "record": RecordRequest,
    "binaries": BinariesRequest,
    "profile": ProfileRequest,
    "advice": AdviceRequest,
    "settings": SettingsRequest,
    "compare": CompareRequest,
    "graph": GraphRequest,
    "stop": Stop,
    "resume": Resume,
    "cancel": Cancel,
}
ANALYSES: Final = tuple(name for name, kind in TYPES.items() if issubclass(kind, Analysis))
"""The types that ask something about a program."""
