"""The verifier's tables by trial: small programs of fuzz/matrix_cases.py, and what Linux 6.12 said of each.

Recorded by `python -m fuzz.matrix --load fuzz/guest/batch --sample 170 --record tests/golden/matrix.json.xz`.
"""

from __future__ import annotations

import json
import lzma
from functools import cache
from pathlib import Path

import pytest

from fuzz.matrix import ours
from fuzz.matrix_cases import GROUPS, Case
from vm.isa.insn import decode

RECORDING = Path(__file__).parent / "matrix.json.xz"


@cache
def recorded() -> dict[str, list[tuple[Case, int, str, int]]]:
    """By group: a program, the errno, the last message, and a checksum of the level-2 log."""
    found: dict[str, list[tuple[Case, int, str, int]]] = {group: [] for group in GROUPS}
    for group, label, section, insns, errno, last, checksum in json.loads(lzma.decompress(RECORDING.read_bytes())):
        found[group].append((Case(label, section, decode(bytes.fromhex(insns))), errno, last, checksum))
    return found


@pytest.mark.parametrize("group", GROUPS)
def test_each_program_is_told_what_the_kernel_told_it(group: str) -> None:
    differ = []
    for case, errno, last, checksum in recorded()[group]:
        said = ours(case)
        if (said.errno, said.last, said.checksum) != (errno, last, checksum):
            differ.append(f"{case.label}: kernel {errno} {last}; here {said.errno} {said.last}")
    assert not differ, "\n".join(differ)


def test_the_recording_has_both_verdicts_of_each_kind() -> None:
    for group, programs in recorded().items():
        assert len(programs) >= 150
        accepted = sum(errno == 0 for _, errno, _, _ in programs)
        assert group == "kfuncs" or 0 < accepted < len(programs), group
