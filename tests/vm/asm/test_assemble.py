"""Assembly text in both spellings, directives, labels, and what is said of mistakes."""

from __future__ import annotations

import pytest

from vm.asm import assemble, detect_spelling, from_hex
from vm.errors import InputError
from vm.isa.insn import Insn, encode

COUNTING = {
    "kernel": """\
        ; counts packets
        .map counts array 4 8 16
        .license GPL
        r1 = 0
        *(u32 *)(r10 - 4) = r1      // the key
        r2 = r10
        r2 += -4
        r1 = map[counts] ll
        call bpf_map_lookup_elem
        if r0 == 0 goto out
        r1 = 1
        lock *(u64 *)(r0 + 0) += r1
    out:
        r0 = 2                      # XDP_PASS
        exit
    """,
    "intel": """\
        .map counts array 4 8 16
        mov r1, 0
        stxw [r10-4], r1
        mov r2, r10
        add r2, -4
        lddw r1, map[counts]
        call bpf_map_lookup_elem
        jeq r0, 0, out
        mov r1, 1
        lock add [r0+0], r1
    out: mov r0, 2
        exit
    """,
}
EXPECTED = (
    Insn(0xB7, 1),
    Insn(0x63, 10, 1, -4),
    Insn(0xBF, 2, 10),
    Insn(0x07, 2, 0, 0, -4),
    Insn(0x18, 1, 1),
    Insn(0),
    Insn(0x85, imm=1),
    Insn(0x15, 0, 0, 2),
    Insn(0xB7, 1, 0, 0, 1),
    Insn(0xDB, 0, 1),
    Insn(0xB7, 0, 0, 0, 2),
    Insn(0x95),
)


@pytest.mark.parametrize("spelling", COUNTING)
def test_both_spellings_make_the_same_program(spelling: str) -> None:
    text = COUNTING[spelling]
    assert detect_spelling(text) == spelling
    (program,) = assemble(text, name="count").programs
    assert program.insns == EXPECTED
    assert (program.prog_type, program.name, program.license) == (6, "count", "GPL")
    (counts,) = program.maps
    assert (counts.map_type, counts.key_size, counts.value_size, counts.max_entries) == (2, 4, 8, 16)


def test_each_instruction_knows_its_line() -> None:
    (program,) = assemble(COUNTING["kernel"]).programs
    at = {info.insn_off: (info.line, info.text) for info in program.line_infos}
    assert at[4] == (8, "r1 = map[counts] ll")
    assert 5 not in at
    assert at[10] == (14, "r0 = 2                      # XDP_PASS")


def test_a_called_label_starts_a_subprogram() -> None:
    (program,) = assemble("r1 = 1\ncall twice\nexit\ntwice:\nr0 = r1\nr0 += r1\nexit\n", name="main").programs
    assert [(f.insn_off, f.name) for f in program.func_infos] == [(0, "main"), (3, "twice")]
    assert program.insns[1] == Insn(0x85, 0, 1, 0, 1)


def test_a_function_can_be_a_callback() -> None:
    text = "r1 = 8\nr2 = &each ll\nr3 = 0\nr4 = 0\ncall bpf_loop\nr0 = 0\nexit\neach: r0 = 0\nexit"
    (program,) = assemble(text).programs
    assert program.insns[1] == Insn(0x18, 2, 4, 0, 6)
    assert [f.insn_off for f in program.func_infos] == [0, 8]


def test_text_of_a_verifier_log_is_assembled() -> None:
    log = """\
0: (b7) r1 = 0                        ; R1_w=0
1: (7b) *(u64 *)(r10 -8) = r1         ; R1_w=0 R10=fp0 fp-8_w=0
2: (18) r1 = 0xff40fb57c1f0cc00       ; R1_w=map_ptr(map=map_hash_48b,ks=8,vs=48)
4: (15) if r0 == 0x0 goto pc+1
from 4 to 6: (95) exit
"""
    (program,) = assemble(log).programs
    assert encode(program.insns).hex() == (
        "b7010000000000007b1af8ff000000001801000000ccf0c10000000057fb40ff15000100000000009500000000000000"
    )


