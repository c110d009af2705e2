"""`contents FILE...`: what the object file holds: sections, symbols, relocations, types."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from vm import pipeline
from vm.cli.options import add_build, add_files, build_options
from vm.cli.report import Reporter, status_of
from vm.cli.sources import read_source
from vm.errors import InputError

if TYPE_CHECKING:
    from vm.contents import Contents

HELP: Final = "list sections, symbols, relocations and types of an object file"


def arguments(p: ArgumentParser) -> None:
    add_files(p)
    add_build(p)


def run(options: Namespace, out: Reporter) -> int:
    build = build_options(options)
    for path in options.files:
        try:
            found = pipeline.contents(read_source(path, options), build)
        except InputError as e:
            out.line({"file": path, "message": e.message})
            out.complain(f"{path}: {e.message}", status_of(e))
            continue
        out.line({"file": path, **asdict(found)}, "\n".join(_text(path, found)))
    return out.status


def _text(path: str, found: Contents) -> Iterator[str]:
    yield f"{path}: {found.bytes:,} bytes"
    yield "\nSections"
    yield from _table((s.index, s.name, s.type, s.flags, s.size, s.meaning) for s in found.sections)
    yield "\nSymbols"
    yield from _table((s.section, s.value, s.size, s.bind, s.type, s.name) for s in found.symbols)
    yield "\nRelocations"
    yield from _table(
        (r.section, f"{r.offset:#x}", r.type, r.symbol, "" if r.insn is None else f"instruction {r.insn}")
        for r in found.relocations
    )
    yield "\nTypes"
    yield from (row.text for row in found.types)
    for name, count in asdict(found.left_out).items():
        if count:
            yield f"{count:,} more {name} are not shown."


def _table(rows: Iterable[tuple[object, ...]]) -> Iterator[str]:
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
