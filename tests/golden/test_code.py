"""Rewritten instructions and machine code of the recorded programs: Linux 6.12's, every byte but addresses."""

from __future__ import annotations

import json
import lzma
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from vm import pipeline
from vm.cli.commands import xlated_relocs
from vm.elf import load_object
from vm.isa.insn import encode
from vm.program import Object
from vm.verifier.fixups.dump import xlated

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
    ranges = [(offset, size) for offset, size in xlated_relocs(rewritten)]
    assert without(encode(xlated(rewritten)), ranges) == without(bytes.fromhex(golden["xlated"]), ranges)
    image = pipeline.translate(rewritten)
    assert list(image.func_lens) == golden["func_lens"]
    addresses = [(reloc.offset, reloc.size) for reloc in image.relocs]
    assert without(image.code, addresses) == without(bytes.fromhex(golden["image"]), addresses)
    # Not everything may be an address.
    assert sum(size for _, size in addresses) < len(image.code) / 2


def test_there_is_something_to_hold_against() -> None:
    assert len(accepted()) >= 25
