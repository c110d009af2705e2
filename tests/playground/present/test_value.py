"""Questions about one value of a stored walk: what a worker answers that knows nothing but what the run left."""

from __future__ import annotations

import base64
import json
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from bench.walks import FORKS
from playground.jobs.frames import FACTS, VALUE, WANTED
from playground.jobs.record import HEAD_BYTES
from playground.messages import told
from playground.present import value
from playground.present.run import run_job
from tests.playground.present.programs import LOOP
from tests.vm.runner.test_follow import RETURNS
from vm import pipeline
from vm.runner.execution import PROGRAM

NARROW = """.type xdp
    r2 = *(u32 *)(r1 + 4)
    r3 = *(u32 *)(r1 + 0)
    r4 = r3
    r4 += 14
    if r4 > r2 goto out
    r5 = *(u8 *)(r3 + 12)
    *(u64 *)(r10 - 8) = r5
    r6 = *(u64 *)(r10 - 8)
    if r6 > 63 goto out
    r7 = r6
    r7 <<= 3
    r0 = 1
    exit
out:
    r0 = 2
    exit
"""
Messages = list[dict[str, Any]]


def said(source: str, kind: str = "asm", **more: Any) -> Messages:
    return list(run_job({"kind": kind, "source": source, "options": {"prog_type": "xdp"}, **more}))


@cache
def looped() -> Messages:
    """What is said of LOOP; it is only read."""
    return said(LOOP)


def answer(
    messages: Messages, kind: str = VALUE, first: int | None = None, index: bool = True, **ask: Any
) -> tuple[dict[str, Any], int]:
    """The answer to a question, and how many rounds it took.

    first -- 1: the worker has the first block and that of the step; None: all
    index -- whether it is told which slots change in the others
    """
    walk = [m["data"] for m in messages if m["type"] == "block" and m["stage"] == "verify"]
    ran = [m["data"] for m in messages if m["type"] == "block" and m["stage"] == "run" and m.get("run", 0) == 0]
    programs = [m for m in messages if m["type"] == "program"]
    touched = [m["data"] for m in messages if m["type"] == "touched"]
    assert len(touched) == len(walk)
    starts = [m["from"] for m in messages if m["type"] == "block" and m["stage"] == "verify"]
    own = max((n for n, at in enumerate(starts) if at <= ask["step"]), default=0)
    here = set(range(len(walk))) if first is None else {0, own}
    whole = {"stage": "verify", "run": 0, "frame": 0, "before": False, "total": 10**6, **ask}
    for rounds in range(1, 10):
        request = {
            "kind": kind, "program": json.dumps(programs[0]) if programs else "", "more": True,
            "heads": [base64.b64encode(data[:HEAD_BYTES]).decode() for data in walk],
            "blocks": {str(n): base64.b64encode(walk[n]).decode() for n in sorted(here)},
            "runs": [base64.b64encode(data).decode() for data in ran], "ask": whole,
            "touched": [base64.b64encode(data).decode() for data in touched if index],
        }  # fmt: skip
        (found,) = run_job(request)
        if found["type"] != WANTED:
            told.read(json.dumps(found))
            return found, rounds
        assert not here & set(found["blocks"]), "what was given is asked for again"
        here |= set(found["blocks"])
    raise AssertionError("the worker never has enough")


def test_what_made_a_value_and_what_narrowed_it() -> None:
    found, _ = answer(said(NARROW), step=10, name="r7")
    assert [(e["kind"], e["step"]) for e in found["events"]] == [
        ("load", 5), ("fill", 7), ("branch", 8), ("move", 9), ("arithmetic", 10),
    ]  # fmt: skip
    fill, branch = found["events"][1], found["events"][2]
    assert fill["via"] == ["fp-8"] and branch["why"] == "if r6 > 0x3f not taken"
    assert (branch["was"]["s"]["umax"], branch["now"]["s"]["umax"]) == ("255", "63")
    assert found["writer"] == 10 and found["writes"] == [9, 10] and found["reads"] == [10]


def test_the_run_stands_beside_the_walk() -> None:
    packet = {"kind": "packet", "hex": "00" * 12 + "2a00" + "00" * 50}
    messages = said(NARROW, input=packet)
    found, _ = answer(messages, step=10, name="r7")
    assert found["concrete"] == {"value": hex(0x2A << 3), "at": 10, "times": 1}
    assert [e["concrete"] for e in found["events"]] == ["0x2a", "0x2a", "0x2a", "0x2a", hex(0x2A << 3)]
    of_run, _ = answer(messages, stage="run", step=10, name="r7")
    assert of_run["walk_step"] == 10 and of_run["concrete"]["value"] == hex(0x2A << 3)
    assert of_run["writes"] == [9, 10] and of_run["reads"] == [10]
    slot, _ = answer(messages, stage="run", step=10, name="fp-8")
    assert slot["writes"] == [6] and slot["reads"] == [7] and slot["concrete"]["value"] == "0x2a"


