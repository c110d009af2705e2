"""The trace: who wrote what, what covered a path and what did not, precision, and what was held."""

from __future__ import annotations

import pytest

from vm.asm import assemble
from vm.pipeline.bpf_check import Walk
from vm.trace.recorder import Recorder
from vm.trace.snapshots import slot_index, slot_name
from vm.verifier.env import VerifyOptions
from vm.verifier.journal import Journal, Link


def walk(text: str, prog_type: str = "xdp", level: int = 2) -> Recorder:
    (program,) = assemble(f".type {prog_type}\n{text}", name="t").programs
    walked = Walk(program, VerifyOptions(level))
    for _ in walked.advance():
        pass
    assert walked.recorder is not None
    return walked.recorder


def at(trace: Recorder, insn_idx: int, nth: int = 0) -> int:
    """The n-th step that visited an instruction."""
    return [i for i in range(len(trace)) if trace.insn_idx(i) == insn_idx][nth]


MEETING = """
    call 7
    r7 = 0
    if r0 == 0 goto +1
    r7 = 1
    r1 = 1
    r2 = 1
    r3 = 1
    r4 = 1
    if r0 == 5 goto +0
    r0 = {}
    exit
"""


@pytest.mark.parametrize("name", ["r0", "r10", "fp-8", "fp-512", "1:r3", "7:fp-16"])
def test_names_and_their_indices(name: str) -> None:
    assert slot_name(*slot_index(name)) == name


def test_a_path_that_was_covered_tells_by_what() -> None:
    trace = walk(MEETING.format("r7"), "socket")
    (pruned,) = trace.prunings
    path = trace.paths[pruned.path]
    assert path.end == "safe"
    assert path.pruned_by == pruned.checkpoint
    assert pruned.rule == "done"
    assert pruned.exact == "NOT_EXACT"
    assert trace.insn_idx(pruned.checkpoint) == pruned.insn_idx
    assert pruned.after == path.last_step
    # r0 and r7 are all that what follows reads, and being imprecise any number will do.
    assert [each[0] for each in pruned.compared] == ["r0", "r7"]
    assert ("r7", "1", "0", "any") in pruned.compared


def test_what_did_not_cover_names_the_register_and_why() -> None:
    text = """
        call 7
        r7 = -8
        if r0 == 0 goto +1
        r7 = -16
        r1 = 1
        r2 = 1
        r3 = 1
        r4 = 1
        if r1 != 1 goto +0
        r1 = r10
        r1 += r7
        *(u8 *)(r1 + 0) = 1
        r0 = 0
        exit
    """
    trace = walk(text, "socket")
    assert not trace.prunings
    found = [a for idx in range(14) for a in trace.arrivals(idx) if a.name == "r7"]
    assert found
    assert found[0].rule == "done"
    assert found[0].text == "r7: the checkpoint has -16, here it is -8"
    (mark,) = [m for m in trace.precision if m.why == "pointer_offset" and m.path == 0]
    assert mark.names == ("r7",)
    assert mark.insn_idx == 10
    assert trace.insn_idx(mark.step) == 10
    assert mark.chain[-1].insn_idx == 3
    assert mark.chain[-1].names == ("r7",)


def test_precision_is_propagated_from_what_covered() -> None:
    trace = walk(MEETING.format("r7").replace("exit", "if r0 > 9 goto +1\nr0 = 0\nexit"), "socket")
    assert {m.why for m in trace.precision} >= {"result"} or trace.precision
    for mark in trace.precision:
        assert mark.text
        assert all(link.names for link in mark.chain)


def test_precision_is_the_same_whatever_the_log_says() -> None:
    text = """
        r6 = 3
        r7 = r6
        *(u64 *)(r10 - 8) = r7
        r1 = 5
        r8 = *(u64 *)(r10 - 8)
        if r8 == 3 goto +1
        r0 = 1
        r0 = 0
        exit
    """
    quiet, loud = walk(text, level=0), walk(text, level=2)
    assert quiet.precision == loud.precision
    (mark,) = [m for m in loud.precision if m.why == "branch"]
    assert [(link.insn_idx, link.names) for link in mark.chain] == [
        (4, ("r8",)), (2, ("fp-8",)), (1, ("r7",)), (0, ("r6",)),
    ]  # fmt: skip


def test_who_wrote_a_slot_through_spills_and_moves() -> None:
    trace = walk(
        """
        r6 = 1
        r7 = r6
        *(u64 *)(r10 - 8) = r7
        r8 = *(u64 *)(r10 - 8)
        r7 = r7
        *(u64 *)(r10 - 8) = r7
        r0 = 0
        exit
        """
    )
    end = len(trace) - 2
    assert {name: view.written_at for name, view in trace.state(end).items()} == {
        "r0": 6, "r1": -1, "r6": 0, "r7": 4, "r8": 3, "r10": -1, "fp-8": 5,
    }  # fmt: skip
    assert trace.writer(3, "fp-8") == 2
    assert trace.writer(3, "r7") == 1
    assert trace.step(3).reads == ("r10", "fp-8")
    assert trace.step(3).writes == ("r8",)


def test_a_comparison_narrows_and_does_not_write() -> None:
    trace = walk(
        """
        r6 = *(u32 *)(r1 + 16)
        if r6 > 9 goto +1
        r7 = r6
        r0 = 0
        exit
        """
    )
    assert trace.writer(at(trace, 1), "r6") == 0
    assert trace.state(at(trace, 1))["r6"].written_at == 0
    # On the branch that was pushed r7 was never written.
    other = trace.paths[1]
    assert trace.writer(other.first_step, "r6") == 0
    assert "r7" not in trace.state(other.first_step)


