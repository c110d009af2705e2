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
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from elftools.elf.elffile import ELFFile

from bench.rows import Clock, Row, skipped
from bench.walks import selftests
from vm import pipeline
from vm.errors import InputError
from vm.pipeline import Build, BuildOptions, Cell, Source
from vm.pipeline.kernel_own import hidden

LOADER: Final = "KERNEL_LOAD"
OBJECTS: Final = "KERNEL_OBJECTS"
NAMES: Final = "KERNEL_NAMES"
PROGRAMS: Final = "KERNEL_PROGRAMS"
ANSWERS: Final = "KERNEL_ANSWERS"
JOBS: Final = "KERNEL_JOBS"
MOST_BYTES: Final = 1 << 20
"""Objects that are larger are left out."""
AT_ONCE: Final = 16
"""Objects that the loader gets in one boot."""
SECONDS: Final = 240.0
"""For which the loader may take for them."""
TRIES: Final = 3
NO_CONFIG: Final = "failed to open system Kconfig"
LEAST_FREE: Final = 30.0
"""Seconds without which no further kernel is asked."""


def kernel_answers(clock: Clock) -> list[Row]:
    """Verdict, errno and log of self-test objects on each kernel, against libbpf ($KERNEL_LOAD)."""
    label = "answers of real kernels that are the same as by libbpf"
    loader = os.environ.get(LOADER)
    files = _objects(int(os.environ.get(OBJECTS, "40")), int(os.environ.get(PROGRAMS, "1000")))
    if not loader or not files:
        return [skipped(label, f"it needs a loader ({LOADER}) and the kernel's self-tests")]
    try:
        states = pipeline.guests(tuple(filter(None, os.environ.get(NAMES, "").split(","))))
    except InputError as error:
        return [skipped(label, error.message)]
    with tempfile.TemporaryDirectory(prefix="bpfscope-bench-") as made:
        answers = Answers(Path(os.environ.get(ANSWERS) or Path(made, "answers.jsonl")))
        # All kernels get some objects before any gets more: what is told when the time is over is about all of them.
        for at in range(0, len(files), AT_ONCE):
            for state in states:
                todo = [path for path in files[at : at + AT_ONCE] if (state.name, path.name) not in answers.asked]
                _ask(loader, state, todo, answers, clock)
        return [_row(f"{label}: {state.name}", answers, state.name, len(files)) for state in states]


class Answers:
    """What was compared, a JSON line each in a file that a later measure goes on with.

    asked -- (kernel, object) of which all programs were compared, or the loader gave no answer in time
    told  -- by kernel: programs that were compared, those that differ, and objects without an answer in time
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.asked: set[tuple[str, str]] = set()
        self.told: dict[str, tuple[int, int, int]] = {}
        for line in path.read_text("utf-8").splitlines() if path.exists() else []:
            self._count(json.loads(line))

    def add(self, kernel: str, file: str, programs: int, different: list[str], *, late: bool) -> None:
        line = {"kernel": kernel, "file": file, "programs": programs, "different": different, "late": late}
        with self._path.open("a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")
        self._count(line)

    def _count(self, line: dict[str, Any]) -> None:
        kernel = line["kernel"]
        programs, different, late = self.told.get(kernel, (0, 0, 0))
        self.told[kernel] = programs + line["programs"], different + len(line["different"]), late + line["late"]
        self.asked.add((kernel, line["file"]))


def _row(label: str, answers: Answers, kernel: str, objects: int) -> Row:
    programs, different, late = answers.told.get(kernel, (0, 0, 0))
    asked = sum(name == kernel for name, _ in answers.asked)
    note = f"{programs} programs of {asked - late} objects ({objects} wanted)"
    if late:
        note += f"; of {late} objects the loader did not answer in {SECONDS:.0f} s"
    if not programs:
        return Row(label, note=f"not measured: {note}")
    return Row(label, [100 * (programs - different) / programs], "%", 100, True, note)


def _objects(most: int, programs: int) -> list[Path]:
    there = [path for path in sorted(selftests().glob("*.o")) if path.stat().st_size <= MOST_BYTES]
    there = [path for path in there if 0 < _programs(path) <= programs]
    return [there[number * len(there) // most] for number in range(most)] if most < len(there) else there


def _programs(path: Path) -> int:
    """Programs in an object: the functions of its executable sections, apart from .text."""
    with path.open("rb") as file:
        elf: Any = ELFFile(file)
        table = elf.get_section_by_name(".symtab")
        code = {
            number
            for number, section in enumerate(elf.iter_sections())
            if section["sh_flags"] & 4 and section.name != ".text"
        }
        symbols = table.iter_symbols() if table is not None else ()
        return sum(each["st_info"]["type"] == "STT_FUNC" and each["st_shndx"] in code for each in symbols)


def _ask(loader: str, state: Any, files: list[Path], answers: Answers, clock: Clock) -> None:
    """Compare what the loader's kernel and the guest say of objects; one that takes the loader too long is left."""
    while files and clock.left() > LEAST_FREE:
        theirs, whole = _theirs(loader, state.name, files, min(SECONDS, clock.left()))
        told = {file for file, _ in theirs}
        # Objects come in the order of their names; the last one that was told of may have further programs.
        last = next((number for number in reversed(range(len(files))) if files[number].name in told), -1)
        late = files[max(last, 0)] if not whole else None
        if late is not None and clock.left() <= LEAST_FREE:
            return
        asked = files if whole else files[: max(last, 0) + 1]
        ours = {(Path(cell.source).name, cell.program): cell for cell in _ours(asked, state)}
        for path in asked:
            # libbpf in the loader's guest has no kernel configuration for __kconfig externs.
            here = {key: said for key, said in theirs.items() if key[0] == path.name and NO_CONFIG not in _warned(said)}
            silent = [key for key in here if key in ours and ours[key].verdict == "limit"]
            if silent:  # there is nothing to compare: a later measure asks again
                print(f"    {state.name}: {path.name}: no answer here for {len(silent)} programs", flush=True)
                continue
            different = list(_different(ours, here))
            for text in different:
                print(f"    {state.name}: {text}", flush=True)
            answers.add(state.name, path.name, len(here), different, late=path is late)
        files = [path for path in files if path not in asked]


