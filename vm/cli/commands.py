"""The verbs of `python -m vm`, a module each."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import Final, Protocol

from vm.cli import compile, disasm, facts, jit, rules, run, verify
from vm.cli.report import Reporter


class Verb(Protocol):
    """What a verb's module has."""

    HELP: str

    def arguments(self, p: ArgumentParser, /) -> None:
        """Adds the verb's options."""

    def run(self, options: Namespace, out: Reporter, /) -> int:
        """Does it; the exit status."""


VERBS: Final[Mapping[str, Verb]] = {
    "compile": compile,
    "disasm": disasm,
    "verify": verify,
    "jit": jit,
    "run": run,
    "facts": facts,
    "rules": rules,
}
