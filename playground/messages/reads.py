"""Questions about a stored run: windows of steps, parts of lists, the log, values, facts, searches."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias, get_args

from msgspec import field

from playground.messages.base import Wire, about

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
            "one past the last step; at most 1024 after `from`",
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
            "one past the last item; at most 1024 after `from`",
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
        int,
        about("number of its frame", sentence="The frame of a value must be a number from 0 to 255.", ge=0, le=255),
    ] = 0
    before: Annotated[
        bool, about("as the step found it, not as it left it", sentence="before must be true or false.")
    ] = False
    program: Annotated[
        str,
        about(
            "where the step of a run is one of a program that a tail call entered: its name; the answer is of that "
            "program's walk",
            sentence="The program of a value must be a name of at most 128 characters.",
            max_length=128,
        ),
    ] = ""


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
