"""Rewritten instructions and machine code of the recorded programs: Linux 6.12's, every byte but addresses."""

from __future__ import annotations

import json
import lzma
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from vm import pipeline
from vm.elf import load_object
from vm.program import Object

HERE = Path(__file__).parent


def accepted() -> list[dict[str, Any]]:
    with lzma.open(HERE / "verifier.jsonl.xz", "rt") as f:
        return [golden for golden in map(json.loads, f) if golden["verdict"] == "accept"]


@cache
def loaded(name: str) -> Object:
    return load_object((HERE / "objects" / name).read_bytes(), name)


def without(code: bytes, ranges: list[tuple[int, int]]) -> bytes:
    """`code` with zeros where addresses are."""
    masked = bytearray(code)
    for offset, size in ranges:
        masked[offset : offset + size] = bytes(len(masked[offset : offset + size]))
    return bytes(masked)


@pytest.mark.parametrize("golden", accepted(), ids=lambda g: f"{g['file']}:{g['prog']}")
def test_it_runs_what_the_kernel_runs(golden: dict[str, Any]) -> None:
    program = pipeline.choose(loaded(golden["file"]), golden["prog"])
    _, env = pipeline.verify(program, log_level=0, record=False)
    rewritten = pipeline.rewrite(env)
    code = pipeline.code(rewritten, pipeline.translate(rewritten))
    ranges = list(code.xlated_relocs)
    assert without(code.xlated, ranges) == without(bytes.fromhex(golden["xlated"]), ranges)
    assert list(code.func_lens) == golden["func_lens"]
    addresses = list(code.image_relocs)
    assert without(code.image, addresses) == without(bytes.fromhex(golden["image"]), addresses)
    # Not everything may be an address.
    assert sum(size for _, size in addresses) < len(code.image) / 2


def test_there_is_something_to_hold_against() -> None:
    assert len(accepted()) >= 25
