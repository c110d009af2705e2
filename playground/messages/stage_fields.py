"""Fields that the messages of several stages have."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from msgspec import UNSET

from playground.messages.base import Unset, Wire, about

Stage: TypeAlias = Literal["compile", "load", "verify", "jit", "run"]
Ended: TypeAlias = Literal["done", "failed"]
MS: Final = about("milliseconds since the stage began")
SUMMARY: Final = about("a few words for the stage's button")
MORE: Final = about("lists of which this message holds only the beginning: how many items `part` has of each")
WHY: Final = about('why it failed, a sentence; `""` if it did not')


class Passed(Wire, frozen=True):
    """Something that a stage took or returned."""

    what: Annotated[str, about("what it is: `C source`, `ELF object`, `BPF program`, `packet`, …")]
    name: Annotated[str, about('`""`: none')]
    size: Annotated[int | None, about("how much it is")]
    unit: Annotated[
        Literal["byte", "slot", "instruction", "step", "map", "program", "packet", "event", "value"],
        about("of what `size` is the number; a `slot` is an instruction's eight bytes"),
    ]


COMMAND: Final = about("the command line that does the same, with a file of the source in the current directory")
TOOK: Final = about("what the stage took")
RETURNED: Final = about("what it returned")


class Missing(Wire, frozen=True):
    """An `#include` that the option `fix_includes` would add."""

    what: Annotated[str, about("the name that is not declared")]
    add: Annotated[str, about("the line")]
    message: Annotated[str, about("a sentence")]
    absent: Annotated[Literal[True], about("`what` is a header that is not there: the run is without it")] | Unset = (
        UNSET
    )


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
