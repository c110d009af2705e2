"""The gallery of verifier errors: gallery/index.json, which `make gallery` generates, and the search in it.

What a rule means, and what a verifier says of its program, is in the index; nothing here knows what BPF is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from string import Formatter
from typing import Any, Final

from django.conf import settings

from playground.requests import check_request

LINE_LENGTH: Final = 2_000
"""Of a line of a pasted text, no more is compared: messages are shorter."""
MOST_LINES: Final = 1_000
"""Of a longer text the last lines are compared: a log ends with the message."""
MOST_WORDS: Final = 100
PART: Final = 2
"""What another part in its place counts as, in characters."""
FAR_LESS: Final = 3
"""A match is left out if another one shares more than so many times the text with the pasted one."""
LEAST_LITERAL: Final = 8
"""Characters that a line must share with a message, apart from its values, to be taken for it."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A program on a page; `request` is checked and complete, ready to run. options: those that are not the usual."""

    source: str
    request: Mapping[str, Any]
    url: str
    options: Sequence[str]


@dataclass(frozen=True, slots=True)
class Kernel:
    """What a real kernel said of the page's program. diagnosis: what it wrote below the message; "" if nothing.

    same -- its whole log is the one that is shown
    fixed -- its verdict on the corrected program, None if it was not asked
    """

    version: str
    verdict: str
    message: str
    diagnosis: str
    same: bool
    fixed: str | None


@dataclass(frozen=True, slots=True)
class Error:
    """One rule's page.

    parts -- the literal text of each line of its message, between the values
    other_parts -- the same of other kernels' wordings
    """

    name: str
    category: str
    slug: str
    errno: Sequence[str]
    message: str
    needed: str
    by: str
    seen: int | None
    text: str
    no_program: str
    parts: Sequence[Sequence[str]]
    other_parts: Sequence[Sequence[Sequence[str]]]
    program: Sample | None
    fixed: Sample | None
    said: Mapping[str, Any] | None
    kernels: Sequence[Kernel]
    kernel_note: str

    @property
    def url(self) -> str:
        return f"/errors/{self.name}"

    @property
    def pieces(self) -> list[list[tuple[str, str]]]:
        """The message's lines as (text, name of the value that follows it, "" at the end)."""
        lines = self.message.strip("\n").split("\n")
        return [[(text, name or "") for text, name, _, _ in Formatter().parse(line)] for line in lines]

    @property
    def searchable(self) -> str:
        """What a search for words looks at, in lower case."""
        return " ".join((self.name, self.category, self.message, self.text, self.needed)).lower()


@dataclass(frozen=True, slots=True)
class Category:
    """A group of errors, as the kernel names it."""

    name: str
    slug: str


@dataclass(frozen=True, slots=True)
class Gallery:
    """All pages, the ones people meet most first. frequency: where the counts are from."""

    emulated: str
    frequency: str
    categories: tuple[Category, ...]
    errors: Mapping[str, Error]


@cache
def gallery() -> Gallery:
    """The index and the programs it names."""
    index = json.loads((settings.GALLERY_DIR / "index.json").read_text())
    return Gallery(
        index["emulated"],
        index["frequency"],
        tuple(Category(**each) for each in index["categories"]),
        {each["name"]: _error(each) for each in index["errors"]},
    )


def _error(entry: Mapping[str, Any]) -> Error:
    plain = {
        key: entry[key]
        for key in (
            "name", "category", "slug", "errno", "message", "needed", "by", "seen", "text", "no_program", "parts",
            "other_parts", "kernel_note",
        )
    }  # fmt: skip
    fixed = entry["fixed_kernels"]
    kernels = [
        Kernel(version, said["verdict"], said["message"], said["diagnosis"], said["same"], fixed[version])
        for version, said in entry["kernels"].items()
        if said is not None
    ]
    return Error(
        **plain,
        program=_sample(entry["program"], f"/errors/{entry['name']}/rejected"),
        fixed=_sample(entry["fixed"], f"/errors/{entry['name']}/fixed"),
        said=entry["ours"],
        kernels=kernels,
    )


def _sample(entry: Mapping[str, Any] | None, url: str) -> Sample | None:
    if entry is None:
        return None
    source = (settings.GALLERY_DIR / entry["path"]).read_text()
    options = entry["options"]
    request = check_request({"kind": entry["kind"], "source": source, "options": options})
    named = [name if value is True else f"{name} {value}" for name, value in options.items()]
    return Sample(source, request, url, named)


@dataclass(frozen=True, slots=True)
class Found:
    """A page that a search found, and the pasted line that is its message ("": the words were found)."""

    error: Error
    line: str


def search(text: str) -> list[Found]:
    """Pages whose message the text contains, the best match first; or those that have its words.

    Of a log the last message comes first, for that is where it ends; of messages in the same line, the one that shares
    most literal text with it. Takes time proportional to the text's length: the parts of a message are searched one
    after the other, and no pattern goes back.
    """
    lines = [line[:LINE_LENGTH] for line in text.splitlines() if not line.isspace()][-MOST_LINES:]
    errors = gallery().errors.values()
    matches = [match for error in errors if (match := _best_match(error, lines))]
    if not matches:
        return _by_words(text, errors)
    most = max(match.shared for match in matches)
    # Messages that share their first line are both shown; those that have only a few words in common are not.
    kept = [match for match in matches if FAR_LESS * match.shared >= most]
    # The lines of one message are next to each other.
    last = max(match.at for match in kept) - 1
    kept.sort(key=lambda match: (-min(match.at, last), -match.shared))
    return [Found(match.error, match.line) for match in kept]


def _by_words(text: str, errors: Iterable[Error]) -> list[Found]:
    """Pages that have all words of the text; without one, those that have the most of them, if that is over half.

    What has digits in it is a value or a register, and no word.
    """
    words = {word for word in text.lower().split()[:MOST_WORDS] if not any(map(str.isdigit, word))}
    counted = [(sum(word in error.searchable for word in words), error) for error in errors]
    most = max((count for count, _ in counted), default=0)
    return [Found(error, "") for count, error in counted if count == most and 2 * count > len(words)]


@dataclass(frozen=True, slots=True)
class _Match:
    """A message in a text.

    shared -- how much literal text they share: characters, and PART for each part
    at -- number of the last line that belongs to the message
    line -- the line that shares most
    """

    error: Error
    shared: int
    at: int
    line: str


def _best_match(error: Error, lines: Sequence[str]) -> _Match | None:
    """The match of the wording that shares most with the text."""
    found = [match for parts in (error.parts, *error.other_parts) if (match := _match(error, parts, lines))]
    return max(found, key=lambda match: match.shared, default=None)


def _match(error: Error, parts: Sequence[Sequence[str]], lines: Sequence[str]) -> _Match | None:
    """The last place where the lines contain a message, or one of its lines."""
    total, most, last, chosen = 0, 0, -1, ""
    for wanted in parts:
        size = sum(map(len, wanted))
        if size < LEAST_LITERAL:
            continue
        size += PART * len(wanted)
        at = next((at for at in range(len(lines) - 1, -1, -1) if _contains(lines[at], wanted)), -1)
        if at < 0:
            continue
        total += size
        last = max(last, at)
        if size > most:
            most, chosen = size, lines[at].strip()
    return _Match(error, total, last, chosen) if total else None


def _contains(line: str, parts: Sequence[str]) -> bool:
    """Whether the parts occur in the line one after the other."""
    at = 0
    for part in parts:
        at = line.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return True
