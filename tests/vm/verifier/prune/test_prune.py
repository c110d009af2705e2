"""Pruning, loops, liveness and precision as the walk shows them."""

from __future__ import annotations

from vm.asm import assemble
from vm.pipeline.bpf_check import verify
from vm.trace.records import Verification
from vm.verifier.env import VerifierEnv, VerifyOptions
from vm.verifier.prune.branches import get_loop_entry, update_branch_counts, update_loop_entry
from vm.verifier.prune.explored import IdMap
from vm.verifier.state.vstate import VerifierState


def walk(text: str) -> Verification:
    (program,) = assemble(f".type socket\n{text}", name="t").programs
    return verify(program, VerifyOptions(2))


def test_a_register_that_is_not_precise_does_not_keep_paths_apart() -> None:
    text = """
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
    for result in ("0", "r7"):
        walked = walk(text.format(result))
        assert walked.log.count(": safe") == 1
        assert walked.insns_processed == 18


def test_a_precise_register_does() -> None:
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
    result = walk(text)
    assert result.verdict == "accept"
    assert ": safe" not in result.log
    assert "mark_precise: frame0: regs=r7 stack= before 3: (b7) r7 = -16" in result.log


def test_precision_is_followed_through_a_spill() -> None:
    text = """
        r6 = 5
        *(u64 *)(r10 - 8) = r6
        r7 = *(u64 *)(r10 - 8)
        if r7 == 5 goto +1
        exit
        r0 = 0
        exit
    """
    log = walk(text).log
    assert "mark_precise: frame0: regs= stack=-8 before 1: (7b) *(u64 *)(r10 -8) = r6" in log
    assert "mark_precise: frame0: regs=r6 stack= before 0: (b7) r6 = 5" in log


def test_bounded_loops_end_and_endless_ones_are_named() -> None:
    assert walk("r6 = 0\nl: r6 += 1\nif r6 < 20 goto l\nr0 = 0\nexit").verdict == "accept"
    result = walk("r6 = 0\nl: r7 = r6\nif r6 == 0 goto l\nr0 = 0\nexit")
    assert result.verdict == "reject"
    assert "infinite loop detected at insn 1\n" in result.log


def test_may_goto_converges() -> None:
    result = walk("r0 = 0\nr6 = 0\nl: may_goto out\nr6 += 1\ngoto l\nout: exit")
    assert result.verdict == "accept"
    assert result.insns_processed < 30


def test_ids_correspond_one_to_one() -> None:
    ids = IdMap(10)
    assert ids.check_ids(0, 0) and not ids.check_ids(0, 1) and not ids.check_ids(1, 0)
    assert ids.check_ids(1, 5) and ids.check_ids(1, 5)
    assert not ids.check_ids(1, 6), "an id stands for one other"
    assert not ids.check_ids(2, 5), "and no two for the same"


def test_the_topmost_entry_of_a_loop_is_found_through_inner_ones() -> None:
    states: list[VerifierState] = []
    for depth in range(3):
        st = VerifierState()
        st.dfs_depth = depth
        st.parent = states[-1] if states else None
        states.append(st)
    top, inner, last = states
    update_loop_entry(last, inner)
    assert get_loop_entry(last) is inner and inner.used_as_loop_entry
    update_loop_entry(inner, top)
    assert get_loop_entry(last) is top and last.loop_entry is top


def test_branches_are_counted_up_to_the_first_open_one() -> None:
    top, st = VerifierState(), VerifierState()
    top.branches, st.parent = 2, top
    (program,) = assemble(".type socket\nr0 = 0\nexit\n", name="t").programs
    update_branch_counts(VerifierEnv(program, VerifyOptions()), st)
    assert (st.branches, top.branches) == (0, 1)


def test_precision_goes_back_through_the_last_slot_of_the_stack() -> None:
    """Slot 63: its bit is none of a signed integer of 64 bits."""
    done = walk(
        """
        call bpf_get_prandom_u32
        *(u64 *)(r10 - 512) = r0
        r0 = 0
        r2 = *(u64 *)(r10 - 512)
        *(u64 *)(r10 - 512) = r2
        r3 = *(u64 *)(r10 - 512)
        r3 &= 7
        if r3 > 5 goto l
        r4 = r10
        r4 += -64
        r4 += r3
        *(u8 *)(r4 + 0) = 1
        l: exit
        """
    )
    assert done.verdict == "accept", done.log
    assert "stack=-512" in done.log
