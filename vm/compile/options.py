"""What the compiler takes."""

from __future__ import annotations

from typing import Final

OPT_LEVELS: Final = ("O0", "O1", "O2")
MCPUS: Final = ("v1", "v2", "v3", "v4")
MAX_SOURCE_BYTES: Final = 64 * 1024
