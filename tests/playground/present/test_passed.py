"""What each stage took and returned, and that its command does the same."""

from __future__ import annotations

import base64
import gc
import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from playground.messages.stages import ENDS
from playground.messages.told import read
from playground.present.run import STAGES, run_job
from vm.cli.main import main

ROOT = Path(__file__).parents[3]
C = (ROOT / "examples" / "count_drop.c").read_text()
REJECTED = (ROOT / "examples" / "missing_bounds_check.c").read_text()
OBJECT = base64.b64encode((ROOT / "tests" / "golden" / "objects" / "xdp.o").read_bytes()).decode()
DONE = "r0 = 2\nexit\n"
Message = dict[str, Any]


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """main() sets how often garbage is collected."""
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def ended(request: Message) -> dict[str, Message]:
    """How each stage ended."""
    said = [message for message in run_job(request) if message["type"] == "stage" and message["status"] != "working"]
    for message in said:
        read(json.dumps(message))
    return {message["stage"]: message for message in said}


def asked(kind: str, source: str, given: Message | None = None, **options: Any) -> Message:
    return {"kind": kind, "source": source, "options": options, "input": given or {"kind": "auto"}}


REQUESTS = [
    asked("c", C),
    asked("c", C, {"kind": "packet", "hex": "ff" * 64}, opt="O1", mcpu="v2", engine="interpreter"),
    asked("c", C, None, verify=False, program="count_drop"),
    asked("asm", DONE, {"kind": "event", "name": "do_exit", "values": {"code": 3}}, prog_type="kprobe/do_exit"),
    asked("hex", "b700000002000000 9500000000000000"),
    asked("elf", OBJECT),
    asked("c", REJECTED),
]  # fmt: skip


@pytest.mark.parametrize("request_of", REQUESTS, ids=lambda request: f"{request['kind']}-{request['options']}")
def test_the_command_of_each_stage_does_the_same(
    request_of: Message, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    stages = ended(request_of)
    assert set(stages) == {name for name, _ in STAGES}
    for name, message in stages.items():
        if message["status"] == "skipped":
            assert "command" not in message
            continue
        assert message["took"]
        assert message["returned"]
        python, module, vm, verb, file, *options = shlex.split(message["command"])
        assert (python, module, vm) == ("python", "-m", "vm")
        data = request_of["source"]
        Path(file).write_bytes(base64.b64decode(data) if request_of["kind"] == "elf" else data.encode())
        status = main([verb, file, "--json", *options])
        record = json.loads(capsys.readouterr().out.splitlines()[0])
        assert status == (1 if message["status"] == "failed" else 0)
        SAME[name](message, record)


def same_load(message: Message, record: Message) -> None:
    assert record["program"] == message["program"]
    assert len(record["insns"]) == len(message["insns"])


def same_verdict(message: Message, record: Message) -> None:
    assert (record["verdict"], record["log"]) == (message["verdict"], message["log"])
    assert [each["size"] for each in message["returned"] if each["what"] == "states"] == [message["steps"]]


def same_code(message: Message, record: Message) -> None:
    assert len(record["image"]) // 2 == message["bytes"]
    assert message["returned"][-1]["size"] == message["bytes"]
    assert len(record["xlated"]) // 16 == message["returned"][0]["size"]


def same_run(message: Message, record: Message) -> None:
    assert record["result"] == message["runs"][0]["result"] == message["returned"][0]["name"]
    assert record["engine"] == message["engine"]


SAME = {
    "compile": lambda message, record: None,
    "load": same_load,
    "verify": same_verdict,
    "jit": same_code,
    "run": same_run,
}


def test_every_stage_is_held_against_its_command() -> None:
    assert set(SAME) == set(ENDS) == {name for name, _ in STAGES}


def test_what_one_stage_returns_the_next_takes() -> None:
    stages = ended(REQUESTS[0])
    assert stages["compile"]["returned"] == stages["load"]["took"]
    assert stages["load"]["returned"][:2] == stages["verify"]["took"]
    assert stages["jit"]["returned"][-1] == stages["run"]["took"][0]


def test_a_stage_that_could_not_use_its_input_has_a_command() -> None:
    failed = ended(asked("asm", "r0 == banana\n"))["load"]
    assert failed["command"] == "python -m vm disasm program.s"
    broken = ended(asked("c", "int f( {"))["compile"]
    assert broken["took"][0]["name"] == "program.c"
    assert broken["returned"] == []


def test_a_command_quotes_what_a_user_named() -> None:
    request = {**asked("asm", DONE), "name": "a; rm -rf $HOME"}
    assert "'a; rm -rf $HOME.s'" in ended(request)["verify"]["command"]
    request = asked("asm", DONE, {"kind": "event", "name": "$(x)"}, prog_type="kprobe/do_exit")
    assert "'--event=$(x)'" in ended(request)["run"]["command"]


def test_a_log_has_two_stages() -> None:
    text = "0: R1=ctx() R10=fp0\n0: (b7) r0 = 0\n1: (95) exit\nprocessed 2 insns (limit 1000000)\n"
    stages = ended({"kind": "log", "source": text, "options": {"program": "#0"}})
    assert stages["load"]["took"] == stages["verify"]["took"]
    assert stages["load"]["took"][0]["size"] == len(text)
    assert stages["verify"]["command"] == "python -m vm log program.log '--program=#0'"
