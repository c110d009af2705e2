"""Commands that were started ahead: confined and limited as any other, used once, and gone when others run."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.vm.sandbox.test_launcher import PYTHON, SMALL
from vm.sandbox import Limits
from vm.sandbox.launcher import Launcher, Result

FILES = ("input", "more", "fixed")
WAITED = "import os, time; start = time.time(); given = open('input').read(); waited = time.time() - start\n"


@pytest.fixture
def launcher() -> Iterator[Launcher]:
    made = Launcher({"python": PYTHON})
    yield made
    made.close()


def ahead(launcher: Launcher, code: str, limits: Limits = SMALL, fixed: bytes = b"at @JOB@") -> None:
    launcher.start_ahead("python", [code], files=FILES, templates={"fixed": fixed}, limits=limits, fed="input")


def run(launcher: Launcher, code: str, limits: Limits = SMALL, given: bytes = b"given") -> Result:
    files = {"input": given, "more": b"more", "fixed": b"at @JOB@"}
    return launcher.run("python", [code], files=files, templates=["fixed"], outputs=["out"], limits=limits, fed="input")


def waiting(launcher: Launcher, count: int = 1) -> list[int]:
    """The processes below the launcher, once there are so many."""
    found: list[int] = []
    for _ in range(500):
        found = [int(pid) for pid in Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split()]
        if len(found) == count:
            return found
        time.sleep(0.01)
    raise AssertionError(f"{len(found)} processes instead of {count}")


def test_what_was_started_ahead_gets_its_files_and_answers() -> None:
    code = WAITED + "open('out', 'w').write(given + open('more').read()); print(waited > 0.2, open('fixed').read())"
    made = Launcher({"python": PYTHON})
    try:
        ahead(made, code)
        (pid,) = waiting(made)
        time.sleep(0.4)
        done = run(made, code)
        assert (done.status, done.limit, done.text) == (0, None, b"True at .\n")
        assert done.outputs == {"out": b"givenmore"}
        assert not Path(f"/proc/{pid}").exists()
        waiting(made, 0)
        # The next one was not started ahead, and does the same.
        assert run(made, code).text == b"False at .\n"
    finally:
        made.close()


def test_its_time_begins_when_it_gets_its_file(launcher: Launcher) -> None:
    limits = replace(SMALL, wall=0.6)
    code = WAITED + "print(given, flush=True); time.sleep(60 if given == 'slow' else 0)"
    for given, limit in ((b"fast", None), (b"slow", "time")):
        ahead(launcher, code, replace(limits, wall=9.0))
        time.sleep(0.9)
        start = time.monotonic()
        done = run(launcher, code, limits, given)
        assert (done.limit, done.text) == (limit, given + b"\n")
        assert time.monotonic() - start < 2


@pytest.mark.parametrize(("code", "limit"), [("while True: pass", "cpu"), ("while True: print('x' * 1000)", "output")])
def test_its_limits_hold(launcher: Launcher, code: str, limit: str) -> None:
    limits = replace(SMALL, wall=30)
    ahead(launcher, WAITED + code, limits)
    waiting(launcher)
    assert run(launcher, WAITED + code, limits).limit == limit


def test_it_may_do_what_any_other_may(launcher: Launcher, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    code = (
        WAITED
        + f"""
import socket
def may(action):
    try:
        action()
        return True
    except OSError:
        return False
print(os.umask(0o022), os.listdir("."), waited > 0.2, [may(action) for action in (
    lambda: open({str(tmp_path / "secret")!r}),
    lambda: open({str(tmp_path / "new")!r}, "w"),
    lambda: os.listdir(".."),
    lambda: open("../other", "w"),
    lambda: socket.socket(),
    lambda: os.fork() or os._exit(0),
    lambda: os.kill(os.getppid(), 0),
    lambda: open("own", "w"),
)])
"""
    )
    fresh = run(launcher, code).text.decode()
    ahead(launcher, code)
    time.sleep(0.4)
    said = run(launcher, code).text.decode()
    assert said == fresh.replace("False [", "True [", 1)
    assert said.endswith("[False, False, False, False, False, False, False, True]\n")


def test_nothing_of_a_job_is_there_for_the_one_that_is_started_ahead_next(launcher: Launcher) -> None:
    leave = (
        WAITED
        + """
for place in (".", "..", "/tmp", "/dev/shm"):
    try:
        open(place + "/left", "w").write("x")
    except OSError:
        pass
os.environ["LEFT"] = "x"
print(sorted(os.listdir(".")), os.environ.get("LEFT"), os.path.exists("../left"))
"""
    )
    look = leave.replace('"w"', '"r"')
    for _ in range(2):
        ahead(launcher, leave)
        assert b"'left'" in run(launcher, leave).text
        ahead(launcher, look)
        said = run(launcher, look).text
        assert b"'left'" not in said and said.endswith(b"False\n"), said


@pytest.mark.parametrize("other", ["code", "limits", "template"])
def test_another_command_ends_it_before_it_runs(launcher: Launcher, other: str) -> None:
    code = WAITED + "print(waited > 0.2)"
    limits = replace(SMALL, cpu=1) if other == "limits" else SMALL
    ahead(launcher, code, limits, b"another" if other == "template" else b"at @JOB@")
    (pid,) = waiting(launcher)
    time.sleep(0.3)
    done = run(launcher, code + "\n" if other == "code" else code)
    assert done.text.startswith(b"False")
    assert not Path(f"/proc/{pid}").exists()
    waiting(launcher, 0)


def test_one_that_ended_while_it_waited_is_replaced(launcher: Launcher) -> None:
    code = WAITED + "print(given)"
    ahead(launcher, code)
    (pid,) = waiting(launcher)
    time.sleep(0.3)
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.1)
    assert run(launcher, code).text == b"given\n"
    ahead(launcher, "import os; os._exit(3)")
    time.sleep(0.3)
    assert run(launcher, "import os; os._exit(3)").status == 3


def test_the_file_can_be_opened_again(launcher: Launcher) -> None:
    code = WAITED + "print(waited > 0.2, open('input').read() == given, os.path.isfile('input'), len(os.listdir('.')))"
    ahead(launcher, code)
    time.sleep(0.4)
    assert run(launcher, code).text == b"True True True 3\n"


def test_a_large_file_is_given_whole_and_one_that_is_not_read_holds_nothing_up(launcher: Launcher) -> None:
    large = b"x" * (1 << 20)
    ahead(launcher, WAITED + "print(len(given))")
    assert run(launcher, WAITED + "print(len(given))", given=large).text == b"1048576\n"
    for code in ("open('input'); import time; time.sleep(60)", "import time; time.sleep(60)"):
        ahead(launcher, code)
        assert run(launcher, code, replace(SMALL, wall=0.5), large).limit == "time"


def test_only_one_waits_and_it_ends_with_its_launcher(launcher: Launcher) -> None:
    for _ in range(3):
        ahead(launcher, WAITED)
    (pid,) = waiting(launcher)
    ahead(launcher, WAITED + "\n")
    time.sleep(0.3)
    (other,) = waiting(launcher)
    assert other != pid
    launcher.close()
    assert not Path(f"/proc/{other}").exists()