def test_frames_have_slots_of_their_own() -> None:
    trace = walk(
        """
        r6 = 7
        r1 = 4
        call f
        r7 = r0
        r1 = 5
        call f
        exit
        f:
        r6 = r1
        r0 = r6
        exit
        """
    )
    call, again = at(trace, 2), at(trace, 5)
    inside = at(trace, 8, 1)
    assert trace.writer(at(trace, 8), "1:r1") == call
    assert trace.writer(inside, "1:r1") == again
    assert trace.writer(inside, "1:r6") == at(trace, 7, 1)
    assert trace.writer(inside, "r6") == 0
    assert trace.writer(at(trace, 3), "r0") == at(trace, 9)
    assert trace.writer(at(trace, 6), "r0") == at(trace, 9, 1)


def test_a_branch_taken_up_later_knows_what_was_written_before_its_fork() -> None:
    trace = walk(
        """
        call 7
        r6 = 1
        if r0 == 0 goto a
        r6 = 2
        if r0 == 1 goto a
        r6 = 3
        a:
        r0 = r6
        exit
        """,
        "socket",
    )
    for path in trace.paths[1:]:
        writer = trace.writer(path.first_step, "r6") if path.first_step <= path.last_step else None
        if writer is not None:
            assert trace.insn_idx(writer) == (1 if trace.insn_idx(path.push_step) == 2 else 3)


def test_writers_hold_in_every_state() -> None:
    """Where a slot was written last it got the value it has, unless a comparison told more about it since."""
    trace = walk(
        """
        .map m hash 4 8 16
        r7 = 0
        r6 = *(u32 *)(r1 + 16)
        loop:
        *(u32 *)(r10 - 4) = r7
        r2 = r10
        r2 += -4
        r1 = map[m] ll
        call bpf_map_lookup_elem
        if r0 == 0 goto next
        r1 = *(u64 *)(r0 + 0)
        r1 += r6
        *(u64 *)(r0 + 0) = r1
        next:
        r7 += 1
        if r7 < 4 goto loop
        r0 = 2
        exit
        """
    )
    assert len(trace.paths) > 3
    for i in range(len(trace)):
        for name, view in trace.state(i).items():
            w = view.written_at
            assert -1 <= w <= i
            if w >= 0:
                assert name in trace.step(w).writes, (i, name, w)


RESERVE = """
    .map ring ringbuf 0 0 4096
    r1 = map[ring] ll
    r2 = 8
    r3 = 0
    call bpf_ringbuf_reserve
    if r0 == 0 goto out
    r1 = r0
    r2 = 0
    {}
    out:
    r0 = 0
    exit
"""


def test_a_reference_from_taking_to_giving_back() -> None:
    trace = walk(RESERVE.format("call bpf_ringbuf_submit"))
    (held,) = trace.holdings
    assert (held.kind, held.by, held.insn_idx, held.path) == ("reference", "bpf_ringbuf_reserve", 4, 0)
    assert trace.insn_idx(held.step) == 4
    assert held.still_held == ()
    assert sorted((r.path, r.insn_idx, r.how) for r in held.released) == [
        (0, 8, "bpf_ringbuf_submit"), (1, 5, "found to be NULL"),
    ]  # fmt: skip


def test_a_reference_that_is_never_given_back() -> None:
    trace = walk(RESERVE.format("r2 = 1"))
    (held,) = trace.holdings
    assert held.still_held == (0,)


def test_journals_keep_both_ends() -> None:
    journal = Journal(4, 4)
    for i in range(30):
        journal.differs(1)
        journal.missed(i, 0, 0, 0, 0)
        journal.hit(i, 0, 0, 0, 0, [], [], [], [])
        journal.mark(i, 0, 0, 0, 1, 0, "branch")
        for insn_idx in range(i % 3):
            journal.links.append(Link(insn_idx, 1, 0b110, i << 60))
    for kept, left_out in (
        (journal.misses(), journal.comparisons_left_out),
        (journal.hits(), journal.hits_left_out),
        (journal.marks(), journal.marks_left_out),
    ):
        steps = [each.step for each in kept]
        assert steps[:4] == [0, 1, 2, 3]
        assert steps[-1] == 29
        assert len(steps) + left_out == 30
        assert len(steps) <= 12
    for mark in journal.marks():
        assert journal.chain(mark) == [(insn_idx, 1, 0b110, mark.step << 60) for insn_idx in range(mark.step % 3)]


def test_without_recording_nothing_is_kept() -> None:
    (program,) = assemble(".type xdp\nr0 = 0\nexit", name="t").programs
    walked = Walk(program, VerifyOptions(0, record=False))
    for _ in walked.advance():
        pass
    assert walked.env.journal is None
    assert walked.result().trace is None


def test_visits_are_counted_as_the_walk_goes_on() -> None:
    trace = walk("r0 = 0\nloop:\nr0 += 1\nif r0 < 3000 goto loop\nexit\n", level=0)
    steps = [trace.insn_idx(i) for i in range(len(trace))]
    assert len(steps) > 4096  # several blocks, and one that is not full
    assert trace.visits() == {idx: steps.count(idx) for idx in dict.fromkeys(steps)}
    assert [trace.first_visit(idx) for idx in trace.visits()] == [steps.index(idx) for idx in dict.fromkeys(steps)]
