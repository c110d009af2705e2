"""Options and exit statuses: 0 done, 1 rejected by the verifier or by clang, 2 bad input, 3 a limit was hit."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from typing import Final

from vm.cli.commands import VERBS, verb
from vm.cli.report import BAD_INPUT, Reporter

PROG: Final = "python -m vm"


class _Formatter(argparse.HelpFormatter):
    """As wide as the terminal. argparse would ask through shutil, whose import a command without --help can spare."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_width() - 2)


def _width() -> int:
    try:
        return int(os.environ.get("COLUMNS", "")) or 80
    except ValueError:
        pass
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns if sys.__stdout__ else 80
    except (OSError, ValueError):
        return 80


def parser(wanted: Sequence[str] = VERBS, prog: str = PROG) -> argparse.ArgumentParser:
    """The command line of `prog`: one subcommand for each wanted verb. The modules of the others are not imported."""
    p = argparse.ArgumentParser(
        prog=prog, description="Compile, verify, translate and run eBPF programs.", formatter_class=_Formatter
    )
    # With `prog`, argparse need not format a usage, for which it would import shutil.
    verbs = p.add_subparsers(dest="verb", required=True, metavar="|".join(VERBS), prog=prog)
    for name in wanted:
        module = verb(name)
        made = verbs.add_parser(name, help=module.HELP, description=module.HELP, formatter_class=_Formatter)
        module.arguments(made)
    return p


def _joined(argv: Sequence[str]) -> Sequence[str]:
    """The arguments with the value of --with in one piece: argparse takes what begins with "--" for an option."""
    found: list[str] = []
    for each in argv:
        if found and found[-1] == "--with" and found[0] == "diff":
            found[-1] = f"--with={each}"
        else:
            found.append(each)
    return found


def main(argv: Sequence[str], prog: str = PROG) -> int:
    """The exit status of the command `prog`; whatever goes wrong is a sentence on standard error."""
    argv = _joined(argv)
    try:
        options = parser(argv[:1] if argv and argv[0] in VERBS else VERBS, prog).parse_args(argv)
    except SystemExit as e:
        return BAD_INPUT if e.code else 0
    # A walk makes millions of values and hardly a cycle: looking for cycles seldom saves a third of its time.
    gc.set_threshold(1_000_000, 10, 10)
    gc.enable()
    out = Reporter(options.json)
    try:
        if hasattr(options, "each"):
            from vm.cli.sources import expand

            if not expand(options, out):
                return out.status
        return verb(options.verb).run(options, out)
    except BrokenPipeError:
        # The reader went away: what it wanted, it has.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