def test_blocks_in_which_nothing_of_the_value_changes_are_not_asked_for() -> None:
    messages = said(".type xdp\nr0 = 0\nagain:\nr0 += 1\nif r0 < 12000 goto again\nexit\n")
    step = next(m for m in messages if m.get("stage") == "verify" and "verdict" in m)["steps"] * 9 // 10
    for name in ("r10", "r1"):
        told, rounds = answer(messages, first=1, step=step, name=name)
        slow, more = answer(messages, first=1, index=False, step=step, name=name)
        assert told["events"][0]["kind"] == "entry" and told["events"] == slow["events"]
        assert (rounds, more > 1, told["cut"]) == (1, True, False)


@pytest.mark.parametrize("name", ["r7", "r6", "fp-8", "r10"])
@pytest.mark.parametrize("at", [0.1, 0.5, 0.999])
def test_a_worker_asks_for_the_blocks_it_lacks(name: str, at: float) -> None:
    messages = looped()
    verify = next(m for m in messages if m.get("stage") == "verify" and "verdict" in m)
    step = int(verify["steps"] * at)
    whole, _ = answer(messages, step=step, name=name)
    found, rounds = answer(messages, first=1, step=step, name=name)
    assert found["events"] == whole["events"] and found["reg"] == whole["reg"] and rounds <= 4
    assert set(found["writes"]) <= set(whole["writes"]) and set(found["reads"]) <= set(whole["reads"])


def test_what_is_not_there_is_refused_in_a_sentence() -> None:
    messages = said(NARROW)
    found, _ = answer(messages, step=5000, name="r3")
    assert found["type"] == "error" and found["code"] == "window" and found["asked"] == VALUE
    nothing, _ = answer(messages, step=2, name="fp-512")
    assert nothing["reg"] is None and nothing["events"][-1]["kind"] == "entry"


def test_facts_begin_with_a_branch_and_end_with_the_value() -> None:
    source = Path("examples/count_drop.c").read_text()
    messages = said(source, "c")
    found, _ = answer(messages, FACTS, step=15)
    texts = {fact["text"]: fact for fact in found["facts"]}
    assert {"≥ 14 B", "≥ 34 B", "count ≠ NULL"} <= set(texts)
    assert texts["≥ 14 B"]["lost"] and texts["≥ 14 B"]["first"] == 5 and texts["≥ 14 B"]["last"] == 19


def test_a_log_tells_what_it_prints() -> None:
    text = """0: R1=ctx() R10=fp0
0: (61) r2 = *(u32 *)(r1 +16)         ; R1=ctx() R2_w=scalar(smin=0,smax=umax=0xffffffff,var_off=(0x0; 0xffffffff))
1: (25) if r2 > 0x3f goto pc+2        ; R2_w=scalar(smin=smin32=0,smax=umax=smax32=umax32=63,var_off=(0x0; 0x3f))
2: (b7) r0 = 0                        ; R0_w=0
3: (95) exit
"""
    found, _ = answer(said(text, "log"), step=2, name="r2")
    assert [(e["kind"], e["step"]) for e in found["events"]] == [("written", 0), ("narrowed", 1)]
    assert found["events"][1]["now"]["s"]["umax"] == "63" and found["writes"] == [0]


