"""Profiles of the recorded programs, held against what Linux 6.12 printed: its counts, and each visit in its log."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest

from tests.golden.test_verifier import loaded, recordings
from vm import pipeline
from vm.profile.profile import Profile, profile

PROCESSED = re.compile(r"^processed (\d+) insns .* total_states (\d+)", re.M)
VISIT = re.compile(r"^(\d+): \([0-9a-f]{2}\) ", re.M)
PRUNED = re.compile(r"^(?:from \d+ to )?(\d+)(?: \(speculative execution\))?: safe$", re.M)


def profiled(golden: dict[str, Any]) -> Profile:
    program = pipeline.choose(loaded(golden["file"]), golden["prog"])
    walk = pipeline.walk(program, log_level=0)
    for _ in walk.advance():
        pass
    said = walk.result()
    assert walk.recorder is not None
    return profile(walk.env.program, walk.recorder, said.insns_processed, walk.env.insn_idx)


@pytest.mark.parametrize("golden", recordings(), ids=lambda g: f"{g['file']}:{g['prog']}")
def test_each_visit_is_charged_once_and_to_its_instruction(golden: dict[str, Any]) -> None:
    said = PROCESSED.search(golden["log2"])
    found = profiled(golden)
    if said is None:
        assert found.insns_processed == 0 and not found.lines
        return
    processed, states = map(int, said.groups())
    assert (found.insns_processed, found.states) == (processed, states)
    for rows in (found.lines, found.insns):
        assert sum(row.insns for row in rows) == processed
        assert sum(row.states for row in rows) == states
        assert sum(row.pruned for row in rows) == found.pruned
        assert sum(row.missed for row in rows) == found.missed
    assert sum(row.insns for row in found.functions) == processed
    pruned = Counter(int(idx) for idx in PRUNED.findall(golden["log2"]))
    assert Counter({row.insn_idx: row.pruned for row in found.insns if row.pruned}) == pruned
    visits = Counter(int(idx) for idx in VISIT.findall(golden["log2"])) + pruned
    charged = Counter({row.insn_idx: row.insns for row in found.insns if row.insns})
    # A visit that is refused before the instruction is printed: a state met again, a limit.
    assert (charged - visits).total() == processed - visits.total() <= 1
    assert not visits - charged
