"""The control-flow graph: basic blocks, edges, functions and loops."""

from __future__ import annotations

from pathlib import Path

import pytest

from vm.asm import assemble
from vm.isa import opcodes as o
from vm.pipeline import BuildOptions, Source, compile_source, load
from vm.profile import graph as graphs
from vm.profile.graph import Graph, graph
from vm.profile.loops import successors
from vm.program import Program

ROOT = Path(__file__).resolve().parents[3]
FORKS = """.type xdp
    r2 = *(u32 *)(r1 + 16)
    if r2 > 9 goto big
    r0 = 1
    goto out
big:
    r0 = 2
out:
    exit
"""
LOOP = """.type xdp
    r6 = 0
outer:
    r7 = 0
inner:
    r7 += 1
    if r7 < 5 goto inner
    r6 += 1
    if r6 < 5 goto outer
    r0 = 0
    exit
"""


def assembled(text: str) -> Program:
    (program,) = assemble(text, name="t").programs
    return program


def consistent(program: Program, found: Graph) -> None:
    """What holds for every graph."""
    slots = [slot for block in found.blocks for slot in range(block.first, block.last + 1)]
    assert slots == sorted(set(slots))
    firsts = {block.first: n for n, block in enumerate(found.blocks)}
    wide = {i for i, insn in enumerate(program.insns) if insn.code == o.LD | o.IMM | o.DW}
    for number, block in enumerate(found.blocks):
        ways = set(successors(program.insns, block.last))
        out = {found.blocks[edge.end].first for edge in found.edges if edge.start == number}
        assert out <= ways
        for idx in range(block.first, block.last):
            if idx - 1 in wide:
                continue
            assert o.cls(program.insns[idx].code) not in (o.JMP, o.JMP32) or o.op(program.insns[idx].code) == o.CALL
    covered = [n for each in found.functions for n in range(each.first, each.last + 1)]
    assert covered == list(range(len(found.blocks)))
    assert all(each.insn in firsts for each in found.functions)
    assert all(loop.head in firsts for loop in found.loops)


def test_a_branch() -> None:
    program = assembled(FORKS)
    found = graph(program)
    consistent(program, found)
    assert [(each.first, each.last) for each in found.blocks] == [(0, 1), (2, 3), (4, 4), (5, 5)]
    assert set(found.edges) == {
        (0, 1, "not", False),
        (0, 2, "taken", False),
        (1, 3, "jump", False),
        (2, 3, "next", False),
    }
    assert found.loops == ()


def test_loops_are_closed_by_edges_that_lead_back() -> None:
    program = assembled(LOOP)
    found = graph(program)
    consistent(program, found)
    assert [loop.head for loop in found.loops] == [1, 2]
    back = [
        (found.blocks[edge.start].last, found.blocks[edge.end].first, edge.kind) for edge in found.edges if edge.back
    ]
    assert sorted(back) == [(3, 2, "taken"), (5, 1, "taken")]


def test_functions_of_a_program() -> None:
    path = ROOT / "examples" / "two_functions.c"
    source = Source("c", path.read_bytes(), path.name)
    compiled = compile_source(source, BuildOptions())
    (program,) = load(source, BuildOptions(), compiled.object).programs
    found = graph(program)
    consistent(program, found)
    assert [each.name for each in found.functions] == ["allow_some", "is_allowed"]
    (call,) = found.functions[1].calls
    assert found.functions[0].insn <= call < found.functions[1].insn
    # Edges stay in their function: a call is followed by the next instruction.
    owner = [n for n, each in enumerate(found.functions) for _ in range(each.first, each.last + 1)]
    assert all(owner[edge.start] == owner[edge.end] for edge in found.edges)


CALLBACK = """.type xdp
    r1 = 5
    r2 = &round ll
    r3 = 0
    r4 = 0
    call bpf_loop
    r0 = 0
    exit
round:
    r0 = 0
    exit
"""


def test_a_function_that_is_called_back() -> None:
    program = assembled(CALLBACK)
    found = graph(program)
    consistent(program, found)
    assert (len(found.functions), found.callbacks) == (2, (1,))
    assert found.functions[1].calls == (1,)
    assert found.loops == ()


def test_blocks_that_are_too_many_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "MAX_BLOCKS", 2)
    found = graph(assembled(FORKS))
    assert (len(found.blocks), found.left_out) == (2, 2)
    assert set(found.edges) == {(0, 1, "not", False)}
