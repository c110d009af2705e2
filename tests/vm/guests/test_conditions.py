"""Conditions of what is recorded: how they are written, which field they are asked of, and when they hold."""

from __future__ import annotations

import struct
from array import array
from pathlib import Path

import pytest

from vm import pipeline
from vm.errors import InputError
from vm.guests.conditions import _OPERATORS, condition
from vm.kernel.btf import kernel_btf
from vm.pipeline import BuildOptions, Source
from vm.program import Program
from vm.recorded.values import RecordedEvent

EXAMPLES = Path(__file__).parents[3] / "examples"
FENTRY = """
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
SEC("fentry/do_unlinkat") int BPF_PROG(f, int dfd, struct filename *name) { return dfd; }
SEC("tracepoint/sched/sched_process_fork") int t(struct trace_event_raw_sched_process_fork *c) { return c->child_pid; }
SEC("xdp") int x(struct xdp_md *c) { return 2; }
char LICENSE[] SEC("license") = "GPL";
"""


@pytest.fixture(scope="module")
def programs() -> dict[str, Program]:
    _, build = pipeline.built(Source("c", FENTRY.encode(), "f"), BuildOptions())
    assert build is not None
    obj = pipeline.load(build.source, build.options, build.compiled)
    return {program.name: program for program in obj.programs}


@pytest.mark.parametrize(
    ("text", "program", "place"),
    [
        ("dfd == 3", "f", (0, 4, True)), ("name == 0", "f", (8, 8, False)), ("child_pid > 4", "t", (44, 4, True)),
        ('parent_comm == "sh"', "t", (8, 16, False)), ("ctx+16:2 & 0x10", "x", (16, 2, False)),
        ("nothing == 1", "f", None), ("data == 1", "x", None), ("parent_comm == 5", "t", None),
        ('child_pid == "sh"', "t", None), ("ctx+9999:8 == 1", "f", None),
    ],
)  # fmt: skip
def test_the_field_that_is_asked(programs: dict[str, Program], text: str, program: str, place: tuple | None) -> None:  # type: ignore[type-arg]
    asked = condition(text)
    assert asked is not None
    check = asked.check(programs[program], kernel_btf())
    assert (check and check.field[:3]) == place


@pytest.mark.parametrize(
    ("text", "data", "holds"),
    [
        ("dfd == -100", (-100).to_bytes(4, "little", signed=True), True), ("dfd < 0", b"\xff\xff\xff\xff", True),
        ("dfd > 0", b"\xff\xff\xff\xff", False), ("dfd != 3", b"\3\0\0\0", False), ("dfd >= 3", b"\3\0\0\0", True),
        ("dfd <= 2", b"\3\0\0\0", False), ("dfd & 0x2", b"\3\0\0\0", True), ("dfd == 3", b"", False),
    ],
)  # fmt: skip
def test_when_it_holds(programs: dict[str, Program], text: str, data: bytes, holds: bool) -> None:
    asked = condition(text)
    check = asked.check(programs["f"], kernel_btf()) if asked is not None else None
    assert check is not None and check.holds(data) == holds


def test_bytes_of_a_packet_are_in_network_order(programs: dict[str, Program]) -> None:
    asked = condition("packet+36:2 == 53")
    assert asked is not None
    check = asked.check(programs["x"], kernel_btf())
    assert check is not None and check.field[:2] == (36, 2)
    assert check.packet == kernel_btf().offset_of("xdp_buff", "data")
    assert check.holds(b"\0\x35") and not check.holds(b"\x35\0") and not check.holds(b"\0")
    assert asked.check(programs["f"], kernel_btf()) is None  # gets no packet
    text = condition('packet+36:2 == "x"')
    assert text is not None and text.check(programs["x"], kernel_btf()) is None


def test_a_text_ends_at_its_first_zero(programs: dict[str, Program]) -> None:
    for text, holds in (('parent_comm == "sh"', True), ("parent_comm != 'sh'", False), ('parent_comm == "s"', False)):
        asked = condition(text)
        check = asked.check(programs["t"], kernel_btf()) if asked is not None else None
        assert check is not None and check.holds(b"sh\0old".ljust(16, b"\0")) == holds


def test_each_operator_is_understood() -> None:
    for name in _OPERATORS:
        found = condition(f"pid {name} 1")
        assert found is not None and found.operator == name


@pytest.mark.parametrize(
    "text",
    ["pid", "pid =", "== 3", "pid == 3; drop", "pid == x", "comm > 'a'", "a.b == '", "x" * 300 + " == 1", "é == 1"],
)
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        condition(text)


def test_nothing_asks_nothing() -> None:
    assert condition("  ") is None


def event(*states: tuple[int, int], cut: str = "") -> RecordedEvent:
    """An event whose states have these values of rax and rbx (R0 and R6)."""
    registers = b"".join(struct.pack("<16Q", rax, 0, 0, rbx, *[0] * 12) for rax, rbx in states)
    return RecordedEvent(0, "sh", 1, array("i", range(len(states))), registers, (), cut)


@pytest.mark.parametrize(
    ("text", "holds", "when_cut"),
    [
        ("returns == 1", True, False), ("returns == 5", False, False), ("returns < 0", False, False),
        ("R6 == 7", True, True), ("R6 == 9", False, True), ("R6 > 8", False, True), ("R0 == -2", True, True),
        ("R0 & 0x10", True, True), ("R5 != 0", False, False), ("R10 == 0", True, True),
    ],
)  # fmt: skip
def test_what_an_event_did(programs: dict[str, Program], text: str, holds: bool, when_cut: bool) -> None:
    asked = condition(text)
    assert asked is not None
    outcome = asked.outcome()
    assert outcome is not None
    states = ((5, 0), ((1 << 64) - 2, 7), (1 << 33 | 1, 9))
    assert (outcome.holds(event(*states)), outcome.holds(event(*states, cut="why"))) == (holds, when_cut)


@pytest.mark.parametrize(
    "text",
    ["returns == 4294967295", "returns < -2147483649", "R6 > 18446744073709551616", "R0 == -9223372036854775809"],
)
def test_what_an_event_never_did_is_said(text: str) -> None:
    asked = condition(text)
    assert asked is not None
    with pytest.raises(InputError, match="is a number from .*, and is not compared with"):
        asked.outcome()


@pytest.mark.parametrize(
    ("text", "program"),
    [
        ("dfd == 0xffffffff", "f"),
        ("ctx+16:2 == 65536", "x"),
        ("packet+36:1 == 256", "x"),
        ('parent_comm == "12345678901234567"', "t"),
    ],
)
def test_what_a_field_never_holds_is_said(programs: dict[str, Program], text: str, program: str) -> None:
    asked = condition(text)
    assert asked is not None
    with pytest.raises(InputError, match="is not compared with|is never in it"):
        asked.check(programs[program], kernel_btf())


@pytest.mark.parametrize("text", ["r6 == 1", "R11 == 1", 'returned == "a"', "dfd == 3", "R6x == 1", "returned == 1"])
def test_what_is_no_outcome(text: str) -> None:
    asked = condition(text)
    assert asked is not None and asked.outcome() is None


@pytest.mark.parametrize("text", ['returns == "a"', "returns != 'XDP_DROP'", 'R6 == "sh"'])
def test_what_an_event_did_is_a_number(text: str) -> None:
    asked = condition(text)
    assert asked is not None
    with pytest.raises(InputError, match=r"(returns|R6) is a number, and no text: (returns|R6) [!=]= 1\."):
        asked.outcome()
