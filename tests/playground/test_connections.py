"""What a client may do to a real server with connections alone."""

from __future__ import annotations

import contextlib
import errno
import http.client
import json
import os
import re
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect
from websockets.typing import Origin

from playground import lingering
from playground.jobs.frames import FrameError
from playground.jobs.record import Record
from playground.jobs.store import Store
from tests.playground.test_server import command


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    running = command(
        tmp_path_factory.mktemp("var"), HEADER_SECONDS="1", STALL_SECONDS="2", CONNECTIONS_PER_ADDRESS="60"
    )
    assert running.stdout is not None and running.stderr is not None
    found = re.search(r"http://([\d.]+):(\d+)", running.stdout.readline())
    assert found
    yield found[1], int(found[2])
    running.terminate()
    _, err = running.communicate(timeout=20)
    # Nothing of this is worth a line for each connection.
    assert err.count("\n") < 20, err


def sent(server: tuple[str, int], data: bytes) -> socket.socket:
    found = socket.create_connection(server, timeout=10)
    found.sendall(data)
    return found


def answer(found: socket.socket) -> bytes:
    said = b""
    try:
        while more := found.recv(65536):
            said += more
    except ConnectionResetError:
        pass
    found.close()
    return said


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", b"408"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Half: ", b"408"),
        (b"POST /api/share HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n", b"408"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 70_000, b"431"),
        (b"GET /" + b"a" * 70_000, b"431"),
    ],
)  # fmt: skip
def test_half_a_request_is_ended(server: tuple[str, int], data: bytes, status: bytes) -> None:
    begun = time.monotonic()
    assert answer(sent(server, data)).startswith(b"HTTP/1.1 " + status)
    assert time.monotonic() - begun < 4


def test_a_header_that_arrives_a_byte_at_a_time_is_late_all_the_same(server: tuple[str, int]) -> None:
    slow = sent(server, b"GET / HTTP/1.1\r\n")
    with pytest.raises(OSError):
        for _ in range(40):
            slow.sendall(b"X: y\r\n")
            time.sleep(0.1)
    slow.close()


def test_the_second_request_of_a_connection_has_its_time_too(server: tuple[str, int]) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    kept = sent(server, request)
    for _ in range(4):
        said = b""
        while b'"links"' not in said:
            more = kept.recv(65536)
            assert more
            said += more
        assert said.startswith(b"HTTP/1.1 200")
        time.sleep(0.7)
        kept.sendall(request)
    kept.close()


def test_who_reads_nothing_is_disconnected(server: tuple[str, int]) -> None:
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    reader.connect(server)
    reader.sendall(b"GET /static/reference.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 400)
    time.sleep(6)
    reader.settimeout(5)
    total = 0
    with pytest.raises(OSError):  # aborted: no clean end
        while True:
            more = reader.recv(1 << 20)
            if not more:
                raise OSError
            total += len(more)
    reader.close()


def test_an_address_has_a_number_of_connections_and_others_are_told(server: tuple[str, int]) -> None:
    held = [sent(server, b"GET / HTTP/1.1\r\n") for _ in range(60)]
    time.sleep(0.2)
    assert answer(sent(server, b"")).startswith(b"HTTP/1.1 503")
    for each in held:
        each.close()
    time.sleep(0.3)
    with urllib.request.urlopen(f"http://{server[0]}:{server[1]}/healthz") as said:
        assert said.status == 200


MUCH = 17 << 20
POSTED = ["/api/uploads?kind=object", "/api/runs", "/api/share", "/ws/poll"]


@pytest.mark.parametrize("path", POSTED)
def test_who_sends_all_before_reading_gets_the_answer(server: tuple[str, int], path: str) -> None:
    """By urllib and http.client, which read once everything is sent."""
    headers = {"Content-Type": "application/json"}
    address = f"http://{server[0]}:{server[1]}{path}"
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(urllib.request.Request(address, bytes(MUCH), headers), timeout=60)
    assert raised.value.code == 413
    assert "error" in json.load(raised.value)
    connection = http.client.HTTPConnection(*server, timeout=60)
    connection.request("POST", path, iter([bytes(1 << 20)] * 17), headers, encode_chunked=True)
    found = connection.getresponse()
    assert found.status == 413
    assert "error" in json.load(found)
    connection.close()


def test_a_body_for_a_page_is_not_stored(server: tuple[str, int]) -> None:
    """A page that takes no body is served, and a form is refused; neither reads what follows."""
    head = f"Host: {server[0]}:{server[1]}\r\nContent-Length: {1 << 40}\r\n\r\n".encode()
    said = answer(sent(server, b"GET /about HTTP/1.1\r\n" + head + bytes(100_000)))
    assert said.startswith(b"HTTP/1.1 200") and b"connection: close" in said
    said = answer(sent(server, b"POST /api/share HTTP/1.1\r\nContent-Type: application/json\r\n" + head))
    assert said.startswith(b"HTTP/1.1 413")


def test_what_is_sent_after_an_answer_is_not_read_for_ever(server: tuple[str, int]) -> None:
    head = f"POST /api/share HTTP/1.1\r\nHost: x\r\nContent-Length: {1 << 40}\r\n\r\n".encode()
    sending = sent(server, head)
    taken = 0
    with pytest.raises(OSError):  # the connection ends
        while taken < 1 << 30:
            taken += sending.send(bytes(1 << 20))
    sending.close()
    assert taken < 2 * lingering.BYTES


def test_few_connections_are_waited_for_at_the_same_time(server: tuple[str, int]) -> None:
    """Those that send no end are closed in time, and others are served meanwhile."""
    head = b"POST /api/share HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n"
    held = [sent(server, head) for _ in range(50)]
    for each in held:
        each.settimeout(60)
        assert each.recv(12) == b"HTTP/1.1 400"
    time.sleep(lingering.SECONDS + 1)
    for _ in range(300):
        with urllib.request.urlopen(f"http://{server[0]}:{server[1]}/metrics") as said:
            open_now = re.search(r"^bpfscope_connections (\d+)", said.read().decode(), re.MULTILINE)
        if open_now and int(open_now[1]) < 10:
            break
        time.sleep(0.1)
    else:
        pytest.fail("the connections stay open")
    for each in held:
        each.close()


def test_sockets_are_connections_too(server: tuple[str, int]) -> None:
    address = f"http://{server[0]}:{server[1]}"
    for _ in range(3):
        with contextlib.ExitStack() as held:
            for _ in range(55):
                held.enter_context(connect(f"ws://{server[0]}:{server[1]}/ws/run", origin=Origin(address)))
    with urllib.request.urlopen(f"{address}/healthz") as said:
        assert said.status == 200


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.EIO, errno.EACCES, errno.ENOMEM])
def test_a_record_that_cannot_be_opened_just_now_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    store = Store(tmp_path, 1 << 20)
    store.start()
    key = "a" * 32
    record = store.begin(key)
    store.keep(key, record)
    record.close()

    def fails(*args: Any) -> Any:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(Record, "open", fails)
        assert store.find(key) is None
    assert store.path(key).exists()

    def damaged(*args: Any) -> Any:
        raise FrameError("half a frame")

    with monkeypatch.context() as patched:
        patched.setattr(Record, "open", damaged)
        assert store.find(key) is None
    assert not store.path(key).exists()
