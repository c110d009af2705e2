"""Other versions of clang, for comparison: what the operator put into a folder (`make compilers` fills it).

FOLDER/clang-MAJOR/ holds `zig` and `lib/include`, as a wheel of ziglang has them.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

FOLDER_VARIABLE: Final = "BPFSCOPE_COMPILERS"
_CACHE_VARIABLE: Final = "BPFSCOPE_CACHE"
_NAME: Final = re.compile(r"clang-(\d{1,3})")
# Versions of the instruction set that not every clang has, and the first one that has them (LLVM's release notes).
MCPU_SINCE: Final = {"v4": 18}


def folder() -> Path:
    """Where they are: BPFSCOPE_COMPILERS, or `bpfscope/compilers` in the user's cache folder.

    Workers, whose home is another one, are told the cache folder by BPFSCOPE_CACHE.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named)
    cache = os.environ.get(_CACHE_VARIABLE) or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "bpfscope" / "compilers"


def others() -> dict[str, Path]:
    """The compilers that are there by major version, oldest first."""
    try:
        found = {match[1]: path for path in folder().iterdir() if (match := _NAME.fullmatch(path.name))}
    except OSError:
        return {}
    return {major: found[major] for major in sorted(found, key=int) if os.access(found[major] / "zig", os.X_OK)}


def lacks(major: str, mcpu: str) -> str:
    """What a clang lacks for a version of the instruction set, a sentence; "" if it has it."""
    since = MCPU_SINCE.get(mcpu, 0)
    return f"clang {major} has no -mcpu={mcpu}: it came with clang {since}." if int(major or since) < since else ""
