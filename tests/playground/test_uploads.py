"""POST /api/log: a log streamed to a file, read by a worker, gone with its run."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from django.core.cache import cache
from django.test import override_settings

from playground import uploads
from playground.jobs import service as services
from playground.jobs.uploads import MOST_FILES, WAIT_SECONDS, Uploads, place
from playground.messages.told import read
from playground.requests import BadRequest, check_request
from tests.playground.communicator import WebsocketCommunicator
from tests.playground.conftest import Socket
from tests.vm.logs.recordings import log_of

here = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def _uploading() -> AsyncIterator[None]:
    with override_settings(WORKERS=1, UPLOAD_MB=1):
        yield
        await services.close()


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    cache.clear()
    yield


async def post(*pieces: bytes, method: str = "POST", gone: bool = False, **headers: str) -> tuple[int, dict[str, Any]]:
    """What the endpoint answers to a body in these pieces."""
    told = {"host": "testserver", **{name.replace("_", "-"): value for name, value in headers.items()}}
    scope = {
        "type": "http",
        "method": method,
        "path": "/api/log",
        "client": ("127.0.0.1", 1),
        "headers": [(name.encode(), value.encode()) for name, value in told.items()],
    }
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": piece, "more_body": number < len(pieces) - 1 or gone}
        for number, piece in enumerate(pieces)
    ]
    if gone:
        messages.append({"type": "http.disconnect"})
    said: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: dict[str, Any]) -> None:
        said.append(message)

    await uploads.upload(scope, receive, send)
    assert dict(said[0]["headers"])[b"x-content-type-options"] == b"nosniff"
    return said[0]["status"], json.loads(said[1]["body"])


def files() -> list[str]:
    return sorted(path.name for path in services.service().uploads.folder.iterdir())


@here
async def test_a_log_is_streamed_to_a_file() -> None:
    status, answer = await post(b"one ", b"two ", b"three")
    assert (status, answer["bytes"]) == (201, 13)
    path = services.service().uploads.path(answer["id"])
    assert path.read_bytes() == b"one two three"
    assert path.stat().st_mode & 0o077 == 0
    services.service().uploads.drop(answer["id"])


@here
@pytest.mark.parametrize(
    ("pieces", "options", "status", "sentence"),
    [
        ((b"x" * 700_000, b"x" * 700_000), {}, 413, "at most 1,048,576 bytes"),
        ((b"x",), {"content_length": "2000000"}, 413, "at most"),
        ((b"",), {}, 400, "empty"),
        ((b"x",), {"gone": True}, 400, "whole"),
        ((b"x",), {"origin": "http://elsewhere"}, 403, "other sites"),
        ((b"x",), {"host": "elsewhere"}, 400, "understood"),
        ((b"x",), {"method": "GET"}, 405, "POST"),
    ],
)
async def test_what_is_refused_leaves_nothing(
    pieces: tuple[bytes, ...], options: dict[str, Any], status: int, sentence: str
) -> None:
    before = files()
    found, answer = await post(*pieces, **options)
    assert found == status
    assert sentence in answer["error"]
    assert files() == before


@here
async def test_an_address_has_a_limit() -> None:
    with override_settings(UPLOADS_PER_HOUR=1):
        status, answer = await post(b"x")
        assert status == 201
        services.service().uploads.drop(answer["id"])
        assert (await post(b"x"))[0] == 429


@here
async def test_only_so_many_wait() -> None:
    kept = [(await post(b"x"))[1]["id"] for _ in range(MOST_FILES - len(files()))]
    assert (await post(b"x"))[0] == 503
    for name in kept:
        services.service().uploads.drop(name)
    assert (await post(b"x"))[0] == 201


@here
async def test_an_uploaded_log_is_read_and_removed() -> None:
    _, answer = await post(log_of("map_value_index", "6.12").encode())
    request = {"kind": "log", "source": "", "upload": answer["id"]}
    socket = await connected()
    await socket.send(type="run", v=1, request=request)
    said = await socket.until("done", 60)
    for message in said:
        read(json.dumps(message))
    verify = next(each for each in said if each.get("stage") == "verify" and "read_from" in each)
    assert verify["read_from"]["insn"] == 12
    assert not services.service().uploads.path(answer["id"]).exists()
    await socket.send(type="window", stage="verify", run=0, **{"from": 0, "to": 5})
    (window,) = await socket.until("steps")
    assert window["steps"][-1]["insn"] == 12
    # The same again is answered from what is stored; another reading of it is not there any more.
    await socket.send(type="run", v=1, request=request)
    assert (await socket.until("done"))[-2]["stage"] == "run"
    await socket.send(type="run", v=1, request={**request, "options": {"program": "other"}})
    assert "drop the file again" in (await socket.until("error"))[-1]["message"]
    await socket.close()


async def connected() -> Socket:
    from playground.routing import websocket

    communicator = WebsocketCommunicator(websocket, "/ws/run", headers=[(b"origin", b"http://localhost:8000")])
    assert await communicator.connect()
    socket = Socket(communicator)
    socket.hello = await socket.receive()
    return socket


@pytest.mark.parametrize(
    "request_of",
    [
        {"kind": "c", "source": "int x;", "upload": "0" * 32},
        {"kind": "log", "source": "x", "upload": "0" * 32},
        {"kind": "log", "source": "", "upload": "../../etc/passwd"},
        {"kind": "log", "source": ""},
        {"kind": "log", "source": "x", "beside": {"kind": "log", "source": "x"}},
        {"kind": "log", "source": "x", "beside": {"kind": "c", "source": ""}},
        {"kind": "asm", "source": "exit", "beside": {"kind": "c", "source": "x"}},
        {"kind": "log", "source": "x" * (3 << 20)},
    ],
)
def test_requests_that_make_no_sense(request_of: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        check_request(request_of)


def test_a_file_that_nobody_asks_for_goes(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Uploads(tmp_path / "uploads")
    folder.start()
    name = folder.begin()
    assert name is not None
    folder.part(name).write_bytes(b"x")
    folder.keep(name)
    folder.sweep()
    assert folder.path(name).exists()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + WAIT_SECONDS + 1)
    folder.sweep()
    assert not folder.path(name).exists()
    with pytest.raises(ValueError):
        folder.path("../x")


def test_a_file_is_placed_over_what_is_there(tmp_path: Any) -> None:
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").write_bytes(b"b")
    place(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"a"