def _warned(said: dict[str, Any]) -> str:
    return str(said.get("libbpf", ""))


def _theirs(
    loader: str, kernel: str, files: list[Path], seconds: float
) -> tuple[dict[tuple[str, str], dict[str, Any]], bool]:
    """What the loader's kernel says, by object and program, and whether that is all."""
    folder = Path(os.environ.get("KERNEL_DIR") or Path.home() / ".cache" / "bpf-kernel")
    env = {**os.environ, "KERNEL_DIR": str(folder / "kernels" / kernel)}
    until = time.monotonic() + seconds
    for _ in range(TRIES):
        found, began, whole = _said(loader, {**env, "LOAD_TIMEOUT": str(int(until - time.monotonic()))}, files)
        # On a busy machine a guest can give up before it has the port that it answers through.
        if began or until - time.monotonic() < LEAST_FREE:
            break
    return found, whole


def _said(
    loader: str, env: dict[str, str], files: list[Path]
) -> tuple[dict[tuple[str, str], dict[str, Any]], bool, bool]:
    """What the loader wrote, by object and program; whether it wrote anything, and whether that is all."""
    with tempfile.TemporaryDirectory(prefix="bpfscope-bench-") as made:
        out = Path(made, "answers.jsonl")
        done = subprocess.run([loader, str(out), *map(str, files)], env=env, check=False, capture_output=True)
        text = out.read_text("utf-8", "replace") if out.exists() else ""
    if done.returncode:
        print(f"    the loader failed: {(done.stderr or done.stdout)[-300:].decode('utf-8', 'replace')}", flush=True)
    found, whole = {}, False
    for line in text.split("\n"):
        try:
            said = json.loads(line)
        except ValueError:
            continue
        whole = whole or "done" in said
        if "prog" in said:
            found[said["file"], said["prog"]] = said
    return found, bool(text), whole


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


TOLD_EVERY: Final = 100
"""Jobs between two lines about what is left so far."""


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
        if done % TOLD_EVERY == 0:
            print(f"    {done} jobs; {_grown(before, _left(state))}", flush=True)
    after = _left(state)
    if before is None:
        return [Row(label, note="not measured: no job was done")]
    return [
        Row(label, [done], "", wanted, True),
        *(Row(f"  {name} that are left", [number], "", 0) for name, number in _grown(before, after).items()),
    ]


def _grown(before: tuple[int, int, int, int], after: tuple[int, int, int, int]) -> dict[str, int]:
    """What there is more of."""
    processes, files, descriptors, memory = (max(0, b - a) for a, b in zip(before, after, strict=True))
    return {
        "processes": processes, "files": files, "descriptors": descriptors,
        "kB of memory beyond 4 MB": max(0, memory - 4096),
    }  # fmt: skip


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
