"""What the compiler takes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from vm.errors import InputError, LimitError
from vm.namedtuples import NamedTuple

OPT_LEVELS: Final = ("O0", "O1", "O2")
MCPUS: Final = ("v1", "v2", "v3", "v4")
MAX_SOURCE_BYTES: Final = 64 * 1024
MAX_FILES: Final = 32
MAX_FILES_BYTES: Final = 256 * 1024
"""Of all files beside a source."""
FILE_NAME: Final = re.compile(r"(?=.{1,128}\Z)[A-Za-z0-9_][\w.+@-]*(?:/[A-Za-z0-9_][\w.+@-]*){0,7}\Z", re.A)
"""A relative path of at most eight parts, none of which begins with a point."""
MAIN_FILE: Final = "./program.c"
"""The source itself, as line information spells it."""
RESERVED: Final = frozenset({"program.c", "added.h", "vmlinux.h"})
"""Names that the source, what is added to it, and the kernel's types have."""


class SourceFile(NamedTuple):
    """A file beside the source, which #include finds by its name: a relative path with "/"."""

    name: str
    text: str


def check_files(files: Iterable[SourceFile]) -> None:
    """InputError for a name that cannot be one, LimitError for too many files or too much text."""
    given = tuple(files)
    if len(given) > MAX_FILES:
        raise LimitError(f"There are {len(given)} files beside the source; at most {MAX_FILES} are taken.", "size")
    total = 0
    seen: set[str] = set()
    for name, text in given:
        if not FILE_NAME.match(name):
            raise InputError(
                f"The file name {name[:60]!r} cannot be used: it has to be a relative path of letters, digits and "
                "the characters _ . + @ - whose parts do not begin with a point."
            )
        if name in RESERVED:
            raise InputError(f"No file beside the source can be called {name}: there is one of that name already.")
        if name in seen:
            raise InputError(f"Two files are called {name}.")
        seen.add(name)
        if "\0" in text:
            raise InputError(f"{name} has a NUL character: it is not a text file.")
        try:
            total += len(text.encode())
        except UnicodeEncodeError:
            raise InputError(f"{name} holds half a character (a lone surrogate).") from None
    for name in seen:
        above = name.rpartition("/")[0]
        while above:
            if above in seen:
                raise InputError(f"{above} is a file, and {name} needs a folder of that name.")
            above = above.rpartition("/")[0]
    if total > MAX_FILES_BYTES:
        raise LimitError(
            f"The files beside the source have {total:,} bytes; at most {MAX_FILES_BYTES:,} bytes (256 KiB) are taken.",
            "size",
        )
