"""POST /api/session: a run as one file, which holds what fits and names what does not."""

from __future__ import annotations

import asyncio
import base64
import gzip
import html
import json
import random
import re
from typing import Any

import msgspec
import pytest

from playground import offline, rest
from playground.jobs.service import Service
from playground.messages.asked import ANALYSES, TYPES
from playground.messages.endpoints import HELD, SessionRequest
from playground.messages.questions import KernelAnalysis
from playground.messages.view import AskedKernels
from playground.offline_reads import MOST, READS, Walk, walk_of
from playground.requests import check_request
from tests.playground.asgi_client import Answer, call
from tests.playground.conftest import asked

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def made(source: str, **more: Any) -> Answer:
    return await call("POST", "/api/session", {"request": asked(source), **more})


def lines(answer: Answer) -> list[Any]:
    found = re.search(rb'id="session">([A-Za-z0-9+/=]+)<', answer.body)
    assert found
    return [json.loads(line) for line in gzip.decompress(base64.b64decode(found[1])).splitlines()]


def left(answer: Answer) -> str:
    found = re.search(r"left out: (.*?)\.</p>", answer.body.decode())
    return html.unescape(found[1]) if found else ""


async def test_it_holds_all_messages_steps_and_answers(service: Service) -> None:
    answer = await made("stage one\nsteps verify 3000")
    assert answer.status == 200 and answer.headers["content-disposition"].startswith("attachment")
    said = lines(answer)
    messages = [m for m in said if isinstance(m, dict)]
    assert messages[0]["type"] == "accepted" and messages[-1]["type"] == "steps"
    steps = sorted((m["from"], len(m["steps"])) for m in messages if m["type"] == "steps")
    assert [first for first, _ in steps] == list(range(0, 3000, 256)) and sum(n for _, n in steps) == 3000
    assert ["contents", {"type": "contents", "bytes": 5}] in said


async def test_what_does_not_fit_is_left_out_and_named(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline, "FILE_BYTES", offline.inline().bytes + offline.MARGIN + 9000)
    answer = await made("stage one\nsteps verify 40000", view={"step": 20_000})
    assert len(answer.body) <= offline.FILE_BYTES
    firsts = [m["from"] for m in lines(answer) if isinstance(m, dict) and m["type"] == "steps"]
    # The selected step's window and the outer ones come before the others.
    assert firsts[0] == 20_000 // 1024 * 1024 and 0 in firsts and 39_936 in firsts
    assert re.search(r"[\d,]+ of 40,000 steps of the verifier", left(answer))


async def test_what_takes_too_long_is_left_out(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline, "SECONDS", 0)
    answer = await made("stage one\nsteps verify 3000")
    assert "3,000 of 3,000 steps of the verifier" in left(answer) and "the answer to “contents”" in left(answer)


HOSTILE = "</script><script>alert(1)</script><!-- <img src=x onerror=alert(1)> {{ 1 }}"


async def test_no_text_of_the_program_is_markup(service: Service) -> None:
    answer = await made(f"stage one\nprintk {HOSTILE}", title=HOSTILE)
    text = answer.body.decode()
    assert HOSTILE not in text and "<script>alert" not in text and "<img src=x" not in text
    assert text.count("<script") == text.count("</script>")


async def test_its_policy_lets_nothing_in_but_its_own_scripts(service: Service) -> None:
    text = (await made("stage one")).body.decode()
    policy = html.unescape(re.search('Content-Security-Policy" content="([^"]*)"', text)[1])  # type: ignore[index]
    assert policy.startswith("default-src 'none'; script-src 'sha256-") and "unsafe" not in policy
    assert "http" not in policy


async def test_what_is_refused(service: Service) -> None:
    for value, status in (
        ({}, 400), ({"request": asked("")}, 400), ({"request": asked("x"), "more": 1}, 400),
        ({"request": asked("x"), "view": {"zoom": 1}}, 400), ({"request": asked("x"), "asked": []}, 400),
        ({"request": asked("x"), "asked": {"fixes": {}}}, 400),
        ({"request": asked("x"), "asked": {"settings": {}}}, 400),
        ({"request": asked("x"), "asked": {"settings": [{}]}}, 400),
        ({"request": asked("x"), "asked": {"compare": [{"other": 1}]}}, 400),
        ({"request": asked("x"), "asked": {"record": [{"events": 0}]}}, 400),
        ({"request": asked("x"), "asked": {"record": [{"request": {}}]}}, 400),
        ({"request": asked("x"), "asked": {"settings": [{"values": {}}] * (HELD + 1)}}, 400),
        ({"request": asked("x"), "asked_more": {"settings": -1}}, 400),
    ):  # fmt: skip
        assert (await call("POST", "/api/session", value)).status == status
    assert not rest._making


