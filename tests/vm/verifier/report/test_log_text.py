"""The log's lines: what stands on one line, and how it is aligned."""

from __future__ import annotations

from vm.isa.insn import Insn
from vm.program import LineInfo, Program
from vm.verifier.events import Log, StateSnapshot
from vm.verifier.report.log_text import LogText, render, vlog_alignment

PROGRAM = Program(
    "p", "xdp", 6, (Insn(0xB7, 0), Insn(0x95)), line_infos=(LineInfo(0, "/src/p.c", 3, 2, "\treturn 0;"),)
)
NOTHING = StateSnapshot(0, (), (), False, False)


def test_a_state_joins_the_line_of_its_instruction_at_column_forty() -> None:
    log = Log(2)
    log.insn(0)
    log.state(NOTHING, -1)
    line = render(log.entries, PROGRAM, PROGRAM.insns).text
    assert line == "0: (b7) r0 = 0".ljust(38) + ";\n"


def test_alignment_moves_on_in_steps_of_eight() -> None:
    assert [vlog_alignment(n) for n in (30, 36, 37, 45)] == [9, 3, 10, 10]


def test_a_source_line_is_said_without_its_directory_and_indent() -> None:
    log = Log(1)
    log.line(0)
    assert render(log.entries, PROGRAM, PROGRAM.insns).text == "; return 0; @ p.c:3\n"


def test_lines_know_their_step() -> None:
    log = Log(2)
    log.text("func#0 @0\n")
    log.step = 0
    log.insn(0)
    log.step = 1
    log.insn(1)
    assert render(log.entries, PROGRAM, PROGRAM.insns).line_steps == ((1, 0), (2, 1))


def test_a_long_log_keeps_its_beginning_and_its_end() -> None:
    log = Log(2, keep=10)
    for i in range(1000):
        log.insn(i)
        log.text(f"{i}\n")
    log.text("the reason\n")
    kept = log.all()
    assert kept[0].number == 0
    assert kept[-1].text == "the reason\n"
    assert log.pos == 2001 == len(kept) - 1 + log.left_out
    assert len(kept) <= 50


def test_nothing_is_kept_at_level_zero() -> None:
    log = Log(0)
    log.text("x\n")
    assert log.entries == []


def test_a_log_is_the_same_when_its_beginning_is_text_already() -> None:
    def say(log: Log, n: int) -> None:
        log.step = n
        log.insn(n % 2)
        log.state(NOTHING, -1)
        log.text(f"{n}\n")

    whole, taken = Log(2), Log(2)
    text = LogText(PROGRAM, PROGRAM.insns)
    for n in range(100):
        say(whole, n)
        say(taken, n)
        if n % 7 == 0:
            text.add(taken.take(taken.pos - n % 3))
            assert taken.pos == whole.pos
            assert len(taken.entries) < 40
    text.add(taken.all())
    assert text.rendered() == render(whole.all(), PROGRAM, PROGRAM.insns)


def test_what_is_text_already_counts_when_the_log_is_taken_back() -> None:
    log, text = Log(1), LogText(PROGRAM, PROGRAM.insns)
    for n in range(50):
        log.text(f"{n}\n")
    text.add(log.take(20))
    assert (log.settled, log.pos) == (20, 50)
    log.reset(30)
    text.add(log.all())
    assert text.rendered().text == "".join(f"{n}\n" for n in range(30))
    log.reset(0)
    assert (log.settled, log.pos, log.all()) == (0, 0, [])
