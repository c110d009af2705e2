"""The messages about one value of the walk or a run, and about what branches proved."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET

from playground.messages.base import Unset, Wire, about
from playground.messages.steps import Reg


class ValueEvent(Wire, frozen=True):
    """A step that made the value, or told something about it."""

    step: Annotated[int, about("of the walk; -1: it was there at the entry")]
    insn: Annotated[int, about("the instruction's slot; -1 with step -1")]
    name: Annotated[str, about("the register or slot that the step wrote or told about")]
    kind: Annotated[
        str,
        about(
            "as of the causes of a rejection: `entry`, `value`, `load`, `call`, `argument`, `move`, `spill`, `fill`, "
            "`arithmetic`, `branch`, `clobbered`; or `narrowed`: not told by a jump; of a log also "
            "`written`"
        ),
    ]
    why: Annotated[str, about('in words; `""` where the instruction says it all')]
    via: Annotated[list[str], about("copies on the way from the event before it, the nearest first")]
    was: Annotated[Reg | None, about("the value before, where this one changed")]
    now: Annotated[Reg | None, about("the value after")]
    at: Annotated[int | None, about("step of the run that took it; null if there is none")]
    concrete: Annotated[str | None, about("what `name` held then, hex; null if that is not known")]


class Concrete(Wire, frozen=True):
    """What the register or slot held in a run."""

    value: Annotated[str, about("hex")]
    at: Annotated[int, about("step of the run")]
    times: Annotated[int, about("how many steps of the run the step of the walk covers, as far as was looked at")]


class Value(Wire, frozen=True):
    """How a register or slot got its value, and who reads and writes it."""

    type: Literal["value"]
    stage: Annotated[Literal["verify", "run"], about("as asked")]
    run: Annotated[int, about("as asked")]
    step: Annotated[int, about("as asked")]
    name: Annotated[str, about("as asked")]
    frame: Annotated[int, about("as asked")]
    walk_step: Annotated[int | None, about("the step of the walk whose state is told; null if there is none")]
    reg: Annotated[Reg | None, about("the value; null: it holds nothing")]
    writer: Annotated[int, about("step of the walk that wrote it; -1: it was there at the entry, or is not known")]
    events: Annotated[list[ValueEvent], about("what made the value, oldest first, copies folded")]
    repeated: Annotated[bool, about("`events` leaves out earlier rounds of a loop, or of branches")]
    cut: Annotated[bool, about("`events` does not go back to the beginning")]
    writes: Annotated[list[int], about("steps of `stage` that write it, on the path of `step`; at most 2,000")]
    reads: Annotated[list[int], about("steps of `stage` that read it")]
    first: Annotated[int, about("of the steps that were looked at for these")]
    last: int
    begun: Annotated[bool, about("there is nothing to look at before `first`")]
    ended: Annotated[bool, about("there is nothing to look at after `last`")]
    concrete: Annotated[Concrete | None, about("what it held in the run; null if that is not known")]
    program: (
        Annotated[
            str,
            about(
                "the program that a tail call entered, whose walk is told; slots are counted as those of `entered`. "
                "Absent: the program of the run"
            ),
        ]
        | Unset
    ) = UNSET
    why_not: Annotated[str, about("why nothing of that walk is told, a sentence")] | Unset = UNSET


class ProvedFact(Wire, frozen=True):
    """A fact that a branch proved."""

    insn: Annotated[int, about("the branch")]
    line: Annotated[int, about("its line")]
    text: Annotated[str, about("`≥ 14 B` (of packet), `idx < 64`, `v ≠ NULL`, …")]
    first: Annotated[int, about("the step that proved it")]
    last: Annotated[int | None, about("the last step at which it holds; null: it holds on")]
    lost: Annotated[bool, about("`last` ends it; else a stronger fact of the same line takes its place")]


class ProvedFacts(Wire, frozen=True):
    """What branches proved, for steps of one path."""

    type: Literal["facts"]
    step: Annotated[int, about("as asked")]
    first: Annotated[int, about("the answer holds for the steps from here …")]
    last: Annotated[int, about("… to here")]
    facts: list[ProvedFact]
    cut: Annotated[bool, about("facts from far back may be missing")]
