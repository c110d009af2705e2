"""Functions, addresses, jumps and listings of whole images."""

from __future__ import annotations

import pytest

from tests.vm.jit.programs import EXIT, rewritten
from vm.errors import NotEmulated
from vm.isa import opcodes as bpf
from vm.isa.insn import Insn
from vm.jit import ImageReloc, listing, translate
from vm.jit.function import TAIL_CALL
from vm.program import MapSpec
from vm.rewritten import AddressRef

MOV, ADD = bpf.ALU64 | bpf.MOV | bpf.K, bpf.ALU64 | bpf.ADD | bpf.K
ARENA, PROG_ARRAY = 33, 3


def mov(dst: int, imm: int) -> Insn:
    return Insn(MOV, dst, 0, 0, imm)


def call_sub(number: int) -> Insn:
    return Insn(bpf.JMP | bpf.CALL, 0, bpf.PSEUDO_CALL, 0, number)


HELPER = Insn(bpf.JMP | bpf.CALL)
COUNTS = MapSpec("counts", 2, 4, 8, 1)


def test_addresses_are_left_out_and_named() -> None:
    insns = [Insn(bpf.LD_IMM64, 1, 1, 0, 0), Insn(0), HELPER, Insn(bpf.LD_IMM64, 2), Insn(0), EXIT]
    refs = {0: AddressRef("map_value", "0", 24), 2: AddressRef("helper", "bpf_x"), 3: AddressRef("ksym", "jiffies")}
    image = translate(rewritten(insns, refs, maps=(COUNTS,)))
    assert image.relocs == (
        ImageReloc(22, 8, "map_value", "0", 24),
        ImageReloc(31, 4, "helper", "bpf_x"),
        ImageReloc(38, 4, "ksym", "jiffies"),
    )
    assert image.code[20:42].hex() == "48bf0000000000000000" + "e800000000" + "48c7c600000000"
    assert image.insn_offsets == (20, 20, 30, 35, 35, 42)


def test_a_call_of_nothing_is_our_own_fault() -> None:
    with pytest.raises(Exception, match="names no function"):
        translate(rewritten([HELPER, EXIT]))


def test_calls_between_functions_are_filled_in() -> None:
    image = translate(rewritten([call_sub(1), EXIT, mov(0, 1), EXIT], func_starts=(0, 2), stack_depths=(0, 20)))
    assert len(image.func_lens) == 2
    reloc = image.relocs[0]
    assert (reloc.kind, reloc.name) == ("subprog", "1")
    distance = int.from_bytes(image.code[reloc.offset : reloc.offset + 4], "little", signed=True)
    assert reloc.offset + 4 + distance == image.func_lens[0]
    assert image.code[image.func_lens[0] + 20 :].startswith(bytes.fromhex("4881ec18000000"))


@pytest.mark.parametrize(("between", "short"), [(123, True), (124, False)])
def test_a_jump_is_short_as_far_as_the_kernel_trusts_it(between: int, short: bool) -> None:
    fours, threes = {123: (0, 41), 124: (1, 40)}[between]
    filler = [Insn(bpf.ALU64 | bpf.MOV | bpf.X, 1, 2)] * threes
    filler += [Insn(bpf.ALU64 | bpf.ADD | bpf.K, 1, 0, 0, 1)] * fours
    image = translate(rewritten([Insn(bpf.JMP | bpf.JA, 0, 0, len(filler)), *filler, EXIT]))
    assert image.insn_offsets[1] - image.insn_offsets[0] == (2 if short else 5)


def test_a_jump_to_the_next_instruction_is_nothing() -> None:
    image = translate(rewritten([Insn(bpf.JMP | bpf.JA), mov(0, 1), EXIT]))
    assert image.insn_offsets[0] == image.insn_offsets[1]


def test_a_jump_to_itself_ends_nowhere() -> None:
    image = translate(rewritten([Insn(bpf.JMP | bpf.JA, 0, 0, -1), EXIT]))
    assert image.code[20:22].hex() == "ebfe"


