"""Folding the steps of a window onto its keyframe gives the very states the trace holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from playground.present import walk as present
from playground.present.walk import WalkEncoder, cut_log
from vm import pipeline
from vm.elf import load_object
from vm.program import Program
from vm.trace.snapshots import live_slots
from vm.trace.stored import StoredTrace

OBJECTS = Path(__file__).parents[2] / "golden" / "objects"


def chunks_of(program: Program, trace: StoredTrace) -> list[dict[str, Any]]:
    encoder = WalkEncoder(program, trace)
    return [encoder.chunk(start, len(trace)) for start in range(0, len(trace), present.CHUNK)]


def encoded(file: str, name: str) -> tuple[Any, list[dict[str, Any]]]:
    program = pipeline.choose(load_object((OBJECTS / file).read_bytes(), file), name)
    walk = pipeline.walk(program)
    for _ in walk.advance():
        pass
    assert walk.recorder is not None
    return walk.recorder, chunks_of(program, walk.recorder)


@pytest.mark.parametrize(
    ("file", "name"),
    [("xdp.o", "flow_count"), ("xdp.o", "options_loop"), ("calls.o", "two_calls"), ("calls.o", "callback_loop")],
)
def test_folding_gives_the_states_of_the_trace(file: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(present, "CHUNK", 16)
    trace, chunks = encoded(file, name)
    assert sum(len(c["steps"]) for c in chunks) == len(trace)
    for chunk in chunks:
        state = {n: r["t"] for n, r in chunk["keyframe"]["state"].items()}
        for i, step in enumerate(chunk["steps"], chunk["from"]):
            for n in step.get("del", ()):
                del state[n]
            state.update({n: r["t"] for n, r in step.get("set", {}).items()})
            assert state == {n: view.text for n, view in trace.state(i).items()}, i


def test_who_wrote_a_register_is_told_across_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(present, "CHUNK", 4)
    trace, chunks = encoded("xdp.o", "flow_count")
    for chunk in chunks[1:]:
        for name, reg in chunk["keyframe"]["state"].items():
            if reg["w"] >= 0:
                assert name in trace.changes(reg["w"])[0], (chunk["from"], name)


def test_a_step_that_takes_up_a_branch_says_where_it_forked() -> None:
    trace, chunks = encoded("xdp.o", "flow_count")
    forks = [(i, s) for c in chunks for i, s in enumerate(c["steps"], c["from"]) if "prev" in s]
    # A path that was covered at once has no step of its own.
    walked = [p for p in trace.paths if p.id > 0 and p.first_step <= p.last_step]
    assert [s["prev"] for _, s in forks] == [p.push_step for p in walked]


FORKS = ".type tc\nr0 = *(u32 *)(r1 + 8)\nif r0 > 7 goto big\nr0 += 1\nexit\nbig:\nr0 += 2\nexit"


def test_what_a_path_started_with_is_told_beside_its_first_step() -> None:
    from vm.asm import assemble

    asm, objects = assemble(FORKS, name="t").programs[0], load_object((OBJECTS / "calls.o").read_bytes(), "calls.o")
    seen = 0
    for program in (asm, pipeline.choose(objects, "callback_loop"), pipeline.choose(objects, "two_calls")):
        walk = pipeline.walk(program)
        list(walk.advance())
        trace = walk.recorder
        assert trace is not None
        for chunk in chunks_of(program, trace):
            state = {n: r["t"] for n, r in chunk["keyframe"]["state"].items()}
            for i, step in enumerate(chunk["steps"], chunk["from"]):
                for n in step.get("del", ()):
                    del state[n]
                state.update({n: r["t"] for n, r in step.get("set", {}).items()})
                if "prev" in step:
                    found = {n: text for n, text in state.items() if n not in step["wrote"]}
                    found |= {n: r["t"] for n, r in step["was"].items()}
                    snap = trace.raw_before(i)
                    assert found == {n: trace.view(v, snap, n).text for n, v in live_slots(snap).items()}, i
                    seen += bool(step["was"])
    assert seen


def test_a_long_log_loses_its_middle_and_keeps_its_steps() -> None:
    lines = [f"line {i}" for i in range(present.LOG_HEAD_LINES + present.LOG_TAIL_LINES + 500)]
    last = len(lines) - 1
    text, cut, steps = cut_log("\n".join(lines), [(0, 0), (present.LOG_HEAD_LINES + 10, 1), (last, 2)])
    shown = text.split("\n")
    assert cut == sum(len(line) + 1 for line in lines[present.LOG_HEAD_LINES : -present.LOG_TAIL_LINES])
    assert [shown[line] for line, _ in steps] == ["line 0", f"line {last}"]
    assert "500 lines left out" in text


def test_the_verify_message_tells_why_a_program_was_refused() -> None:
    from vm.asm import assemble

    obj = assemble(".type xdp\nr6 = r1\nr2 = *(u32 *)(r1 + 0)\nr0 = *(u8 *)(r2 + 0)\nexit", name="t")
    (program,) = obj.programs
    walk = pipeline.Check(obj, program, record=True)
    for _ in walk.advance():
        pass
    assert walk.recorder is not None
    message = present.verdict_json(program, walk.result(), walk.recorder).fields
    fail = message["fail"]
    assert (fail["category"], fail["reg"], fail["insn"]) == ("Memory Safety", "r2", 2)
    assert fail["proven"]["w"] == 1
    assert "data + 1 <= data_end" in fail["needed"]
    assert [(c["step"], c["kind"]) for c in fail["causes"]] == [(1, "load"), (2, "failed")]
    assert message["reasons_total"] == {"prunings": 0, "arrivals": 0, "precision": 0, "holdings": 0}
