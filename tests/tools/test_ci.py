"""The script of docs/ci.md, run as it stands."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.vm.compile.test_own_files import MAIN, MINE

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "ci.md").read_text(), re.DOTALL)


def test_a_rejection_is_annotated_at_its_line(tmp_path: Path) -> None:
    (tmp_path / "annotate.py").write_text(SCRIPT[0])
    source = tmp_path / "a,b%.c"
    source.write_text((ROOT / "examples" / "missing_bounds_check.c").read_text())
    good = ROOT / "examples" / "count_drop.c"
    main = MAIN.replace('"mine.h"', '"../include/mine.h"')
    for name, text in (("src/main.c", main), ("include/mine.h", MINE), ("wrong.c", "int a;\nint b = ;\n")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    others = [str(tmp_path / name) for name in ("src/main.c", "wrong.c")]
    verify = [sys.executable, "-m", "vm", "verify", "--json", "--no-fixes", str(source), str(good), *others]
    said = subprocess.run(verify, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert said.returncode == 1
    done = subprocess.run(
        [sys.executable, str(tmp_path / "annotate.py")], input=said.stdout, capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    found = [re.fullmatch(r"::error file=(\S+),line=(\d+),title=(\w+)::(.*)", line) for line in lines]
    rejected, header, wrong = (each.groups() for each in found if each is not None)
    assert rejected[0].endswith("a%2Cb%25.c") and "outside of the packet: " in rejected[3]
    assert int(rejected[1]) <= len(source.read_text().splitlines())
    assert header[:3] == (str(tmp_path / "include" / "mine.h"), "5", "prog")
    assert wrong == (str(tmp_path / "wrong.c"), "2", "clang", "expected expression")


def test_without_qemu_the_real_kernels_are_skipped_with_a_sentence(tmp_path: Path) -> None:
    """As where nothing can be installed: only what the script itself needs is there."""
    for name in ("sh", "date", "dirname", "id", "timeout"):
        found = shutil.which(name)
        assert found is not None
        (tmp_path / name).symlink_to(found)
    environment = {"PATH": str(tmp_path), "BPFSCOPE_QEMU": "no-such-qemu"}
    done = subprocess.run(
        [str(tmp_path / "sh"), str(ROOT / ".ci" / "guests")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("guests: the tests on real kernels are skipped: QEMU is not installed")


def ci(tmp_path: Path, make: str) -> tuple[subprocess.CompletedProcess[str], str]:
    """What `.ci/run` prints where `make` and `.ci/guests` are these scripts, and what they were called with."""
    root = tmp_path / "clone"
    (root / ".ci").mkdir(parents=True)
    shutil.copyfile(ROOT / ".ci" / "run", root / ".ci" / "run")
    called = tmp_path / "called"
    (root / ".ci" / "guests").write_text(f'echo "guests $CI" >>{called}; echo "3 passed in 1.00s"\n')
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "make").write_text(f'#!/bin/sh\necho "make $* $CI" >>{called}\n{make}\n')
    (folder / "make").chmod(0o755)
    done = subprocess.run(
        ["bash", str(root / ".ci" / "run")],
        env={"PATH": f"{folder}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done, called.read_text()


def test_the_real_kernels_come_after_the_tests(tmp_path: Path) -> None:
    done, called = ci(tmp_path, "echo '10 passed, 2 skipped in 5.00s'")
    assert done.returncode == 0, done.stdout
    assert called == "make test true\nmake corpora true\nmake plain true\nguests true\n"
    assert "10 passed, 2 skipped in 5.00s\n" in done.stdout and "3 passed in 1.00s\n" in done.stdout


def test_what_fails_twice_is_printed_and_ends_it(tmp_path: Path) -> None:
    said = "echo '..s.F... [ 99%]'; echo 'FAILED tests/x.py::test_y - assert 1'"
    failing = f"seq 30000; {said}; seq 30000; echo '1 failed in 2.00s'; exit 2"
    done, called = ci(tmp_path, failing)
    assert done.returncode == 2
    assert called == 2 * "make test true\n"
    assert len(done.stdout) < 10_000
    assert "99%" not in done.stdout
    assert "FAILED tests/x.py::test_y" in done.stdout and "1 failed in 2.00s" in done.stdout


def test_what_fails_once_is_printed_and_run_again(tmp_path: Path) -> None:
    first = tmp_path / "first"
    fail = f"touch {first}; echo 'FAILED tests/x.py::test_y'; exit 2"
    once = f"[ -e {first} ] && echo '2 passed in 1.00s' && exit 0; {fail}"
    done, called = ci(tmp_path, once)
    assert done.returncode == 0, done.stdout
    assert called == "make test true\nmake test true\nmake corpora true\nmake plain true\nguests true\n"
    assert "FAILED tests/x.py::test_y" in done.stdout and "2 passed in 1.00s\n" in done.stdout
