"""The two ways a stage can fail. A rejection by the verifier is neither: it is a value."""

from __future__ import annotations


class InputError(Exception):
    """What the user gave cannot be used: a bad ELF, BTF, assembly text, packet or option.

    message -- one sentence for a person: what is wrong, where, and what to do.
    line    -- 1-based line of the source it is about, or None.
    column  -- 1-based column, or None.
    """

    def __init__(self, message: str, *, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


class LimitError(InputError):
    """A limit was hit. `limit` is one of: time, cpu, memory, output, size, insns."""

    def __init__(self, message: str, limit: str) -> None:
        super().__init__(message)
        self.limit = limit


class NotEmulated(InputError):
    """The input is good, and the emulation does not cover it. The message starts "not emulated: "."""

    def __init__(self, what: str) -> None:
        super().__init__(f"not emulated: {what}")
        self.what = what


class InternalError(Exception):
    """Our bug, never the user's fault."""
