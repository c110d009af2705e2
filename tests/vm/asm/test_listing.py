"""Listings of llvm-objdump and bpftool as programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from vm import pipeline
from vm.asm import from_listing
from vm.errors import InputError
from vm.isa.insn import Insn
from vm.isa.opcodes import CALL, JMP, LD_IMM64
from vm.pipeline import BuildOptions, Source
from vm.program import Object, Program

LISTINGS = Path(__file__).parents[2] / "golden" / "listings"


def listed(name: str) -> Object:
    source = Source("listing", (LISTINGS / name).read_bytes(), "refused")
    return pipeline.load(source, BuildOptions())


def plain(program: Program) -> list[Insn]:
    """The instructions, without the numbers of maps that only the object has."""
    out: list[Insn] = []
    for insn in program.insns:
        wide = insn.code == LD_IMM64
        second = bool(out) and out[-1].code == LD_IMM64
        out.append(Insn(LD_IMM64, insn.dst_reg) if wide else Insn(0) if second else insn)
    return out


@pytest.mark.parametrize("name", ["refused.bytes.lst", "refused.words.lst"])
def test_a_disassembly_is_the_object(name: str) -> None:
    obj = pipeline.load_elf(LISTINGS / "refused.o")
    found = {program.name: program for program in listed(name).programs}
    assert set(found) == {program.name for program in obj.programs}
    for program in obj.programs:
        assert plain(found[program.name]) == plain(program), program.name
        assert found[program.name].prog_type == program.prog_type
    assert any("does not describe events" in remark.message for remark in listed(name).remarks)


def test_a_listed_program_is_verified() -> None:
    obj = listed("refused.words.lst")
    for name, verdict in (("accepted_calls", "accept"), ("packet_short_check", "reject"), ("accepted_loop", "accept")):
        verification, _ = pipeline.verify(pipeline.choose(obj, name))
        assert verification.verdict == verdict
    assert [info.name for info in pipeline.choose(obj, "accepted_calls").func_infos] == ["accepted_calls", "twice"]


XLATED = """\
int count(struct xdp_md * ctx):
; int count(struct xdp_md *ctx)
   0: (b7) r1 = 0
; __u32 key = 0;
   1: (63) *(u32 *)(r10 -4) = r1
   2: (bf) r2 = r10
   3: (07) r2 += -4
   4: (18) r1 = map[id:12]
   6: (85) call __htab_map_lookup_elem#223456
   7: (85) call bpf_ktime_get_ns#150304
   8: (85) call pc+1#bpf_prog_3b185187f1855c4c_twice
   9: (95) exit
int twice(int value):
  10: (bc) w0 = w1
       bc 10 00 00 00 00 00 00
  11: (95) exit
       95 00 00 00 00 00 00 00
"""


def test_what_a_loaded_program_lists_and_what_it_does_not() -> None:
    obj = from_listing(XLATED, prog_type="xdp")
    (program,) = obj.programs
    assert program.name == "count"
    assert len(program.insns) == 12
    assert program.insns[4:6] == (Insn(LD_IMM64, 1), Insn(0))
    assert program.insns[7] == Insn(JMP | CALL, imm=5)
    assert program.insns[8] == Insn(JMP | CALL, 0, 1, 0, 1)
    assert [(info.insn_off, info.name) for info in program.func_infos] == [(0, "count"), (10, "twice")]
    said = [(remark.line, remark.message) for remark in obj.remarks]
    assert [line for line, _ in said] == [8, 9, None]
    assert "map[id:12]" in said[0][1]
    assert "__htab_map_lookup_elem()" in said[1][1]
    assert "rewritten" in said[2][1]
    assert program.line_of(1) == 5, "the row of the listing"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "no instruction"),
        ("hello", "no instruction"),
        ("   0: (b7) r0 = 0\n   2: (95) exit\n", "instruction 1 is missing"),
        ("Disassembly of section xdp:\n       0:\t<unknown>\n", "did not know this instruction"),
        ("   0: (b7) r0 = what is this\n", "is no instruction that can be read"),
        ("\n" * 100_001, "the most this takes is 100,000"),
    ],
)
def test_what_is_no_listing_is_said(text: str, sentence: str) -> None:
    with pytest.raises(InputError) as error:
        from_listing(text)
    assert sentence in error.value.message


def test_a_listing_that_is_cut_at_the_end_is_still_a_program() -> None:
    text = (LISTINGS / "refused.words.lst").read_text().split("Disassembly of section xdp:")[1]
    obj = from_listing("Disassembly of section xdp:" + text[:400])
    assert obj.programs[0].name == "accepted_counter"


def test_hostile_listings_end() -> None:
    for row in ("0: " + "00 " * 30_000, "a(" * 30_000 + "):", " " * 60_000 + ";", "0000000000000000 <" + "a" * 60_000):
        with pytest.raises(InputError):
            from_listing("\n".join([row] * 50))
