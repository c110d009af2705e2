"""POST /api/log: a log streamed to a file, read by a worker, gone with its run."""

from __future__ import annotations

import asyncio
import base64
import errno
import json
import os
import shutil
import struct
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from django.core.cache import cache
from django.test import override_settings

from playground import uploads
from playground.jobs import service as services
from playground.jobs.queue import Client
from playground.jobs.uploads import FRESH_SECONDS, WAIT_SECONDS, Full, Uploads, place
from playground.messages.told import read
from playground.places import KINDS
from playground.requests import BadRequest, check_request
from tests.playground.communicator import WebsocketCommunicator
from tests.playground.conftest import Socket
from tests.vm.logs.recordings import log_of
from vm import pipeline

here = pytest.mark.asyncio(loop_scope="module")
C = '__attribute__((section("xdp"), used)) int f(void *ctx) { return 7; }\n'
PCAP = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + struct.pack("<IIII", 0, 0, 64, 64) + bytes(64)


def compiled(source: str) -> bytes:
    """The object of a C source."""
    found = pipeline.compile_source(pipeline.Source("c", source.encode(), "program"), pipeline.BuildOptions()).object
    assert found is not None
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def _uploading() -> AsyncIterator[None]:
    with override_settings(WORKERS=1, UPLOAD_MB=1):
        yield
        await services.close()


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    cache.clear()
    yield


async def post(
    *pieces: bytes,
    method: str = "POST",
    gone: bool = False,
    stall: bool = False,
    path: str = "/api/log",
    query: str = "",
    **headers: str,
) -> tuple[int, dict[str, Any]]:
    """What the endpoint answers to a body in these pieces."""
    told = {"host": "testserver", **{name.replace("_", "-"): value for name, value in headers.items()}}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "client": ("127.0.0.1", 1),
        "headers": [(name.encode(), value.encode()) for name, value in told.items()],
    }
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": piece, "more_body": number < len(pieces) - 1 or gone}
        for number, piece in enumerate(pieces)
    ]
    if stall:
        messages[-1]["more_body"] = True
    if gone:
        messages.append({"type": "http.disconnect"})
    said: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not messages:
            await asyncio.sleep(60)
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
        ((b"x",), {"content_length": "2"}, 400, "whole"),
        ((b"xyz",), {"content_length": "2"}, 400, "whole"),
        ((b"x",), {"path": "/api/uploads"}, 400, "one of source,"),
        ((b"x",), {"path": "/api/uploads", "query": "kind=program"}, 400, "one of source,"),
        ((b"x" * 65537,), {"path": "/api/uploads", "query": "kind=packet"}, 413, "at most 65,536 bytes"),
        ((b"",), {"path": "/api/uploads", "query": "kind=capture"}, 400, "The capture is empty."),
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
async def test_every_kind_of_upload_says_its_limit() -> None:
    _, about = await post(b"", method="GET", path="/api/uploads")
    assert set(about["limits"]) == set(KINDS)
    for kind, most in about["limits"].items():
        status, answer = await post(kind.encode(), path="/api/uploads", query=f"kind={kind}")
        assert (status, answer["most"], answer["kind"], answer["bytes"]) == (201, most, kind, len(kind))
        services.service().uploads.drop(answer["id"])


@here
async def test_the_same_content_has_the_same_id_which_the_key_makes() -> None:
    first, second, other = [(await post(data))[1]["id"] for data in (b"a", b"a", b"b")]
    assert first == second != other
    assert Uploads(services.service().uploads.folder, "another key").id_of(b"a") != first
    for name in (first, other):
        services.service().uploads.drop(name)


