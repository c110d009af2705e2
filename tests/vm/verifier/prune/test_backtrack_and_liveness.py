"""History entries and read marks by themselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vm.program import Program
from vm.verifier.env import Reject, VerifierEnv, VerifyOptions
from vm.verifier.prune.backtrack import linked_regs_pack, linked_regs_unpack
from vm.verifier.prune.liveness import mark_read, propagate_read
from vm.verifier.report.mask_text import reg_mask_text, stack_mask_text
from vm.verifier.state.frame import FuncState, LiveRow
from vm.verifier.state.reg_types import REG_LIVE_DONE, REG_LIVE_READ32, REG_LIVE_READ64, REG_LIVE_WRITTEN


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 63), st.booleans()), max_size=6))
def test_six_linked_registers_fit_a_history_entry(linked: list[tuple[int, int, bool]]) -> None:
    packed = linked_regs_pack(linked)
    assert packed < 1 << 64
    assert linked_regs_unpack(packed) == linked[::-1]


def test_masks_in_words() -> None:
    assert reg_mask_text(0x15) == "r0,r2,r4"
    assert stack_mask_text(0x15) == "-8,-24,-40"
    assert reg_mask_text(0) == ""


def chain(length: int) -> list[LiveRow]:
    rows: list[LiveRow] = []
    for _ in range(length):
        rows.append(LiveRow([0] * 11, [rows[-1] if rows else None] * 11))
    return rows


@pytest.fixture
def env() -> VerifierEnv:
    return VerifierEnv(Program("t", "socket", 1, ()), VerifyOptions())


def test_a_read_marks_every_state_up_to_the_write(env: VerifierEnv) -> None:
    rows = chain(5)
    rows[2].marks[3] = REG_LIVE_WRITTEN
    mark_read(env, rows[4], 3, REG_LIVE_READ32)
    assert [r.marks[3] for r in rows] == [0, 0, REG_LIVE_WRITTEN | REG_LIVE_READ32, REG_LIVE_READ32, 0]
    assert env.longest_mark_read_walk == 2
    mark_read(env, rows[4], 3, REG_LIVE_READ64)
    assert rows[3].marks[3] == REG_LIVE_READ64, "a read of all bits replaces one of half"


def test_an_own_write_screens_only_what_came_after_it(env: VerifierEnv) -> None:
    rows = chain(2)
    rows[1].marks[0] = REG_LIVE_WRITTEN
    mark_read(env, rows[1], 0, REG_LIVE_READ64)
    assert rows[0].marks[0] == 0
    propagate_read(env, rows[0], 0, REG_LIVE_READ64)
    assert rows[0].marks[0] == REG_LIVE_READ64


def test_finished_states_are_left_alone(env: VerifierEnv) -> None:
    rows = chain(2)
    rows[0].marks[0] = REG_LIVE_DONE
    with pytest.raises(Reject):
        mark_read(env, rows[1], 0, REG_LIVE_READ64)


def test_arguments_descend_from_another_register(env: VerifierEnv) -> None:
    rows = chain(2)
    rows[1].adopt(1, rows[1], 6)
    mark_read(env, rows[1], 1, REG_LIVE_READ64)
    assert rows[0].marks[6] == REG_LIVE_READ64 and rows[0].marks[1] == 0


def test_parents_shared_with_a_copy_stay_as_they_were() -> None:
    rows = chain(2)
    copy = rows[1].copy()
    rows[1].adopt(1, LiveRow([0] * 11, [None] * 11), 6)
    assert rows[1].parents[1] is None
    assert copy.parents[1] is rows[0]
    frame = FuncState(-1, 0, 0)
    twin = frame.copy()
    frame.grow_stack(16)
    assert len(frame.live.parents) == len(frame.live.marks) == 13
    assert len(twin.live.parents) == len(twin.live.marks) == 11
