"""How the time of all kernels is shared: nobody's share is more than what is left for a turn, and nothing is lost."""

from __future__ import annotations

import time

import pytest

from vm.pipeline import kernel_matrix


def test_time_that_is_not_used_is_shared_by_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    shares = kernel_matrix._Shares(60, 8)
    assert [shares.take(), shares.take()] == [15, 15]  # two at a time: four turns
    now = 101.0
    assert shares.take() == pytest.approx(59 / 3)
    now = 170.0
    assert [shares.take() for _ in range(5)] == [0] * 5


def test_without_a_limit_there_are_no_shares() -> None:
    assert kernel_matrix._Shares(None, 3).take() is None
