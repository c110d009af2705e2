"""Single rules of arithmetic and jumps, in the kernel's words."""

from __future__ import annotations

import pytest

from vm.asm import assemble
from vm.pipeline.bpf_check import verify
from vm.verifier.env import VerifyOptions

ANY = "call 7\nr6 = r0\n"
LOOKUP = """
.map counts array 4 8 4
*(u32 *)(r10 - 4) = 0
r2 = r10
r2 += -4
r1 = counts ll
call bpf_map_lookup_elem
r9 = r0
"""


def walk(text: str, *, prog_type: str = "socket", privileged: bool = True) -> tuple[str, list[str], str]:
    """Verdict, level-2 log and last message."""
    (program,) = assemble(f".type {prog_type}\n{text}", name="t").programs
    result = verify(program, VerifyOptions(2, privileged=privileged))
    return result.verdict, result.log.split("\n"), result.message


@pytest.mark.parametrize(
    ("insn", "after"),
    [
        ("r6 &= 255", "R6_w=scalar(smin=smin32=0,smax=umax=smax32=umax32=255,var_off=(0x0; 0xff))"),
        ("w6 = w6", "R6_w=scalar(smin=0,smax=umax=0xffffffff,var_off=(0x0; 0xffffffff))"),
        ("r6 = (s8)r6", "R6_w=scalar(smin=smin32=-128,smax=smax32=127)"),
        ("r6 s>>= 63", "R6_w=scalar(smin=smin32=-1,smax=smax32=0)"),
        ("r6 <<= 60", "R6_w=scalar(smax=0x7000000000000000,umax=0xf000000000000000,smin32=0,smax32=umax32=0,"
         "var_off=(0x0; 0xf000000000000000))"),
        ("r6 |= 1", "R6_w=scalar(smin=0x8000000000000001,umin=umin32=1,smin32=0x80000001,"
         "var_off=(0x1; 0xfffffffffffffffe))"),
        ("r6 /= 3", "R6_w=scalar()"),
    ],
)  # fmt: skip
def test_what_one_instruction_leaves(insn: str, after: str) -> None:
    verdict, log, _ = walk(f"{ANY}{insn}\nr0 = 0\nexit")
    assert verdict == "accept"
    (line,) = [line for line in log if line.startswith("2: ") and "; R" in line]
    assert line.split("; ", 1)[1].split(" R0", 1)[0].endswith(after)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("r0 = 1\nr0 /= 0\nexit", "div by zero"),
        ("r1 <<= 4\nr0 = 0\nexit", "R1 pointer arithmetic with <<= operator prohibited"),
        ("r1 ^= r1\nr0 = 0\nexit", "R1 pointer ^= pointer prohibited"),
        ("r2 = r10\nr2 &= 7\nr0 = 0\nexit", "R2 bitwise operator &= on pointer prohibited"),
        ("w1 += 1\nr0 = 0\nexit", "R1 32-bit pointer arithmetic prohibited"),
        ("r1 = r10\nr1 -= 8\nr0 = 0\nexit", "R1 subtraction from stack pointer prohibited"),
        ("r2 = 8\nr2 -= r1\nr0 = 0\nexit", "R2 tried to subtract pointer from scalar"),
        ("r1 += 1000000000\nr0 = 0\nexit", "math between ctx pointer and 1000000000 is not allowed"),
        ("r10 += 8\nexit", "frame pointer is read only"),
        ("r0 = r3\nexit", "R3 !read_ok"),
        (ANY + "r1 = r10\nr1 += r6\nr0 = 0\nexit",
         "math between fp pointer and register with unbounded min value is not allowed"),
        (LOOKUP + "r9 += 1\nexit", "R9 pointer arithmetic on map_value_or_null prohibited, null-check it first"),
        ("r1 = counts ll\nr1 += 8\nr0 = 0\nexit\n.map counts array 4 8 4",
         "R1 pointer arithmetic on map_ptr prohibited"),
        ("exit", "R0 !read_ok"),
    ],
)  # fmt: skip
def test_what_is_refused(text: str, message: str) -> None:
    verdict, _, said = walk(text)
    assert (verdict, said) == ("reject", message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("r0 = r1\nexit", "R0 leaks addr as return value"),
        ("r0 = 0\nif r1 == r10 goto +0\nexit", "R10 pointer comparison prohibited"),
        ("r0 = 0\nif r1 == 5 goto +0\nexit", "R1 pointer comparison prohibited"),
        ("r1 = -r1\nr0 = 0\nexit", "R1 pointer arithmetic prohibited"),
        ("w0 = w1\nexit", "R1 partial copy of pointer"),
    ],
)
def test_what_the_unprivileged_may_not(text: str, message: str) -> None:
    verdict, _, said = walk(text, privileged=False)
    assert (verdict, said) == ("reject", message)
    assert walk(text)[0] == "accept"


def test_unprivileged_arithmetic_is_masked_the_same_way_on_every_path() -> None:
    text = (
        LOOKUP
        + """
        if r9 == 0 goto out
        r6 = *(u64 *)(r9 + 0)
        r7 = 3
        if r6 == 1 goto one
        r7 = -3
        r9 += 4
        one: r9 += r7
        out: r0 = 0
        exit
    """
    )
    assert walk(text)[0] == "accept"
    verdict, _, said = walk(text, privileged=False)
    assert verdict == "reject"
    assert (
        said == "R9 tried to add from different maps, paths or scalars, pointer arithmetic with it prohibited for !root"
    )


def test_a_branch_is_learnt_by_copies_and_by_those_at_a_distance() -> None:
    _, log, _ = walk(ANY + "r7 = r6\nr8 = r6\nr8 += 5\nif r7 > 10 goto out\nr0 = r8\nout: r0 = 0\nexit")
    (line,) = [line for line in log if line.startswith("5: (25)")]
    assert "R7_w=scalar(id=1,smin=smin32=0,smax=umax=smax32=umax32=10,var_off=(0x0; 0xf))" in line
    (line,) = [line for line in log if line.startswith("6: (bf)")]
    assert "R8=scalar(id=2,smin=umin=smin32=umin32=5,smax=umax=smax32=umax32=15" in line


def test_a_known_comparison_follows_one_way_only() -> None:
    _, log, _ = walk("r0 = 3\nif r0 s> 5 goto bad\nr0 = 0\nexit\nbad: r0 = *(u64 *)(r0 + 0)\nexit")
    assert not any(line.startswith("4: ") for line in log)


def test_both_sides_of_a_null_check() -> None:
    verdict, log, _ = walk(LOOKUP + "if r9 != 0 goto some\nr0 = r9\nexit\nsome: r0 = *(u8 *)(r9 + 7)\nexit")
    assert verdict == "accept"
    assert any("R9=map_value(map=counts,ks=4,vs=8)" in line for line in log)


@pytest.mark.parametrize(
    ("test", "readable"),
    [
        ("if r4 > r3 goto out", 8), ("if r3 < r4 goto out", 8), ("if r4 >= r3 goto out", 9),
        ("if r3 <= r4 goto out", 9),
    ],
)  # fmt: skip
def test_packet_ranges(test: str, readable: int) -> None:
    head = f"r2 = *(u32 *)(r1 + 0)\nr3 = *(u32 *)(r1 + 4)\nr4 = r2\nr4 += 8\n{test}\n"
    tail = "\nout: r0 = 2\nexit"
    assert walk(f"{head}r0 = *(u8 *)(r2 + {readable - 1}){tail}", prog_type="xdp")[0] == "accept"
    verdict, log, said = walk(f"{head}r0 = *(u8 *)(r2 + {readable}){tail}", prog_type="xdp")
    assert (verdict, said) == ("reject", "R2 offset is outside of the packet")
    assert f"invalid access to packet, off={readable} size=1, R2(id=0,off={readable},r={readable})" in log


@pytest.mark.parametrize(
    ("prog_type", "value", "message"),
    [
        ("cgroup/sock_create", 2,
         "At program exit the register R0 has smin=2 smax=2 should have been in [0, 1]"),
        ("socket", 2, ""),
    ],
)  # fmt: skip
def test_what_programs_may_return(prog_type: str, value: int, message: str) -> None:
    verdict, _, said = walk(f"r0 = {value}\nexit", prog_type=prog_type)
    assert (verdict, said) == ("reject" if message else "accept", message)
