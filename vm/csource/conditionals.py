"""The #if groups of a C source, and the text that stands in one's place with one of its branches taken.

Read line by line and not from the syntax tree: what a branch that is not compiled holds need not be C.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from vm.csource.text import blank

_DIRECTIVE: Final = re.compile(
    r"^[ \t]*#[ \t]*(?P<word>if|ifdef|ifndef|elif|elifdef|elifndef|else|endif)\b(?P<rest>(?:[^\n]*\\\n)*[^\n]*)\n?",
    re.M,
)
_DEFINE: Final = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", re.M)
_DEFINED: Final = re.compile(r"(!?)[ \t]*defined[ \t]*\(?[ \t]*(\w+)[ \t]*\)?")
_NUMBER: Final = re.compile(r"\(?[ \t]*(\d+)[ \t]*\)?")


class Branch(NamedTuple):
    """word, condition -- its directive; start, end -- the characters [start, end) between it and the next directive"""

    word: str
    condition: str
    start: int
    end: int


class Group(NamedTuple):
    """An #if with its #endif, at the characters [start, end)."""

    start: int
    end: int
    branches: tuple[Branch, ...]


def groups(source: str) -> list[Group]:
    """The groups that stand in no other one, in the order of the source. One without its #endif is none."""
    found: list[Group] = []
    depth, start = 0, 0
    branches: list[Branch] = []
    for each in _DIRECTIVE.finditer(blank(source)):
        word = each["word"]
        if word.startswith("if"):
            depth += 1
            if depth == 1:
                start, branches = each.start(), []
        if depth != 1:
            depth -= word == "endif" and depth > 0
            continue
        if branches:
            branches[-1] = branches[-1]._replace(end=each.start())
        if word == "endif":
            depth = 0
            found.append(Group(start, each.end(), tuple(branches)))
        else:
            branches.append(Branch(word, " ".join(each["rest"].replace("\\\n", " ").split()), each.end(), each.end()))
    return found


def defined(source: str) -> dict[str, int]:
    """The names that the source defines, with the offset of the first #define of each."""
    found: dict[str, int] = {}
    for each in _DEFINE.finditer(blank(source)):
        found.setdefault(each[1], each.start())
    return found


def likely(group: Group, names: Mapping[str, int]) -> Branch | None:
    """The branch that is compiled, as far as the source itself tells; None: it tells that none is.

    names -- defined() of the source. A condition that only the compiler can decide counts as true: who tries it finds
    out.
    """
    before = {name for name, offset in names.items() if offset < group.start}
    return next((each for each in group.branches if _holds(each, before)), None)


def _holds(branch: Branch, before: set[str]) -> bool:
    word, condition = branch.word, branch.condition
    if word.endswith(("ifdef", "ifndef")):
        return (condition in before) == word.endswith("ifdef")
    if number := _NUMBER.fullmatch(condition):
        return any(digit != "0" for digit in number[1])
    if asked := _DEFINED.fullmatch(condition):
        return (asked[2] in before) != bool(asked[1])
    return True


def taken(source: str, group: Group) -> Iterator[str]:
    """The text of each branch, the longest first."""
    texts = (source[each.start : each.end] for each in group.branches)
    yield from sorted(texts, key=len, reverse=True)
