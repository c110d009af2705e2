"""What gallery/ holds: the words of each rule, its program, the corrected twin, and which errors people meet most."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from vm.verifier.rules.catalogue import all_rules
from vm.verifier.rules.rule import CATEGORIES, Rule

ROOT: Final = Path(__file__).resolve().parents[2]
GALLERY: Final = ROOT / "gallery"
KINDS: Final = {".c": "c", ".s": "asm", ".hex": "hex"}
"""Suffix of a program -> kind of a request's source."""
FIELDS: Final = {"text": str, "no_program": str, "options": dict, "fixed_options": dict, "kernel": str,
                 "whole": bool}  # fmt: skip
"""What a rule's table in gallery/CATEGORY.toml may have, and of which type."""


class GalleryError(Exception):
    """Something in gallery/ is wrong; the message says what and where."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A program of the gallery. path is relative to gallery/; options are those of a request (docs/protocol.md).

    whole -- a real kernel is given all programs of the object: the rule is about several of them
    """

    path: str
    kind: str
    source: str
    options: Mapping[str, Any]
    whole: bool = False

    @property
    def digest(self) -> str:
        """Changes with anything that a verdict depends on."""
        text = json.dumps([self.kind, self.source, dict(self.options), *(["whole"] * self.whole)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Page:
    """What there is to show of a rule.

    text -- what it means, why the kernel refuses and what to do: two to four sentences
    no_program -- why no program triggers it, "" if one does
    program, fixed -- the program that triggers it, and one that does what was meant and is accepted
    kernel -- why the recorded kernel says something else than the rule ("": it says the same)
    seen -- how often the message was met among the counted reports; None if it is not among them
    """

    rule: Rule
    slug: str
    text: str
    no_program: str
    program: Sample | None
    fixed: Sample | None
    kernel: str
    seen: int | None

    @property
    def complete(self) -> bool:
        """Whether text and programs, or the reason why there are none, are there."""
        return bool(self.text and (self.no_program or (self.program and self.fixed)))


def slug(category: str) -> str:
    """ "Memory Safety" -> "memory-safety": the category's folder and file."""
    return category.lower().replace(" ", "-")


@dataclass(frozen=True, slots=True)
class Frequency:
    """How often people meet an error: gallery/frequency.toml.

    rules -- (name, count), the most frequent first; None: only posted logs and issue threads were counted
    """

    source: str
    rules: tuple[tuple[str, int | None], ...] = field(default=())


def frequency() -> Frequency:
    """The counts. GalleryError for a rule that does not exist."""
    data = tomllib.loads((GALLERY / "frequency.toml").read_text())
    known = {rule.name for rule in all_rules()}
    for entry in data["rules"]:
        if entry["rule"] not in known:
            raise GalleryError(f"frequency.toml: there is no rule {entry['rule']!r}")
    return Frequency(data["source"], tuple((entry["rule"], entry.get("count")) for entry in data["rules"]))


def pages() -> list[Page]:
    """Every rule's page: the ones people meet most first, then in the order of the rules. GalleryError."""
    words = {category: _words(category) for category in CATEGORIES}
    counts = dict(frequency().rules)
    order = {name: at for at, name in enumerate(counts)}
    rules = sorted(all_rules(), key=lambda rule: order.get(rule.name, len(order)))
    found = [_page(rule, words[rule.category].get(rule.name, {}), counts.get(rule.name)) for rule in rules]
    _no_strays(found)
    return found


def _words(category: str) -> dict[str, dict[str, Any]]:
    path = GALLERY / f"{slug(category)}.toml"
    try:
        data: dict[str, dict[str, Any]] = tomllib.loads(path.read_text()) if path.exists() else {}
    except tomllib.TOMLDecodeError as error:
        raise GalleryError(f"{path.name}: {error}") from None
    known = {rule.name for rule in all_rules() if rule.category == category}
    for name, table in data.items():
        if name not in known:
            raise GalleryError(f"{path.name}: {category} has no rule {name!r}")
        for key, value in table.items():
            if key not in FIELDS or not isinstance(value, FIELDS[key]):
                raise GalleryError(f"{path.name}: {name}: {key} is not a field, or not of its type")
    return data


def _page(rule: Rule, words: Mapping[str, Any], seen: int | None) -> Page:
    folder = slug(rule.category)
    options, whole = words.get("options", {}), words.get("whole", False)
    return Page(
        rule,
        folder,
        " ".join(words.get("text", "").split()),
        " ".join(words.get("no_program", "").split()),
        _sample(f"{folder}/{rule.name}", options, whole),
        _sample(f"{folder}/{rule.name}.fixed", words.get("fixed_options", options), whole),
        " ".join(words.get("kernel", "").split()),
        seen,
    )


def _sample(stem: str, options: Mapping[str, Any], whole: bool) -> Sample | None:
    found = [stem + suffix for suffix in KINDS if (GALLERY / (stem + suffix)).exists()]
    if len(found) > 1:
        raise GalleryError(f"{' and '.join(found)}: one of them is enough")
    if not found:
        return None
    path = GALLERY / found[0]
    return Sample(found[0], KINDS[path.suffix], path.read_text(), options, whole)


def _no_strays(found: list[Page]) -> None:
    """GalleryError for a file that no page shows, or a page that says why it has no program and has one."""
    known = {sample.path for page in found for sample in (page.program, page.fixed) if sample}
    for path in sources():
        if path not in known:
            raise GalleryError(f"{path}: no rule of that category has this name")
    for page in found:
        if page.no_program and (page.program or page.fixed):
            raise GalleryError(f"{page.rule.name}: has a program and a reason why there is none")


def sources() -> Iterator[str]:
    """Paths of all programs in gallery/, relative to it."""
    for path in sorted(GALLERY.glob("*/*")):
        if path.suffix in KINDS:
            yield str(path.relative_to(GALLERY))
