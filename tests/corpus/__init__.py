"""Programs in C that the verifier rejects, as people write them, with what was changed in an accepted one."""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pytest

from vm.caps import NOBODY, ROOT, Caps

REJECTED: Final = Path(__file__).parent / "rejected"
ASKED: Final = Path(__file__).parent / "fixed.json.xz"


def index() -> list[dict[str, Any]]:
    """file, program, rule: what is rejected and why; cause: what was changed; fixed: whether a fix is offered;
    slow: whether that takes more than a few seconds; kinds, words: the kinds of cause that are right, and words of
    which the cause's line has to contain one; unprivileged: loaded by a user without capabilities."""
    found: list[dict[str, Any]] = json.loads((REJECTED / "index.json").read_text())
    return found


def sampled(cases: Iterable[Any], every: int = 4) -> list[Any]:
    """Parameters of a test: `make test` takes one in `every`, `make corpora` the others (the marker corpus)."""
    return [pytest.param(case, marks=[pytest.mark.corpus] if place % every else []) for place, case in enumerate(cases)]


def first(cases: Iterable[Any]) -> list[Any]:
    """Parameters of which `make test` takes the first one: of windows, the desktop's."""
    return [pytest.param(case, marks=[pytest.mark.corpus] if place else []) for place, case in enumerate(cases)]


def caps_of(entry: dict[str, Any]) -> Caps:
    """The capabilities of the user who loads a program of the index."""
    return NOBODY if entry.get("unprivileged") else ROOT


def asked() -> list[dict[str, Any]]:
    """file, diff: a fix that was offered; verdict, release: what the kernel said of the changed source."""
    found: list[dict[str, Any]] = json.loads(lzma.decompress(ASKED.read_bytes()))
    return found


def patched(source: str, diff: str) -> str:
    """The source after a unified diff; ValueError where the diff does not fit."""
    lines, out, at = source.split("\n"), [], 0
    hunk = 0
    for line in diff.split("\n"):
        if line.startswith("@@"):
            hunk = int(line.split()[1].split(",")[0].lstrip("-"))
            start = hunk - 1 if not line.split()[1].endswith(",0") else hunk
            out += lines[at:start]
            at = start
        elif not hunk or line.startswith("\\"):
            continue
        elif line[:1] in (" ", "-"):
            if lines[at] != line[1:]:
                raise ValueError(f"line {at + 1} is {lines[at]!r}, not {line[1:]!r}")
            out += [line[1:]] if line[0] == " " else []
            at += 1
        elif line[:1] == "+":
            out.append(line[1:])
    return "\n".join([*out, *lines[at:]])
