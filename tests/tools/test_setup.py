"""tools/setup.py: several at once, interrupted anywhere, and started again."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools import lock, native, packages, setup
from vm import native as vm_native

ROOT = Path(setup.__file__).resolve().parent.parent

HOLDER = """
import subprocess, sys, time
from pathlib import Path
from tools.lock import held, hold
root, name, seconds = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
with hold(root, f"doing {name}"):
    with open(root / "log", "a") as log:
        log.write(f"{name} begins\\n")
    print("held", flush=True)
    subprocess.run([sys.executable, "-c", f"import time; time.sleep({seconds})"], pass_fds=held, stdout=2)
    with open(root / "log", "a") as log:
        log.write(f"{name} ends\\n")
"""


def holder(root: Path, name: str, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLDER, str(root), name, str(seconds)]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE)


def test_the_second_waits_for_the_first_and_says_for_what(tmp_path: Path) -> None:
    first = holder(tmp_path, "one", 0.5)
    assert first.stdout is not None and first.stdout.readline() == "held\n"
    second = holder(tmp_path, "two", 0)
    out, _ = second.communicate(timeout=20)
    first.communicate()
    assert out == f"bpfscope: waiting for another process, which is doing one (process {first.pid})\nheld\n"
    assert (tmp_path / "log").read_text().split("\n")[:4] == ["one begins", "one ends", "two begins", "two ends"]


def test_what_a_killed_set_up_had_started_is_waited_for(tmp_path: Path) -> None:
    first = holder(tmp_path, "one", 1.5)
    assert first.stdout is not None and first.stdout.readline() == "held\n"
    begun = time.monotonic()
    time.sleep(0.3)  # until its command runs
    first.send_signal(signal.SIGKILL)
    first.wait()
    second = holder(tmp_path, "two", 0)
    out, _ = second.communicate(timeout=20)
    assert time.monotonic() - begun > 1.2
    assert "waiting for another process" in out


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with requirements, a page and no network: what is called is written down."""
    for name in ("requirements", "static", ".venv/bin"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("run", "dev"):
        (tmp_path / "requirements" / f"{name}.txt").write_text(f"{name}==1\n")
    for name in ("package.json", "package-lock.json"):
        (tmp_path / name).write_text("{}")
    os.symlink(sys.executable, tmp_path / ".venv/bin/python")
    for name in ("ROOT", "VENV", "PYTHON", "MODULES", "DIST"):
        value: Path = getattr(setup, name)
        monkeypatch.setattr(setup, name, tmp_path / value.relative_to(ROOT))
    monkeypatch.setattr(setup, "STAMPS", {n: tmp_path / p.relative_to(ROOT) for n, p in setup.STAMPS.items()})
    monkeypatch.setattr(setup, "node_command", lambda tool: ["/usr/bin/npm"])
    return tmp_path


class Calls:
    """In the place of setup.call: writes down what is called, and does `then` at the call of that number."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.said: list[str] = []
        self.interrupt_at = 0

    def __call__(self, command: list[str], what: str, **environment: str) -> None:
        self.said.append(what)
        if what == "npm ci":
            (self.root / "node_modules").mkdir(exist_ok=True)
        if what == "Bundling the page":
            (self.root / "static" / "dist").mkdir(exist_ok=True)
            (self.root / "static" / "dist" / "app.js").write_text("half" if self.interrupt_at else "whole")
        if len(self.said) == self.interrupt_at:
            raise KeyboardInterrupt


@pytest.fixture
def calls(tree: Path, monkeypatch: pytest.MonkeyPatch) -> Calls:
    found = Calls(tree)
    monkeypatch.setattr(setup, "call", found)
    return found


def test_packages_are_installed_once(calls: Calls) -> None:
    for _ in range(2):
        setup.install("run")
    assert calls.said == ["Installing packages"]
    setup.install("dev")
    (calls.root / ".venv/.run-stamp").unlink()
    setup.install("run")  # dev has them all
    assert len(calls.said) == 2


def test_an_interrupted_installation_is_none_and_neither_are_those_before(calls: Calls) -> None:
    setup.install("run")
    calls.interrupt_at = 2
    with pytest.raises(KeyboardInterrupt):
        setup.install("dev")
    assert not setup.installed("run"), "pip may have been in the middle of a package that both have"
    calls.interrupt_at = 0
    setup.install("run")
    assert setup.installed("run") and not setup.installed("dev")


def test_an_interrupted_bundle_is_none(calls: Calls) -> None:
    setup.bundle()
    assert calls.said == ["npm ci", "Bundling the page"]
    setup.bundle()
    assert len(calls.said) == 2
    (calls.root / "package.json").write_text('{"changed": true}')
    for interrupted in (3, 4):
        calls.interrupt_at, calls.said = interrupted, calls.said[:2]
        with pytest.raises(KeyboardInterrupt):
            setup.bundle()
    # The change is taken back: what lies there is of neither.
    (calls.root / "package.json").write_text("{}")
    calls.interrupt_at, calls.said = 0, []
    setup.bundle()
    assert calls.said[-1] == "Bundling the page"
    assert (calls.root / "static/dist/app.js").read_text() == "whole"


def test_two_set_ups_at_once_install_once(tree: Path) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom tools import setup\n"
        "root = Path(sys.argv[1])\n"
        "setup.ROOT, setup.VENV = root, root / '.venv'\n"
        "setup.STAMPS = {name: root / path.relative_to(Path.cwd()) for name, path in setup.STAMPS.items()}\n"
        "def call(command, what):\n"
        "    with open(root / 'log', 'a') as log: log.write('begins\\n')\n"
        "    time.sleep(0.5)\n"
        "setup.call = call\n"
        "setup.install('dev')\n"
    )
    both = [subprocess.Popen([sys.executable, "-c", code, str(tree)], cwd=ROOT) for _ in range(2)]
    assert [process.wait(20) for process in both] == [0, 0]
    assert (tree / "log").read_text() == "begins\n"


def test_ctrl_c_is_answered_with_a_sentence(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(setup, "make_venv", interrupted)
    assert setup.main(["run"]) == 130
    assert "the next start goes on from there" in capsys.readouterr().err


def distribution(site: Path, name: str, *, record: bool = True, files: tuple[str, ...] = ("a.py",)) -> Path:
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    if record:
        (info / "RECORD").write_text("".join(f"{name}/{file},,\n" for file in files))
    (site / name).mkdir()
    (site / name / "a.py").write_text("")
    return info


def test_packages_that_are_not_whole_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "lib" / "python3.99" / "site-packages"
    whole = distribution(site, "whole")
    cut = distribution(site, "cut", record=False)  # pip was killed before its last file
    moved = distribution(site, "moved", files=("a.py", "gone.py"))  # pip was killed while it took it away
    empty = site / "empty-1.0.dist-info"
    empty.mkdir()  # without METADATA: pip ends with a TypeError
    left = site / "~oved"
    left.mkdir()
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={site} exec {sys.executable} -S "$@"\n')
    python.chmod(0o755)
    packages.remove_broken(tmp_path)
    assert whole.exists() and (site / "whole" / "a.py").exists()
    assert not [path for path in (cut, moved, empty, left) if path.exists()]


def test_a_virtual_environment_without_all_of_pip_is_none(tmp_path: Path) -> None:
    site = tmp_path / "site"
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={site} exec {sys.executable} -S "$@"\n')
    python.chmod(0o755)
    info = distribution(site, "pip")
    assert packages.pip_works(python)
    (info / "RECORD").unlink()
    assert not packages.pip_works(python)
    assert not packages.pip_works(tmp_path / "nothing")


def test_what_several_steps_install_is_the_same_release() -> None:
    pins: dict[str, set[str]] = {}
    for path in (ROOT / "requirements").glob("*.txt"):
        for name, version in re.findall(r"^([a-z0-9._-]+)==(\S+)", path.read_text(), re.MULTILINE):
            pins.setdefault(name, set()).add(version)
    assert not {name: versions for name, versions in pins.items() if len(versions) > 1}


def test_every_requirement_has_a_hash() -> None:
    """pip then takes no other file, and package-lock.json says the same of the page's packages."""
    locks = sorted((ROOT / "requirements").glob("*.txt"))
    assert len(locks) >= 4
    for path in locks:
        named = re.split(r"^(?=[A-Za-z0-9])", re.sub(r"#.*", "", path.read_text()), flags=re.MULTILINE)[1:]
        assert named
        assert [each.split()[0] for each in named if "==" not in each or "--hash=sha256:" not in each] == []
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    assert [name for name, about in packages.items() if name and "integrity" not in about] == []


def test_a_compiled_copy_that_does_not_work_never_stands_under_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = tmp_path / "built"
    built.mkdir()
    monkeypatch.setattr(native, "STORE", tmp_path / "store")
    (tmp_path / "store").mkdir()
    seen: list[bool] = []

    def try_out(folder: Path) -> None:
        seen.append((tmp_path / "store" / "key").exists())
        raise KeyboardInterrupt

    monkeypatch.setattr(native, "try_out", try_out)
    with pytest.raises(KeyboardInterrupt):
        native.publish(built, "key", {})
    assert seen == [False]
    assert not (tmp_path / "store" / "key").exists()


def test_a_copy_of_another_checkout_is_taken_if_it_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "SHARED", tmp_path / "shared")
    (tmp_path / "built").mkdir()
    (tmp_path / "built" / "modules.json").write_text("[]")
    native.share(tmp_path / "built", "key")
    assert (tmp_path / "shared").stat().st_mode & 0o077 == 0
    monkeypatch.setattr(native, "STORE", tmp_path / "store")
    monkeypatch.setattr(native, "try_out", lambda folder: None)
    monkeypatch.setattr(vm_native, "remember", lambda key, seen: None)
    (tmp_path / "store").mkdir()
    assert not native.adopt("another", {})
    assert native.adopt("key", {})
    assert (tmp_path / "store" / "key" / "modules.json").exists()

    def try_out(folder: Path) -> None:
        raise native.Impossible("it crashes")

    monkeypatch.setattr(native, "try_out", try_out)
    assert not native.adopt("key", {})
    assert not (tmp_path / "shared" / "key").exists()


