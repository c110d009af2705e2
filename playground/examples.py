"""The programs of examples/: index.json says what each is called and what packet it meets."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings

from playground.requests import check_request


@dataclass(frozen=True, slots=True)
class Example:
    """One example; `request` is checked and complete, ready to run."""

    name: str
    title: str
    description: str
    request: dict[str, Any]

    @property
    def url(self) -> str:
        return f"/examples/{self.name}"

    def listed(self) -> dict[str, str]:
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "kind": self.request["kind"],
            "url": self.url,
        }


@cache
def all_examples() -> dict[str, Example]:
    """Name -> example, in the order of the index; the first is what a newcomer sees."""
    index = json.loads((settings.EXAMPLES_DIR / "index.json").read_text())
    result = {}
    for entry in index:
        request = {
            "kind": entry.get("kind", "c"),
            "source": (settings.EXAMPLES_DIR / entry["file"]).read_text(),
            "options": entry.get("options", {}),
            "input": _input(entry),
        }
        result[entry["name"]] = Example(entry["name"], entry["title"], entry["description"], check_request(request))
    return result


def _input(entry: dict[str, Any]) -> dict[str, Any]:
    if "recording" in entry:
        data = (settings.EXAMPLES_DIR / entry["recording"]).read_bytes()
        return {"kind": "recording", "base64": base64.b64encode(data).decode()}
    return {"kind": "packet", "hex": entry["packet"]} if "packet" in entry else dict(entry["input"])


def default_example() -> Example:
    return next(iter(all_examples().values()))
