"""What is said where the server cannot store or read something."""

from __future__ import annotations

import errno
from typing import Final

SENTENCES: Final = {
    **dict.fromkeys(
        (errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "The server has no disk space left for this {what}. Try again later."
    ),
    **dict.fromkeys(
        (errno.EMFILE, errno.ENFILE), "The server has too many files open to store this {what}. Try again in a moment."
    ),
}
"""By errno."""
OTHER: Final = "The server could not read or write a file of this {what}. The error is in its log; try again later."


def refusal(error: OSError, what: str) -> str:
    """The sentence for whoever asked. what: "run", "log"."""
    return SENTENCES.get(error.errno or 0, OTHER).format(what=what)