def test_a_compiler_that_was_killed_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "STORE", tmp_path / "store")
    monkeypatch.setattr(vm_native, "find", lambda: None)
    monkeypatch.setattr(vm_native, "digest", lambda *root: "key")
    monkeypatch.setattr(native, "compiler", lambda: ["true"])
    monkeypatch.setattr(native, "mypyc", lambda: None)
    monkeypatch.setattr(os, "nice", lambda by: 0)
    monkeypatch.setattr(native, "build", lambda place, command: native.run(["sh", "-c", "kill -9 $$"]))
    for attempt in (1, 2, 3):
        with pytest.raises(native.Impossible, match="signal 9"):
            native.compile_now()
        assert (tmp_path / "store" / "key.failed").exists() is (attempt > 1)


def test_the_lock_is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="of ours"), lock.hold(tmp_path, "failing"):
        assert lock.held
        raise ValueError("of ours")
    assert not lock.held
    with lock.hold(tmp_path, "going on"):
        pass


def test_every_stamp_lies_where_what_it_describes_lies() -> None:
    """A checkout that shares its packages with another has scripts of its own."""
    assert setup.STAMPS["bundle"].parent == setup.DIST
    assert setup.STAMPS["npm"].parent == setup.MODULES
    assert all(setup.STAMPS[name].parent == setup.VENV for name in ("run", "dev", "dev-covers-run"))


