"""`manage.py sandbox_check [--json]`: which layers hold on this machine, measured by trying to get through."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from vm import compile as compiler
from vm import sandbox
from vm.sandbox.check import Row


class Command(BaseCommand):
    help = "Test each layer of the sandbox and print which ones work. Exit status 1 if programs are not confined."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one line of JSON")
        parser.add_argument("--no-compiler", action="store_true", help="leave out the compiler's canaries")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = sandbox.measure() if options["no_compiler"] else compiler.measure()
        good = holds(rows)
        if options["json"]:
            self.stdout.write(json.dumps({"ok": good, "layers": [row._asdict() for row in rows]}))
        else:
            for row in rows:
                self.stdout.write(line(row))
            self.stdout.write("Users' programs are confined." if good else "USERS' PROGRAMS ARE NOT CONFINED.")
        if not good:
            sys.exit(1)


def holds(rows: list[Row]) -> bool:
    """A layer may be missing where another does its work; no layer may leak. Nothing stands in for Landlock: a worker
    confines itself, and has no bubblewrap around it."""
    by_name = {row.layer: row for row in rows}
    names = ("rlimits", "landlock", "supervisor", "together", "compiler")
    needed = [by_name[name] for name in names if name in by_name]
    return all(row.active for row in needed) and not any(row.leaks for row in rows if row.active)


def line(row: Row) -> str:
    said = f"{row.layer:<11} {'holds' if row.active else 'DOES NOT HOLD':<14} {row.why}"
    return f"{said}\n{'':<26} got through: {', '.join(row.leaks)}" if row.leaks else said
