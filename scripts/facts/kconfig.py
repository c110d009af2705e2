"""kconfig.z: zlib data; a line saying where it came from, then the lines NAME=value of the configuration."""

from __future__ import annotations

import zlib

from scripts.facts.kernel import Kernel


def kconfig(kernel: Kernel) -> bytes:
    """Content of kconfig.z."""
    return zlib.compress(("\n".join([kernel.image.banner, *kernel.config]) + "\n").encode(), 9)