def test_addresses_in_map_values() -> None:
    (program,) = assemble(".map m array 4 64 1\nr1 = map[m][0]+16\nr0 = 0\nexit").programs
    assert program.insns[:2] == (Insn(0x18, 1, 2, 0, 0), Insn(0, imm=16))


@pytest.mark.parametrize("prog_type", ["socket", "tc", "kprobe/do_exit", "tracepoint/syscalls/sys_enter_openat"])
def test_the_type_directive_wins(prog_type: str) -> None:
    (program,) = assemble(f".type {prog_type}\nr0 = 0\nexit", prog_type="xdp").programs
    assert program.section == prog_type
    assert program.prog_type != 6


MISTAKES = [
    ("r0 = 0\nr1 = r12 +", 2, 10, "the end of the line"),
    ("r0 = ", 1, 5, "expected a register, a number"),
    ("r0 = 0x1ffffffff", 1, 6, "does not fit the instruction's 32 bits"),
    ("r0 = r99", 1, 6, "no register r99"),
    ("r1 = w2", 1, 6, "both registers must be"),
    ("goto nowhere\nexit", 1, 6, "no label 'nowhere'"),
    ("call bpf_frobnicate\nexit", 1, 6, "no helper and no label 'bpf_frobnicate'"),
    ("r1 = map[gone] ll\nexit", 1, 10, "no map 'gone'"),
    ("r1 = *(u7 *)(r2 + 0)", 1, 8, "a type (u32"),
    ("r1 = *(u8 *)(r2 + 40000)", 1, 17, "does not fit an offset of 16 bits"),
    ("if r1 ~ 3 goto +1", 1, 7, "no instruction text"),
    ("if r1 > 3 then +1", 1, 11, "expected 'goto', found 'then'"),
    ("r1 = be16 r2", 1, 11, "within one register"),
    ("a:\na:\nexit", 2, 1, "label 'a' is there twice"),
    ("exit\nend:\n", None, None, ""),
    (".map m what 4 8 1\nexit", 1, 8, "no map type 'what'"),
    (".frob\nexit", 1, 1, "a directive"),
    ("mov r0, 0\nfoo r1, 2", 2, 1, "an instruction (mov"),
    ("ldxw r1, r2", 1, 10, "expected '['"),
    ("stw [r1+4], r2", 1, 13, "stx"),
]


@pytest.mark.parametrize(("text", "line", "column", "words"), MISTAKES)
def test_mistakes_are_placed_and_named(text: str, line: int | None, column: int | None, words: str) -> None:
    if line is None:
        assemble(text)
        return
    with pytest.raises(InputError) as caught:
        assemble(text)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert words in caught.value.message


def test_empty_text_and_unknown_types_are_named() -> None:
    with pytest.raises(InputError, match="no instruction"):
        assemble("; nothing\n")
    with pytest.raises(InputError, match="no program type 'frob'"):
        assemble("exit", prog_type="frob")


def test_far_labels_are_refused() -> None:
    with pytest.raises(InputError, match="more than a jump reaches"):
        assemble("goto end\n" + "exit\n" * 32768 + "end:\nexit\n")
    assert assemble("gotol end\nexit\nend:\nexit\n").programs[0].insns[0] == Insn(0x06, imm=1)


@pytest.mark.parametrize(
    "text",
    [
        "b700000000000000 9500000000000000",
        "0xb7, 0x00, 0x0, 0, 0, 0, 0, 0,\n0x95, 0, 0, 0, 0, 0, 0, 0",
        "b7 00 00 00 00 00 00 00 ; r0 = 0\n95 00 00 00 00 00 00 00",
        '"\\xb7\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x95\\x00\\x00\\x00\\x00\\x00\\x00\\x00"',
    ],
)
def test_hex_in_many_dresses(text: str) -> None:
    assert from_hex(text).programs[0].insns == (Insn(0xB7), Insn(0x95))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no hex digits"),
        ("b700000000000000 950", "odd number"),
        ("b700000000000000 9500", "has 2 of its 8 bytes"),
        ("b70000000000000g", "'g' is no hex digit"),
        ("b700000000000000 ff00000000000000", "Instruction 1 (byte 8) has the reserved opcode 0xff"),
        ("1801000000000000", "without its second half"),
    ],
)
def test_bad_hex_is_named(text: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        from_hex(text)
    assert words in caught.value.message
