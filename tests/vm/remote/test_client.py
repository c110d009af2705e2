"""The client of the run protocol, and the command line's --server, on a real server."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from playground import places
from playground.messages.told import read
from tests.playground.live import live
from vm.cli.main import main
from vm.remote import Connection, ServerError, fitting

LOOP: Final = "r0 = 0\nloop:\nr0 += 1\nif r0 < {} goto loop\nr0 = 2\nexit\n"
TWO: Final = """#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
int seen = 3;
SEC("xdp") int good(struct xdp_md *ctx) { return seen++ ? XDP_PASS : XDP_DROP; }
SEC("xdp") int bad(struct xdp_md *ctx) { return *(char *)(long)ctx->data; }
SEC("tc") int third(struct __sk_buff *ctx) { return seen; }
char LICENSE[] SEC("license") = "GPL";
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with live(tmp_path_factory.mktemp("var")) as address:
        yield address


class Checked(Connection):
    """Every message has to be in the schema."""

    def receive(self) -> dict[str, Any]:
        message = super().receive()
        read(json.dumps(message))
        return message


@pytest.fixture(scope="module")
def server(address: str) -> Iterator[Connection]:
    with Checked(address) as connection:
        yield connection


def test_a_run_its_windows_and_the_same_again(server: Connection, address: str) -> None:
    said = list(server.run({"kind": "asm", "source": LOOP.format(1000)}))
    assert (said[0]["type"], said[-1]["type"]) == ("accepted", "done")
    total = next(m for m in said if m.get("stage") == "verify" and "verdict" in m)["steps"]
    chunks = server.window("verify", 600, 900)
    steps = [step for chunk in chunks for step in chunk["steps"]]
    assert chunks[0]["from"] <= 600 and chunks[0]["from"] + len(steps) >= 900
    assert server.window("verify", total + 10, total + 20)[0]["steps"] == []
    with Checked(address) as other:
        again = list(other.resume(server.run_id))
    stages = [m for m in said if m["type"] == "stage"]
    assert [m for m in again if m["type"] == "stage"] == stages


def test_a_log_that_was_not_kept_is_asked_for(server: Connection) -> None:
    said = list(server.run({"kind": "asm", "source": LOOP.format(3000)}))
    verify = next(m for m in said if m.get("stage") == "verify" and "verdict" in m)
    assert verify["log_more"]
    assert "is left out" in verify["log"] and "is not kept" not in server.log()["log"]


def test_what_a_message_leaves_out_is_asked_for_in_parts(address: str) -> None:
    with Checked(address) as connection:
        said = list(connection.run({"kind": "asm", "source": LOOP.format(50_001)}))
        assert connection.received < 100_000
        verify = next(m for m in said if m.get("stage") == "verify" and "verdict" in m)
        assert verify["steps"] > 99_000
        for name, count in verify["more"].items():
            items = connection.part(name, count)
            assert len(items) == count
            if name != "log":
                assert items[: len(verify[name])] == verify[name]
        assert len(connection.part("arrivals", 10_000)) == verify["more"]["arrivals"]
        assert connection.part("paths", 10) == verify["paths"]
        for wrong in ({"from": 3, "to": 3}, {"from": 0, "to": 1025}, {"from": 0, "to": 9, "list": "steps"}):
            with pytest.raises(ServerError):
                connection.send({"type": "part", "list": "log", **wrong})
                connection._answer("part")


def test_a_run_that_is_cancelled_says_so(server: Connection) -> None:
    said = []
    for message in server.run({"kind": "asm", "source": LOOP.format(200_000)}):
        said.append(message)
        if message["type"] == "accepted":
            server.cancel()
    assert said[-1]["type"] == "done" and said[-1]["cancelled"]


def test_what_is_refused_ends_the_run(server: Connection) -> None:
    (refused,) = server.run({"kind": "rust", "source": "x"})
    assert (refused["type"], refused["code"]) == ("error", "bad_request")
    with pytest.raises(ServerError) as caught:
        server.window("verify", 5, 5)
    assert caught.value.code == "unknown_run" and "There is no run yet" in caught.value.message


