"""Structs in the memory of recorded events as parts of the `run` stage's message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from vm.btf.rows import Row
    from vm.runner.replay_structs import HeldStruct

MAX_ROWS: Final = 5000
"""Of all layouts."""
MAX_VALUES: Final = 12_000
"""Of all structs."""


def structs_json(events: Sequence[Sequence[HeldStruct]]) -> dict[str, Any]:
    """The fields `layouts`, `structs` and `structs_left`. events -- the structs of each"""
    layouts: dict[tuple[Row, ...], int] = {}
    told: list[dict[str, Any]] = []
    rows = values = left = 0
    for run, structs in enumerate(events):
        for each in structs:
            more = 0 if each.rows in layouts else len(each.rows)
            if rows + more > MAX_ROWS or values + len(each.held) > MAX_VALUES:
                left += 1
                continue
            rows, values = rows + more, values + len(each.held)
            told.append({
                "run": run, "name": each.name, "type": each.type, "address": f"{each.address:#x}", "size": each.size,
                "layout": layouts.setdefault(each.rows, len(layouts)), "steps": each.steps,
                "values": [held._asdict() for held in each.held],
            })  # fmt: skip
    return {"layouts": [{"rows": list(map(_row, layout))} for layout in layouts], "structs": told, "structs_left": left}


def _row(row: Row) -> dict[str, Any]:
    return {
        "depth": row.depth, "name": row.name, "type": row.type, "offset": row.offset, "size": row.size,
        "bits": row.bits, "holds": row.holds,
    }  # fmt: skip
