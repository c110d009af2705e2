"""Every place of the sources that refuses a program, found by reading them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[4]
PLACES = ("vm/verifier", "vm/elf", "vm/pipeline.py")
REJECTED = ("reject", "refuse", "warn", "note", "Reject")
# Functions that pass on the rule they are given: the name of its parameter's position.
PASSING = {"reject_result": 1, "check_bounds": 1, "_refuse": 2}
OPTIONS = frozenset(
    ("regno", "spi", "needed", "frame", "held", "ref_id", "insn_idx", "errno", "also", "because", "states", "only_null")
)


class Site(NamedTuple):
    """A call that refuses. rules: names of the constants it may pass; fields: keywords that fill in the message."""

    where: str
    function: str
    rules: tuple[str, ...]
    fields: frozenset[str]
    errno: str
    has_regno: bool


def files() -> list[Path]:
    """All sources that may refuse a program."""
    found: list[Path] = []
    for place in PLACES:
        path = ROOT / place
        found += [path] if path.is_file() else sorted(path.rglob("*.py"))
    return [path for path in found if "rules" not in path.relative_to(ROOT).parts]


def _constants(node: ast.expr) -> list[str]:
    """Names of constants in an expression, those of a conditional included."""
    return [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and n.id.isupper()]


def sites() -> Iterator[Site]:
    """Every call of reject(), refuse(), warn(), note() and Reject(), and of the functions that pass a rule on."""
    for path in files():
        tree = ast.parse(path.read_text())
        named = {
            target.id: node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.IfExp)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            at = PASSING.get(function, 0)
            if function not in REJECTED and function not in PASSING:
                continue
            if isinstance(node.func, ast.Name) and function in ("reject", "refuse", "warn", "note"):
                continue
            first = node.args[at] if len(node.args) > at else None
            if isinstance(first, ast.Name) and not first.id.isupper() and first.id in named:
                first = named[first.id]
            options = {k.arg: ast.unparse(k.value) for k in node.keywords if k.arg}
            yield Site(
                f"{path.relative_to(ROOT)}:{node.lineno}",
                function,
                tuple(_constants(first)) if first is not None else (),
                frozenset(options) - OPTIONS,
                options.get("errno", ""),
                "regno" in options or len(node.args) > at + 1,
            )
