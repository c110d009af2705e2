"""Real kernels: guests' answers against another loader's, and what many jobs in a row leave behind.

The other loader is a program of the operator's, named by KERNEL_LOAD: `KERNEL_LOAD OUT.jsonl FILE.o...` boots the
kernel in $KERNEL_DIR and loads each program of each object by itself with libbpf. It writes a JSON line a program:
file, prog, verdict, err (-errno) and log1 (the log of level 1; absent where the walk is long).
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from bench.rows import Clock, Row, skipped
from bench.walks import selftests
from vm import pipeline
from vm.errors import InputError
from vm.pipeline import Build, BuildOptions, Cell, Source
from vm.pipeline.kernel_own import hidden

LOADER: Final = "KERNEL_LOAD"
OBJECTS: Final = "KERNEL_OBJECTS"
NAMES: Final = "KERNEL_NAMES"
JOBS: Final = "KERNEL_JOBS"
MOST_BYTES: Final = 1 << 20
"""Objects that are larger are left out."""
SHOWN: Final = 8
"""Answers that differ, of which the first line that differs is printed."""
LEAST_FREE: Final = 60.0


def kernel_answers(clock: Clock) -> list[Row]:
    """Verdict, errno and log of self-test objects on each kernel, against libbpf ($KERNEL_LOAD)."""
    label = "answers of real kernels that are the same as by libbpf"
    loader = os.environ.get(LOADER)
    files = _objects(int(os.environ.get(OBJECTS, "40")))
    if not loader or not files:
        return [skipped(label, f"it needs a loader ({LOADER}) and the kernel's self-tests")]
    try:
        states = pipeline.guests(tuple(filter(None, os.environ.get(NAMES, "").split(","))))
    except InputError as error:
        return [skipped(label, error.message)]
    rows = []
    for state in states:
        if clock.left() < LEAST_FREE:
            rows.append(Row(f"{label}: {state.name}", note="not measured: out of time"))
            continue
        theirs = _theirs(loader, state.name, files, clock.left())
        if not theirs:
            rows.append(Row(f"{label}: {state.name}", note="not measured: the loader told nothing"))
            continue
        ours = {(Path(cell.source).name, cell.program): cell for cell in _ours(files, state)}
        wrong = list(_different(ours, theirs))
        for text in wrong[:SHOWN]:
            print(f"    {state.name}: {text}", flush=True)
        asked = len(theirs)
        print(
            f"    {state.name}: {asked - len(wrong)} of {asked} programs of {len(files)} objects are the same",
            flush=True,
        )
        rows.append(
            Row(
                f"{label}: {state.name}",
                [100 * (asked - len(wrong)) / asked],
                "%",
                100,
                True,
                f"{asked} programs",
            )
        )
    return rows


def _objects(most: int) -> list[Path]:
    there = sorted(path for path in selftests().glob("*.o") if path.stat().st_size <= MOST_BYTES)
    return there[:: max(1, len(there) // most)][:most] if there else []


def _theirs(loader: str, kernel: str, files: list[Path], seconds: float) -> dict[tuple[str, str], dict[str, Any]]:
    """What the loader's kernel says, by object and program."""
    folder = Path(os.environ.get("KERNEL_DIR") or Path.home() / ".cache" / "bpf-kernel")
    env = {**os.environ, "KERNEL_DIR": str(folder / "kernels" / kernel), "LOAD_TIMEOUT": str(int(seconds))}
    with tempfile.TemporaryDirectory(prefix="bpfscope-bench-") as made:
        out = Path(made, "answers.jsonl")
        subprocess.run([loader, str(out), *map(str, files)], env=env, check=False, capture_output=True)
        lines = out.read_text("utf-8", "replace").splitlines() if out.exists() else []
    found = {}
    for line in lines:
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if "prog" in said:
            found[said["file"], said["prog"]] = said
    return found


def _ours(files: list[Path], state: Any) -> Iterator[Cell]:
    builds = [Build(Source("elf", path.read_bytes(), path.name), BuildOptions(untyped="socket")) for path in files]
    yield from pipeline.matrix(builds, [state])


def _different(ours: dict[tuple[str, str], Cell], theirs: dict[tuple[str, str], dict[str, Any]]) -> Iterator[str]:
    for (file, program), said in theirs.items():
        cell = ours.get((file, program))
        name = f"{file}: {program}"
        if cell is None:
            yield f"{name}: no answer here, {said['verdict']} there"
        elif cell.verdict != said["verdict"]:
            yield f"{name}: {cell.verdict} here ({cell.message[:80]}), {said['verdict']} there"
        elif cell.verdict != "accept" and cell.errno and abs(cell.errno) != abs(int(said.get("err", 0))):
            yield f"{name}: errno {cell.errno} here, {said.get('err')} there"
        elif "log1" in said and cell.verdict in ("accept", "reject"):
            a, b = hidden(cell.log), hidden(said["log1"])
            at = next((n for n, pair in enumerate(zip(a, b, strict=False)) if pair[0] != pair[1]), None)
            if at is not None or len(a) != len(b):
                at = min(len(a), len(b)) if at is None else at
                yield f"{name}: line {at} of the log: {a[at : at + 1]} here, {b[at : at + 1]} there"


def guest_jobs(clock: Clock) -> list[Row]:
    """$KERNEL_JOBS jobs in a row (2,000), each in a guest of its own: what they leave behind."""
    label = "jobs in a row in guests"
    wanted = int(os.environ.get(JOBS, "2000"))
    try:
        (state, *_) = pipeline.guests(tuple(filter(None, os.environ.get(NAMES, "").split(","))))
    except InputError as error:
        return [skipped(label, error.message)]
    build = Build(Source("asm", b"r0 = 0\nexit\n"), BuildOptions())
    done = 0
    before: tuple[int, int, int, int] | None = None
    while done < wanted and clock.left() > 2:
        (cell,) = pipeline.matrix([build], [state])
        done += cell.verdict == "accept"
        if cell.verdict != "accept":
            print(f"    {cell.verdict}: {cell.message}", flush=True)
            break
        if before is None:
            before = _left(state)
    after = _left(state)
    names = ("processes", "files", "descriptors", "kB of memory beyond 4 MB")
    assert before is not None
    grown = [b - a for a, b in zip(before, after, strict=True)]
    grown[3] = max(0, grown[3] - 4096)
    return [
        Row(label, [done], "", wanted, True),
        *(Row(f"  {name} that are left", [max(0, number)], "", 0) for name, number in zip(names, grown, strict=True)),
    ]


def _left(state: Any) -> tuple[int, int, int, int]:
    """(QEMUs of the state, files in its folder and the one for temporary files, descriptors, kB of memory) now."""
    processes = 0
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            processes += int(path.parent.name) != os.getpid() and str(state.folder).encode() in path.read_bytes()
        except OSError:
            continue
    files = len(list(state.folder.iterdir())) + len(
        [path for path in Path(tempfile.gettempdir()).iterdir() if "bpfscope" in path.name or "qemu" in path.name]
    )
    memory = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 1024
    return processes, files, len(list(Path("/proc/self/fd").iterdir())), memory
