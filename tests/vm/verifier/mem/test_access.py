"""What the verifier says of single accesses, in the kernel's words."""

from __future__ import annotations

import pytest

from vm.asm import assemble
from vm.pipeline.bpf_check import verify

MAP_LOOKUP = """
.map counts array 4 8 4
*(u32 *)(r10 - 4) = 0
r2 = r10
r2 += -4
r1 = counts ll
call bpf_map_lookup_elem
if r0 == 0 goto out
"""

XDP_BOUNDS = """
r2 = *(u32 *)(r1 + 0)
r3 = *(u32 *)(r1 + 4)
r4 = r2
r4 += 14
if r4 > r3 goto out
"""

END = "\nr0 = 0\nout: r0 = 0\nexit\n"


def said(text: str, prog_type: str = "xdp") -> tuple[str, str]:
    (program,) = assemble(f".type {prog_type}\n{text}", name="t").programs
    result = verify(program)
    return result.verdict, result.message.rstrip("\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("r0 = *(u64 *)(r10 - 520)\nexit", "invalid read from stack R10 off=-520 size=8"),
        ("r0 = *(u64 *)(r10 + 0)\nexit", "invalid read from stack R10 off=0 size=8"),
        ("*(u32 *)(r10 - 6) = 1\nr0 = 0\nexit", "misaligned stack access off 0+0+-6 size 4"),
        ("*(u32 *)(r10 - 8) = r1\nr0 = 0\nexit", "invalid size of register spill"),
        ("*(u64 *)(r10 - 8) = r1\nr0 = *(u32 *)(r10 - 8)\nexit", "invalid size of register fill"),
        ("r0 = *(u32 *)(r1 + 24)\nexit", "invalid bpf_context access off=24 size=4"),
        ("r0 = *(u64 *)(r1 + 0)\nexit", "invalid bpf_context access off=0 size=8"),
        ("*(u32 *)(r1 + 0) = 1\nr0 = 0\nexit", "invalid bpf_context access off=0 size=4"),
        ("r1 += 4\nr0 = *(u32 *)(r1 + 0)\nexit", "dereference of modified ctx ptr R1 off=4 disallowed"),
        ("r2 = 5\nr0 = *(u32 *)(r2 + 0)\nexit", "R2 invalid mem access 'scalar'"),
        (
            "r2 = *(u32 *)(r1 + 0)\nr0 = *(u8 *)(r2 + 0)\nexit",
            "invalid access to packet, off=0 size=1, R2(id=0,off=0,r=0)\nR2 offset is outside of the packet",
        ),
        (
            XDP_BOUNDS + "r0 = *(u16 *)(r2 + 13)" + END,
            "invalid access to packet, off=13 size=2, R2(id=0,off=13,r=14)\nR2 offset is outside of the packet",
        ),
        (
            MAP_LOOKUP + "r1 = *(u64 *)(r0 + 1)" + END,
            "invalid access to map value, value_size=8 off=1 size=8\n"
            "R0 min value is outside of the allowed memory range",
        ),
        (
            MAP_LOOKUP + "r1 = *(u32 *)(r0 + 0)\nr0 += r1\nr1 = *(u8 *)(r0 + 0)" + END,
            "R0 unbounded memory access, make sure to bounds check any such access",
        ),
        ("r2 = r10\nr2 += -8\nr1 = r2\nr2 = 0\ncall bpf_tail_call\nexit", "R1 type=fp expected=ctx"),
    ],
)
def test_refusals(text: str, message: str) -> None:
    verdict, words = said(text)
    assert verdict == "reject"
    assert message.split("\n")[-1] in words


@pytest.mark.parametrize(
    "text",
    [
        XDP_BOUNDS + "r0 = *(u16 *)(r2 + 12)\n*(u8 *)(r2 + 0) = 1" + END,
        MAP_LOOKUP + "r1 = *(u64 *)(r0 + 0)\nr1 += 1\n*(u64 *)(r0 + 0) = r1" + END,
        "*(u64 *)(r10 - 8) = r1\nr2 = *(u64 *)(r10 - 8)\nr0 = *(u32 *)(r2 + 12)\nexit",
        "r0 = *(u64 *)(r10 - 8)\nexit",  # with CAP_PERFMON uninitialised stack is a number
    ],
)
def test_acceptances(text: str) -> None:
    assert said(text) == ("accept", "")


def test_a_partly_overwritten_spill_is_data() -> None:
    text = "*(u64 *)(r10 - 8) = r1\n*(u8 *)(r10 - 3) = 7\nr1 = *(u64 *)(r10 - 8)\nr0 = *(u32 *)(r1 + 12)\nexit"
    assert said(text) == ("reject", "R1 invalid mem access 'scalar'")


def test_a_narrow_fill_keeps_the_bounds_of_what_was_spilled() -> None:
    text = """
r2 = *(u32 *)(r1 + 12)
r2 &= 7
*(u64 *)(r10 - 8) = r2
w3 = *(u32 *)(r10 - 8)
r4 = r10
r4 += -16
*(u64 *)(r10 - 16) = 0
r4 += r3
r0 = *(u8 *)(r4 + 0)
exit
"""
    assert said(text.replace("w3 = *(u32", "r3 = *(u32")) == ("accept", "")


def test_sign_extending_loads_of_packet_pointers_are_refused() -> None:
    verdict, words = said("r2 = *(s32 *)(r1 + 0)\nr0 = 0\nexit")
    assert (verdict, words) == ("reject", "invalid bpf_context access off=0 size=4")
