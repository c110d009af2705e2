"""What a page shows of a program: a link stores it beside the request, and restores it."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from msgspec import UNSET, field

from playground.messages.base import NAME_LENGTH, Unset, Wire, about
from playground.messages.questions import REAL_SECONDS, SERIES, SHELL_LENGTH, Series, SetupGiven

BREAKPOINTS: Final = 100
LAYOUT: Final = 64
NODES: Final = 1000
"""Nodes of the tree of paths that a link keeps."""
TEXT_LENGTH: Final = 256
_NAME: Final = about("", max_length=NAME_LENGTH)
Key: TypeAlias = Annotated[str, _NAME]
Number: TypeAlias = Annotated[int, about("", ge=-(1 << 53), le=1 << 53)] | Annotated[float, about("", ge=-1e9, le=1e9)]
Cell: TypeAlias = bool | Number | Annotated[str, _NAME] | None
Measure: TypeAlias = Annotated[
    Cell
    | Annotated[list[Cell], about("", max_length=LAYOUT)]
    | Annotated[dict[Key, Cell], about("", max_length=LAYOUT)],
    about("", sentence=f"The layout's value {{0}} has to be a value, or at most {LAYOUT} of them."),
]


class Breakpoint(Wire, frozen=True):
    """A place where stepping stops."""

    kind: Literal["line", "insn", "helper", "condition"]
    value: Annotated[
        Annotated[int, about("", ge=0, le=(1 << 53) - 1)] | Annotated[str, about("", max_length=TEXT_LENGTH)],
        about("a number, a name or a condition"),
    ]
    enabled: bool


class Selected(Wire, frozen=True):
    """A register or slot of a frame."""

    name: Annotated[str, about("`r3`, `fp-8`; in a run also `@0x…`, an address", max_length=NAME_LENGTH)]
    frame: Annotated[int, about("number of its frame", ge=0, le=8)] = 0


class Shape(Wire, frozen=True):
    """What the panel Shape shows."""

    view: Annotated[
        Literal["paths", "states", "graph", "loops", "frames"],
        about("its part", sentence="The view's shape has to show paths, states, graph, loops or frames."),
    ] = "paths"
    find: Annotated[str, about("the text of the search in the tree", max_length=TEXT_LENGTH)] = ""
    folded: Annotated[bool, about("whether the tree's nodes are collapsed, but for `nodes`; else only `nodes` are")] = (
        False
    )
    nodes: (
        Annotated[
            list[Annotated[int, about("", ge=0, le=(1 << 53) - 1)]],
            about("first steps of nodes", max_length=NODES),
        ]
        | Unset
    ) = UNSET
    insn: Annotated[int, about("first instruction of the loop's rounds; -1: the loop around the step", ge=-1)] = -1
    checkpoint: Annotated[
        int, about("the stored state that the step's is compared with; -1: the first one", ge=-1)
    ] = -1


class AskedMatrix(Wire, frozen=True):
    """What `matrix` was asked beside the program."""

    kernels: Annotated[list[Series], about("", max_length=SERIES)] = field(default_factory=list)
    clangs: Annotated[list[Series], about("", max_length=SERIES)] = field(default_factory=list)
    mcpus: Annotated[list[Literal["v1", "v2", "v3", "v4"]], about("", max_length=4)] = field(default_factory=list)
    opts: Annotated[list[Literal["O0", "O1", "O2"]], about("", max_length=3)] = field(default_factory=list)


class AskedReal(Wire, frozen=True):
    """What `real` was asked beside the program."""

    kernel: Annotated[str, about("", max_length=SERIES)] = ""
    workload: Literal["shell", "files", "network", "scheduler"] = "shell"
    shell: Annotated[str, about("", max_length=SHELL_LENGTH)] = ""
    seconds: Annotated[int, about("", ge=1, le=REAL_SECONDS)] = 5
    setup: SetupGiven | Unset = UNSET


class AskedKernels(Wire, frozen=True):
    """What real kernels were asked: a page that opens the link shows their stored answers and asks nothing anew."""

    matrix: AskedMatrix | Unset = UNSET
    real: AskedReal | Unset = UNSET


class View(Wire, frozen=True):
    """What a page shows of a program. Every field may be left out."""

    stage: Annotated[Literal["verify", "run"], about("whose steps")] = "verify"
    step: Annotated[int, about("the selected step, from 0", ge=0, le=(1 << 53) - 1)] = 0
    packet: Annotated[int, about("number of the run, from 0, if there are several", ge=0, le=(1 << 31) - 1)] = 0
    reg: Annotated[str, about('the selected register or slot, as in steps; `""`: none', max_length=NAME_LENGTH)] = ""
    selected: (
        Annotated[
            Selected,
            about("the same with its frame", sentence="The view's selected has to be an object with name and frame."),
        ]
        | Unset
    ) = UNSET
    pane: Annotated[str, about("the open panel", max_length=NAME_LENGTH)] = ""
    dock: Annotated[bool, about("whether the panels are unfolded")] = True
    base: Annotated[Literal["dec", "hex"], about("how numbers are shown")] = "dec"
    layout: (
        Annotated[
            dict[Key, Measure],
            about(
                "sizes and visibility of columns and panels, as the page keeps them",
                sentence=f"The view's layout has to be an object of at most {LAYOUT} values by name.",
                max_length=LAYOUT,
            ),
        ]
        | Unset
    ) = UNSET
    breakpoints: (
        Annotated[
            list[Breakpoint],
            about(
                f"at most {BREAKPOINTS}",
                sentence=f"The view's breakpoints have to be a list of at most {BREAKPOINTS}, each with kind, value "
                "and enabled.",
                max_length=BREAKPOINTS,
            ),
        ]
        | Unset
    ) = UNSET
    kernels: (
        Annotated[
            AskedKernels,
            about("what real kernels were asked", sentence="The view's kernels have to be an object."),
        ]
        | Unset
    ) = UNSET
    shape: Annotated[Shape, about("the panel Shape", sentence="The view's shape has to be an object.")] | Unset = UNSET