@pytest.mark.parametrize("name", ["dev", "services"])
def test_what_running_takes_is_in_every_lock(name: str) -> None:
    def pins(lock: str) -> set[str]:
        text = (ROOT / "requirements" / f"{lock}.txt").read_text()
        return set(re.findall(r"^[\w.-]+==\S+", text, re.MULTILINE))

    assert pins("run") <= pins(name)


APT = "apt-get"
WINDOWS, SHELL, FIREFOX = "chromium", "chromium-headless-shell", "firefox-esr"


@pytest.mark.parametrize(
    ("there", "root", "installed", "said"),
    [
        ({WINDOWS, SHELL, FIREFOX}, True, [], ""),
        ({APT}, True, [WINDOWS, SHELL, FIREFOX], "installing Debian's"),
        ({APT, WINDOWS}, True, [SHELL, FIREFOX], "installing Debian's"),
        ({APT, SHELL, FIREFOX}, True, [WINDOWS], "installing Debian's"),
        ({APT, WINDOWS, FIREFOX}, False, [], "take twice as long"),
        ({APT, WINDOWS, SHELL}, False, [], "in Firefox are skipped without firefox-esr: installing it takes root"),
        ({APT}, False, [], "are skipped: no chromium is installed, and installing it takes root"),
        (set(), True, [], "are skipped: no chromium is installed, and there is no apt-get here"),
    ],
)
def test_browsers_that_are_missing_are_installed_by_root(
    there: set[str],
    root: bool,
    installed: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    called: list[list[str]] = []
    monkeypatch.setattr("tools.setup.shutil.which", lambda name: name if name in there else None)
    monkeypatch.setattr("tools.setup.os.geteuid", lambda: 0 if root else 1000)
    monkeypatch.setattr(setup, "call", lambda command, what, **environment: called.append(command))
    setup.browser()
    assert [command[-1] for command in called if "install" in command] == installed
    assert said in capsys.readouterr().out
    assert bool(said) or not called


def test_a_browser_that_cannot_be_had_keeps_no_other_from_being_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    called: list[str] = []

    def call(command: list[str], what: str, **environment: str) -> None:
        called.append(command[-1])
        if command[-1] == SHELL:
            raise setup.Failed("apt-get failed:\nno such package")

    monkeypatch.setattr("tools.setup.shutil.which", lambda name: name if name == APT else None)
    monkeypatch.setattr("tools.setup.os.geteuid", lambda: 0)
    monkeypatch.setattr(setup, "call", call)
    setup.browser()
    assert called == ["update", WINDOWS, SHELL, FIREFOX]
    said = capsys.readouterr().out
    assert f"twice as long without {SHELL}: apt-get failed:" in said
    assert "in Firefox are skipped" not in said
