"""What seven kernels said about the programs of tests/golden/logs/refused.c, and what a reader should find in it."""

from __future__ import annotations

import json
import lzma
from functools import cache
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parents[2] / "golden" / "logs"


@cache
def recorded() -> tuple[dict[str, Any], ...]:
    """One record for each kernel and program: kernel, program, verdict, errno, level1 and level2 (the logs)."""
    with lzma.open(GOLDEN / "recorded.jsonl.xz", "rt") as file:
        return tuple(json.loads(line) for line in file)


@cache
def expected() -> dict[tuple[str, str], dict[str, Any]]:
    """(kernel as "5.10", program) -> message, insn, reg; written by hand from the logs."""
    with open(GOLDEN / "expected.jsonl") as file:
        rows = [json.loads(line) for line in file]
    return {(row["kernel"], row["program"]): row for row in rows}


def series(release: str) -> str:
    """ "5.10" of "5.10.262"."""
    return ".".join(release.split(".")[:2])


def log_of(program: str, kernel: str, level: str = "level1") -> str:
    """One recorded log."""
    return next(
        str(each[level]) for each in recorded() if each["program"] == program and series(each["kernel"]) == kernel
    )