def test_a_question_takes_less_than_a_tenth_of_a_second() -> None:
    messages = looped()
    answer(messages, step=100, name="r7")
    steps = next(m for m in messages if m.get("stage") == "verify" and "verdict" in m)["steps"]
    took = []
    for name in ("r0", "r3", "r6", "r7", "fp-8", "r10"):
        begun = perf_counter()
        answer(messages, first=1, step=steps - 40, name=name)
        took.append(perf_counter() - begun)
    assert sorted(took)[len(took) // 2] < 0.1, took


def test_facts_are_looked_for_on_a_limited_number_of_paths() -> None:
    for rounds, cut in ((300, False), (700, True)):
        messages = said(FORKS.replace("10000", str(rounds)))
        steps = next(m for m in messages if m.get("stage") == "verify" and "verdict" in m)["steps"]
        found, _ = answer(messages, FACTS, step=steps - 3)
        assert found["cut"] is cut and any(fact["first"] >= steps - 40 for fact in found["facts"]), rounds


RECORDED = Path(__file__).parents[2] / "golden" / "recordings" / "returns-6.12.rec"


def recorded(program: str, **more: Any) -> Messages:
    recording = pipeline.recording_of(RECORDED.read_bytes())
    source = {name: recording.source[name] for name in ("kind", "source")}
    data = base64.b64encode(RECORDED.read_bytes()).decode()
    return list(
        run_job({**source, "options": {"program": program}, "input": {"kind": "recording", "base64": data}, **more})
    )


def steps_of(messages: Messages) -> list[dict[str, Any]]:
    return [step for m in messages if m["type"] == "steps" and m["stage"] == "run" for step in m["steps"]]


def test_a_value_in_an_entered_program_is_told_from_that_program_s_walk() -> None:
    """As beside the program itself, but for its slots, and for the steps of the run."""
    messages, asked = recorded("nested"), 0
    (result,) = (m for m in messages if m.get("stage") == "run" and m.get("status") == "done")
    names = [""] + [each["name"] for each in result["entered"]]
    alone = {name: recorded(name) for name in names[1:]}
    for i, step in enumerate(steps_of(messages)):
        number = step["insn"] // PROGRAM
        for name in ("r0", "r1", "r2", "r6") if number and "walk_step" in step else ():
            ask = {"stage": "run", "step": i, "name": name, "frame": step["frame"], "program": names[number]}
            found, _ = answer(messages, **ask)
            frame = step.get("walk_frame", 0)
            own, _ = answer(alone[names[number]], step=step["walk_step"], name=name, frame=frame)
            assert found["program"] == names[number] and "why_not" not in found
            for field in ("reg", "writer", "repeated", "cut", "walk_step"):
                assert found[field] == own[field], (i, name, field)
            without = ("at", "concrete", "insn")
            for one, other in zip(found["events"], own["events"], strict=True):
                assert {k: v for k, v in one.items() if k not in without} == {
                    k: v for k, v in other.items() if k not in without
                }
                assert one["insn"] == other["insn"] + (PROGRAM * number if other["insn"] >= 0 else 0)
                # A step of the run is one of this program, and not behind the one that was asked about.
                if one["at"] is not None:
                    assert one["at"] <= i and steps_of(messages)[one["at"]]["insn"] == one["insn"]
            assert all(steps_of(messages)[n]["insn"] // PROGRAM == number for n in found["writes"] + found["reads"])
            asked += len(found["events"])
    assert asked > 10
    # The result of the last program: it was computed in three steps, the run's own.
    last = max(i for i, step in enumerate(steps_of(messages)) if step["insn"] // PROGRAM == 1)
    told, _ = answer(messages, stage="run", step=last, name="r0", frame=2, program="last")
    assert [(event["kind"], event["at"]) for event in told["events"]][-1] == ("arithmetic", last - 1)
    assert told["reg"]["s"]["umax"] == "7" and told["concrete"]["value"] == "0x3"
    assert told["writes"] == [last - 3, last - 2, last - 1]


def test_what_cannot_be_told_of_an_entered_program_is_said() -> None:
    messages = recorded("kept")
    steps = steps_of(messages)
    entered = next(i for i, step in enumerate(steps) if step["insn"] >= PROGRAM)
    ask: dict[str, Any] = {"stage": "run", "name": "r0", "frame": 1}
    # Without its name only what the run did is told, and nothing of another walk.
    told, _ = answer(messages, step=entered, **ask)
    assert told["walk_step"] is None and told["events"] == [] and told["writes"] and "program" not in told
    told, _ = answer(messages, step=entered, program="none_such", **ask)
    assert told["type"] == "error" and told["asked"] == "value" and "none_such" in told["message"]
    # Of the tail call itself the verifier has no state behind it.
    told, _ = answer(messages, step=entered - 1, **ask)
    assert told["walk_step"] is None and told["events"] == []
    # In the program's own rest its own walk is told.
    back = max(i for i, step in enumerate(steps) if step["insn"] >= PROGRAM) + 1
    told, _ = answer(messages, step=back, stage="run", name="r7", frame=0)
    assert told["walk_step"] == steps[back]["walk_step"] and told["events"] and "program" not in told


def test_a_walk_that_is_too_long_is_not_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vm.pipeline.running.MAX_WALKED", 2)
    monkeypatch.setattr("playground.present.value._entered", value._entered.__wrapped__)
    messages = recorded("kept")
    steps = steps_of(messages)
    entered = next(i for i, step in enumerate(steps) if step["insn"] >= PROGRAM)
    assert "walk_step" not in steps[entered]
    told, _ = answer(messages, stage="run", step=entered, name="r0", frame=1, program="last")
    assert told["why_not"].startswith("The verifier's walk of last is too long") and told["walk_step"] is None
    assert told["writes"] == [entered, entered + 1, entered + 2] and told["concrete"]["value"] == "0x8300000083"


def test_steps_of_a_program_that_entered_itself_are_those_of_the_same_frames() -> None:
    messages = said(RETURNS, "c", options={"program": "itself"}, input={"kind": "packet", "hex": "00" * 20})
    steps = steps_of(messages)
    deep = max(step.get("frame", 0) for step in steps)
    assert deep == 4 and steps[-1].get("frame", 0) == 0
    # Back in the first round: what its registers were made of is its own, although each round did the same.
    copied = [i for i, step in enumerate(steps) if step["insn"] == steps[0]["insn"]]
    assert len(copied) == 4
    told, _ = answer(messages, stage="run", step=len(steps) - 1, name="r7", frame=0)
    assert [event["at"] for event in told["events"] if event["at"] is not None] == copied[:1]
    inner = next(i for i, step in enumerate(steps) if i > copied[1] and step.get("frame", 0) == 1)
    told, _ = answer(messages, stage="run", step=inner, name="r7", frame=1)
    assert [event["at"] for event in told["events"] if event["at"] is not None] == copied[1:2]