async def test_only_so_many_are_made_at_once(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "AT_ONCE", 0)
    assert (await made("stage one")).status == 503


async def test_a_packer_takes_back_what_does_not_fit() -> None:
    packer = offline.Packer(2000)
    noise = random.Random(1)
    texts = [noise.randbytes(300).hex() for _ in range(30)]
    taken = [text for text in texts if packer.add([text])]
    assert 0 < len(taken) < 30
    data = base64.b64decode(packer.end())
    assert len(data) <= 2000 and gzip.decompress(data).decode().split() == taken


MATRIX = {"kernels": ["none"], "clangs": [], "mcpus": [], "opts": []}


async def test_what_real_kernels_said_is_in_it_if_they_were_asked(service: Service) -> None:
    view = {"kernels": {"matrix": MATRIX}}
    before = await made("stage kernels", view=view)
    assert "the answer to “matrix”" in left(before) and "cells_done" not in json.dumps(lines(before))
    question = offline.questions({"request": check_request(asked("stage kernels")), "view": view})["matrix"][0].more
    async for _ in service.analysis("matrix", check_request(asked("stage kernels")), more={**question, "take": "any"}):
        pass
    while service.pool.status()["running"]:
        await asyncio.sleep(0.02)
    after = await made("stage kernels", view=view)
    held = [said for said in lines(after) if isinstance(said, list) and said[0] == "matrix"]
    assert [said[1]["type"] for said in held][-2:] == ["emulated", "cells_done"] and held[0][2] == MATRIX
    assert "matrix" not in left(after)
    # Asked of other kernels, there is no stored answer.
    other = await made("stage kernels", view={"kernels": {"matrix": {**MATRIX, "kernels": ["6.1"]}}})
    assert "the answer to “matrix”" in left(other)


async def test_what_was_asked_beside_the_program_is_in_it(service: Service) -> None:
    told: dict[str, list[dict[str, Any]]] = {
        "compare": [{"other": {"kind": "asm", "source": source}} for source in ("exit", "r0 = 1\nexit")],
        "settings": [{"values": {"n": ["1", "2"]}}],
    }
    answer = await made("stage one", asked=told)
    held = [said for said in lines(answer) if isinstance(said, list)]
    for kind, more in told.items():
        # As the page spells it, so that the page finds it; the worker gets it with all that may be left out.
        told_of = {json.dumps(said[2]): said[2] for said in held if said[0] == kind}
        assert list(told_of.values()) == more[::-1]
    assert "answer" not in left(answer)
    config = re.search(r'<script id="config"[^>]*>(.*?)</script>', answer.body.decode())
    assert config and json.loads(config[1])["asked"] == told
    plain = await made("stage one")
    assert not {said[0] for said in lines(plain) if isinstance(said, list)} & set(told)


async def test_what_was_asked_too_often_is_named(service: Service) -> None:
    settings = [{"values": {"n": [str(n)]}} for n in range(3)]
    answer = await made("stage one", asked={"settings": settings}, asked_more={"settings": 2, "compare": 4})
    assert "2 of 5 answers to “settings”" in left(answer) and "4 of 4 answers to “compare”" in left(answer)


async def test_what_a_kernel_recorded_is_not_asked_anew(service: Service) -> None:
    answer = await made("stage kernels", asked={"record": [{"workload": "files"}]})
    assert "the answer to “record”" in left(answer)


async def test_a_recording_is_in_it_once() -> None:
    message = json.dumps({"type": "recording", "events": 2, "base64": "QUJD"})
    held = {"input": {"kind": "recording", "base64": "QUJD"}}
    assert json.loads(offline.without_recording(message, held)) == {"type": "recording", "events": 2, "base64": ""}
    assert offline.without_recording(message, {"input": {"kind": "auto"}}) == message
    nothing = json.dumps({"type": "recording", "events": 0, "base64": ""})
    assert offline.without_recording(nothing, {}) == nothing


async def test_a_log_in_parts_is_whole_and_one_that_is_made_on_request_is_not() -> None:
    stage = {"type": "stage", "stage": "verify", "log": "0: …"}
    assert not offline.without_end(stage)
    assert not offline.without_end({**stage, "log_more": True, "more": {"log": 1389}})
    assert offline.without_end({**stage, "log_more": True, "more": {"paths": 3000}})
    assert offline.without_end({**stage, "log_more": True})


async def test_answers_about_steps_are_in_it(service: Service) -> None:
    answer = await made("program all\nblocks 10000", view={"step": 7, "reg": "1:r3"})
    values = [said for said in lines(answer) if isinstance(said, dict) and said["type"] == "value"]
    assert [(said["ask"]["step"], said["ask"]["name"], said["ask"]["frame"]) for said in values] == [(7, "r3", 1)]


