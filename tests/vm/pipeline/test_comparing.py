"""Two sources, or one with other options, held against each other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vm import pipeline
from vm.caps import NOBODY
from vm.cli.main import main
from vm.errors import InputError
from vm.pipeline import BuildOptions, Comparison, Side, Source

ROOT = Path(__file__).parents[3]
PROGRAMS = ROOT / "tests/vm/profile/programs"
SHORTER = (PROGRAMS / "shorter.c").read_text()


def side(text: str, kind: str = "c", **options: Any) -> Side:
    return Side(Source(kind, text.encode(), "prog"), BuildOptions(**options))


def compared(a: Side, b: Side, name: str = "") -> Comparison:
    (found,) = pipeline.compare(a, b, name)
    return found


LOOP = """.type xdp
    r6 = 0
loop:
    r6 += 1
    if r6 < 8 goto loop
    r0 = 2
    exit
"""


def test_the_same_source_does_not_part() -> None:
    found = compared(side(LOOP, "asm"), side(LOOP, "asm"))
    assert found.a == found.b and found.a is not None and found.parting is not None
    assert (found.parting.kind, found.parting.agreed, found.ways) == ("none", found.a.insns_processed, None)
    assert all(row.kind == "same" and row.a_insns == row.b_insns for row in found.lines)
    assert sum(row.a_insns for row in found.lines) == found.a.insns_processed


def test_another_instruction_and_then_other_ways() -> None:
    found = compared(side(LOOP, "asm"), side(LOOP.replace("r6 < 8", "r6 < 5"), "asm"))
    assert found.parting is not None and found.ways is not None
    assert (found.parting.kind, found.parting.agreed, found.parting.a_insn, found.parting.b_insn) == ("insn", 2, 2, 2)
    # Without the comparison: once for r6 = 0, then five rounds.
    assert (found.ways.kind, found.ways.agreed, found.ways.a_insn, found.ways.b_insn) == ("path", 6, 1, 3)
    changed = next(row for row in found.lines if row.kind == "changed")
    assert (changed.a_insns, changed.b_insns) == (8, 5)
    assert changed.insns == ((2, None, 8, 0), (None, 2, 0, 5))


def test_another_value() -> None:
    packet = ".type socket\n    r0 = *(u32 *)(r1 + 0)\n    if r0 > 9 goto out\n    r0 = 1\nout:\n    r0 = 0\n    exit\n"
    found = compared(side(packet, "asm"), side(packet.replace("socket", "xdp"), "asm"))
    assert found.parting is not None
    assert (found.parting.kind, found.parting.agreed, found.parting.name) == ("value", 0, "r0")
    assert found.parting.a.startswith("scalar(") and found.parting.b.startswith("pkt(")


def test_a_line_more_does_not_move_the_others() -> None:
    text = SHORTER.replace("    __u64 sum = 0;\n", '    __u64 sum = 0;\n    bpf_printk("begin");\n')
    found = compared(side(SHORTER), side(text), "looped")
    added = [row for row in found.lines if row.kind == "b"]
    assert [row.b_text.strip() for row in added] == ['bpf_printk("begin");']
    assert all(row.a_text == row.b_text for row in found.lines if row.kind == "same")
    assert found.ways is not None and found.ways.kind == "none"


def test_each_visit_is_on_one_line() -> None:
    inlined = SHORTER.replace("static __always_inline", "static __attribute__((noinline))")
    for found in pipeline.compare(side(SHORTER), side(inlined, mcpu="v4")):
        assert found.a is not None and found.b is not None
        assert sum(row.a_insns for row in found.lines) == found.a.insns_processed
        assert sum(row.b_insns for row in found.lines) == found.b.insns_processed
        for row in found.lines:
            assert sum(pair[2] for pair in row.insns) == row.a_insns
            assert sum(pair[3] for pair in row.insns) == row.b_insns


def test_other_rights() -> None:
    a = side(SHORTER)
    found = compared(a, a._replace(caps=NOBODY), "heavy")
    assert found.b is not None and (found.b.verdict, found.b.xlated) == ("reject", None)
    assert found.parting is not None and found.parting.kind == "end" and found.parting.b_step == -1


def test_a_program_that_one_side_lacks() -> None:
    text = SHORTER.replace("int looped(", "int renamed(")
    found = {
        (c.a.name if c.a else None, c.b.name if c.b else None) for c in pipeline.compare(side(SHORTER), side(text))
    }
    assert found == {("heavy", "heavy"), ("looped", None), (None, "renamed")}


def test_two_objects_without_a_common_name_and_one_program_each() -> None:
    found = compared(side(LOOP, "asm"), side((PROGRAMS / "settings.c").read_text()))
    assert found.a is not None and found.b is not None and found.b.name == "settings"


@pytest.mark.parametrize(
    ("a", "b", "name", "error"),
    [
        (side("int x"), side(LOOP, "asm"), "", "prog does not compile: line 1"),
        (side(LOOP, "asm"), side(LOOP, "asm"), "<b>", "Neither has a program '<b>'"),
    ],
)
def test_what_cannot_be_compared(a: Side, b: Side, name: str, error: str) -> None:
    with pytest.raises(InputError, match=error):
        list(pipeline.compare(a, b, name))


def test_the_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = str(PROGRAMS / "shorter.c")
    assert main(["diff", "--json", path, "--program", "looped", "--with", "--unprivileged"]) == 0
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (line["a"]["verdict"], line["b"]["verdict"]) == ("accept", "reject")
    assert main(["diff", path, "--with", "--mcpu v1 --opt O1"]) == 0
    assert "looped" in capsys.readouterr().out
    other = tmp_path / "other.c"
    other.write_text(SHORTER.replace("i < 400", "i < 300"))
    assert main(["diff", path, str(other)]) == 0
    assert "12,263" in (said := capsys.readouterr().out) and "9,263" in said
    for wrong in (
        [path],
        [path, path, path],
        [path, "--with", "--mcpu v9"],
        [path, "--with", "--nothing"],
        [path, "x.c"],
    ):
        assert main(["diff", *wrong]) == 2, wrong
        assert capsys.readouterr().err.count("\n") == 1
