"""The explanations in data/: one line for each name, "name: two sentences"."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

DATA: Final = Path(__file__).parent / "data"
PARTS: Final = ("instructions", "registers", "fields", "helpers", "kfuncs", "flags", "phrases")


@cache
def texts(part: str) -> dict[str, str]:
    """name -> explanation, of one of PARTS, in the file's order.

    ValueError for a line that lacks one of both, or a name that is there twice.
    """
    found: dict[str, str] = {}
    for line in (DATA / f"{part}.txt").read_text().splitlines():
        name, colon, text = line.partition(": ")
        if not colon or not text or name in found:
            raise ValueError(f"{part}.txt: {line!r}")
        found[name] = text.strip()
    return found
