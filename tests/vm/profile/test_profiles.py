"""Profiles of programs whose walks can be counted by hand."""

from __future__ import annotations

from dataclasses import replace

from vm import pipeline
from vm.asm import assemble
from vm.profile.loops import loops
from vm.profile.profile import Profile, profile
from vm.program import LineInfo, Program


def assembled(text: str) -> Program:
    (program,) = assemble(text, name="t").programs
    return program


def profiled(program: Program) -> Profile:
    walk = pipeline.walk(program, log_level=0)
    for _ in walk.advance():
        pass
    assert walk.recorder is not None
    return profile(walk.env.program, walk.recorder, walk.result().insns_processed, walk.env.insn_idx)


COUNTED = """.type xdp
    r6 = 0
loop:
    r6 += 1
    if r6 < 64 goto loop
    r0 = 2
    exit
"""

CALLS = """.type xdp
    r1 = 1
    call outer
    r1 = 2
    call outer
    r0 = 2
    exit
outer:
    r6 = 0
again:
    r1 = r6
    call inner
    r6 += 1
    if r6 < 3 goto again
    r0 = 0
    exit
inner:
    r0 = r1
    exit
"""


def test_a_counted_loop() -> None:
    found = profiled(assembled(COUNTED))
    assert found.insns_processed == 1 + 2 * 64 + 2
    (loop,) = found.loops
    assert (loop.kind, loop.insn_idx, loop.rounds, loop.insns) == ("loop", 1, 64, 128)
    assert loop.why_not_pruned == "r6: 64 different values, one per round"
    assert {row.insn_idx: row.insns for row in found.insns} == {0: 1, 1: 64, 2: 64, 3: 1, 4: 1}


def test_a_loop_has_what_was_called_from_it() -> None:
    found = profiled(assembled(CALLS))
    functions = {row.insn_idx: row for row in found.functions}
    # outer: 1 + 3 rounds of 4 + 2, twice; inner: 2, six times.
    assert [(row.calls, row.insns, row.total) for row in functions.values()] == [(1, 6, 48), (2, 30, 42), (6, 12, 12)]
    (loop,) = found.loops
    assert (loop.rounds, loop.insns) == (6, 6 * 4 + 12)
    assert not any(row.alone for row in found.functions)


def test_lines_of_headers_are_lines_of_their_own() -> None:
    program = assembled("r0 = 1\nr0 = 2\nr0 = 3\nexit\n")
    infos = (
        LineInfo(1, "./prog.c", 7, 1, "a"),
        LineInfo(2, "/usr/include/some.h", 7, 1, "b"),
        LineInfo(3, "./prog.c", 8, 1, "c"),
    )
    found = profiled(replace(program, line_infos=infos, main_file="./prog.c"))
    assert {(row.file, row.line, row.insns) for row in found.lines} == {
        ("", None, 1), ("", 7, 1), ("/usr/include/some.h", 7, 1), ("", 8, 1),
    }  # fmt: skip


def test_nested_loops_by_their_heads() -> None:
    text = "r1 = 0\na:\nr2 = 0\nb:\nr2 += 1\nif r2 < 3 goto b\nr1 += 1\nif r1 < 3 goto a\nr0 = 0\nexit\n"
    found = loops(assembled(text).insns, [0])
    assert [(each.head, sorted(each.body)) for each in found] == [(1, [1, 2, 3, 4, 5]), (2, [2, 3])]


def test_a_program_without_loops_has_none() -> None:
    assert loops(assembled("r0 = 0\nif r0 > 3 goto end\nr0 = 1\nend:\nexit\n").insns, [0]) == []


def test_a_program_of_jumps_back_is_read_in_a_moment() -> None:
    text = "r0 = 0\n" + "".join(f"l{i}:\nr0 += 1\n" for i in range(400))
    text += "".join(f"if r0 < {i} goto l{i}\n" for i in range(400)) + "exit\n"
    assert len(loops(assembled(text).insns, [0])) == 256
