"""The two ways a stage can fail. A rejection by the verifier is neither: it is a value."""

from __future__ import annotations

from typing import Final


class InputError(Exception):
    """What the user gave cannot be used: a bad ELF, BTF, assembly text, packet or option.

    message -- one sentence for a person: what is wrong, where, and what to do.
    line    -- 1-based line of the source it is about, or None.
    column  -- 1-based column, or None.
    errno   -- what libbpf returns for it, negative; 0 where that is not known.
    """

    def __init__(self, message: str, *, line: int | None = None, column: int | None = None, errno: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.errno = errno
        self.line = line
        self.column = column


class LimitError(InputError):
    """A limit was hit. `limit` is one of: time, cpu, memory, output, size, insns."""

    def __init__(self, message: str, limit: str) -> None:
        super().__init__(message)
        self.limit = limit


class NotEmulated(InputError):
    """The input is good, and the emulation does not cover it. The message starts "not emulated: ".

    kind -- what is not covered, one of NOT_EMULATED_KINDS; name -- its name ("bpf_fib_lookup"), "" if it has none.
    """

    def __init__(self, what: str, *, kind: str = "other", name: str = "") -> None:
        super().__init__(f"not emulated: {what}")
        self.what = what
        self.kind = kind
        self.name = name

    def as_json(self) -> dict[str, str]:
        """What goes to clients (docs/protocol.md)."""
        return {"kind": self.kind, "name": self.name, "text": self.what}


NOT_EMULATED_KINDS: Final = (
    "helper", "kfunc", "map", "program type", "context", "machine code", "tail call", "crash", "symbol", "other",
)  # fmt: skip
"""What NotEmulated is about. machine code: the interpreter runs it; crash: a real kernel may stop at it."""


class InternalError(Exception):
    """Our bug, never the user's fault."""
