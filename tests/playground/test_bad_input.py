"""Input that cannot be used, through the real stages: each gets a sentence of its own, and none a traceback."""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest

from playground.present.run import run_job
from playground.requests import BadRequest, check_request

GOOD_ASM = "r0 = 2\nexit"
PACKET = {"kind": "packet", "hex": "ff" * 64}


def elf(machine: int = 247, length: int = 64) -> str:
    """An ELF header with no sections at all."""
    head = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 1, machine, 1, 0, 0, 0, 0, 64, 0, 0, 64, 0, 0)
    return base64.b64encode(head[:length]).decode()


def outcome(**request: Any) -> str:
    """The sentence a user reads: refused at the door, or a stage's own."""
    try:
        checked = check_request(request)
    except BadRequest as refused:
        return refused.message
    said = list(run_job(checked))
    failed = [m for m in said if m.get("status") == "failed" or m["type"] in ("error", "limit")]
    assert failed, f"nothing failed: {[m.get('status') for m in said]}"
    after = said[said.index(failed[-1]) + 1 :]
    assert all(m["status"] == "skipped" for m in after if m["type"] == "stage")
    return str(failed[-1]["message"])


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"kind": "c", "source": ""}, "no source"),
        ({"kind": "c", "source": "x" * (1 << 20)}, "at most 65,536"),
        ({"kind": "c", "source": "int f( {"}, "line 1"),
        ({"kind": "c", "source": "int x;"}, "program"),
        ({"kind": "elf", "source": elf(length=20)}, "truncated"),
        ({"kind": "elf", "source": elf(machine=62)}, "BPF"),
        ({"kind": "elf", "source": elf()}, "0 sections"),
        ({"kind": "elf", "source": base64.b64encode(b"#!/bin/sh\n").decode()}, "ELF"),
        ({"kind": "hex", "source": "b7 00 00 00 02 00 00 0"}, "odd"),
        ({"kind": "hex", "source": "zz"}, "hex"),
        ({"kind": "hex", "source": "b7 00"}, "8"),
        ({"kind": "hex", "source": "8f 00 00 00 00 00 00 00 95 00 00 00 00 00 00 00"}, "opcode"),
        ({"kind": "asm", "source": "r0 = \nexit"}, "line 1"),
        ({"kind": "asm", "source": GOOD_ASM, "options": {"program": "nobody"}}, "nobody"),
        ({"kind": "asm", "source": GOOD_ASM, "options": {"prog_type": "no such"}}, "no such"),
        ({"kind": "asm", "source": GOOD_ASM, "input": {"kind": "packet", "hex": ""}}, "packet"),
        ({"kind": "asm", "source": GOOD_ASM, "input": {"kind": "packet", "hex": "00" * 100_000}}, "at most 65,536"),
        ({"kind": "asm", "source": GOOD_ASM, "input": {"kind": "pcap", "base64": "bm90IGEgcGNhcA=="}}, "no pcap"),
        ({"kind": "asm", "source": GOOD_ASM, "input": {"kind": "form", "layers": {"eth": {"src": "x"}}}}, "src"),
        ({"kind": "asm", "source": GOOD_ASM, "input": {"kind": "form", "layers": {"sctp": {}}}}, "sctp"),
        ({"kind": "asm", "source": GOOD_ASM, "input": {"kind": "event", "name": "x"}}, "event"),
        ({"kind": "asm", "source": "r0 = r5\nexit", "input": PACKET}, "R5 !read_ok"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_says_what_is_wrong(request_: dict[str, Any], words: str) -> None:
    message = outcome(**request_)
    assert words.lower() in message.lower()
    assert "Traceback" not in message and "Error(" not in message
