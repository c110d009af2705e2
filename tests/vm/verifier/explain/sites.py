"""Every text the verifier says before it refuses, found in its sources: f-strings with {} for what is filled in."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

VERIFIER = Path(__file__).resolve().parents[4] / "vm" / "verifier"
NOT_WALKED = ("fixups", "report", "explain")


class Site(NamedTuple):
    """A call of env.reject() or env.verbose(): where, and the texts it may say."""

    where: str
    call: str
    texts: tuple[str, ...]
    known: bool  # False: the text is put together where this cannot follow


def texts_of(node: ast.expr, names: dict[str, list[ast.expr]], depth: int = 0) -> list[str] | None:
    """What an expression may be as text, None if that cannot be told."""
    if depth > 6:
        return None
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        out = ""
        for part in node.values:
            out += str(part.value) if isinstance(part, ast.Constant) else "{}"
        return [out]
    if isinstance(node, ast.IfExp):
        return _both(texts_of(node.body, names, depth + 1), texts_of(node.orelse, names, depth + 1))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left = texts_of(node.left, names, depth + 1)
        right = texts_of(node.right, names, depth + 1)
        return [a + b for a in left or ["{}"] for b in right or ["{}"]] if left or right else None
    if isinstance(node, ast.Name) and node.id in names:
        found: list[str] = []
        for value in names[node.id]:
            told = texts_of(value, names, depth + 1)
            if told is None:
                return None
            found += told
        return found
    return None


def _both(a: list[str] | None, b: list[str] | None) -> list[str] | None:
    return None if a is None or b is None else a + b


def sites() -> Iterator[Site]:
    """Every place where the walk or a pass before it refuses or says something."""
    for path in sorted(VERIFIER.rglob("*.py")):
        inside = path.relative_to(VERIFIER)
        if inside.parts[0] in NOT_WALKED:
            continue
        tree = ast.parse(path.read_text())
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef):
                continue
            names: dict[str, list[ast.expr]] = {}
            for node in ast.walk(function):
                if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                    names.setdefault(node.targets[0].id, []).append(node.value)
                if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
                    names.setdefault(node.target.id, []).append(ast.BinOp(node.target, ast.Add(), node.value))
            for node in ast.walk(function):
                if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                    continue
                at = {"reject": 1, "verbose": 0}.get(node.func.attr)
                if at is None or len(node.args) <= at:
                    continue
                told = texts_of(node.args[at], names)
                where = f"{inside}:{node.lineno}"
                yield Site(where, node.func.attr, tuple(told or ()), told is not None)
