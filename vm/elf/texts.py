"""The text of source files beside an object: found by their names for the files that its line information names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import takewhile
from typing import Final

from vm.program import LineInfo, Program

MAX_CHARS: Final = 256 << 10
"""Of the whole files of one program, together."""


def with_texts(program: Program, files: Mapping[str, str]) -> Program:
    """The program with the text of its lines, as far as these files by their relative names have it.

    A file is not taken for one of which the object quotes other text: it was changed since the object was made.
    """
    infos = program.lines
    texts: dict[str, tuple[str, ...]] = {}
    for path in dict.fromkeys(info.file for info in infos):
        name = matching(path, files)
        rows = tuple(row.rstrip("\r") for row in files[name].split("\n")) if name else ()
        if rows and _agree(rows, (info for info in infos if info.file == path)):
            texts[path] = rows
    if not texts:
        return program
    told = tuple(_with_text(info, texts.get(info.file, ())) for info in infos)
    return replace(program, told_lines=told, texts=bounded({**dict(program.texts), **texts}))


def matching(path: str, names: Iterable[str]) -> str | None:
    """The name whose last parts are most of the last parts of a path, at least the file's own name.

    Of several that share as many the one of which nothing is left over; None where that tells nothing either:
    "a/x.c" and "b/x.c" for "c/x.c".
    """
    parts = _parts(path)
    best: tuple[int, bool] = (0, False)
    found = None
    for name in names:
        own = _parts(name)
        pairs = zip(reversed(parts), reversed(own), strict=False)
        count = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        rank = count, count == len(own)
        if count and rank == best:
            found = None
        elif count and rank > best:
            best, found = rank, name
    return found


def bounded(texts: Mapping[str, tuple[str, ...]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Files until they have MAX_CHARS characters, in their order."""
    room = MAX_CHARS
    found = []
    for name, rows in texts.items():
        room -= sum(map(len, rows)) + len(rows)
        if room >= 0:
            found.append((name, rows))
    return tuple(found)


def _parts(path: str) -> list[str]:
    return [part for part in path.replace("\\", "/").split("/") if part not in ("", ".")]


def _agree(rows: tuple[str, ...], infos: Iterable[LineInfo]) -> bool:
    """Whether all lines exist, and are those that the object quotes."""
    return all(info.line <= len(rows) and info.text.strip() in ("", rows[info.line - 1].strip()) for info in infos)


def _with_text(info: LineInfo, rows: tuple[str, ...]) -> LineInfo:
    return info._replace(text=rows[info.line - 1]) if rows and not info.text else info
