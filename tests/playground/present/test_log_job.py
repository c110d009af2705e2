"""A log in the place of a program: what the worker says of it."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest

from playground.jobs.frames import UPLOAD, WINDOW
from playground.messages.told import read
from playground.present.run import run_job
from playground.requests import check_request
from tests.vm.logs.recordings import GOLDEN, log_of, recorded
from tests.vm.logs.test_hostile_logs import long_log
from tests.vm.logs.wrapping import ebpf_go, libbpf

STORED = ("program", "block", "outline", "touched")
SOURCE = (GOLDEN / "refused.c").read_text()


def said(text: str, **more: Any) -> list[dict[str, Any]]:
    """Everything but what is stored, each message held against the schema."""
    messages = list(run_job(check_request({"kind": "log", "source": text, **more})))
    for message in messages:
        if message["type"] not in STORED:
            read(json.dumps(message))
    return messages


def stage(messages: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(each for each in messages if each.get("stage") == name and each.get("status") in ("done", "failed"))


def test_every_recorded_log_is_told_in_the_schema() -> None:
    for each in recorded():
        for level in ("level1", "level2"):
            if each.get(level):
                messages = said(each[level])
                assert [m["stage"] for m in messages if m.get("status") == "skipped"] == ["compile", "jit", "run"]


def test_what_is_told_of_a_refused_program() -> None:
    messages = said(libbpf(log_of("map_value_index", "6.12")))
    load, verify = stage(messages, "load"), stage(messages, "verify")
    assert load["program"] == "probe"
    assert load["insns"][8] == {
        "idx": 9, "hex": "2606030028000000", "text": "if w6 > 0x28 goto pc+3", "line": 103, "target": 13, "column": 1,
    }  # fmt: skip
    assert load["lines"]["103"] == "if (!event || at > 40)"
    assert load["insns"][5]["hex"] == "", "the number of a map is not in the text"
    assert (verify["verdict"], verify["steps"], verify["kernel"]) == ("reject", 12, "Linux 6.9 or later")
    fail = verify["fail"]
    assert (fail["rule"], fail["insn"], fail["line"], fail["reg"]) == (
        "memory-access-out-of-range-max", 12, 105, "r0",
    )  # fmt: skip
    assert fail["proven"]["t"].startswith("map_value(map=events") and fail["proven"]["w"] == 9
    assert [each["kind"] for each in fail["causes"]][-1] == "failed"
    assert verify["read_from"]["wrapper"] == "libbpf"
    assert verify["read_from"]["parting"] is None
    lines = verify["log"].split("\n")
    for line, step in verify["log_steps"]:
        assert lines[line].startswith(f"{messages_insn(messages, step)}: (")


def messages_insn(messages: list[dict[str, Any]], step: int) -> int:
    steps = next(each for each in messages if each["type"] == "steps")
    return int(steps["steps"][step]["insn"])


def test_a_log_without_an_answer_has_none() -> None:
    verify = stage(said("0: R1=ctx() R10=fp0\n0: (b7) r0 = 0                        ; R0_w=0\n"), "verify")
    assert (verify["verdict"], verify["fail"], verify["message"]) == ("none", None, "")
    assert verify["read_from"]["verdict"] == "unknown"
    assert verify["read_from"]["cut"] == ["end"]
    assert verify["paths"][0]["end"] == "cut"


@pytest.mark.parametrize("text", ["hello", "R1 !read_ok\n", "processed 5 insns\n"])
def test_a_text_without_steps(text: str) -> None:
    messages = said(text)
    assert stage(messages, "verify")["steps"] == 0
    assert not [each for each in messages if each["type"] in ("steps", "block")]


def test_the_option_program_chooses() -> None:
    text = ebpf_go(log_of("accepted_counter", "6.12", "level2")) + libbpf(log_of("signed_index", "6.12"))
    assert stage(said(text), "verify")["read_from"]["insn"] == 13
    other = stage(said(text, options={"program": "#0"}), "verify")
    assert (other["verdict"], other["steps"]) == ("accept", 12)
    assert [each["number"] for each in other["read_from"]["programs"]] == [0, 1]
    failed = next(each for each in said(text, options={"program": "none"}) if each.get("status") == "failed")
    assert "no program 'none'" in failed["message"]


def test_windows_continue_each_other() -> None:
    text = b"".join(long_log(1)).decode()[:1_500_000]
    messages = said(text)
    blocks = [each for each in messages if each["type"] == "block"]
    total = blocks[-1]["to"]
    assert total > 5000
    state: dict[str, Any] = {}
    for start in range(0, total, 512):
        needed = [each for each in blocks if each["from"] < start + 512 and each["to"] > start]
        request = {
            "kind": WINDOW, "program": '{"kind": "log"}', "from": start, "to": min(start + 512, total), "total": total,
            "blocks": [base64.b64encode(each["data"]).decode() for each in needed],
        }  # fmt: skip
        for chunk in run_job(request):
            read(json.dumps(chunk))
            keyframe = {name: value["t"] for name, value in chunk["keyframe"]["state"].items()}
            if chunk["from"] > start or start:
                assert keyframe == state, chunk["from"]
            state = keyframe
            for step in chunk["steps"]:
                for name in step.get("del", ()):
                    del state[name]
                state |= {name: value["t"] for name, value in step.get("set", {}).items()}
    assert state


def test_a_damaged_block_is_an_error() -> None:
    request = {"kind": WINDOW, "program": '{"kind": "log"}', "from": 0, "to": 5, "total": 5, "blocks": ["AAAA" * 40]}
    assert [each["type"] for each in run_job(request)] == ["error"]


def test_an_uploaded_log_has_its_first_window_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    with open(tmp_path / f"{UPLOAD}{'0' * 32}", "wb") as file:
        for piece in long_log(6):
            file.write(piece)
    started = time.process_time()
    first, steps = 0.0, 0
    last: dict[str, Any] = {}
    for message in run_job(check_request({"kind": "log", "source": "", "upload": "0" * 32})):
        if message["type"] == "steps" and not first:
            first = time.process_time() - started
            assert len(message["steps"]) == 256
        steps = max(steps, message.get("to", 0))
        last = message if "read_from" in message else last
    assert 0 < first < 3
    assert last["steps"] == steps > 45_000
    assert last["read_from"]["insn"] == 9
    assert len(last["log"]) < 1_000_000 and last["log_cut"] > 5_000_000
    assert "insns" not in last, "the first part had them all"


def test_an_upload_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    messages = list(run_job(check_request({"kind": "log", "source": "", "upload": "0" * 32})))
    assert "drop the file again" in next(each for each in messages if each.get("status") == "failed")["message"]


def parting(program: str, kernel: str, source: str = SOURCE, level: str = "level1") -> dict[str, Any]:
    verify = stage(
        said(
            log_of(program, kernel, level),
            beside={"kind": "c", "source": source, "options": {"program": program}},
        ),
        "verify",
    )
    found: dict[str, Any] = verify["read_from"]["parting"]
    return found


@pytest.mark.parametrize("program", ["map_value_index", "reference_kept", "fault_in_callee", "zero_size"])
@pytest.mark.parametrize("level", ["level1", "level2"])
def test_a_log_of_the_emulated_kernel_agrees_with_our_walk(program: str, level: str) -> None:
    found = parting(program, "6.12", level=level)
    assert (found["kind"], found["verdict"]) == ("none", "reject"), found
    assert found["agreed"] >= 9


def test_where_another_kernel_parts() -> None:
    # A map of one element is never without it: since 6.18 the kernel knows this.
    found = parting("map_value_index", "7.0")
    assert (found["kind"], found["insn"], found["name"]) == ("value", 7, "r0")
    assert found["log"].startswith("map_value(") and found["ours"].startswith("map_value_or_null(")
    assert found["agreed"] == 6


def test_where_another_source_parts() -> None:
    other = SOURCE.replace("at > 40", "at > 30")
    found = parting("map_value_index", "6.12", other)
    assert (found["kind"], found["insn"], found["log"]) == ("insn", 9, "if w6 > 0x28 goto pc+3")


def test_a_source_that_does_not_compile_is_said() -> None:
    found = parting("map_value_index", "6.12", "int x")
    assert (found["kind"], found["verdict"]) == ("error", "none")
    assert "does not compile" in found["why"]


def test_the_program_that_fits_is_found_without_its_name() -> None:
    text = log_of("signed_index", "6.12")
    verify = stage(said(text, beside={"kind": "c", "source": SOURCE}), "verify")
    assert verify["read_from"]["parting"]["program"] == "signed_index"
