"""run_job() of whole requests: what each option changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playground.present.run import run_job

EXAMPLES = Path(__file__).parents[3] / "examples"


def stages(name: str, **options: Any) -> dict[str, Any]:
    request = {
        "kind": "c",
        "source": (EXAMPLES / name).read_text(),
        "options": options,
        "input": {"kind": "packet", "hex": "02" * 12 + "0800" + "45" + "00" * 50},
    }
    return {m["stage"]: m for m in run_job(request) if m["type"] == "stage" and m["status"] != "working"}


def test_what_is_not_verified_runs_in_the_interpreter() -> None:
    said = stages("missing_bounds_check.c", verify=False)
    assert [said[s]["status"] for s in ("verify", "jit", "run")] == ["skipped", "skipped", "done"]
    assert said["run"]["engine"] == "interpreter"


def test_both_engines_say_the_same() -> None:
    jit, interpreter = stages("count_drop.c"), stages("count_drop.c", engine="interpreter")
    assert jit["run"]["engine"] == "jit"
    assert interpreter["run"]["engine"] == "interpreter"
    for field in ("maps", "events", "summary"):
        assert jit["run"][field] == interpreter["run"][field]


def test_values_of_maps_are_told_as_their_type() -> None:
    entries = stages("count_drop.c")["run"]["maps"]["packets"]["entries"]
    assert [text for _, _, text in entries].count("1") == 1
