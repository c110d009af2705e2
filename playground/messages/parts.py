"""The `part` messages: items of the lists of which a stage's message holds only the beginning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from msgspec import field

from playground.messages.base import Wire, about
from playground.messages.built import Insn, MachineInsn
from playground.messages.verified import Arrival, Branch, Holding, Path, Precision, Pruning

_FIRST: Final = about("number of the first item, from 0")


class InsnsPart(Wire, frozen=True, kw_only=True):
    """Instructions of the chosen program."""

    type: Literal["part"]
    list_: Literal["insns"] = field(name="list")
    from_: Annotated[int, _FIRST] = field(name="from")
    items: list[Insn]


class ListingPart(Wire, frozen=True, kw_only=True):
    """Instructions of the machine code."""

    type: Literal["part"]
    list_: Literal["listing"] = field(name="list")
    from_: Annotated[int, _FIRST] = field(name="from")
    items: list[MachineInsn]


class LogPart(Wire, frozen=True, kw_only=True):
    """Lines of the verifier's log."""

    type: Literal["part"]
    list_: Literal["log"] = field(name="list")
    from_: Annotated[int, _FIRST] = field(name="from")
    items: Annotated[list[tuple[str, int]], about("[line, the step it is of; -1: of the one above]")]


class PathsPart(Wire, frozen=True, kw_only=True):
    """Paths of the walk."""

    type: Literal["part"]
    list_: Literal["paths"] = field(name="list")
    from_: Annotated[int, _FIRST] = field(name="from")
    items: list[Path]


class PruningsPart(Wire, frozen=True, kw_only=True):
    """Paths that a checkpoint covered."""

    type: Literal["part"]
    list_: Literal["prunings"] = field(name="list")
    from_: Annotated[int, _FIRST] = field(name="from")
    items: list[Pruning]


class ArrivalsPart(Wire, frozen=True, kw_only=True):
    """Comparisons that did not cover."""

    type: Literal["part"]
    list_: Literal["arrivals"] = field(name="list")
    from_: Annotated[int, _FIRST] = field(name="from")
    items: list[Arrival]


class PrecisionPart(Wire, frozen=True, kw_only=True):
    """Steps at which exact values mattered."""

    type: Literal["part"]
    list_: Literal["precision"] = field(name="list")
    from_: Annotated[int, _FIRST] = field(name="from")
    items: list[Precision]


class HoldingsPart(Wire, frozen=True, kw_only=True):
    """What had to be given back."""

    type: Literal["part"]
    list_: Literal["holdings"] = field(name="list")
    from_: Annotated[int, _FIRST] = field(name="from")
    items: list[Holding]


class TreePart(Wire, frozen=True, kw_only=True):
    """Branches of the tree of paths."""

    type: Literal["part"]
    list_: Literal["tree"] = field(name="list")
    from_: Annotated[int, _FIRST] = field(name="from")
    items: list[Branch]


PARTS: Final[Mapping[str, type[Wire]]] = {
    "insns": InsnsPart,
    "listing": ListingPart,
    "log": LogPart,
    "paths": PathsPart,
    "prunings": PruningsPart,
    "arrivals": ArrivalsPart,
    "precision": PrecisionPart,
    "holdings": HoldingsPart,
    "tree": TreePart,
}
"""List -> its message."""
