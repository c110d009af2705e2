"""The messages about the shape of a walk: two states that were compared, a loop's rounds, the control-flow graph."""

from __future__ import annotations

from typing import Annotated, Literal

from playground.messages.base import Wire, about
from playground.messages.steps import Reg


class ComparedStates(Wire, frozen=True):
    """A stored state, and one that arrived at the same instruction; all live registers and stack slots by name."""

    type: Literal["states"]
    step: Annotated[int, about("as asked")]
    path: Annotated[int, about("as asked")]
    checkpoint: Annotated[int, about("as asked")]
    insn: Annotated[int, about("the instruction before which the states were compared")]
    stored: dict[str, Reg]
    arrived: dict[str, Reg]


class LoopRound(Wire, frozen=True):
    """A visit of the instruction with which each round begins."""

    step: int
    path: int
    frame: Annotated[int, about("number of its frame")]
    set: Annotated[dict[str, Reg], about("registers and slots that have another value than in the round before")]
    gone: Annotated[list[str], about("those that hold nothing any more")]


class LoopRounds(Wire, frozen=True):
    """The visits of an instruction on the path of a step: at most 160 up to the step and 40 after it."""

    type: Literal["rounds"]
    step: Annotated[int, about("as asked")]
    insn: Annotated[int, about("as asked")]
    rounds: Annotated[list[LoopRound], about("in order; the first has all values in `set`")]
    begun: Annotated[bool, about("there are no others before the first")]
    ended: Annotated[bool, about("nor after the last")]


class GraphFunction(Wire, frozen=True):
    """A function of the program."""

    name: Annotated[str, about('`""`: the object names none')]
    insn: Annotated[int, about("slot of its first instruction")]
    line: int | None
    first: Annotated[int, about("number of its first block")]
    last: Annotated[int, about("of its last one")]
    calls: Annotated[list[int], about("instructions that call it or pass it as a callback, at most 100")]


class GraphLoop(Wire, frozen=True):
    """A loop: an instruction and all from where the program goes back to it; or a function that is called back."""

    kind: Annotated[
        Literal["loop", "callback"], about("`callback`: a helper calls the function, mostly again and again")
    ]
    insn: Annotated[int, about("slot of the instruction with which each round begins")]
    line: int | None
    ranges: Annotated[list[tuple[int, int]], about("[first, last] slots of its instructions")]


class Graph(Wire, frozen=True):
    """The control-flow graph of the chosen program, as it was loaded."""

    type: Literal["graph"]
    program: str
    functions: list[GraphFunction]
    blocks: Annotated[list[tuple[int, int]], about("[first, last] slot of each basic block, in order")]
    edges: Annotated[
        list[tuple[int, int, Literal["next", "jump", "taken", "not"], bool]],
        about(
            "[from block, to block, `next`: without a jump, `jump`, `taken` or `not` taken of a condition; closes a "
            "loop]"
        ),
    ]
    loops: list[GraphLoop]
    left_out: Annotated[int, about("blocks that are not told, because there are too many")]
