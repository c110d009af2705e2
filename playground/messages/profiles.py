"""The messages about what a walk costs: its profile, advice, settings of constants, and two walks compared."""

from __future__ import annotations

from typing import Annotated, Literal

from playground.messages.base import Wire, about
from playground.messages.built import Edit

_FILE = about('`""`: the source itself; else the header')
_LINE = about("null: no line information")
_STATES = about("checkpoints that were stored")
_PRUNED = about("visits at which a checkpoint covered the state")
_MISSED = about("comparisons with a checkpoint that failed")


class LineCost(Wire, frozen=True):
    """What a line of the source costs."""

    file: Annotated[str, _FILE]
    line: Annotated[int | None, _LINE]
    insns: Annotated[int, about("visits of its instructions")]
    states: Annotated[int, _STATES]
    pruned: Annotated[int, _PRUNED]
    missed: Annotated[int, _MISSED]


class FunctionCost(Wire, frozen=True):
    """What a function costs."""

    name: str
    insn: Annotated[int, about("its first instruction")]
    line: int | None
    calls: Annotated[int, about("how often it was entered")]
    insns: Annotated[int, about("visits of its own instructions")]
    total: Annotated[int, about("with those of what it called")]
    alone: Annotated[bool, about("a global function: walked once, for any arguments")]


class LoopCost(Wire, frozen=True):
    """What a loop costs."""

    kind: Annotated[
        Literal["loop", "callback"], about("`callback`: a helper calls the function again and again, at `insn`")
    ]
    insn: Annotated[int, about("where each round begins")]
    line: int | None
    rounds: Annotated[int, about("how often the walk came there, on all paths together")]
    insns: Annotated[int, about("visits in all rounds, with those of what was called")]
    states: Annotated[int, _STATES]
    pruned: Annotated[int, _PRUNED]
    why_not_pruned: Annotated[str, about('what kept most states from being covered; `""`: nothing did')]


class MissCost(Wire, frozen=True):
    """Comparisons at one instruction that failed for the same reason."""

    insn: int
    line: int | None
    name: Annotated[str, about('the register or slot that differed; `""`: something else')]
    failed: Annotated[int, about("how many")]
    arrivals: Annotated[int, about("how often the walk came there and at least one failed")]
    values: Annotated[int, about("different values of `name`")]
    whole: Annotated[bool, about("false: `arrivals` and `values` are at least so many")]
    rule: Annotated[str, about("how the states were compared, as in `prunings`")]
    text: Annotated[str, about("a sentence without a full stop")]
    needed_by: Annotated[int | None, about("the instruction that needs the value exactly; null: none does")]
    needed: Annotated[str, about("why it does, a sentence without a full stop")]


class ConstantEntry(Wire, frozen=True):
    """A `const volatile` variable that holds a number."""

    name: str
    type: str
    value: Annotated[str, about("as C writes it")]
    least: Annotated[str, about("of its type, decimal text")]
    most: str
    words: Annotated[list[str], about("names of values: enumerators, `true`, `false`")]


class WalkProfile(Wire, frozen=True):
    """What the walk of a program costs and where. Of `lines` and of `insns` the numbers add up exactly."""

    type: Literal["profile"]
    program: str
    verdict: Literal["accept", "reject", "error"]
    message: str
    insns_processed: int
    states: Annotated[int, _STATES]
    pruned: Annotated[int, _PRUNED]
    missed: Annotated[int, _MISSED]
    lines: Annotated[list[LineCost], about("the dearest first")]
    insns: Annotated[list[tuple[int, int, int, int, int]], about("[instruction, visits, states, pruned, missed]")]
    functions: Annotated[list[FunctionCost], about("the dearest first")]
    loops: Annotated[list[LoopCost], about("the dearest first")]
    misses: Annotated[list[MissCost], about("the most frequent first")]
    constants: Annotated[list[ConstantEntry], about("what `settings` can set")]


class FoundAdvice(Wire, frozen=True):
    """A change of the source with which the walk is shorter: it was compiled and verified."""

    type: Literal["advice"]
    title: Annotated[str, about("what it does, for a button")]
    why: Annotated[str, about("why it helps, a sentence")]
    diff: Annotated[str, about("unified, against the source as it was sent")]
    edits: list[Edit]
    before: Annotated[int, about("what the verifier needed without the change")]
    insns_processed: Annotated[int, about("what it needs with it")]


class AdviceDone(Wire, frozen=True):
    """The search for advice has ended."""

    type: Literal["advice_done"]
    found: Annotated[int, about("how many `advice` messages there were")]


class TriedSetting(Wire, frozen=True):
    """One combination of values and what the verifier says of the program with it."""

    type: Literal["setting"]
    values: Annotated[dict[str, str], about("by variable, as they were sent")]
    verdict: Literal["accept", "reject", "error"]
    errno: int
    message: str
    insns_processed: int
    states: Annotated[int, _STATES]
    xlated: Annotated[int | None, about("instructions after rewriting; null: not accepted")]
    jited: Annotated[int | None, about("bytes of machine code; null: not accepted")]


class SettingsDone(Wire, frozen=True):
    """All combinations were verified, or a limit was hit."""

    type: Literal["settings_done"]
    message: Annotated[str, about('why there are no more, a sentence; `""`: there are all')]


class SideSummary(Wire, frozen=True):
    """What the verifier says of one side."""

    name: str
    verdict: Literal["accept", "reject", "error"]
    errno: int
    message: str
    insns_processed: int
    states: Annotated[int, _STATES]
    insns: Annotated[int, about("instructions as they were loaded")]
    xlated: Annotated[int | None, about("after rewriting; null: not accepted")]
    jited: Annotated[int | None, about("bytes of machine code; null: not accepted")]


class LineSide(Wire, frozen=True):
    """A line on one side."""

    line: int | None
    text: str
    insns: Annotated[int, about("visits of its instructions")]
    states: Annotated[int, _STATES]


class ComparedLine(Wire, frozen=True):
    """A line of both sources."""

    kind: Annotated[Literal["same", "changed", "a", "b"], about("`a`, `b`: only that source has it")]
    file: Annotated[str, _FILE]
    a: LineSide
    b: LineSide
    insns: Annotated[
        list[tuple[int | None, int | None, int, int]],
        about("[instruction of a, of b, visits in a, in b]; null: no counterpart"),
    ]


class WalksPart(Wire, frozen=True):
    """The first step at which two walks part."""

    kind: Annotated[
        Literal["none", "insn", "value", "path", "pruned", "end"],
        about(
            "`insn`: another instruction stands there; `value`: the same instruction leaves another value; `path`: "
            "they go on with different instructions; `pruned`: one ends a path there; `end`: one walk is over"
        ),
    ]
    agreed: Annotated[int, about("steps that both took before")]
    a_step: int | None
    b_step: int | None
    a_insn: int | None
    b_insn: int | None
    name: Annotated[str, about("with `value`: the register or slot")]
    a: Annotated[str, about("the value or instruction")]
    b: str
    why: Annotated[str, about("a sentence")]


class WalksCompared(Wire, frozen=True):
    """A program (a) and another one, or the same with other options (b)."""

    type: Literal["compare"]
    program: str
    a: SideSummary | None
    b: SideSummary | None
    lines: list[ComparedLine]
    left_out: Annotated[int, about("lines that are not in `lines`")]
    parting: WalksPart | None
    ways: Annotated[WalksPart | None, about("where they go different ways, if instructions differ before")]
