"""Questions about a program, which a worker answers beside the run."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, TypeAlias

from msgspec import field

from playground.messages.base import NAME_LENGTH, Wire, about
from playground.messages.programs import LIST_LENGTH, Name, Request

MAX_SET: Final = 16
SERIES: Final = 16
KERNEL_LENGTH: Final = 16
SHELL_LENGTH: Final = 1000
RECORDED_EVENTS: Final = 50
RECORD_EVERY: Final = 1_000_000
TASK_LENGTH: Final = 15
CONDITION_LENGTH: Final = 200
REAL_SECONDS: Final = 30
GIVEN: Final = 64
VALUE_LENGTH: Final = 1000
MAP_SIZE: Final = 1 << 24

Series: TypeAlias = Annotated[str, about("", max_length=16)]
SettingValues: TypeAlias = Annotated[
    list[Name],
    about("", sentence=f"The values of {{0}} have to be at most {LIST_LENGTH} texts.", max_length=LIST_LENGTH),
]


class Analysis(Wire, frozen=True, kw_only=True):
    """Ask something about a program. Its answer may take as long as a run; the run of the socket goes on."""

    slow: ClassVar[bool] = False
    """Whether it is asked only where somebody wants it: its answer takes far longer than a run."""
    of_input: ClassVar[bool] = False
    """Whether its answer depends on the input of the request."""
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


class ReduceRequest(Analysis, frozen=True, kw_only=True):
    """Ask for the smallest source that the verifier refuses for the same reason (docs/fixes.md).

    Answered by a `smaller` for the smallest one so far, at most two in a second, and by `reduced`.
    """

    slow: ClassVar[bool] = True
    type: Literal["reduce"]


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
GivenValue: TypeAlias = Annotated[
    str,
    about(
        "", sentence=f"The value of {{0}} has to be text of at most {VALUE_LENGTH} characters.", max_length=VALUE_LENGTH
    ),
]
MapSize: TypeAlias = Annotated[
    int,
    about("", sentence=f"The size of the map {{0}} has to be a number from 1 to {MAP_SIZE}.", ge=1, le=MAP_SIZE),
]
Target: TypeAlias = Annotated[
    str,
    about(
        "", sentence=f"The target of {{0}} has to be text of at most {NAME_LENGTH} characters.", max_length=NAME_LENGTH
    ),
]
Workload: TypeAlias = Annotated[
    Literal["shell", "files", "network", "scheduler"], about("what runs meanwhile", title="The workload")
]


ShellLine: TypeAlias = Annotated[
    str,
    about("a line for busybox's shell, instead of a workload", title="The line of shell", max_length=SHELL_LENGTH),
]


class MapEntryGiven(Wire, frozen=True):
    """An entry that a map has before the programs are attached. Key and value as C writes them, or `hex:` and bytes."""

    map: Annotated[str, about("the map's name", max_length=NAME_LENGTH)]
    key: Annotated[str, about("", max_length=VALUE_LENGTH)]
    value: Annotated[str, about("", max_length=VALUE_LENGTH)]


class SetupGiven(Wire, frozen=True):
    """What is changed before the object runs on a real kernel (docs/kernels.md). The message `setup` tells what can be.

    Values are written as in C: a number, an enumerator, `"text"`, `{1, 2}`, `{.pid = 7}`; or `hex:` and all bytes.
    """

    values: Annotated[
        dict[Name, GivenValue],
        about(
            "initial values of global variables by name, of .rodata, .data and .bss",
            title="The values of variables",
            sentence=f"The values of variables have to be an object of at most {GIVEN} names with texts.",
            max_length=GIVEN,
        ),
    ] = field(default_factory=dict)
    sizes: Annotated[
        dict[Name, MapSize],
        about(
            "`max_entries` by map",
            title="The sizes of maps",
            sentence=f"The sizes of maps have to be an object of at most {GIVEN} names with numbers.",
            max_length=GIVEN,
        ),
    ] = field(default_factory=dict)
    entries: Annotated[
        list[MapEntryGiven],
        about(
            "written between loading and attaching",
            title="The entries of maps",
            sentence=f"The entries of maps have to be a list of at most {GIVEN} objects with map, key and value.",
            max_length=GIVEN,
        ),
    ] = field(default_factory=list)
    targets: Annotated[
        dict[Name, Target],
        about(
            "by program: what it is attached to instead of what its section names; of XDP and tc programs a device, "
            "`veth0` or `lo`",
            title="The targets of programs",
            sentence=f"The targets of programs have to be an object of at most {GIVEN} names with texts.",
            max_length=GIVEN,
        ),
    ] = field(default_factory=dict)


class GuestAnalysis(KernelAnalysis, frozen=True, kw_only=True):
    """Have the object's programs attached in a real kernel while a workload runs."""

    kernel: KernelSeries = ""
    workload: Workload = "shell"
    shell: ShellLine = ""
    seconds: Annotated[
        int, about("after which the workload is stopped", title="The number of seconds", ge=1, le=REAL_SECONDS)
    ] = 5
    setup: Annotated[
        SetupGiven, about("what is changed before", title="The setup", sentence="The setup has to be an object.")
    ] = SetupGiven()


class RealRequest(GuestAnalysis, frozen=True, kw_only=True):
    """Run the object's programs on a real kernel, with a workload.

    Answered by `real`, by what happens as it happens, and by `real_done`.
    """

    of_input: ClassVar[bool] = True
    type: Literal["real"]


class SetupRequest(Analysis, frozen=True, kw_only=True):
    """Ask what can be changed before the object runs on a real kernel. Answered by `setup`."""

    type: Literal["setup"]


class RecordRequest(GuestAnalysis, frozen=True, kw_only=True):
    """Have the object's programs attached in a real kernel and recorded while a workload runs.

    Answered by an `event_recorded` for each event, and by `recording`.
    """

    type: Literal["record"]
    events: Annotated[
        int, about("of each program, at most", title="The number of events", ge=1, le=RECORDED_EVENTS)
    ] = 5
    every: Annotated[
        int, about("each so-many-th of the events that the others admit", title="Every", ge=1, le=RECORD_EVERY)
    ] = 1
    task: Annotated[
        str, about("only events of tasks of this name or process id", title="The task", max_length=TASK_LENGTH)
    ] = ""
    where: Annotated[
        str,
        about(
            "only events that meet it: `pid == 42`, `counts[3] > 5`", title="The condition", max_length=CONDITION_LENGTH
        ),
    ] = ""


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
