"""Texts whose lines run from the newest to the oldest, as a journal shows them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.vm.logs.recordings import log_of
from vm.cli.main import main
from vm.logs.answer import read_log, read_text
from vm.logs.session import Session
from vm.logs.turned import MAX_BYTES, oldest_first
from vm.trace.blocks import InMemory

LOG = (
    "0: R1=ctx() R10=fp0\n"
    "; p = ctx->data;\n"
    "0: (61) r2 = *(u32 *)(r1 +0)          ; R2=pkt(r=0)\n"
    "1: (71) r0 = *(u8 *)(r2 +0)\n"
    "invalid access to packet, off=0 size=1, R2(id=0,off=0,r=0)\n"
    "R2 offset is outside of the packet\n"
    "processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n"
)


def turned(log: str) -> str:
    return "\n".join(log.splitlines()[::-1]) + "\n"


def test_it_is_read_like_the_same_lines_in_order() -> None:
    told = read_text(turned(LOG).encode())
    plain = read_text(LOG.encode())
    assert (told.newest_first, plain.newest_first) == (True, False)
    assert told.program.message is not None
    assert plain.program.message is not None
    assert told.program.message.text == plain.program.message.text
    assert (told.program.insn, told.program.reg, told.program.reason) == (1, "R2", plain.program.reason)
    assert [each.insn_idx for each in told.program.causes] == [0, 1]
    # Lines are counted as they stand in the text.
    end = len(LOG.splitlines()) + 1
    assert told.program.message.line == end - plain.program.message.line
    assert [each.line for each in told.program.causes] == [end - each.line for each in plain.program.causes]
    assert (told.program.first_line, told.program.last_line) == (1, end - plain.program.first_line)


def test_a_session_has_its_steps_and_shows_it_in_order() -> None:
    text, lines = oldest_first(turned(LOG).encode())
    session = Session(InMemory(), turned=lines)
    for _ in session.read([text]):
        pass
    report = session.report()
    assert report.newest_first
    assert session.recorded == report.program
    assert session.recording.steps == 2
    assert session.text()[0].splitlines() == LOG.splitlines()


@pytest.mark.parametrize("program", ["map_value_index", "kernel_pointer", "frame_pointer", "reference_kept"])
@pytest.mark.parametrize("kernel", ["5.10", "6.12", "7.3"])
def test_recorded_logs(program: str, kernel: str) -> None:
    log = log_of(program, kernel)
    whole, other = read_log([log]).program, read_text(turned(log).encode()).program
    assert (other.insn, other.reg, other.category, other.causes and other.causes[-1].insn_idx) == (
        whole.insn, whole.reg, whole.category, whole.causes and whole.causes[-1].insn_idx,
    )  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        lambda log: log,
        lambda log: "\n".join(log.splitlines()[:4]),  # cut, in order
        lambda log: "0: (61) r2 = *(u32 *)(r1 +0)\n",
        lambda log: "5: (05) goto pc-3\n4: (b7) r0 = 0\n" + log,  # one pair of instructions stands the other way round
        lambda log: "processed 1 insns (limit 1000000)\n\n" + log,  # the summary of another program
        lambda log: "no log at all\n\0",
        lambda log: "",
        lambda log: turned(log) + "x" * MAX_BYTES,
    ],
)
def test_other_texts_stay_as_they_are(change: Callable[[str], str]) -> None:
    text = change(LOG).encode()
    assert oldest_first(text) == (text, 0)


def test_the_command_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "journal.txt"
    file.write_text(turned(LOG))
    assert main(["log", "--json", str(file)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["newest_first"], found["insn"], found["reg"]) == (True, 1, "R2")
    assert main(["log", str(file)]) == 0
    assert "from the newest to the oldest" in capsys.readouterr().out
