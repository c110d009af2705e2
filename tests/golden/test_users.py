"""What users with few capabilities get, held against what Linux 6.12 gave them: verdict, both logs, code."""

from __future__ import annotations

import json
import lzma
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.golden.test_code import without
from tests.golden.test_verifier import tidy
from vm import pipeline
from vm.caps import NOBODY, ROOT, parse
from vm.elf import load_object
from vm.program import Object
from vm.runner.inputs import PacketInput, RunLimits

NEVER_THE_SAME = frozenset({"answers_anything"})
HERE = Path(__file__).parent


@cache
def recordings() -> tuple[dict[str, Any], ...]:
    """Loads whose programs were verified, or refused before that; walks over 20,000 instructions have no log."""
    with lzma.open(HERE / "users" / "users.jsonl.xz", "rt") as f:
        return tuple(g for g in map(json.loads, f) if "unfilled" not in g)


@cache
def loaded(name: str) -> Object:
    path = next(p for p in (HERE / "users" / name, HERE / "objects" / name) if p.exists())
    return load_object(path.read_bytes(), name)


def name_of(golden: dict[str, Any]) -> str:
    return f"{golden['caps']}:{golden['file']}:{golden['prog']}"


@pytest.mark.parametrize("golden", [g for g in recordings() if g["verdict"] == "error"], ids=name_of)
def test_who_may_not_load_at_all(golden: dict[str, Any]) -> None:
    program = pipeline.choose(loaded(golden["file"]), golden["prog"])
    ours, _ = pipeline.verify(program, caps=parse(golden["caps"]))
    assert (ours.verdict, ours.errno, ours.log) == ("reject", golden["err"], "")
    assert ours.message.endswith(".") and ours.failure is not None


@pytest.mark.parametrize("golden", [g for g in recordings() if "log2" in g], ids=name_of)
def test_it_says_what_the_kernel_says(golden: dict[str, Any]) -> None:
    program = pipeline.choose(loaded(golden["file"]), golden["prog"])
    for level in (1, 2):
        ours, env = pipeline.verify(program, log_level=level, record=level == 2, caps=parse(golden["caps"]))
        assert (ours.verdict, ours.errno) == (golden["verdict"], golden["err"])
        assert tidy(ours.log) == tidy(golden[f"log{level}"])
    if golden["verdict"] == "reject":
        return
    rewritten = pipeline.rewrite(env)
    code = pipeline.code(rewritten, pipeline.translate(rewritten))
    for what, ours_, relocs in (
        ("xlated", code.xlated, list(code.xlated_relocs)),
        ("image", code.image, list(code.image_relocs)),
    ):
        assert without(ours_, relocs) == without(bytes.fromhex(golden[what]), relocs)


def test_the_trace_tells_what_is_speculation() -> None:
    program = pipeline.choose(loaded("nobody.o"), "a_branch_always_taken")
    for caps, wanted in ((NOBODY, [False, True]), (ROOT, [False])):
        ours, _ = pipeline.verify(program, caps=caps)
        assert ours.trace is not None
        assert [path.speculative for path in ours.trace.paths] == wanted


ACCEPTED = [
    g["prog"] for g in recordings() if g["caps"] == "none" and g["verdict"] == "accept" and g["file"] == "nobody.o"
]


@pytest.mark.parametrize("name", ACCEPTED)
def test_guards_change_nothing_of_a_run(name: str) -> None:
    obj = loaded("nobody.o")
    program = pipeline.choose(obj, name)
    packet = [PacketInput(bytes(range(64)))]
    runs = []
    for caps in (NOBODY, ROOT):
        verification, env = pipeline.verify(program, log_level=0, record=False, caps=caps)
        assert verification.verdict == "accept"
        rewritten = pipeline.rewrite(env)
        for image in (None, pipeline.translate(rewritten)):
            (run,) = pipeline.execute(rewritten, image, packet, RunLimits(), obj=obj, caps=caps)
            assert run.fault is None
            runs.append((run.r0 if name not in NEVER_THE_SAME else 0, len(run.steps)))
    # The engines tell the same steps; what is guarded gives what is not guarded gives.
    assert runs[0] == runs[1] and runs[2] == runs[3]
    assert runs[0][0] == runs[2][0]


def test_there_are_recordings_of_every_kind_of_user() -> None:
    counts = Counter((g["caps"], g["verdict"]) for g in recordings())
    for caps in ("none", "bpf", "bpf+perfmon", "bpf+net_admin"):
        assert counts[caps, "accept"] >= 20 and counts[caps, "reject"] >= 10 and counts[caps, "error"] >= 1
    assert any("(speculative execution)" in g.get("log2", "") for g in recordings())