@here
@pytest.mark.parametrize(("error", "status"), [(errno.ENOSPC, 507), (errno.EDQUOT, 507), (errno.EMFILE, 503)])
async def test_a_disk_that_takes_nothing_leaves_nothing(
    error: int, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files()

    def write(handle: int, data: bytes) -> int:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr("playground.jobs.uploads.os.write", write)
    found, answer = await post(b"x" * 100_000)
    assert found == status
    assert "try again" in answer["error"].lower()
    monkeypatch.undo()
    assert files() == before


@here
async def test_a_client_that_stalls_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    before = files()
    monkeypatch.setattr(uploads, "CHUNK_SECONDS", 0.05)
    status, answer = await post(b"x", stall=True)
    assert (status, answer["error"]) == (408, "The upload took too long.")
    assert files() == before


@here
async def test_one_client_has_its_part_of_the_room() -> None:
    one, two, class_ = Client("one"), Client("two"), Client("class x", 2)
    room = Uploads(services.service().uploads.folder.parent / "room", most=5 << 20, of_client=2 << 20)
    room.start()

    def put(data: bytes, client: Client) -> str:
        return room.put(data * (1 << 20), client)

    kept = [put(b"a", one), put(b"b", one)]
    with pytest.raises(Full) as full:
        put(b"c", one)
    assert full.value.own
    kept += [put(b"c", class_), put(b"d", class_), put(b"e", class_)]
    with pytest.raises(Full) as full:
        put(b"f", two)
    assert not full.value.own
    # What was not used for a while gives way: of oneself first, and of others; never what a run waits for.
    for name in kept:
        os.utime(room.path(name), (1, time.time() - FRESH_SECONDS - 1))
    assert room.claim(kept[0]) == 1 << 20
    put(b"f", one)
    assert [room.path(name).exists() for name in kept] == [True, False, True, True, True]
    put(b"g", two)
    assert sum(room.path(name).exists() for name in kept) == 3
    assert room.path(kept[0]).exists()
    room.release(kept[0])
    shutil.rmtree(room.folder)


@here
@pytest.mark.parametrize(
    ("kind", "content", "request_of"),
    [
        ("source", b"r0 = 7\nexit\n", {"kind": "asm", "source": ""}),
        ("source", C.encode(), {"kind": "c", "source": ""}),
        ("header", b"#define RESULT 7\n", {"kind": "c", "source": '#include "mine.h"\n' + C.replace("7", "RESULT")}),
        ("capture", PCAP, {"kind": "asm", "source": "r0 = 7\nexit", "input": {"kind": "pcap", "base64": ""}}),
        ("packet", b"x" * 64, {"kind": "asm", "source": "r0 = 7\nexit", "input": {"kind": "packet", "hex": ""}}),
    ],
)
async def test_a_request_names_what_was_uploaded(kind: str, content: bytes, request_of: dict[str, Any]) -> None:
    _, answer = await post(content, path="/api/uploads", query=f"kind={kind}")
    name = answer["id"]
    if kind == "header":
        asked = {**request_of, "uploads": {"mine.h": name}}
    elif "input" in request_of:
        asked = {**request_of, "input": {**request_of["input"], "upload": name}}
    else:
        asked = {**request_of, "upload": name}
    socket = await connected()
    await socket.send(type="run", v=1, request=asked)
    said = await socket.until("done", 60)
    run = next(each for each in said if each.get("stage") == "run" and "runs" in each)
    assert int(run["runs"][0]["r0"], 16) == 7
    # Questions about the program name it too; it is there until nobody has used it for a while.
    await socket.send(type="contents", request=asked)
    assert (await socket.until("contents", 60))[-1]["sections"] is not None
    services.service().uploads.path(name).unlink()
    other = {**asked, "options": {"opt": "O1"}}
    of_input = "input" in request_of  # which a question about fixes does not need
    await socket.send(
        **({"type": "run", "v": 1, "request": other} if of_input else {"type": "fixes", "request": other})
    )
    error = (await socket.until("error"))[-1]
    assert (error["code"], error.get("asked")) == ("upload", None if of_input else "fixes")
    await socket.close()


@here
async def test_an_object_that_no_message_carries_is_run_and_stored_like_one_that_came_as_text() -> None:
    data = compiled(C) + bytes(300_000)
    _, answer = await post(data, path="/api/uploads", query="kind=object")
    socket = await connected()
    by_id = {"kind": "elf", "source": "", "upload": answer["id"]}
    await socket.send(type="run", v=1, request=by_id)
    said = await socket.until("done", 60)
    assert next(each for each in said if each.get("stage") == "verify" and "verdict" in each)["verdict"] == "accept"
    by_text = check_request({"kind": "elf", "source": base64.b64encode(data).decode()})
    assert services.key_of(by_text) == services.key_of(check_request(by_id))
    assert services.stored_record(by_text) is not None
    services.service().uploads.drop(answer["id"])
    await socket.close()


@here
async def test_an_upload_of_another_kind_has_the_limit_of_its_use() -> None:
    _, answer = await post(b"/" * 100_000)
    socket = await connected()
    await socket.send(type="run", v=1, request={"kind": "c", "source": "", "upload": answer["id"]})
    error = (await socket.until("error"))[-1]
    assert (error["code"], error["message"][:26]) == ("size", "The source has 100,000 byt")
    services.service().uploads.drop(answer["id"])
    await socket.close()


@here
async def test_a_file_that_is_no_text_is_told_by_the_worker() -> None:
    socket = await connected()
    for content, sentence in ((b"\xff\xfe", "UTF-8"), (b"x\0", "NUL"), (b" ", "empty")):
        _, answer = await post(content, path="/api/uploads", query="kind=source")
        await socket.send(type="run", v=1, request={"kind": "c", "source": "", "upload": answer["id"]})
        assert sentence in (await socket.until("error", 30))[-1]["message"]
        services.service().uploads.drop(answer["id"])
    await socket.close()


@here
async def test_a_message_that_is_too_long_is_refused_with_a_sentence() -> None:
    socket = await connected()
    await socket.send(type="run", v=1, request={"kind": "elf", "source": "A" * (128 << 10)})
    error = (await socket.until("error"))[-1]
    assert error["code"] == "size"
    assert "one message may have 131,072 bytes" in error["message"]
    assert "/api/uploads" in error["message"]
    await socket.send(type="run", v=1, request={"kind": "asm", "source": "r0 = 0\nexit"})
    await socket.until("done", 60)
    await socket.close()


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
        {"kind": "asm", "source": "exit", "input": {"kind": "pcap", "base64": "aa==", "upload": "0" * 32}},
        {"kind": "asm", "source": "exit", "input": {"kind": "packet", "hex": "", "upload": "0" * 31}},
        {"kind": "asm", "source": "exit", "uploads": {"a.h": "0" * 32}},
        {"kind": "c", "source": "int x;", "uploads": {"../a.h": "0" * 32}},
        {"kind": "c", "source": "int x;", "uploads": {"a.h": "x"}},
        {"kind": "c", "source": "int x;", "files": {"a.h": ""}, "uploads": {"a.h": "0" * 32}},
        {"kind": "c", "source": "int x;", "files": {"a": ""}, "uploads": {"a/b.h": "0" * 32}},
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
    name = folder.put(b"x")
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
