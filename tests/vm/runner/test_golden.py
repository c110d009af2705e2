"""What Linux 6.12's BPF_PROG_TEST_RUN said of our own programs: the same result and packet, on both engines."""

from __future__ import annotations

import base64
import functools
import json
import lzma
from pathlib import Path
from typing import Any

import pytest

from vm import pipeline
from vm.elf import load_object
from vm.errors import NotEmulated
from vm.program import Object
from vm.runner.execution import Execution
from vm.runner.inputs import PacketInput, RunLimits
from vm.runner.interp import interpret
from vm.runner.machine import run
from vm.runner.sockets import TEST_RUN

GOLDEN = Path(__file__).parents[2] / "golden" / "run"
LIMITS = RunLimits()


@functools.cache
def record(name: str) -> tuple[dict[str, Any], Object]:
    said = json.loads((GOLDEN / f"{name}.json").read_text())
    return said, load_object(lzma.decompress(base64.b85decode(said["object"])), name)


CASES = [(path.stem, name) for path in sorted(GOLDEN.glob("*.json")) for name in record(path.stem)[0]["programs"]]


@pytest.mark.parametrize("engine", ["jit", "interpreter", "rewritten"])
@pytest.mark.parametrize(("file", "name"), CASES)
def test_as_the_kernel_runs_it(file: str, name: str, engine: str) -> None:
    said, obj = record(file)
    program = pipeline.choose(obj, name)
    packet = PacketInput(bytes.fromhex(said["packet"]), socket=TEST_RUN)
    x = _run(program, packet, engine)
    assert x.fault is None
    want = said["programs"][name]
    assert x.packet_out is not None
    assert (x.r0 & 0xFFFFFFFF, x.packet_out.hex()) == (want["retval"], want["data_out"])


def _run(program: Any, packet: PacketInput, engine: str) -> Execution:
    if engine == "interpreter":
        return interpret(program, packet, LIMITS, record=False)
    try:
        verification, env = pipeline.verify(program, record=False)
    except NotEmulated as error:
        pytest.skip(f"the verifier: {error.message}")
    assert verification.verdict == "accept", verification.message
    fixed = pipeline.rewrite(env)
    if engine == "rewritten":
        return interpret(fixed, packet, LIMITS, record=False)
    return run(fixed, pipeline.translate(fixed), packet, LIMITS)
