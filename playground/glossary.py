"""The glossary of docs/glossary.md: the page shows its definitions beside the terms and on /about."""

from __future__ import annotations

from functools import cache
from typing import TypedDict

from django.conf import settings


class Entry(TypedDict):
    """A definition and the names it goes by: lower case, without what stands in brackets."""

    names: list[str]
    term: str
    text: str


@cache
def glossary() -> list[Entry]:
    """Rows of the table, in its order."""
    lines = (settings.DATA_DIR / "docs" / "glossary.md").read_text().splitlines()
    rows = [line.strip().strip("|").split("|") for line in lines if line.startswith("|")]
    # The first two rows are the table's heads and the line below them.
    return [_entry(row[0].strip(), row[1].strip()) for row in rows[2:]]


def _entry(term: str, text: str) -> Entry:
    names = [name.split("(")[0].strip(" `").lower() for name in term.split(",")]
    return {"names": names, "term": term.replace("`", ""), "text": text.replace("`", "")}