def test_a_server_that_is_not_there_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ServerError, match=f"http://127.0.0.1:{port}: no playground can be reached"):
        Connection(f"http://127.0.0.1:{port}")
    for wrong in ("ftp://x", "127.0.0.1:8000", "http://"):
        with pytest.raises(ServerError, match="has to be like http"):
            Connection(wrong)


Answer = tuple[int, list[dict[str, Any]]]


def said(capsys: pytest.CaptureFixture[str], *words: str) -> Answer:
    status = main(words)
    return status, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def two(tmp_path: Path) -> str:
    path = tmp_path / "program.c"  # what the server calls a source: maps and log lines are named by it
    path.write_text(TWO)
    return str(path)


def test_verify_says_the_same_as_here(address: str, two: str, capsys: pytest.CaptureFixture[str]) -> None:
    here = said(capsys, "verify", two, "--json", "--log-level", "2")
    there = said(capsys, "verify", two, "--json", "--server", address)
    # The server checks one program at a time: it does not say that libbpf would stop at the rejected one.
    assert [remark["message"] for remark in here[1][1].pop("remarks")] and there[1][1].pop("remarks") == []
    assert there == here
    assert [line["verdict"] for line in here[1]] == ["accept", "reject", "accept"]


def test_run_says_the_same_as_here(address: str, two: str, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (
        ["run", two, "--json", "--program", "good", "--packet", "ff" * 64],
        ["run", two, "--json", "--program", "bad"],
        ["run", two, "--json", "--program", "good"],
    ):
        assert said(capsys, *words, "--server", address) == said(capsys, *words)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--alone"], "--alone cannot be used with --server"),
        (["--caps", "bpf"], "--caps cannot be used with --server"),
        (["--log-level", "1"], "a server's log has level 2"),
    ],
)
def test_options_a_server_does_not_have_are_refused(
    words: list[str], sentence: str, two: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", two, *words, "--server", "http://127.0.0.1:1"]) == 2
    assert sentence in capsys.readouterr().err


def test_what_does_not_compile_or_load(address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, text in (("broken.c", "int f( {"), ("broken.s", "r0 =\nexit")):
        path = tmp_path / name
        path.write_text(text)
        words = ["verify", str(path), "--json", "--log-level", "2"]
        (there, told), (here, expected) = said(capsys, *words, "--server", address), said(capsys, *words)
        assert there == here and told[0]["verdict"] == expected[0]["verdict"] == "error"


def test_what_is_too_long_for_a_message_is_uploaded(
    server: Connection, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, large = tmp_path / "large.c", tmp_path / "large.o"
    source.write_text(TWO)
    assert main(["compile", str(source), "-o", str(large)]) == 0
    large.write_bytes(large.read_bytes() + bytes(400_000))
    capsys.readouterr()
    command = ["verify", "--json", "--no-fixes", "--program", "bad", str(large)]
    assert main([*command, "--server", address]) == 1
    there = json.loads(capsys.readouterr().out)
    assert there["failure"]["rule"]
    # A packet, headers and another program's source beside it, each too long for what is left of one message.
    asked = {
        "kind": "c",
        "source": TWO,
        "files": {"a.h": "/" * 100_000, "b.h": "/" * 100_000},
        "input": {"kind": "packet", "hex": "00" * 60_000},
    }
    said = list(server.run(asked))
    assert next(m for m in said if m.get("stage") == "run" and "runs" in m)["runs"][0]["r0"]
    assert fitting.length({"type": "run", "v": 1, "request": asked}) > server.hello["limits"]["message_bytes"]


def test_an_upload_that_is_too_long_is_a_sentence(server: Connection) -> None:
    with pytest.raises(ServerError, match="The packet is too long: at most 65,536 bytes are taken"):
        list(server.run({"kind": "asm", "source": "exit", "input": {"kind": "packet", "hex": "00" * 70_000}}))


def test_the_tables_of_what_may_be_uploaded_are_those_of_the_server() -> None:
    assert {kind: place[0] for kind, place in places.SOURCES.items()} == dict(fitting.SOURCES)
    assert {kind: place[:2] for kind, place in places.INPUTS.items()} == dict(fitting.INPUTS)
    coded = {kind for kind, coding in places.SOURCES.values() if coding is not places.TEXT}
    assert coded | {kind for _, kind, coding in places.INPUTS.values() if coding is not places.TEXT} == set(
        fitting.DECODE
    )
