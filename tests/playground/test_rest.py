"""/api: what the run socket does, by requests."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest
from django.test import override_settings

from playground import rest
from playground.jobs.queue import Busy
from playground.jobs.service import Service
from playground.messages.asked import ANALYSES
from playground.messages.endpoints import ENDPOINTS
from playground.routing import limited
from tests.playground.asgi_client import call, calling
from tests.playground.conftest import asked

pytestmark = pytest.mark.asyncio(loop_scope="module")
STEPS = "stage one\nsteps verify 700"


async def test_every_endpoint_is_answered_by_somebody() -> None:
    assert {each.name for each in ENDPOINTS} == {*rest.HANDLERS, *rest.DJANGOS}
    assert {f"/api/{name}" for name in ANALYSES} <= {each.path for each in ENDPOINTS}


async def test_a_run_is_waited_for(service: Service) -> None:
    answer = await call("POST", "/api/runs", asked(STEPS))
    assert answer.status == 200
    value = answer.json()
    kinds = [m["type"] for m in value["messages"]]
    assert kinds[0] == "accepted" and kinds[-1] == "done" and value["run"] == value["messages"][0]["run"]
    assert not limited._open["192.0.2.7"]
    again = (await call("GET", f"/api/runs/{value['run']}")).json()
    assert again["run"] == value["run"]
    # How often progress is told depends on when somebody looks.
    assert [m["type"] for m in again["messages"] if m["type"] != "progress"] == [k for k in kinds if k != "progress"]


async def test_a_run_is_streamed(service: Service) -> None:
    async with calling("POST", "/api/runs", asked("stage one\nsleep 0.5\nstage two"), accept=rest.NDJSON) as going:
        while b"one" not in going.body:
            await asyncio.sleep(0.02)
        assert b"two" not in going.body
        lines = (await going.end()).lines()
    assert [m.get("stage") for m in lines if m["type"] == "stage"] == ["one", "two"] and lines[-1]["type"] == "done"


async def test_an_answer_that_fails_after_it_began_ends_with_the_error(service: Service) -> None:
    lines = (await call("POST", "/api/contents", asked("stage one\nfail it"), accept=rest.NDJSON)).lines()
    assert [m["type"] for m in lines] == ["stage", "error"]
    assert lines[-1]["code"] == "analysis" and "internal error" in lines[-1]["message"]


async def test_a_run_is_begun_and_asked_for_later(service: Service) -> None:
    begun = await call("POST", "/api/runs?wait=no", asked("sleep 0.3\nstage late"))
    assert begun.status == 202
    value = (await call("GET", f"/api/runs/{begun.json()['run']}")).json()
    assert [m["type"] for m in value["messages"]] == ["accepted", "stage", "done"]


async def test_a_client_that_leaves_ends_its_run(service: Service) -> None:
    async with calling("POST", "/api/runs", asked("sleep 2.5\nstage never")) as going:
        await asyncio.sleep(0.3)
        going.leave()
        await going.end(2)
    assert going.status == 0
    assert not [run for run in service._by_id.values() if run.watchers]
    await asyncio.sleep(0.3)
    assert not service.pool.status()["running"]


async def test_parts_of_a_run(service: Service) -> None:
    run = (await call("POST", "/api/runs", asked(STEPS))).json()["run"]
    (steps,) = (await call("GET", f"/api/runs/{run}/steps?from=256&to=300")).json()["messages"]
    assert (steps["from"], len(steps["steps"])) == (256, 256)
    (none,) = (await call("GET", f"/api/runs/{run}/parts/log")).json()["messages"]
    assert none["items"] == []
    trace = await call("GET", f"/api/runs/{run}/trace.jsonl")
    lines = trace.lines()
    assert trace.headers["content-type"] == rest.NDJSON
    assert sum(len(m["steps"]) for m in lines if m["type"] == "steps") == 700
    assert [m["type"] for m in lines][:1] == ["stage"]
    size = (await call("GET", f"/api/runs/{run}/size")).json()
    assert size == {"trace": len(trace.body), "exact": True}


async def test_the_size_of_a_long_trace_is_told_from_a_part_of_it(service: Service) -> None:
    run = (await call("POST", "/api/runs", asked("stage compile\nsteps verify 9000"))).json()["run"]
    size = (await call("GET", f"/api/runs/{run}/size")).json()
    trace = await call("GET", f"/api/runs/{run}/trace.jsonl")
    assert size["exact"] is False and 0.8 < size["trace"] / len(trace.body) < 1.25
    assert (await call("GET", f"/api/runs/{NOBODY}/size")).status == 404


async def test_the_log_is_text(service: Service) -> None:
    run = (await call("POST", "/api/runs", asked("say 1"))).json()["run"]
    answer = await call("GET", f"/api/runs/{run}/log.txt")
    assert answer.headers["content-type"].startswith("text/plain") and len(answer.body) == 1024
    # Of a long walk the log is made when somebody asks.
    run = (await call("POST", "/api/runs", asked("program stage x\nblocks 9000"))).json()["run"]
    assert (await call("GET", f"/api/runs/{run}/log.txt")).body == b"whole"


async def test_questions_are_asked(service: Service) -> None:
    answer = await call("POST", "/api/contents", asked("stage one"))
    assert [m["type"] for m in answer.json()["messages"]] == ["stage", "contents"]
    lines = (await call("POST", "/api/contents", asked("stage one"), accept=rest.NDJSON)).lines()
    assert [m["type"] for m in lines] == ["stage", "contents"]
    refused = await call("POST", "/api/contents", asked("bad_input It is damaged."))
    assert (refused.status, refused.json()) == (422, {"error": "It is damaged."})


async def test_a_question_has_its_own_fields_beside_those_of_the_request(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    async def analysis(kind: str, request: Any, client: Any, more: Any) -> AsyncIterator[str]:
        seen.append((kind, request["source"], more))
        yield '{"type":"compare"}'

    monkeypatch.setattr(service, "analysis", analysis)
    answer = await call("POST", "/api/compare", {**asked("one"), "other": asked("two")})
    assert answer.status == 200, answer
    await call("POST", "/api/settings", {**asked("one"), "values": {"limit": ["1", "2"]}})
    (kind, source, more), settings = seen
    assert (kind, source, more["other"]["source"]) == ("compare", "one", "two")
    assert settings == ("settings", "one", {"values": {"limit": ["1", "2"]}})


@pytest.mark.parametrize(
    ("code", "part"),
    [(errno.ENOSPC, "no disk space"), (errno.EMFILE, "too many files"), (errno.ENOENT, "could not read")],
)
async def test_an_error_of_a_file_is_said(
    service: Service, monkeypatch: pytest.MonkeyPatch, code: int, part: str
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(service, "open", fails)
    for path in ("/api/runs", "/api/contents"):
        answer = await call("POST", path, asked("stage one"))
        assert answer.status == 507 and part in answer.json()["error"], answer


NOBODY = "0" * 32 + "-stored"


@pytest.mark.parametrize(
    ("method", "path", "value", "headers", "status"),
    [
        ("PUT", "/api/runs", {}, {}, 405),
        ("POST", "/api/runs", {}, {"origin": "https://elsewhere.example"}, 403),
        ("POST", "/api/runs", b"{", {}, 400),
        ("POST", "/api/runs", asked(""), {}, 400),
        ("POST", "/api/runs", {**asked("x"), "v": 1}, {}, 400),
        ("POST", "/api/runs?wait=long", asked("x"), {}, 400),
        ("POST", "/api/runs?" + "&".join(["a=1"] * 30), asked("x"), {}, 400),
        ("POST", "/api/runs", asked("x" * 70_000), {}, 413),
        ("POST", "/api/runs", b"[" * 4_000_000, {}, 413),
        ("POST", "/api/fixes", asked(""), {}, 400),
        ("POST", "/api/compare", asked("x"), {}, 400),
        ("POST", "/api/compare", {**asked("x"), "other": {}}, {}, 400),
        ("POST", "/api/compare", [], {}, 400),
        ("POST", "/api/contents", {**asked("x"), "other": asked("x")}, {}, 400),
        ("POST", "/api/settings", {**asked("x"), "values": {"a": 1}}, {}, 400),
        ("GET", f"/api/runs/{NOBODY}", None, {}, 404),
        ("GET", f"/api/runs/{NOBODY}/steps", None, {}, 404),
        ("GET", f"/api/runs/{NOBODY}/trace.jsonl", None, {}, 404),
    ],
)
async def test_what_is_refused_is_said(
    service: Service, method: str, path: str, value: Any, headers: dict[str, str], status: int
) -> None:
    answer = await call(method, path, value, **headers)
    assert answer.status == status, answer
    assert answer.json()["error"]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ("steps?from=5&to=5", "later step"),
        ("steps?from=0&to=5000", "at most 1024"),
        ("steps?stage=jit", "verify, run"),
        ("steps?from=-1", "whole number"),
        ("steps?more=1", "not known"),
        ("parts/words", "list of a part"),
        ("parts/log?to=0", "whole number"),
    ],
)
async def test_what_a_window_cannot_be_is_said(service: Service, query: str, part: str) -> None:
    run = (await call("POST", "/api/runs", asked("stage one"))).json()["run"]
    answer = await call("GET", f"/api/runs/{run}/{query}")
    assert answer.status == 400 and part in answer.json()["error"]


async def test_an_address_has_as_many_requests_as_sockets(service: Service) -> None:
    run = (await call("POST", "/api/runs", asked("stage one"))).json()["run"]
    with override_settings(SOCKETS_PER_ADDRESS=0):
        for method, path in (
            ("POST", "/api/runs"), ("POST", "/api/contents"), ("GET", f"/api/runs/{run}"),
            ("GET", f"/api/runs/{run}/steps"),
        ):  # fmt: skip
            answer = await call(method, path, asked("stage one") if method == "POST" else None)
            assert answer.status == 429, (path, answer)


async def test_an_answer_that_is_too_long_has_to_be_streamed(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "WHOLE_BYTES", 1000)
    assert (await call("POST", "/api/runs", asked("say 2"))).status == 413
    answer = await call("POST", "/api/runs", asked("say 2"), accept=rest.NDJSON)
    assert answer.lines()[-1]["type"] == "done"


async def test_a_busy_server_says_so(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise Busy("The server is busy.", 7, "full")

    monkeypatch.setattr(service, "open", full)
    for path in ("/api/runs", "/api/contents"):
        answer = await call("POST", path, asked("stage one"))
        assert answer.status == 503 and answer.headers["retry-after"] == "7"
    assert json.dumps(asked("x"))


async def test_questions_to_real_kernels_take_their_fields_beside_those_of_the_request(service: Service) -> None:
    answer = await call("POST", "/api/real", {**asked("stage one"), "shell": "42", "seconds": 7})
    (_, done) = answer.json()["messages"]
    assert (done["shell"], done["status"]) == ("42", 7)
    for wrong in ({"seconds": 900}, {"workload": "rm"}, {"others": 1}, {"take": "no"}):
        refused = await call("POST", "/api/real", {**asked("stage one"), **wrong})
        assert refused.status == 400 and next(iter(wrong)) in refused.json()["error"], wrong
