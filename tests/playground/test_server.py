"""`python -m playground`: a real server, a real socket."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from playground.config import limits
from playground.messages.told import read
from vm.remote import Connection


def command(folder: Path, **more: str) -> subprocess.Popen[str]:
    environment = {
        **os.environ, "BPFSCOPE_VAR": str(folder), "WORKERS": "1",
        "DJANGO_SETTINGS_MODULE": "playground.settings", **more,
    }  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-m", "playground"],
        cwd=settings.BASE_DIR,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = command(tmp_path_factory.mktemp("var"))
    assert server.stdout is not None
    said = server.stdout.readline()
    found = re.fullmatch(r"bpfscope is at (http://127\.0\.0\.1:\d+)\n", said)
    assert found, said
    yield found[1]
    server.terminate()
    out, err = server.communicate(timeout=20)
    assert out == ""  # one address, and nothing else
    assert "Traceback" not in err
    assert "warning" not in err.lower(), err


def dial(address: str, **more: Any) -> Any:
    return connect(address.replace("http", "ws") + "/ws/run", **{"origin": address, "max_size": None, **more})


def test_the_database_is_there_from_the_start(address: str) -> None:
    body = json.dumps({"kind": "asm", "source": "r0 = 0\nexit"}).encode()
    request = urllib.request.Request(f"{address}/api/share", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        link = json.load(answer)
    assert link["url"].startswith(f"{address}/s/")
    with urllib.request.urlopen(link["url"]) as answer:
        assert b"r0 = 0" in answer.read()


def fetch(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, b""


def test_what_is_built_is_served_and_nothing_it_is_built_from(address: str) -> None:
    """The fixture sees to it that serving a file warns of nothing."""
    assert fetch(f"{address}/static/favicon.svg")[1].startswith(b"<svg")
    for path in ("src/app.js", "src/css/app.css", "build.mjs", "tsconfig.json", "public/favicon.svg", "../manage.py"):
        assert fetch(f"{address}/static/{path}")[0] == 404


def test_a_part_of_a_file_is_served(address: str) -> None:
    request = urllib.request.Request(f"{address}/static/favicon.svg", headers={"Range": "bytes=1-3"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert (answer.status, answer.read()) == (206, b"svg")


def test_others_are_answered_while_six_send_all_they_may(address: str) -> None:
    stop = threading.Event()
    data = base64.b64encode(bytes(48_000)).decode()
    request = {"kind": "elf", "source": data, "input": {"kind": "pcap", "base64": data}, "options": {"program": 7}}
    text = json.dumps({"type": "run", "v": 1, "request": request})
    assert limits.MESSAGE_BYTES * 0.97 < len(text) < limits.MESSAGE_BYTES
    answered: list[str] = []

    def send() -> None:
        with dial(address, compression=None) as client:
            client.recv(timeout=30)
            while not stop.is_set():
                client.send(text)
                answered.append(json.loads(client.recv(timeout=60))["type"])

    senders = [threading.Thread(target=send) for _ in range(6)]
    for sender in senders:
        sender.start()
    took = []
    for _ in range(20):
        start = time.monotonic()
        assert fetch(f"{address}/healthz")[0] == 200
        took.append(time.monotonic() - start)
    stop.set()
    for sender in senders:
        sender.join(60)
    assert set(answered) == {"error"}
    assert statistics.median(took) < 1, took  # 0.05 s on a quiet machine


LOOP = "r0 = 0\nloop:\nr0 += 1\nif r0 < {} goto loop\nexit"


@pytest.mark.parametrize(("rounds", "seconds", "end"), [(4000, "60", "stage"), (400_000, "0", "error")])
def test_a_server_that_is_stopped_lets_its_runs_end_or_tells_them(
    tmp_path: Path, rounds: int, seconds: str, end: str
) -> None:
    server = command(tmp_path, SHUTDOWN_SECONDS=seconds)
    assert server.stdout is not None
    here = server.stdout.readline().split()[-1]
    with dial(here) as client:
        client.send(json.dumps({"type": "run", "v": 1, "request": {"kind": "asm", "source": LOOP.format(rounds)}}))
        said = [json.loads(client.recv(timeout=60))]
        while said[-1].get("stage") != "verify":
            said.append(json.loads(client.recv(timeout=60)))
        server.terminate()
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                said.append(json.loads(client.recv(timeout=60)))
    _, err = server.communicate(timeout=30)
    assert "Traceback" not in err
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1012
    assert said[-1]["type"] == "done"
    assert said[-2]["type"] == end
    if end == "error":
        assert "restarted" in said[-2]["message"]


def test_the_log_holds_nothing_that_users_sent(tmp_path: Path) -> None:
    marker = "Xq7marker"
    server = command(tmp_path, LOG_FORMAT="json", LOG_LEVEL="DEBUG", SHUTDOWN_SECONDS="0")
    assert server.stdout is not None
    here = server.stdout.readline().split()[-1]
    requests: list[dict[str, Any]] = [
        {"kind": "c", "source": f"int {marker}(void) {{ return {marker}2; }}"},
        {"kind": "asm", "source": f"{marker}\nexit"},
        {"kind": "elf", "source": base64.b64encode(b"\x7fELF" + marker.encode()).decode()},
        {"kind": "log", "source": f"0: (b7) r0 = 0 ; {marker}\n"},
        {"kind": "asm", "source": "r0 = 0\nexit", "input": {"kind": "packet", "hex": marker}},
        {"kind": "asm", "source": "r0 = 0\nexit", "input": {"kind": "form", "layers": {marker: {marker: marker}}}},
        {"kind": "asm", "source": "r0 = 0\nexit", "options": {"program": marker, "prog_type": marker}},
    ]
    with dial(here) as client:
        for request in requests:
            client.send(json.dumps({"type": "run", "v": 1, "request": request}))
            said = {"type": "", "code": ""}
            while said["type"] != "done" and said.get("code") != "bad_request":
                said = json.loads(client.recv(timeout=60))
        for text in (marker, json.dumps({"type": marker}), json.dumps({"type": "seek", marker: marker})):
            client.send(text)
            client.recv(timeout=60)
    for path, body in (
        ("/api/share", {**requests[0], "title": marker}),
        ("/api/share", {**requests[0], marker: 1}),
        ("/api/verify", requests[1]),
    ):
        sent = urllib.request.Request(f"{here}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
        try:
            urllib.request.urlopen(sent, timeout=60).read()
        except urllib.error.HTTPError as error:
            error.close()
    server.terminate()
    out, err = server.communicate(timeout=60)
    lines = [json.loads(line) for line in err.splitlines()]
    assert any(line["level"] == "DEBUG" or line["level"] == "INFO" for line in lines)
    assert marker not in err and marker.encode().hex() not in err and marker not in out


def test_two_servers_started_at_once_have_two_addresses(tmp_path: Path) -> None:
    both = [command(tmp_path) for _ in range(2)]
    said = [server.stdout.readline() for server in both if server.stdout is not None]
    for server in both:
        server.terminate()
    errors = [server.communicate(timeout=30)[1] for server in both]
    assert len(set(said)) == 2 and all(line.startswith("bpfscope is at http://") for line in said), errors
    assert "Traceback" not in "".join(errors)


def test_a_port_is_taken_by_whoever_is_first_to_listen() -> None:
    """SO_REUSEADDR lets both bind: only a socket that listens keeps the next one away."""
    from playground.__main__ import listen

    with listen("127.0.0.1", "0") as first:
        port = first.getsockname()[1]
        with pytest.raises(OSError, match=f"PORT {port} on 127.0.0.1 cannot be used: Address already in use"):
            listen("127.0.0.1", str(port))


def test_a_program_goes_all_the_way(address: str) -> None:
    request = {"kind": "asm", "source": "r0 = 2\nexit", "input": {"kind": "packet", "hex": "ff" * 64}}
    with Connection(address) as client:
        said = list(client.run(request))
    for message in (client.hello, *said):
        read(json.dumps(message))  # every message is in the schema
    ended = {m["stage"]: m["status"] for m in said if m["type"] == "stage"}
    assert ended == {"compile": "skipped", "load": "done", "verify": "done", "jit": "done", "run": "done"}
    run = next(m for m in said if m.get("stage") == "run" and m.get("runs"))
    assert run["runs"][0]["result"] == "XDP_PASS"


def test_a_message_past_all_limits_ends_the_socket_with_1009(address: str) -> None:
    with dial(address) as client:
        client.recv(timeout=30)
        with pytest.raises(ConnectionClosed) as closed:
            client.send("x" * (settings.MESSAGE_BYTES + (1 << 20)))
            client.recv(timeout=30)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


@pytest.mark.parametrize(
    ("length", "sentence"), [(100_000, "at most 65,536 bytes"), (200_000, "one message may have 131,072 bytes")]
)
def test_a_source_that_is_too_long_gets_a_sentence_and_keeps_the_socket(
    address: str, length: int, sentence: str
) -> None:
    with dial(address) as client:
        client.recv(timeout=30)
        request = {"kind": "c", "source": "a" * length}
        client.send(json.dumps({"type": "run", "v": 1, "request": request}))
        assert sentence in json.loads(client.recv(timeout=30))["message"]
        client.ping().wait(10)


@pytest.mark.parametrize("origin", ["https://elsewhere.example", None])
def test_pages_of_other_sites_get_403(address: str, origin: str | None) -> None:
    with pytest.raises(InvalidStatus) as refused, dial(address, origin=origin):
        pass
    assert refused.value.response.status_code == 403


def test_a_taken_port_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = command(tmp_path, PORT=str(port))
        out, err = server.communicate(timeout=20)
    assert (server.returncode, out) == (1, "")
    assert err == f"bpfscope: PORT {port} on 127.0.0.1 cannot be used: Address already in use.\n"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("PORT", "web", "PORT is 'web': it has to be a number below 65536."),
        ("WORKERS", "none", "WORKERS is 'none': it has to be a whole number."),
        ("SECRET_KEY", "short", "SECRET_KEY has 5 characters: it has to have 32 or more."),
    ],
)
def test_settings_nobody_can_mean_stop_the_start(tmp_path: Path, name: str, value: str, sentence: str) -> None:
    server = command(tmp_path, **{name: value})
    _, err = server.communicate(timeout=20)
    assert server.returncode == 1
    assert err == f"bpfscope: {sentence}\n"


def test_help_says_what_is_served_and_starts_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    from playground.__main__ import main

    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "HOST:PORT" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(["8080"], "bpfscope serve")
    assert ended.value.code == 2
    assert "bpfscope serve: error" in capsys.readouterr().err
