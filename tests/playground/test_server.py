"""`python -m playground`: a real server, a real socket."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect


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


def test_a_program_goes_all_the_way(address: str) -> None:
    request = {"kind": "asm", "source": "r0 = 2\nexit", "input": {"kind": "packet", "hex": "ff" * 64}}
    with dial(address) as client:
        client.send(json.dumps({"type": "run", "v": 1, "request": request}))
        said = []
        while not said or said[-1]["type"] != "done":
            said.append(json.loads(client.recv(timeout=30)))
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


def test_a_source_of_a_mebibyte_gets_a_sentence_and_keeps_the_socket(address: str) -> None:
    with dial(address) as client:
        client.recv(timeout=30)
        request = {"kind": "c", "source": "a" * (1 << 20)}
        client.send(json.dumps({"type": "run", "v": 1, "request": request}))
        assert "at most 65,536 bytes" in json.loads(client.recv(timeout=30))["message"]
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