PLAIN = {"request": {"kind": "asm", "source": "exit"}}
OF_STEPS = {"window", "part", "log", "value", "facts", "seek", "states", "rounds"}
UNHELD = {"run", "stop", "resume", "cancel"}


async def test_every_question_is_asked_for_it_or_known_to_need_more() -> None:
    """A new kind of question has to be decided about here; of the page's side it is static/test/recorded.test.js."""
    assert set(TYPES) == {*OF_STEPS, *UNHELD, *ANALYSES}
    plain = offline.questions(PLAIN)
    of_kernels = {kind for kind in ANALYSES if issubclass(TYPES[kind], KernelAnalysis)}
    assert set(ANALYSES) - set(plain) == of_kernels | {"settings", "compare"}
    assert {kind for kind in ANALYSES if offline.needs_more(kind)} == {"settings", "compare"}
    # What a page asks with more than the program is either in its view or in the session's `asked`.
    of_view = set(AskedKernels.__struct_fields__)
    field = next(each for each in msgspec.structs.fields(SessionRequest) if each.name == "asked")
    of_asked = set(re.findall("'([a-z]+)'", str(field.type).partition("Literal")[2].partition("]")[0]))
    assert of_view | of_asked == {"settings", "compare"} | of_kernels and not of_view & of_asked
    asked_for = {"settings": [{"values": {}}], "compare": [{"other": PLAIN["request"]}], "record": [{}]}
    assert set(asked_for) == of_asked
    assert set(offline.questions({**PLAIN, "asked": asked_for})) == set(plain) | of_asked
    # Of messages about steps, lists and windows are packed as such, and searches are the page's own.
    assert OF_STEPS - set(READS) == {"window", "part", "log", "seek"}
    assert set(offline.LEFT) == set(READS)


def compared(after: int, path: int, checkpoint: int) -> dict[str, Any]:
    return {"insn": 1, "after": after, "path": path, "checkpoint": checkpoint}


def walk(step: int, steps: int = 10) -> Walk:
    said: list[dict[str, Any]] = [
        {
            "type": "stage", "stage": "verify", "prunings": [compared(3, 0, 1)],
            "paths": [{"last_step": 5}, {"last_step": 9}],
        },
        {"type": "stage", "stage": "run"},
    ]  # fmt: skip
    texts = [
        {"type": "part", "list": "prunings", "items": [compared(3, 0, 1), compared(8, 1, -1)]},
        {"type": "part", "list": "arrivals", "items": [compared(8, 1, 4)]},
        {"type": "part", "list": "log", "items": [1]},
        {"type": "steps", "stage": "verify", "from": 4, "steps": [{"set": {"r1": {}, "1:fp-8": {}}}, {}]},
        {"type": "steps", "stage": "run", "from": 0, "steps": [{}]},
        {"type": "graph", "loops": [{"insn": 2}, {"insn": 6}]},
    ]
    return walk_of({"step": step, "reg": "r9"}, steps, said, map(json.dumps, texts))


async def test_which_questions_are_asked_about_steps() -> None:
    assert [tuple(each.values()) for each in READS["states"](walk(8))] == [(8, 1, 4), (3, 0, 1)]
    assert [tuple(each.values()) for each in READS["rounds"](walk(8))] == [
        (8, 2), (8, 6), (5, 2), (5, 6), (9, 2), (9, 6),
    ]  # fmt: skip
    assert [(each["step"], each["name"], each["frame"]) for each in READS["value"](walk(8))] == [
        (8, "r9", 0), (4, "r1", 0), (4, "fp-8", 1),
    ]  # fmt: skip
    of_run = walk(8)._replace(view={"stage": "run", "step": 3, "reg": "r1"})
    assert of_run.step == 0 and [each["step"] for each in READS["value"](of_run)] == [4, 4]


async def test_facts_are_asked_until_all_steps_are_covered() -> None:
    asking = READS["facts"](walk(4))
    assert next(asking) == {"step": 4}
    assert asking.send({"first": 3, "last": 6}) == {"step": 0}
    assert asking.send({"first": 0, "last": 2}) == {"step": 7}
    with pytest.raises(StopIteration):
        asking.send({"first": 7, "last": 9})
    asking, count = READS["facts"](walk(0, steps=1 << 20)), 1
    question = next(asking)
    for _ in range(2 * MOST):
        try:
            question = asking.send({"first": question["step"], "last": question["step"]})
        except StopIteration:
            break
        count += 1
    assert count == MOST
