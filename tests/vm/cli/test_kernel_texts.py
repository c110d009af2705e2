"""What `matrix` and `real` print without --json."""

from __future__ import annotations

from typing import Any

from vm.cli import matrix, real
from vm.pipeline import Cell


def cell(code: str = "aa", **more: Any) -> Cell:
    about = {"clang": "clang 22.1.8", "mcpu": "v3", "opt": "O2", "verdict": "accept", **more}
    return Cell("a.c", "p", "6.12", "6.12.1", code=code, **about)


def test_a_cell_says_its_cost_and_which_cells_got_the_same_code() -> None:
    codes: dict[str, int] = {}
    first = cell(insns_processed=12, states=3)
    assert matrix._text(first, codes, several=False) == "p: Linux 6.12.1: accept, 12 insns, 3 states, code 1"
    other = cell("bb", verdict="reject", message="R1 invalid")
    assert matrix._text(other, codes, several=True) == (
        "p: clang 22.1.8 -mcpu=v3: Linux 6.12.1: reject, 0 insns, code 2: R1 invalid"
    )
    assert ", code 1" in matrix._text(cell(), codes, several=False)
    assert "code" not in matrix._text(cell(""), codes, several=False)


def test_counts_are_drawn() -> None:
    record: dict[str, Any] = {
        "file": "a.c", "release": "6.12.1", "attached": [], "printk": [], "shell": [], "records": [], "maps": {},
        "bars": {}, "lost": 0, "left_out": [0, 0], "stopped": "It was ended.",
    }  # fmt: skip
    entry = {"key": "00000000", "value": "01", "key_text": "0", "value_text": "{.slots = {0, 1, 80}}"}
    drawn = [{"label": "1", "count": 1}, {"label": "2", "count": 80}, {"label": "13", "count": 0}]
    real._keep(
        record, {"what": "map", "map": "times", "entries": [entry], "bars": [{"title": "0: slots", "bars": drawn}]}
    )
    lines = real._text(record).splitlines()
    assert lines[2:] == [
        "  times, 0: slots:",
        f"     1 |*{' ' * 39}| 1",
        f"     2 |{'*' * 40}| 80",
        f"    13 |{' ' * 40}| 0",
        "  It was ended.",
    ]
    real._keep(
        record,
        {"what": "map", "map": "times", "entries": [], "bars": [{"title": "", "bars": [{"label": "0", "count": 0}]}]},
    )
    assert f"    0 |{' ' * 40}| 0" in real._text(record)
