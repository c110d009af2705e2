"""The walk as a tree of paths, and the rounds of a loop on a path."""

from __future__ import annotations

from vm.asm import assemble
from vm.pipeline.bpf_check import Walk
from vm.program import Program
from vm.trace.blocks import InMemory
from vm.trace.recorder import Recorder
from vm.trace.rounds import MOST_BEFORE, MOST_BEHIND, rounds
from vm.trace.tree import branches
from vm.verifier.env import VerifyOptions

FORKS = """.type xdp
    r2 = *(u32 *)(r1 + 16)
    r0 = 0
    if r2 > 9 goto big
    r0 = 1
    if r2 > 4 goto out
    r0 = 2
    goto out
big:
    r0 = 2
out:
    exit
"""
LOOP = """.type xdp
    r6 = r1
    r7 = 0
loop:
    call 7
    if r0 > 100 goto skip
    r7 += 1
skip:
    r7 += 1
    if r7 < 400 goto loop
    r0 = 0
    exit
"""
REFUSED = """.type xdp
    r2 = *(u32 *)(r1 + 16)
    if r2 > 9 goto out
    r0 = *(u64 *)(r1 + 400)
out:
    r0 = 0
    exit
"""


def walked(text: str) -> tuple[Program, Recorder]:
    (program,) = assemble(text, name="t").programs
    walk = Walk(program, VerifyOptions(log_level=0), InMemory())
    for _ in walk.advance():
        pass
    assert walk.recorder is not None
    walk.recorder.flush()
    return program, walk.recorder


def test_branches_are_the_paths_with_the_instructions_at_their_ends() -> None:
    for text in (FORKS, LOOP, REFUSED):
        _, trace = walked(text)
        found = list(branches(trace, 1 << 20))
        assert len(found) == trace.path_count()
        for branch, path in zip(found, trace.path_list(), strict=True):
            assert branch[:6] == (
                path.parent, path.push_step, path.first_step, path.last_step, path.end, path.pruned_by
            )  # fmt: skip
            assert branch.speculative == path.speculative
            assert branch.fork_insn == (trace.insn_idx(path.push_step) if path.push_step >= 0 else -1)
            walked_at_all = path.first_step <= path.last_step
            assert branch.first_insn == (trace.insn_idx(path.first_step) if walked_at_all else -1)
            assert branch.last_insn == (trace.insn_idx(path.last_step) if walked_at_all else -1)


def test_outcomes() -> None:
    _, trace = walked(FORKS)
    first, *others = branches(trace, 100)
    assert (first.parent, first.fork, first.first, first.end, first.fork_insn) == (-1, -1, 0, "exit", -1)
    assert [(each.fork_insn, each.first_insn, each.end) for each in others] == [(4, -1, "safe"), (2, 7, "safe")]
    assert [each.pruned_by for each in others] == [7, 7]
    assert [branch.end for branch in branches(walked(REFUSED)[1], 100)] == ["reject"]


def test_only_so_many_branches() -> None:
    _, trace = walked(LOOP)
    assert trace.path_count() > 100
    assert list(branches(trace, 7)) == list(branches(trace, 1 << 20))[:7]
    assert list(branches(trace, 0)) == []


def test_rounds_are_the_visits_on_the_path_with_what_they_found() -> None:
    _, trace = walked(LOOP)
    visits = [step for step in range(len(trace)) if trace.insn_idx(step) == 2 and trace.path_of(step) == 0]
    assert len(visits) == 200
    found = rounds(trace, visits[5], 2)
    assert [each.step for each in found.rounds] == visits[: 6 + MOST_BEHIND]
    assert (found.begun, found.ended) == (True, False)
    for number, each in enumerate(found.rounds):
        assert each.path == 0
        told = trace.view(each.values["r7"], each.snap, "r7").scalar
        assert told is not None
        assert told.umin == 2 * number
    late = rounds(trace, visits[-1] + 1, 2)
    assert [each.step for each in late.rounds] == visits[-MOST_BEFORE:]
    assert (late.begun, late.ended) == (False, True)


def test_rounds_of_a_forked_path_begin_with_those_of_its_parents() -> None:
    _, trace = walked(LOOP)
    path = next(path for path in trace.path_list() if path.parent == 0 and path.last_step - path.first_step > 8)
    found = rounds(trace, path.last_step, 2)
    assert {each.path for each in found.rounds} >= {0, path.id}
    steps = [each.step for each in found.rounds]
    assert steps == sorted(steps)
    assert all(each.step <= path.push_step for each in found.rounds if each.path == 0)


def test_an_instruction_that_the_path_does_not_come_to_has_no_rounds() -> None:
    _, trace = walked(FORKS)
    assert rounds(trace, 0, 99).rounds == ()
