"""The messages about a rejected program: changes that settle it, and an input that shows what is wrong."""

from __future__ import annotations

from typing import Annotated, Literal

from playground.messages.base import Wire, about
from playground.messages.built import Edit


class FoundFix(Wire, frozen=True):
    """A change of the source that was compiled, and that the verifier accepts."""

    type: Literal["fix"]
    title: Annotated[str, about("what it does, for a button")]
    why: Annotated[str, about("why it helps, a sentence")]
    diff: Annotated[str, about("unified, against the source as it was sent")]
    edits: list[Edit]
    insns_processed: Annotated[int, about("what the verifier needed for the changed program")]


class FixesDone(Wire, frozen=True):
    """The search for changes has ended."""

    type: Literal["fixes_done"]
    found: Annotated[int, about("how many `fix` messages there were")]


class SmallerSource(Wire, frozen=True, kw_only=True):
    """The smallest source so far that the verifier refuses for the same reason."""

    type: Literal["smaller"]
    source: str
    files: Annotated[list[str], about("the files beside the source that it needs; the others are written into it")]
    lines: Annotated[int, about("with something in them")]
    whole: Annotated[int, about("those of the source and of its files as they were sent")]
    tried: Annotated[int, about("how many sources were compiled")]
    message: Annotated[str, about("what the verifier says of it")]
    line: Annotated[int | None, about("the 1-based line at which it is refused")]


class ReducedSource(SmallerSource, frozen=True, kw_only=True):
    """The search for a smaller source has ended."""

    type: Literal["reduced"]  # type: ignore[assignment]
    ended: Annotated[
        Literal["smallest", "time", "tries"],
        about("`smallest`: nothing else can be left out by itself; `time`, `tries`: the search was stopped"),
    ]


class CounterexampleFault(Wire, frozen=True):
    """Where the run on the input stopped."""

    insn: Annotated[int, about("the instruction")]
    message: Annotated[str, about("what went wrong, a sentence")]
    registers: Annotated[list[str], about("r0 to r10 there, unsigned decimal text")]


class Counterexample(Wire, frozen=True):
    """Whether an input makes the rejected memory access go wrong (docs/counterexample.md)."""

    type: Literal["counterexample"]
    status: Annotated[
        Literal["found", "none", "unknown", "other"],
        about(
            "`found`: `input` does; `none`: no input does on the path that was rejected; `unknown`: the search gave "
            "up; `other`: the rejection is about no memory access"
        ),
    ]
    why: Annotated[str, about('a sentence or two; `""` for `other`')]
    input: Annotated[str | None, about("JSON text of an input of kind `given`")]
    fault: CounterexampleFault | None
    forgotten: Annotated[str, about('for `none`: what the verifier no longer knew, `""` if that was not found')]
