"""The script of docs/ci.md, run as it stands."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "ci.md").read_text(), re.DOTALL)


def test_a_rejection_is_annotated_at_its_line(tmp_path: Path) -> None:
    (tmp_path / "annotate.py").write_text(SCRIPT[0])
    source = tmp_path / "a,b%.c"
    source.write_text((ROOT / "examples" / "missing_bounds_check.c").read_text())
    good = ROOT / "examples" / "count_drop.c"
    verify = [sys.executable, "-m", "vm", "verify", "--json", "--no-fixes", str(source), str(good)]
    said = subprocess.run(verify, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert said.returncode == 1
    done = subprocess.run(
        [sys.executable, str(tmp_path / "annotate.py")], input=said.stdout, capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 1, done.stderr
    (line,) = done.stdout.splitlines()
    found = re.fullmatch(r"::error file=(\S+),line=(\d+),title=\w+::(.*)", line)
    assert found and found[1].endswith("a%2Cb%25.c") and "outside of the packet" in found[3]
    assert int(found[2]) <= len(source.read_text().splitlines())


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


def test_the_real_kernels_come_after_the_tests() -> None:
    steps = (ROOT / ".ci" / "run").read_text().splitlines()
    assert steps.index("CI=true make test") < steps.index("exec sh .ci/guests")
