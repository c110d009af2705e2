"""The verbs of `python -m vm`, a module each. A module is imported when its verb is asked for."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from importlib import import_module
from typing import Final, Protocol, cast

from vm.cli.report import Reporter


class Verb(Protocol):
    """What a verb's module has."""

    HELP: str

    def arguments(self, p: ArgumentParser, /) -> None:
        """Adds the verb's options."""

    def run(self, options: Namespace, out: Reporter, /) -> int:
        """Does it; the exit status."""


VERBS: Final = (
    "compile", "contents", "disasm", "verify", "matrix", "real", "record", "recording", "jit", "run", "log",
    "profile", "diff", "reduce", "facts", "rules",
)  # fmt: skip


def verb(name: str) -> Verb:
    """The module of one of VERBS."""
    return cast("Verb", import_module(f"vm.cli.{name}"))
