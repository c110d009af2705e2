"""Checks of constant format strings (bpf_bprintf_prepare without arguments)."""

from __future__ import annotations

import re
from typing import Final

_END: Final = r"(?=$|[\s!-/:-@\[-`{-~])"
_SPEC: Final = re.compile(
    rf"%(?:(?P<percent>%)|[0+\- ]*(?:[1-9][0-9]*)?"
    rf"(?:p(?:{_END}|[ku]s{_END}|[KxsSB]|[iI][46])|s{_END}|c|l{{0,2}}[iduxX]))"
)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


def is_valid_format(fmt: bytes, num_args: int) -> bool:
    """Whether bpf_snprintf() accepts this format (up to its NUL) with this number of arguments."""
    text = fmt.partition(b"\0")[0].decode("latin-1")
    if _CONTROL.search(text):
        return False
    at = used = 0
    while (at := text.find("%", at)) >= 0:
        found = _SPEC.match(text, at)
        if found is None:
            return False
        if not found["percent"]:
            used += 1
            if used > num_args:
                return False
        at = found.end()
    return True
