"""Error numbers of system calls as loaders print them."""

from __future__ import annotations

import re
from typing import Final

from vm.kernel import errno

_WORDS: Final = {
    "operation not permitted": "EPERM",
    "permission denied": "EACCES",
    "invalid argument": "EINVAL",
    "argument list too long": "E2BIG",
    "cannot allocate memory": "ENOMEM",
    "no such file or directory": "ENOENT",
    "no such process": "ESRCH",
    "no space left on device": "ENOSPC",
    "device or resource busy": "EBUSY",
    "file exists": "EEXIST",
    "numerical result out of range": "ERANGE",
    "bad file descriptor": "EBADF",
    "operation not supported": "EOPNOTSUPP",
    "function not implemented": "ENOSYS",
}
_NUMBERS: Final = {getattr(errno, name): name for name in (*_WORDS.values(), "ENOTSUPP")}
"""ENOTSUPP is the kernel's own (include/linux/errno.h), which no library has words for."""

_ERROR: Final = re.compile(
    rf"(?P<words>{'|'.join(_WORDS)})"
    rf"|-(?P<name>{'|'.join({*_NUMBERS.values()})})\b"
    r"|(?:: ?|\()-(?P<number>\d{1,3})(?:\)|\s*$|\.)"
    r"|\(os error (?P<rust>\d{1,3})\)"
    r"|\berr(?:no)?=-?(?P<sign>\d{1,3})\b",
    re.IGNORECASE,
)


def error_in(text: str) -> str:
    """The name of the error that a line tells, "EPERM"; "" for none that is known. The line's first one counts."""
    for found in _ERROR.finditer(text):
        if found["words"]:
            return _WORDS[found["words"].lower()]
        if found["name"]:
            return found["name"].upper()
        number = found["number"] or found["rust"] or found["sign"]
        if int(number) in _NUMBERS:
            return _NUMBERS[int(number)]
    return ""
