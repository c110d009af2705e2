"""The start of the command line against that of an earlier revision, each as a whole process."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Final

from bench.rows import Clock, Row, skipped

ROOT: Final = Path(__file__).resolve().parent.parent
BEFORE: Final = "9ec91d0"
OBJECT: Final = ROOT / "tests" / "golden" / "objects" / "xdp.o"
RUNS: Final = 15


def rows(clock: Clock) -> list[Row]:
    label = f"start, verify, end: a small object / the same of {BEFORE}"
    archive = subprocess.run(["git", "archive", BEFORE], cwd=ROOT, capture_output=True)
    if archive.returncode:
        return [skipped(label, f"git has no revision {BEFORE} here")]
    with tempfile.TemporaryDirectory(prefix="bpfscope-bench-") as tmp:
        before = Path(tmp, "before")
        with tarfile.open(fileobj=BytesIO(archive.stdout)) as tar:
            tar.extractall(before, filter="data")
        cache = str(Path(tmp, "cache"))

        def ratio(compiled: str) -> float:
            return _cpu(ROOT, cache, compiled) / _cpu(before, cache, "0")

        ratio("0")  # writes the byte code
        plain = Clock(clock.left() * 0.6).repeat(lambda: ratio("0"), RUNS)
        found = [Row(f"{label}, plain Python", plain, goal=0.6)]
        from bench.walks import is_compiled

        if is_compiled():
            ratio("1")
            found.append(
                Row(
                    f"ours with the compiled verifier / plain {BEFORE}",
                    clock.repeat(lambda: ratio("1"), RUNS),
                    goal=0.6,
                )
            )
        return found


def _cpu(tree: Path, cache: str, compiled: str) -> float:
    """Seconds of CPU time of the process."""
    env = {**os.environ, "BPFSCOPE_COMPILED": compiled, "PYTHONPYCACHEPREFIX": cache}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    start = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "vm", "verify", "--log-level", "0", str(OBJECT)], cwd=tree, env=env, capture_output=True
    )
    end = resource.getrusage(resource.RUSAGE_CHILDREN)
    if b"accept" not in done.stdout:
        sys.exit(f"bench: {done.stderr.decode()[-2000:]}")
    return end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime
