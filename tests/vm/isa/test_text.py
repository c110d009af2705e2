"""insn_text against lines Linux 6.12's verifier printed."""

from __future__ import annotations

import pytest

from vm.isa.insn import Insn, decode
from vm.isa.text import insn_text

# Eight bytes (sixteen for a 64-bit load) and what the kernel printed for them.
PRINTED = [
    ("b701000000000000", "(b7) r1 = 0"),
    ("b4000000ffffffff", "(b4) w0 = -1"),
    ("7b1af8ff00000000", "(7b) *(u64 *)(r10 -8) = r1"),
    ("7a0af8ff2a000000", "(7a) *(u64 *)(r10 -8) = 42"),
    ("07020000f8ffffff", "(07) r2 += -8"),
    ("0f10000000000000", "(0f) r0 += r1"),
    ("0c10000000000000", "(0c) w0 += w1"),
    ("5701000000fcffff", "(57) r1 &= -1024"),
    ("c701000020000000", "(c7) r1 s>>= 32"),
    ("8700000000000000", "(87) r0 = -r0"),
    ("8400000000000000", "(84) w0 = -w0"),
    ("3701010003000000", "(37) r1 s/= 3"),
    ("9c21010000000000", "(9c) w1 s%= w2"),
    ("bf12080000000000", "(bf) r2 = (s8)r1"),
    ("bf12200000000000", "(bf) r2 = (s32)r1"),
    ("bc12100000000000", "(bc) w2 = (s16)w1"),
    ("bf12010000000100", "(bf) r2 = addr_space_cast(r1, 1, 0)"),
    ("bf12ffff00000000", "(bf) r2 = &(void __percpu *)(r1)"),
    ("dc01000010000000", "(dc) r1 = be16 r1"),
    ("d401000040000000", "(d4) r1 = le64 r1"),
    ("d701000020000000", "(d7) r1 = bswap32 r1"),
    ("6110500000000000", "(61) r0 = *(u32 *)(r1 +80)"),
    ("81100400ffffffff", "(81) r0 = *(s32 *)(r1 +4)"),
    ("910afeff00000000", "(91) r10 = *(s8 *)(r0 -2)"),
    ("2000000006000000", "(20) r0 = *(u32 *)skb[6]"),
    ("5070000006000000", "(50) r0 = *(u8 *)skb[r7 + 6]"),
    ("db21000000000000", "(db) lock *(u64 *)(r1 +0) += r2"),
    ("c321040041000000", "(c3) r2 = atomic_fetch_or((u32 *)(r1 +4), r2)"),
    ("db21f8ff01000000", "(db) r2 = atomic64_fetch_add((u64 *)(r1 -8), r2)"),
    ("db21f8fff1000000", "(db) r0 = atomic64_cmpxchg((u64 *)(r1 -8), r0, r2)"),
    ("c321f8ffe1000000", "(c3) r2 = atomic_xchg((u32 *)(r1 -8), r2)"),
    ("db21f8ff77000000", "BUG_db"),
    ("0500fdff00000000", "(05) goto pc-3"),
    ("0600000003000000", "(06) gotol pc+3"),
    ("e500030000000000", "(e5) may_goto pc+3"),
    ("1500040000000000", "(15) if r0 == 0x0 goto pc+4"),
    ("c601fcffffffffff", "(c6) if w1 s< 0xffffffff goto pc-4"),
    ("2d23120000000000", "(2d) if r3 > r2 goto pc+18"),
    ("9500000000000000", "(95) exit"),
    ("1801000078563412000000000000ffff", "(18) r1 = 0xffff000012345678"),
]


@pytest.mark.parametrize(("data", "text"), PRINTED)
def test_prints_as_the_kernel_does(data: str, text: str) -> None:
    assert insn_text(decode(bytes.fromhex(data)), 0) == text


def test_calls_are_named_by_the_caller() -> None:
    helper, sub, kfunc = Insn(0x85, imm=1), Insn(0x85, src_reg=1, imm=5), Insn(0x85, src_reg=2, imm=77)
    names = {1: "bpf_map_lookup_elem", 77: "bpf_task_acquire"}

    def name(insn: Insn) -> str | None:
        return names.get(insn.imm) if insn.src_reg != 1 else None

    texts = [insn_text([i], 0, call_name=name) for i in (helper, sub, kfunc)]
    assert texts == ["(85) call bpf_map_lookup_elem#1", "(85) call pc+5", "(85) call bpf_task_acquire#77"]
    assert insn_text([helper], 0) == "(85) call unknown#1"
    assert insn_text([kfunc], 0) == "(85) call kernel-function#77"


def test_pointers_are_hidden_from_the_unprivileged() -> None:
    load = decode(bytes.fromhex("18110000010000000000000000000000"))
    assert insn_text(load, 0, allow_ptr_leaks=False) == "(18) r1 = 0x0"
    assert insn_text(load, 0, imm_name=lambda insn, value: f"map[{value}]") == "(18) r1 = map[1]"


def test_every_opcode_has_a_text() -> None:
    for code in range(256):
        assert insn_text([Insn(code), Insn(0)], 0)
