"""The reference of static/reference.json, which the glossary page lists and the page's scripts look words up in."""

from __future__ import annotations

import json
from functools import cache
from typing import TypedDict

from django.conf import settings


class Entry(TypedDict):
    """title -- name and kind; the others may be empty."""

    title: str
    text: str
    prototype: str
    callers: str
    notes: str


class Group(TypedDict):
    """Entries under a heading."""

    title: str
    entries: list[Entry]


@cache
def groups() -> list[Group]:
    """The explanations by kind, in the order of the file."""
    data = json.loads((settings.DATA_DIR / "static" / "reference.json").read_text())
    found: dict[str, list[Entry]] = {}
    for word in data["words"].values():
        kind = word["title"].rpartition(": ")[2].rstrip("0123456789 ")
        found.setdefault(kind, []).append(_entry(word["title"], word))
    found["instruction"] = [_entry(name.replace("-", " "), {"text": text}) for name, text in data["insns"].items()]
    found["phrase of the log"] = [_entry(name, {"text": text}) for name, text in data["phrases"].items()]
    return [{"title": title, "entries": entries} for title, entries in found.items()]


def _entry(title: str, word: dict[str, object]) -> Entry:
    callers, notes = word.get("callers"), word.get("notes")
    said = ""
    if isinstance(callers, list):
        said = f"May be called by: {', '.join(callers)}." if callers else "No program type of this kernel may call it."
    return {
        "title": title,
        "text": str(word["text"]),
        "prototype": str(word.get("prototype", "")),
        "callers": said,
        "notes": f"It {'; '.join(notes)}." if isinstance(notes, list) and notes else "",
    }


def search(words: str) -> list[Group]:
    """The groups with the entries in whose title or text each of the words stands, whatever its case."""
    wanted = words.lower().split()
    found: list[Group] = []
    for group in groups():
        entries = [e for e in group["entries"] if all(w in f"{e['title']} {e['text']}".lower() for w in wanted)]
        if entries:
            found.append({"title": group["title"], "entries": entries})
    return found
