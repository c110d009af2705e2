"""Options and exit statuses: 0 done, 1 rejected by the verifier or by clang, 2 bad input, 3 a limit was hit."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence

from vm.cli.commands import VERBS, verb
from vm.cli.report import BAD_INPUT, Reporter


def parser(wanted: Sequence[str] = VERBS) -> argparse.ArgumentParser:
    """The command line: one subcommand for each of the wanted verbs. The modules of the others are not imported."""
    p = argparse.ArgumentParser(prog="python -m vm", description="Compile, verify, translate and run eBPF programs.")
    verbs = p.add_subparsers(dest="verb", required=True, metavar="|".join(VERBS))
    for name in wanted:
        module = verb(name)
        module.arguments(verbs.add_parser(name, help=module.HELP, description=module.HELP))
    return p


def main(argv: Sequence[str]) -> int:
    """The exit status; whatever goes wrong is a sentence on standard error."""
    try:
        options = parser(argv[:1] if argv and argv[0] in VERBS else VERBS).parse_args(argv)
    except SystemExit as e:
        return BAD_INPUT if e.code else 0
    # A walk makes millions of values and hardly a cycle: looking for cycles seldom saves a third of its time.
    gc.set_threshold(1_000_000, 10, 10)
    out = Reporter(options.json)
    try:
        return verb(options.verb).run(options, out)
    except BrokenPipeError:
        # The reader went away: what it wanted, it has.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
