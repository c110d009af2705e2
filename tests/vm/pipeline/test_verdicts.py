"""Verdicts of whole objects that no compiler is needed for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vm import pipeline
from vm.asm import assemble
from vm.elf.prog_owners import difference, foreign_map
from vm.elf.sections import BPF_F_XDP_HAS_FRAGS
from vm.kernel import types as t
from vm.program import MapSpec, Object, Program, Remark

JUMPS = MapSpec("jumps", t.BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 2, full_name="jumps")


def program(name: str, text: str = "r0 = 0\nexit\n", **fields: object) -> Program:
    found = replace(assemble(text, name=name).programs[0], maps=(JUMPS,))
    return replace(found, **fields)  # type: ignore[arg-type]


BAD = "r0 = r2\nexit\n"


def test_the_first_refused_program_says_that_libbpf_stops_there() -> None:
    obj = Object("o", (program("a"), program("b", BAD), program("c"), program("d", BAD)))
    found = list(pipeline.check_object(obj))
    assert [v.verdict for v in found] == ["accept", "reject", "accept", "reject"]
    assert [len(v.remarks) for v in found] == [0, 1, 0, 0]
    # One program by itself, or asked for, is not the object.
    assert not any(v.remarks for v in pipeline.check_object(obj, alone=True))
    (alone,) = pipeline.check_object(obj, "b")
    assert (alone.verdict, alone.remarks) == ("reject", ())


def test_a_program_not_loaded_by_default_stops_nothing() -> None:
    obj = Object("o", (program("a", BAD, autoload=False), program("b", BAD)))
    found = list(pipeline.check_object(obj))
    assert "only if the application asks" in found[0].remarks[0].message
    assert "gives up the object" in found[1].remarks[0].message


def test_remarks_go_to_the_program_they_are_about() -> None:
    whole, one = Remark("of all"), Remark("of a", "a")
    obj = Object("o", (program("a"), program("b")), remarks=(whole, one))
    assert [v.remarks for v in pipeline.check_object(obj)] == [(whole, one), (whole,)]


@pytest.mark.parametrize("limit", [0, 1_000_000])
def test_a_long_rejected_walk_is_not_walked_again(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr("vm.pipeline.verdicts.MAX_EXPLAINED", limit)
    obj = Object("o", (program("a", "r1 = 1\nr2 = 2\n" + "r3 = r4\nexit\n"),))
    (found,) = pipeline.check_object(obj, explain=True)
    assert found.failure is not None and bool(found.failure.causes) == bool(limit)


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({}, ""),
        ({"prog_type": t.BPF_PROG_TYPE_SCHED_CLS}, "another program type"),
        ({"prog_flags": BPF_F_XDP_HAS_FRAGS}, "packets in fragments"),
        ({"expected_attach_type": t.BPF_XDP_DEVMAP}, "another attach type"),
    ],
)
def test_what_keeps_a_program_from_a_map(fields: dict[str, object], what: str) -> None:
    found = difference(program("a"), program("b", **fields), JUMPS)  # type: ignore[arg-type]
    assert what in found and bool(found) == bool(what)


def test_tracing_programs_share_a_map_where_their_functions_have_the_same_prototype() -> None:
    def at(name: str, hook: str) -> Program:
        return program(
            name,
            prog_type=t.BPF_PROG_TYPE_TRACING,
            expected_attach_type=t.BPF_TRACE_FENTRY,
            attach_btf_name=hook,
        )

    owner = at("a", "tcp_sendmsg")
    assert foreign_map(at("b", "tcp_sendmsg_locked"), [owner]) is None  # both (sk, msg, size)
    found = foreign_map(at("c", "tcp_close"), [owner])
    assert found is not None and "a function with another prototype" in str(found)
