"""The catalogue of changes of the verifier between kernels (docs/verifier-changes): which one explains a difference."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from vm.guests.images import version_key

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs" / "verifier-changes"


@dataclass(frozen=True, slots=True)
class Side:
    """The answer of one of the two kernels to the program of the entry. log -- text that only its log has, or ""."""

    kernel: str
    verdict: str
    message: str
    log: str


@dataclass(frozen=True, slots=True)
class Change:
    """One entry.

    title   -- what a user sees, a sentence
    program -- name of the file in the same folder that demonstrates the change
    match   -- regular expression for the message of the rejecting kernel; None: it explains no verdict
    version, commit -- of Linux, if a source documents them; else None
    """

    id: str
    title: str
    program: str
    before: Side
    after: Side
    match: str | None
    version: str | None
    commit: str | None

    def between(self, older: str, newer: str) -> bool:
        """Whether the change lies between two kernels."""
        return version_key(older) <= version_key(self.before.kernel) and version_key(self.after.kernel) <= version_key(
            newer
        )

    def explains(self, message: str, *, older_accepts: bool) -> bool:
        """Whether it is the likely reason why one kernel accepts and the other rejects with `message`."""
        same_way = older_accepts == (self.before.verdict == "accept")
        return same_way and self.match is not None and re.fullmatch(self.match, message) is not None


def _side(data: dict[str, Any]) -> Side:
    return Side(data["kernel"], data["verdict"], data["message"], data.get("log", ""))


@cache
def catalogue() -> tuple[Change, ...]:
    """All entries, by their ids."""
    out = []
    for path in sorted(FOLDER.glob("*.json")):
        data = json.loads(path.read_text())
        sides = _side(data["before"]), _side(data["after"])
        out.append(
            Change(data["id"], data["title"], data["program"], *sides, data["match"], data["version"], data["commit"])
        )
    return tuple(out)


UNKNOWN: Final = "differs; not in the catalogue"


def likely(older: tuple[str, str, str], newer: tuple[str, str, str]) -> dict[str, str] | None:
    """The likely cause of a difference between two kernels, as JSON; None if their verdicts are equal.

    older, newer -- name of the kernel, verdict, message
    """
    if older[1] == newer[1] or "limit" in (older[1], newer[1]):
        return None
    accepts = older[1] == "accept"
    message = newer[2] if accepts else older[2]
    for change in catalogue():
        if change.between(older[0], newer[0]) and change.explains(message, older_accepts=accepts):
            return {"id": change.id, "title": change.title, "commit": change.commit or ""}
    return {"id": "", "title": UNKNOWN, "commit": ""}
