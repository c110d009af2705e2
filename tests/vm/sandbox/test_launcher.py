"""The launcher: limits, what is left behind, and what happens when one side dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from vm.errors import InternalError
from vm.sandbox import Limits, python_paths
from vm.sandbox.launcher import SPOOL_PREFIX, Launcher, Tool, bubblewrap, sweep
from vm.sandbox.layers import MIB

PYTHON = Tool(
    (sys.executable, "-I", "-S", "-B", "-c"),
    (*python_paths(), str(Path(os.path.realpath(sys.executable)).parents[1]), str(Path(sys.executable).parents[1])),
)
SMALL = Limits(wall=3.0, cpu=2, memory=512 * MIB, file_size=1 * MIB, text=10_000, output=1 * MIB)


@pytest.fixture(scope="module")
def launcher() -> Iterator[Launcher]:
    made = Launcher({"python": PYTHON})
    yield made
    made.close()


def run(launcher: Launcher, code: str, limits: Limits = SMALL, outputs: tuple[str, ...] = ()) -> tuple[object, ...]:
    done = launcher.run("python", [code], files={"input": b"given"}, outputs=outputs, limits=limits)
    return done.status, done.limit, done.text.decode(), dict(done.outputs)


def test_a_command_reads_its_files_and_writes_its_outputs(launcher: Launcher) -> None:
    code = "open('out', 'w').write(open('input').read() + '!'); print('said')"
    assert run(launcher, code, outputs=("out", "none")) == (0, None, "said\n", {"out": b"given!", "none": None})


def test_its_directory_is_written_as_a_dot(launcher: Launcher) -> None:
    assert run(launcher, "import os; print(os.getcwd())")[2] == ".\n"


@pytest.mark.parametrize(
    ("code", "limit"),
    [
        ("import time; time.sleep(60)", "time"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", None),  # refused: EPERM
        ("while True: pass", "cpu"),
        ("while True: print('x' * 1000)", "output"),
        ("import signal; signal.signal(25, signal.SIG_DFL); open('big', 'wb').write(bytes(2 << 20))", "output"),
    ],
)
def test_limits_are_held_and_named(launcher: Launcher, code: str, limit: str | None) -> None:
    wall = 0.5 if limit == "time" else 60.0
    begin = time.monotonic()
    assert run(launcher, code, Limits(wall=wall, cpu=1, text=10_000, file_size=1 * MIB))[1] == limit
    assert time.monotonic() - begin < wall + 30


def test_memory_is_refused(launcher: Launcher) -> None:
    status, _, text, _ = run(launcher, "bytearray(1 << 30)")
    assert status == 1
    assert "MemoryError" in str(text)


def test_outputs_are_plain_files_of_bounded_size(launcher: Launcher) -> None:
    code = """
import os
os.mkfifo('fifo') if hasattr(os, 'mkfifo') else None
os.mkdir('dir')
open('large', 'wb').write(bytes(900_000))
"""
    names = ("fifo", "dir", "large")
    assert set(run(launcher, code, Limits(wall=3.0, output=1000), names)[3].values()) == {None}  # type: ignore[attr-defined]


def test_nothing_is_left_of_a_job() -> None:
    with tempfile.TemporaryDirectory() as spool:
        launcher = Launcher({"python": PYTHON}, spool=spool)
        run(launcher, "open('rest', 'w').write('x'); import time; time.sleep(60)", Limits(wall=0.3))
        assert [p for p in Path(spool).rglob("*") if p.name.startswith("job-")] == []
        launcher.close()
        assert list(Path(spool).iterdir()) == []


def processes_with(marker: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and marker.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return [pid for pid in found if pid != os.getpid()]


def wait_for(condition: object, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.02)
    return False


def test_nothing_runs_on_when_the_client_is_killed(tmp_path: Path) -> None:
    marker = f"marker_{os.getpid()}_client"
    client = f"""
