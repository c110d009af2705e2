"""What the emulation says of the recorded programs, held against what Linux 6.12 said: every byte of both logs."""

from __future__ import annotations

import json
import lzma
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from vm import pipeline
from vm.elf import load_object
from vm.program import Object

HERE = Path(__file__).parent


def recordings() -> list[dict[str, Any]]:
    with lzma.open(HERE / "verifier.jsonl.xz", "rt") as f:
        return [json.loads(line) for line in f]


@cache
def loaded(name: str) -> Object:
    return load_object((HERE / "objects" / name).read_bytes(), name)


def tidy(log: str) -> list[str]:
    """Lines without what changes from boot to boot: kernel addresses."""
    return [line.rstrip() for line in re.sub(r"0xf[f0-9a-f][0-9a-f]{14}\b", "0xADDRESS", log).strip().split("\n")]


@pytest.mark.parametrize("golden", recordings(), ids=lambda g: f"{g['file']}:{g['prog']}")
@pytest.mark.parametrize("level", [1, 2])
def test_it_says_what_the_kernel_says(golden: dict[str, Any], level: int) -> None:
    program = pipeline.choose(loaded(golden["file"]), golden["prog"])
    ours, _ = pipeline.verify(program, log_level=level, record=level == 2)
    assert ours.verdict == golden["verdict"]
    assert ours.errno == golden["err"]
    assert tidy(ours.log) == tidy(golden[f"log{level}"])


def test_there_are_recordings_of_both_verdicts() -> None:
    verdicts = [g["verdict"] for g in recordings()]
    assert verdicts.count("accept") >= 10
    assert verdicts.count("reject") >= 10
