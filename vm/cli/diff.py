"""`diff A B`, `diff A --with OPTIONS`: two sources, or one with other options, as the verifier walks them."""

from __future__ import annotations

import shlex
from argparse import ArgumentError, ArgumentParser, Namespace
from typing import Any, Final

from vm import pipeline
from vm.cli.options import add_build, add_loading, add_program, build_options, user
from vm.cli.report import Reporter, counted, status_of
from vm.cli.sources import read_source
from vm.errors import InputError
from vm.pipeline import Comparison, Side

HELP: Final = "compare two sources, or one with other options: verdict, cost by line, and where the walks part"
_ROWS: Final = 20
"""Lines that are printed for people: those that differ most."""


def arguments(p: ArgumentParser) -> None:
    p.add_argument("files", metavar="FILE", nargs="+", help="A and B, or A with --with: C, .o, .s/.asm, .hex or .bin")
    p.set_defaults(each=False)
    p.add_argument("--json", action="store_true", help="one line of JSON per program")
    p.add_argument(
        "--with", dest="other", metavar="OPTIONS", help='options of the second side, in quotes: --with "--mcpu v4"'
    )
    add_build(p)
    add_program(p)
    add_loading(p)


def run(options: Namespace, out: Reporter) -> int:
    """One line a program. Exit status 0 once both could be verified, whatever the verdicts are."""
    try:
        second = other(options)
        paths = [options.files[0], options.files[-1]]
        sides = [_side(paths[0], options), _side(paths[1], second)]
        for found in pipeline.compare(sides[0], sides[1], options.program):
            record = {"files": paths, **pipeline.comparison_fields(found)}
            out.line(record, _text(paths, found, record))
    except InputError as e:
        out.complain(e.message, status_of(e))
    return out.status


def other(options: Namespace) -> Namespace:
    """The options of the second side: those of the first, and what --with changes. InputError."""
    if len(options.files) > 2 or (len(options.files) == 1 and options.other is None):
        raise InputError('diff takes two files, or one and --with "OPTIONS".')
    p = ArgumentParser(add_help=False, exit_on_error=False)
    add_build(p)
    add_loading(p)
    found = Namespace(**vars(options))
    try:
        words = shlex.split(options.other or "")
        if {"--unprivileged", "--caps"} & {word.partition("=")[0] for word in words}:
            found.unprivileged, found.caps = False, None
        _, unknown = p.parse_known_args(words, found)
    except (ArgumentError, ValueError) as e:
        raise InputError(f"--with: {e}.") from None
    except SystemExit:
        raise InputError(f"--with: {options.other[:80]!r} are no options.") from None
    if unknown:
        raise InputError(f"--with: unknown options: {' '.join(unknown)[:80]}.")
    return found


def _side(path: str, options: Namespace) -> Side:
    try:
        return Side(read_source(path, options), build_options(options), user(options), options.alone)
    except InputError as e:
        raise type(e)(f"{path}: {e.message}") from None


def _text(paths: list[str], found: Comparison, record: dict[str, Any]) -> str:
    said = f"{record['program']}\n"
    for side, path, told in (("a", paths[0], found.a), ("b", paths[1], found.b)):
        if told is None:
            said += f"  {side} {path}: has no such program\n"
            continue
        code = f", {told.xlated:,} rewritten, {told.jited:,} bytes of machine code" if told.xlated is not None else ""
        said += (
            f"  {side} {path}: {told.verdict}, {counted(told.insns_processed, 'instruction', 'processed')}, "
            f"{counted(told.states, 'state')}, {counted(told.insns, 'instruction')}{code}"
            f"{': ' if told.message else ''}{told.message}\n"
        )
    differing = [row for row in found.lines if row.kind != "same" or row.a_insns != row.b_insns]
    differing.sort(key=lambda row: -abs(row.a_insns - row.b_insns))
    shown = differing[:_ROWS]
    for row in sorted(shown, key=found.lines.index):
        where = " ".join(f"{place[1]}" if place and place[1] else "-" for place in (row.a, row.b))
        said += f"  {where:>9}  {row.a_insns:>9,} {row.b_insns:>9,}  {(row.a_text or row.b_text).strip()[:80]}\n"
    if len(differing) > len(shown):
        said += f"  {len(differing) - len(shown):,} more lines differ\n"
    for key in ("parting", "ways"):
        parted = record[key]
        if parted is None:
            continue
        where = f"after {parted['agreed']:,} steps" if parted["kind"] != "none" else ""
        said += f"  {where}{': ' if where else ''}{parted['why']}\n"
        if parted["kind"] != "none":
            name = f"{parted['name']}: " if parted["name"] else ""
            for side in ("a", "b"):
                at = parted[f"{side}_insn"]
                said += f"    {side} {'-' if at is None else f'{at}:'} {name}{parted[side]}\n"
    return said.rstrip("\n")