import sys; sys.path[:0] = {sys.path!r}
from vm.sandbox.launcher import Launcher, Tool
from vm.sandbox import Limits
launcher = Launcher({{"python": Tool({PYTHON.argv!r}, {PYTHON.read!r})}}, spool={str(tmp_path)!r})
launcher.run("python", ["import time; '{marker}'; time.sleep(60)"], files={{}}, limits=Limits(wall=50))
"""
    process = subprocess.Popen([sys.executable, "-c", client])
    try:
        assert wait_for(lambda: len(processes_with(marker)) >= 2, 10)  # the client holds the marker too
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert wait_for(lambda: not processes_with(marker), 2)
    finally:
        process.kill()


def test_a_launcher_that_is_lost_is_replaced() -> None:
    launcher = Launcher({"python": PYTHON})
    assert run(launcher, "print(1)")[2] == "1\n"
    assert launcher.pid is not None
    os.killpg(launcher.pid, signal.SIGKILL)
    assert run(launcher, "print(2)")[2] == "2\n"
    launcher.close()


def test_a_launcher_that_is_stopped_is_given_up() -> None:
    launcher = Launcher({"python": PYTHON})
    launcher.start()
    assert launcher.pid is not None
    os.killpg(launcher.pid, signal.SIGSTOP)
    begin = time.monotonic()
    with pytest.raises(InternalError, match="does not answer"):
        run(launcher, "print(1)", Limits(wall=0.5))
    assert time.monotonic() - begin < 60
    assert run(launcher, "print(2)")[2] == "2\n"
    launcher.close()


def test_spools_of_the_dead_are_swept(tmp_path: Path) -> None:
    dead, live = tmp_path / f"{SPOOL_PREFIX}dead", tmp_path / "other"
    for directory in (dead, live):
        directory.mkdir()
        (directory / "lock").touch()
        os.utime(directory, (1, 1))
    launcher = Launcher({"python": PYTHON}, spool=str(tmp_path))
    launcher.start()
    assert not dead.exists()
    assert live.exists()
    (held,) = [p for p in tmp_path.iterdir() if p.name.startswith(SPOOL_PREFIX)]
    os.utime(held, (1, 1))
    sweep(str(tmp_path))
    assert held.exists()
    launcher.close()


def test_a_tool_that_is_not_there_is_an_exit_status(launcher: Launcher) -> None:
    other = Launcher({"gone": Tool(("/nonexistent/tool",), ())})
    done = other.run("gone", [], files={})
    assert done.status == 126
    assert done.text.startswith(b"sandbox: ")
    other.close()


def test_a_job_that_is_stopped_gives_its_slot_back(launcher: Launcher) -> None:
    marker = f"marker_{os.getpid()}_stopped"
    results: list[object] = []
    thread = threading.Thread(
        target=lambda: results.append(run(launcher, f"'{marker}'; import time; time.sleep(60)", Limits(wall=2.0))[1])
    )
    thread.start()
    assert wait_for(lambda: processes_with(marker), 5)
    os.kill(processes_with(marker)[0], signal.SIGSTOP)
    thread.join(6)
    assert results == ["time"]
    assert run(launcher, "print(1)")[2] == "1\n"


def test_a_fork_gets_a_launcher_of_its_own(launcher: Launcher) -> None:
    launcher.start()
    mine = launcher.pid
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        said = run(launcher, "print('child')")[2]
        os.write(writer, f"{launcher.pid != mine} {said}".encode())
        launcher.close()
        os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(reader, 100) == b"True child\n"
    assert run(launcher, "print('parent')")[2] == "parent\n"
    assert launcher.pid == mine


@pytest.mark.skipif(bubblewrap()[0] is None, reason="bubblewrap does not work here")
def test_without_a_bubblewrap_that_starts_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Launcher, "_wrap", lambda self, bwrap, spool: ["/bin/false"])
    launcher = Launcher({"python": PYTHON})
    assert run(launcher, "print(1)")[2] == "1\n"
    assert "bubblewrap" not in launcher.active
    assert "landlock" in launcher.active
    assert dict(launcher.missing)["bubblewrap"] == "inside it: The sandbox launcher does not start."
    launcher.close()
