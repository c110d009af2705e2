"""What would have been accepted, in words and numbers."""

from __future__ import annotations

import pytest

from vm.kernel.types import BPF_PROG_TYPE_CGROUP_SOCKOPT
from vm.kernel.types import BPF_PROG_TYPE_XDP as XDP
from vm.verifier.report.need import packet, span
from vm.verifier.state.reg import pointer
from vm.verifier.state.reg_types import PTR_TO_PACKET


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (4, 4, "4"),
        (0, 1000, "from 0 to 1,000"),
        (-(1 << 63), (1 << 63) - 1, "anything"),
        (-(1 << 63), 5, "anything up to 5"),
        (0, (1 << 64) - 1, "anything from 0 on"),
    ],
)
def test_spans_in_words(low: int, high: int, text: str) -> None:
    assert span(low, high) == text


def test_packet_needs_in_words() -> None:
    reg = pointer(PTR_TO_PACKET)
    assert "is not before the start" in packet(1, reg, -4, 4, XDP)
    assert "optval + 2 <= optval_end" in packet(1, reg, 0, 2, BPF_PROG_TYPE_CGROUP_SOCKOPT)
    assert "at least 1 byte" in packet(1, reg, 0, 0, XDP)
    assert packet(1, reg, 12, 2, XDP).startswith("the access needs bytes 12 to 13, so data + 14 <= data_end has")
    said = packet(1, reg, 65_535, 1, XDP)
    assert said.startswith("a bound on how far") and "first 65,535 bytes" in said and "end at byte 65,536" in said
    assert "has to be checked" in packet(1, reg, 65_534, 1, XDP)
    reg.id, reg.off = 3, 8
    assert "p + 10 <= data_end (p is r1 without its fixed offset 8)" in packet(1, reg, 8, 2, XDP)
    assert "a constant part of the offset that is not negative: it is -1" in packet(1, reg, -1, 1, XDP)
    reg.range = -1
    assert "past the end" in packet(1, reg, 0, 1, XDP)
