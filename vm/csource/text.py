"""The text of a C source, read without a preprocessor: where its sections, functions and includes stand.

It serves what is said to the user about the source (remarks, missing includes); no verdict depends on it. Every search
is linear in the text, which may be anything.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property
from typing import Final

from vm.namedtuples import NamedTuple
from vm.program import Edit, Fix

# An unterminated string ends with its line, an unterminated comment with the text: each character is read once.
_TOKEN: Final = re.compile(
    r"//(?:\\\n|[^\n])*|/\*(?:[^*]|\*(?!/))*(?:\*/)?"
    r'|"(?:\\[\s\S]|[^"\\\n])*"?'
    r"|'(?:\\[\s\S]|[^'\\\n])*'?"
)
_NOT_NEWLINE: Final = re.compile(r"[^\n]")
_INCLUDE: Final = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"\n]{1,256})[>"][^\n]*', re.M)
_SECTION: Final = re.compile(r"\b(?:SEC|__section|section|__section__)\s*\(\s*(?=\")")
_QUALIFIED: Final = re.compile(r'"([^"\\\n]{0,256})"')


class Include(NamedTuple):
    """An #include: the header's name and the range of its line, without the line's end."""

    name: str
    start: int
    end: int


class SectionName(NamedTuple):
    """A section attribute: SEC("NAME") or section("NAME"). start, end -- the name between its quotes."""

    name: str
    start: int
    end: int


def blank(source: str, *, strings: bool = True) -> str:
    """The source with comments (and strings) replaced by as many spaces; lines and offsets stay."""

    def spaces(found: re.Match[str]) -> str:
        token = found[0]
        if token[0] != "/" and not strings:
            return token
        return _NOT_NEWLINE.sub(" ", token)

    return _TOKEN.sub(spaces, source)


class CText:
    """One source and what its text says."""

    def __init__(self, source: str) -> None:
        self.source = source

    @cached_property
    def code(self) -> str:
        """The source with comments and strings blanked."""
        return blank(self.source)

    @cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        starts += [found.end() for found in re.finditer("\n", self.source)]
        return starts

    @cached_property
    def includes(self) -> tuple[Include, ...]:
        """Every #include outside comments."""
        bare = blank(self.source, strings=False)
        return tuple(Include(found[1], found.start(), found.end()) for found in _INCLUDE.finditer(bare))

    @cached_property
    def sections(self) -> tuple[SectionName, ...]:
        """Every section attribute outside comments, in the order of the text."""
        out = []
        bare = blank(self.source, strings=False)
        for found in _SECTION.finditer(bare):
            name = _QUALIFIED.match(self.source, found.end())
            # In a string the word itself is blanked.
            if name is not None and self.code[found.start()] != " ":
                out.append(SectionName(name[1], name.start(1), name.end(1)))
        return tuple(out)

    def line(self, offset: int) -> int:
        """The 1-based line of an offset."""
        return bisect_right(self._starts, offset)

    def edit(self, start: int, end: int, text: str) -> Edit:
        """Replace the characters from `start` to before `end`."""
        first, last = self.line(start), self.line(end)
        return Edit(first, start - self._starts[first - 1] + 1, last, end - self._starts[last - 1] + 1, text)

    def offset(self, line: int, column: int) -> int | None:
        """The offset of a 1-based place, None if the source does not have it."""
        if not 0 < line <= len(self._starts):
            return None
        at = self._starts[line - 1] + column - 1
        end = self._starts[line] if line < len(self._starts) else len(self.source) + 1
        return at if self._starts[line - 1] <= at < end else None

    def section_of(self, function: str, section: str) -> SectionName | None:
        """The section attribute of a function's definition, None where the text does not show it.

        The attribute that names `section` and is followed by the function's name before a statement or another body
        ends. A macro that makes the function or its section hides it.
        """
        word = re.compile(rf"\b{re.escape(function)}\b")
        for found in self.sections:
            if found.name != section:
                continue
            stop = re.compile(r"[;}]").search(self.code, found.end)
            if word.search(self.code, found.end, stop.start() if stop else len(self.code)):
                return found
        return None


def apply(source: str, fix: Fix) -> str:
    """The source after a fix: its edits do not overlap, so they are made from the last to the first."""
    text = CText(source)
    for edit in sorted(fix.edits, key=lambda e: (e.line, e.column), reverse=True):
        start, end = text.offset(edit.line, edit.column), text.offset(edit.end_line, edit.end_column)
        if start is None or end is None or end < start:
            raise ValueError(f"the source has no place {edit}")
        source = source[:start] + edit.text + source[end:]
    return source
