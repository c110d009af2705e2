"""Logs without their beginning, middle or end: what is read of them is right or missing, and not wrong."""

from __future__ import annotations

import pytest

from tests.corpus import sampled
from tests.vm.logs.cuts import CUTS, FIELDS, count, logs
from vm.logs.answer import read_log
from vm.logs.messages import is_rest

RIGHT = {
    "whole": 100, "middle": 75, "middle, ...": 73, "middle, (truncated)": 74, "middle, [snip]": 75,
    "before the message": 68, "start": 70, "end": 36, "start and end": 32, "characters": 66, "scattered lines": 89,
    "newest first": 94, "newest first, dated": 94,
}  # fmt: skip
"""Of 100 fields, at least so many are right. The others are missing: often the text does not carry them."""


def test_every_way_has_a_bound() -> None:
    assert RIGHT.keys() == CUTS.keys()


@pytest.mark.parametrize("cut", sampled(CUTS))
def test_nothing_wrong_is_said_of_a_cut_log(cut: str) -> None:
    told = count(cut)
    assert told["wrong"] == 0
    assert 100 * told["right"] >= RIGHT[cut] * told.total()
    assert told.total() >= len(FIELDS) * sum(1 for _ in logs())


def test_no_lines_are_missing_in_a_whole_log() -> None:
    for name, log, _ in logs():
        assert not read_log([log]).program.cut, name


WALK = (
    "0: R1=ctx() R10=fp0\n"
    "0: (61) r2 = *(u32 *)(r1 +0)          ; R2=pkt(r=0)\n"
    "1: (61) r3 = *(u32 *)(r1 +4)          ; R3=pkt_end()\n"
)
MESSAGE = "R2 invalid mem access 'scalar'\n"
SUMMARY = "processed {} insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n"


@pytest.mark.parametrize(
    ("lines", "insn"),
    [
        ("2: (71) r0 = *(u8 *)(r2 +0)\n" + MESSAGE + SUMMARY.format(3), 2),
        # What the last instruction did is printed: another one was refused.
        ("2: (71) r0 = *(u8 *)(r2 +0)          ; R0=scalar()\n" + MESSAGE + SUMMARY.format(3), None),
        # The summary counts one more.
        ("2: (71) r0 = *(u8 *)(r2 +0)\n" + MESSAGE + SUMMARY.format(4), None),
        # It does not use the register.
        ("2: (71) r0 = *(u8 *)(r3 +0)\n" + MESSAGE + SUMMARY.format(3), None),
        # It does not access memory.
        ("2: (bf) r0 = r2\n" + MESSAGE + SUMMARY.format(3), None),
        # A line of C stands before another instruction.
        ("2: (71) r0 = *(u8 *)(r2 +0)\n; return 0;\n" + MESSAGE + SUMMARY.format(3), None),
        # So does a state with an index.
        ("2: (71) r0 = *(u8 *)(r2 +0)\n3: R0=scalar()\n" + MESSAGE + SUMMARY.format(3), None),
        # Backtracking that begins at an instruction that is not there.
        ("2: (71) r0 = *(u8 *)(r2 +0)\nregs=4 stack=0 before 8: (bf) r2 = r3\n" + MESSAGE, None),
        # Lines are missing before the last instruction, and not behind it.
        ("9: (71) r0 = *(u8 *)(r2 +0)\n" + MESSAGE + SUMMARY.format(10), 9),
    ],
)
def test_the_instruction_is_the_one_that_can_have_been_refused(lines: str, insn: int | None) -> None:
    program = read_log([WALK + lines]).program
    assert program.message is not None
    assert (program.insn, program.reg) == (insn, "R2")
    assert (program.source is None) or insn is not None
    assert ("middle" in program.cut) == (insn == 9)


def test_causes_do_not_go_back_over_a_gap() -> None:
    log = WALK + "9: (71) r0 = *(u8 *)(r2 +0)\n" + MESSAGE + SUMMARY.format(10)
    assert [each.insn_idx for each in read_log([log]).program.causes] == [9]
    whole = WALK + "2: (71) r0 = *(u8 *)(r2 +0)\n" + MESSAGE + SUMMARY.format(3)
    assert [each.insn_idx for each in read_log([whole]).program.causes] == [0, 2]


def test_the_last_line_of_a_message_is_no_message_in_a_log() -> None:
    second = "R2 max value is outside of the allowed memory range\n"
    assert read_log([second]).program.message is not None, "somebody quotes one line"
    program = read_log([WALK + "2: (71) r0 = *(u8 *)(r2 +0)\n" + second + SUMMARY.format(3)]).program
    assert (program.verdict.value, program.message, program.reg) == ("reject", None, "R2")


def test_what_was_said_before_the_walk_went_on_is_no_reason() -> None:
    log = WALK + "2: (85) call pc+3\nUnrecognized arg#0 type PTR\ncaller:\n R10=fp0\ncallee:\n frame1: R10=fp0\n"
    program = read_log([log]).program
    assert (program.message, program.insn) == (None, None)


@pytest.mark.parametrize(
    ("rest", "damaged"),
    [
        ("invalid bpf_cont=64 size=4", True),
        ("i=0 size=4", True),
        ("frame poind only", True),
        ("invalid indirect read  size 4", True),
        ("R2 is bewitched and may not be used", False),
        ("arena of another program", False),
        ("", False),
    ],
)
def test_the_rest_of_a_line_is_no_message(rest: str, damaged: bool) -> None:
    assert is_rest(rest) is damaged
    log = WALK + f"2: (71) r0 = *(u8 *)(r2 +0)\n{rest}\n" + SUMMARY.format(3)
    assert (read_log([log]).program.message is None) is (damaged or not rest)
