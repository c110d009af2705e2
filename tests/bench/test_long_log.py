"""The log that the bench and browser tests read: it is of the length asked for, and every line of it is understood."""

from __future__ import annotations

from pathlib import Path

from bench import long_log
from vm.logs.session import Session
from vm.trace.blocks import InMemory


def test_it_is_read_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "long.log"
    long_log.write(file, 200_000)
    data = file.read_bytes()
    assert 200_000 <= len(data) < 201_000
    session = Session(InMemory())
    for _ in session.read([data]):
        pass
    program = session.report().program
    assert program.message is not None
    assert "too large" in program.message.text
    assert program.insn == 8
    assert session.recording.steps == data.count(b": (")
    assert [words for _, words in program.insns][-1].endswith(long_log.LAST_INSN)
