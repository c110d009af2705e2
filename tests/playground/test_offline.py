"""POST /api/session: a run as one file, which holds what fits and names what does not."""

from __future__ import annotations

import base64
import gzip
import html
import json
import random
import re
from typing import Any

import pytest

from playground import offline, rest
from playground.jobs.service import Service
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
        ({"request": asked("x"), "view": {"zoom": 1}}, 400),
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
