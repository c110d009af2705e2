"""The script of docs/ci.md, run as it stands."""

from __future__ import annotations

import re
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
