"""Structs of recorded events: the context, kernel objects and map values, and what their fields hold at a step."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from playground.present.structs import MAX_ROWS, MAX_VALUES, structs_json
from vm import pipeline
from vm.btf.part import part
from vm.btf.types import Kind
from vm.kernel.btf import kernel_btf
from vm.pipeline import Recording
from vm.runner.replay_structs import MAX_STRUCTS, HeldStruct

EXAMPLES = Path(__file__).parents[3] / "examples"


def structs(recording: Recording, name: str) -> list[list[HeldStruct]]:
    return list(pipeline.recorded_structs(recording, name))


def recording(name: str) -> Recording:
    return pipeline.recording_of((EXAMPLES / f"{name}.rec").read_bytes())


def fields(struct: HeldStruct) -> dict[str, list[tuple[int, str, str]]]:
    """(step, how, text) of the values of each field that has one."""
    found: dict[str, list[tuple[int, str, str]]] = {}
    for held in struct.held:
        found.setdefault(struct.rows[held.row].name, []).append((held.step, held.how, held.text))
    return found


def test_the_context_is_known_at_the_entry_but_for_the_kernels_own_bytes() -> None:
    execs = recording("trace_execs")
    ctx = structs(execs, "on_exec")[0][0]
    assert (ctx.name, ctx.type) == ("ctx", "struct trace_event_raw_sched_process_exec")
    pid = str(execs.events[0].pid)
    assert fields(ctx)["pid"] == [(-1, "entry", pid)]
    assert fields(ctx)["old_pid"] == [(-1, "entry", pid), (10, "read", pid)]
    assert {row.name for row in ctx.rows} > {"ent", "pid"} and "ent" not in fields(ctx)


def test_objects_behind_arguments_are_structs_with_what_was_read() -> None:
    ctx, sock, *_ = structs(recording("trace_connects"), "on_connect")[0]
    assert [row.name for row in ctx.rows] == ["sk"] and ctx.rows[0].type == "struct sock *"
    assert fields(ctx)["sk"][0][2] == f"{sock.address:#x}"
    assert sock.type == "struct sock"
    (step, how, text), *_ = fields(sock)["skc_dport"]
    assert (step, how) == (1, "read") and int(text) > 0
    # What it held beside that was read when the program had returned.
    assert {how for _, how, _ in fields(sock)["skc_hash"]} == {"return"}


def test_structs_are_those_of_the_recorded_kernel() -> None:
    here = kernel_btf()
    connects = recording("trace_connects")
    names = [here.find("tcp_connect", Kind.FUNC), here.struct("sock")]
    types = part(here, [each.id for each in names if each is not None])
    assert types.count(b"skc_dport\0") == 1 and b"skc_refcnt\0" in types
    other = replace(connects, types=types.replace(b"skc_dport\0", b"skc_other\0"))
    for each in (connects, other):
        run = list(pipeline.stepped(each, "on_connect"))[0][1]
        _, sock, *_ = structs(each, "on_connect")[0]
        field = "skc_dport" if each is connects else "skc_other"
        assert run.steps[1].writes[0].name == f"sock+12 __sk_common.{field}"
        assert fields(sock)[field][0][:2] == (1, "read")
    # Of a type that the recording has not, the layout in that kernel is not known.
    without = replace(connects, types=part(here, [here.struct("list_head").id]))
    assert [each.name for each in structs(without, "on_connect")[0]] == [".rodata[0]"]
    assert list(pipeline.stepped(without, "on_connect"))[0][1].steps[1].writes[0].name.startswith("0x")


def test_by_line_objects_are_reached_from_the_arguments() -> None:
    connects = recording("trace_connects")
    codes = tuple(replace(code, image=b"\xcc" + code.image[1:]) for code in connects.codes)
    (how, run, _), *_ = pipeline.stepped(replace(connects, codes=codes), "on_connect")
    assert how == "line"
    assert any(write.name == "sock+12 __sk_common.skc_dport" for step in run.steps for write in step.writes)
    ctx, sock, *_ = structs(replace(connects, codes=codes), "on_connect")[0]
    assert fields(ctx)["sk"][0][2] == f"{sock.address:#x}" and fields(sock)["skc_dport"][0][1] == "read"


def test_map_values_are_written() -> None:
    found = structs(recording("trace_waits"), "on_switch")[0]
    (waits,) = [each for each in found if each.name == "value of waits"]
    assert any(held.how == "write" and held.text == "1" for held in waits.held)


def test_an_event_that_is_cut_has_no_values_of_the_return() -> None:
    found = recording("trace_connects")
    event = replace(found.events[0], cut="it was cut", offsets=found.events[0].offsets[:-1],
                    registers=found.events[0].registers[:-128])  # fmt: skip
    told = structs(replace(found, events=(event,)), "on_connect")[0]
    assert told and not [held for each in told for held in each.held if held.how == "return"]


@pytest.mark.parametrize("name", ["trace_execs", "trace_connects", "trace_reads", "trace_waits", "guard_files"])
def test_fields_lie_in_their_structs_and_steps_in_their_events(name: str) -> None:
    found = recording(name)
    for code in found.codes:
        for each in [each for event in structs(found, code.name) for each in event]:
            assert all(held.row < len(each.rows) and -1 <= held.step < each.steps for held in each.held)
            assert all(not each.rows[held.row].holds for held in each.held)
            assert [held.step for held in each.held] == sorted(held.step for held in each.held)
            assert all(row.offset + row.size <= max(each.size, row.size) for row in each.rows)


def test_what_is_told_has_an_end() -> None:
    (event,) = structs(recording("trace_connects"), "on_connect")[:1]
    many = [
        [each._replace(rows=each.rows + each.rows[:1] * n, held=each.held * 40) for each in event] for n in range(99)
    ]
    told = structs_json(many)
    assert 0 < sum(len(layout["rows"]) for layout in told["layouts"]) <= MAX_ROWS
    assert sum(len(each["values"]) for each in told["structs"]) <= MAX_VALUES
    assert told["structs_left"] == 99 * len(event) - len(told["structs"]) > 0
    assert len(event) <= MAX_STRUCTS