def test_the_second_exit_jumps_to_the_first() -> None:
    jump = Insn(bpf.JMP | bpf.JEQ | bpf.K, 1, 0, 2, 0)
    image = translate(rewritten([jump, mov(0, 1), EXIT, mov(0, 2), EXIT]))
    last = image.insn_offsets[4]
    assert image.code[last] == 0xEB
    assert last + 2 + int.from_bytes(image.code[last + 1 : last + 2], "little", signed=True) == image.insn_offsets[2]


def test_far_jumps_backwards_and_forwards() -> None:
    body = [Insn(bpf.ALU64 | bpf.MUL | bpf.K, 1, 0, 0, 1000)] * 100
    insns = [Insn(bpf.JMP32 | bpf.JA, 0, 0, 0, 100), *body, Insn(bpf.JMP | bpf.JNE | bpf.K, 1, 0, -101, 5), EXIT]
    image = translate(rewritten(insns))
    assert image.code[20] == 0xE9
    jump = image.insn_offsets[101]
    assert image.code[jump + 4 : jump + 6].hex() == "0f85"


def test_an_unknown_opcode_is_named() -> None:
    with pytest.raises(NotEmulated, match="opcode 0xff"):
        translate(rewritten([Insn(0xFF), EXIT]))


def test_a_patched_tail_call_jumps_at_once() -> None:
    spec = MapSpec("next", PROG_ARRAY, 4, 4, 2, init_slots=((1, "other"),))
    tail = [Insn(TAIL_CALL, 0, 0, 0, 1), EXIT]
    flags = (frozenset({"tail_call_reachable"}),)
    empty = translate(rewritten(tail, {0: AddressRef("tail_call", "0:0")}, flags=flags, maps=(spec,)))
    filled = translate(rewritten(tail, {0: AddressRef("tail_call", "0:1")}, flags=flags, maps=(spec,)))
    assert not empty.relocs
    assert [(reloc.kind, reloc.name) for reloc in filled.relocs] == [("tail_call", "0:1")]
    assert len(empty.code) == len(filled.code)
    assert filled.code[filled.relocs[0].offset - 1] == 0xE9


def test_an_arena_is_kept_in_a_register() -> None:
    spec = MapSpec("arena", ARENA, 0, 0, 10)
    insns = [
        Insn(bpf.LD_IMM64, 1), Insn(0), Insn(bpf.LDX | bpf.PROBE_MEM32 | bpf.W, 2, 1, 8),
        Insn(bpf.ALU64 | bpf.MOV | bpf.X, 3, 1, 1, 1 << 16), EXIT,
    ]  # fmt: skip
    flags = (frozenset({"arena"}),)
    image = translate(rewritten(insns, {0: AddressRef("map_value", "0")}, flags=flags, maps=(spec,)))
    assert [(r.kind, r.name, r.size) for r in image.relocs] == [
        ("arena", "kern_vm_start", 8), ("map_value", "0", 8), ("arena", "user_vm_start", 4),
    ]  # fmt: skip
    assert image.probed[0].offset == image.insn_offsets[2]
    assert image.probed[0].clears == 6


def test_a_listing_names_maps_and_functions() -> None:
    insns = [Insn(bpf.LD_IMM64, 1, 1), Insn(0), HELPER, call_sub(1), EXIT, mov(0, 1), EXIT]
    refs = {0: AddressRef("map", "0"), 2: AddressRef("helper", "bpf_map_lookup_elem")}
    image = translate(rewritten(insns, refs, func_starts=(0, 5), stack_depths=(0, 0), maps=(COUNTS,)))
    lines = listing(image, ["counts"], ["main", "helper"])
    text = [line.text for line in lines]
    assert "movabs rdi, counts" in text
    assert "call bpf_map_lookup_elem" in text
    assert "call helper" in text
    assert b"".join(bytes.fromhex(line.hex) for line in lines) == image.code
    assert [line.insn_idx for line in lines if line.text.startswith("call")] == [2, 3]
    assert lines[0].insn_idx == -1
    assert "movabs rdi, map 0" in [line.text for line in listing(image)]
