"""Every example does what its description says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from playground.present.run import run_job

FOLDER = Path(__file__).parent.parent / "examples"
INDEX: list[dict[str, Any]] = json.loads((FOLDER / "index.json").read_text())


@pytest.mark.parametrize("example", INDEX, ids=lambda e: e["name"])
def test_it_ends_as_its_description_says(example: dict[str, Any]) -> None:
    request = {
        "kind": "c",
        "source": (FOLDER / example["file"]).read_text(),
        "options": {},
        "input": {"kind": "packet", "hex": example["packet"]},
    }
    stages = {m["stage"]: m for m in run_job(request) if m["type"] == "stage" and m["status"] != "working"}
    promised = example["description"].rstrip(".").rsplit(" ", 1)[-1]
    assert promised in ("Accepted", "Rejected")
    assert stages["verify"]["verdict"] == {"Accepted": "accept", "Rejected": "reject"}[promised]
    assert stages["run"]["status"] == {"Accepted": "done", "Rejected": "skipped"}[promised]


def test_no_source_is_left_out_of_the_index() -> None:
    assert {p.name for p in FOLDER.glob("*.c")} == {e["file"] for e in INDEX}
