"""What a source carries that is no C because of how it was copied: marks of Markdown and mails, numbers of lines,
characters that a web page or a word processor put in the place of others.

Read as text, line by line; every search is linear. A source that compiles is not looked at.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Final, NamedTuple

from vm.csource.text import CText, blank
from vm.program import Fix

_FENCE: Final = re.compile(r"^[ \t]*(?:```|~~~)[\w+-]{0,20}[ \t]*$")
_NUMBER: Final = re.compile(r"^[ \t]*(\d{1,6})(?:[ \t]*[:|│.)][ \t]?|[ \t]|$)")
_ENTITY: Final = re.compile(r"&(?:lt|gt|amp|quot|apos|nbsp|#\d{2,5}|#x[0-9a-fA-F]{2,4});")
_PREFIXES: Final = ("> ", ">", "+", "| ")
_LETTERS: Final = {
    **dict.fromkeys("“”„‟″", '"'),
    **dict.fromkeys("‘’‚‛′", "'"),
    **dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u202f\u3000", " "),
    **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff", ""),
    **dict.fromkeys("‐‑‒–—−", "-"),
    "；": ";",
    "，": ",",
    "（": "(",
    "）": ")",
}
_LETTER_TABLE: Final = str.maketrans(_LETTERS)
_MOST_LINES: Final = 20_000


class _Found(NamedTuple):
    """text -- the source without such marks; what -- what they are; title -- what the change does"""

    text: str
    what: str
    title: str


def pasted_fix(text: CText) -> tuple[str, int, Fix] | None:
    """(what is said, the line, the change) where a source carries such marks; None where it does not."""
    source = text.source
    steps = []
    if source.count("\n") > _MOST_LINES:
        return None
    for step in _STEPS:
        found = step(source)
        if found is not None:
            source = found.text
            steps.append(found)
    if not steps or source == text.source:
        return None
    what = " and ".join(step.what for step in steps)
    title = steps[0].title if len(steps) == 1 else "Keep the source only"
    pairs = zip(text.source.split("\n"), source.split("\n"), strict=False)
    line = next((number for number, (old, new) in enumerate(pairs, 1) if old != new), 1)
    edit = text.edit(0, len(text.source), source)
    return f"The source was copied together with {what}, which no compiler reads.", line, Fix(title, (edit,))


def _fences(source: str) -> _Found | None:
    """What stands between the fences of Markdown; without a second one, what follows the first."""
    lines = source.split("\n")
    marks = [number for number, line in enumerate(lines) if _FENCE.match(line)]
    if not marks:
        return None
    inside: list[str] = []
    for first, last in zip(marks[::2], [*marks[1::2], len(lines)], strict=False):
        inside += lines[first + 1 : last]
    if len(marks) == 1 and marks[0] > len(lines) // 2:  # the first one was not copied
        inside = lines[: marks[0]]
    return _Found("\n".join(inside).rstrip("\n") + "\n", "the marks of Markdown", "Keep what is between the marks")


def _prefixes(source: str) -> _Found | None:
    lines = source.split("\n")
    full = [line for line in lines if line.strip()]
    for prefix in _PREFIXES:
        bare = prefix.rstrip()
        if len(full) > 1 and all(line.startswith(prefix) or line.rstrip() == bare for line in full):
            cut = [line[len(prefix) :] if line.startswith(prefix) else line.removeprefix(bare) for line in lines]
            return _Found("\n".join(cut), f"“{bare}” before each line", f"Remove “{bare}” from each line")
    return None


def _numbers(source: str) -> _Found | None:
    lines = source.split("\n")
    found = [_NUMBER.match(line) for line in lines]
    numbers = [int(each[1]) for each in found if each is not None]
    full = sum(bool(line.strip()) for line in lines)
    rising = all(later > earlier for earlier, later in zip(numbers, numbers[1:], strict=False))
    if len(numbers) < 3 or len(numbers) < full or not rising:
        return None
    cut = [line[each.end() :] if each is not None else line for line, each in zip(lines, found, strict=True)]
    return _Found("\n".join(cut), "line numbers", "Remove the line numbers")


def _entities(source: str) -> _Found | None:
    if _ENTITY.search(source) is None:
        return None
    return _Found(
        html.unescape(source).replace("\u00a0", " "), "names of characters in HTML", "Write the characters themselves"
    )


def _letters(source: str) -> _Found | None:
    if source.isascii() or not any(letter in _LETTERS for letter in blank(source)):
        return None
    return _Found(source.translate(_LETTER_TABLE), "typographic quotes or spaces", "Write plain quotes and spaces")


_STEPS: Final[tuple[Callable[[str], _Found | None], ...]] = (_fences, _prefixes, _numbers, _entities, _letters)
