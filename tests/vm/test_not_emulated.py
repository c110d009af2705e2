"""What is not emulated is told as data: a kind from a list, and a name."""

from __future__ import annotations

import ast
from pathlib import Path

from vm.errors import NOT_EMULATED_KINDS, NotEmulated

VM = Path(__file__).parents[2] / "vm"


def test_every_place_says_what_kind_of_thing_is_not_emulated() -> None:
    wrong = []
    for path in sorted(VM.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "NotEmulated"):
                continue
            given = [k.value for k in node.keywords if k.arg == "kind"]
            # A name: passed on from another NotEmulated.
            if not given or (isinstance(given[0], ast.Constant) and given[0].value not in NOT_EMULATED_KINDS):
                wrong.append(f"{path.relative_to(VM)}:{node.lineno}")
    assert wrong == []


def test_what_goes_to_clients() -> None:
    missing = NotEmulated("bpf_x (no reason)", kind="helper", name="bpf_x")
    assert missing.message == "not emulated: bpf_x (no reason)"
    assert missing.as_json() == {"kind": "helper", "name": "bpf_x", "text": "bpf_x (no reason)"}
