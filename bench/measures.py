"""One function a measure: it gets a clock and returns rows. docs/speed.md says how each is measured."""

from __future__ import annotations

import base64
import gzip
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench import kernels, long_log, page, recordings, start, walks
from bench import values as ask
from bench.rows import Clock, Row, skipped
from bench.submit import Playground

ROOT: Final = Path(__file__).resolve().parent.parent
TOTAL: Final = 285.0  # seconds of all standard measures together
CLIENTS: Final = 16
LOG_BYTES: Final = 100_000_000
NO_SELFTESTS: Final = "it needs the kernel's self-tests, $KERNEL_DIR/selftests"
NOT_COMPILED: Final = "the verifier is not compiled here (make native)"
_number = count()


def _compiled() -> str:
    return "1" if walks.is_compiled() else "0"


def c_request() -> dict[str, Any]:
    """A small C program that nobody has submitted yet."""
    text = (ROOT / "examples" / "count_drop.c").read_text()
    return {"kind": "c", "source": f"{text}\n// {next(_number)}\n", "options": {}}


def asm_request(source: str) -> dict[str, Any]:
    return {"kind": "asm", "source": f"{source}# {next(_number)}\n", "options": {}}


def walk_request(label: str) -> dict[str, Any]:
    """A program of bench.walks as nobody has submitted it yet: what follows an ELF file's sections is not read."""
    if label == walks.LOOP:
        return asm_request(walks.ENDLESS)
    name, program = walks.THEIRS[label]
    data = (walks.selftests() / name).read_bytes() + f"{next(_number)}".encode()
    return {"kind": "elf", "source": base64.b64encode(data).decode(), "options": {"program": program}}


def long_walks(clock: Clock) -> list[Row]:
    """Long walks on the page: the verdict against the recorded walk itself, bytes sent, the worker's memory."""
    labels = [walks.LOOP, "strobemeta_nounroll1", "verif_scale3"]
    found: list[Row] = []
    sent: list[Row] = []
    with Playground() as playground:
        for i, label in enumerate(labels):
            if label != walks.LOOP and not walks.has_selftests(label):
                found.append(skipped(f"verdict on the page / recorded walk: {label}", NO_SELFTESTS))
                sent.append(skipped(f"sent to a page that looks at the verdict: {label}", NO_SELFTESTS))
                continue
            received: list[float] = []

            def pair(label: str = label, received: list[float] = received) -> float:
                itself = walks.child("whole", label, compiled=_compiled())["seconds"]
                answer = playground.submit(walk_request(label))
                received.append(answer.received / 1000)
                return answer.seconds / float(itself)

            # What is left is shared by the programs that are left.
            ratios = Clock(clock.left() / (len(labels) - i)).repeat(pair, 5)
            found.append(Row(f"verdict on the page / recorded walk: {label}", ratios, goal=1.3))
            sent.append(Row(f"sent to a page that looks at the verdict: {label}", received, " kB", 200))
            if label == walks.LOOP:
                peak = [playground.peak_memory() / 1e6] if ratios else []
                sent.append(Row("worker's memory at most, 1,000,000 steps", peak, " MB", 300))
    return [*found, *sent]


WALK_GOALS: Final = {
    ("strobemeta_nounroll1", "not"): 1.6 * 0.030,
    ("short_loop1", "not"): 1.6 * 0.077,
    ("strobemeta_nounroll1", "recorded"): 2 * 0.013,
    ("short_loop1", "recorded"): 2 * 0.033,
}


def walk_speed(clock: Clock) -> list[Row]:
    """Steps of the walk, compiled, for each round of the fixed loop of plain Python."""
    rows = []
    for i, ((label, how), goal) in enumerate(WALK_GOALS.items()):
        name = f"{'recorded' if how == 'recorded' else 'unrecorded'} walk / plain loop: {label}"
        if not walks.has_selftests(label):
            rows.append(skipped(name, NO_SELFTESTS))
        elif not walks.is_compiled():
            rows.append(skipped(name, NOT_COMPILED))
        elif clock.left() < 4:
            rows.append(Row(name))
        else:
            seconds = str(0.6 * clock.left() / (len(WALK_GOALS) - i))
            rows.append(
                Row(name, walks.child("speed", label, how, seconds, compiled="1")["ratios"], goal=goal, at_least=True)
            )
    return rows


def bare_clang(source: Path, output: Path) -> list[str]:
    """clang as one would call it by hand: no sandbox, no virtual include tree."""
    from vm.compile.headers import OUR_INCLUDE
    from vm.compile.toolchain import toolchain

    found = toolchain()
    includes = [f"-I{OUR_INCLUDE}"]
    for name, directory in found.directories:
        if name in ("/include/arch", "/include/uapi", "/include/clang"):
            includes += ["-isystem", directory]
    flags = ["-target", "bpf", "-O2", "-g", "-mcpu=v3", "-nostdinc"]
    return [*found.argv, *flags, *includes, "-c", str(source), "-o", str(output)]


def small_program(clock: Clock) -> list[Row]:
    """A small C program, workers warm: submit to verdict against clang alone, started cold on the same source."""
    from vm.compile.headers import helper_defs

    with Playground() as playground, tempfile.TemporaryDirectory() as tmp:
        source = Path(tmp, "program.c")
        bpf = Path(tmp, "bpf")
        bpf.mkdir()
        (bpf / "bpf_helper_defs.h").write_bytes(helper_defs())
        command = [*bare_clang(source, Path(tmp, "program.o")), f"-I{tmp}", f"-I{bpf}"]

        def pair() -> float:
            request = c_request()
            source.write_text(request["source"])
            begin = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            alone = time.perf_counter() - begin
            return playground.submit(request).seconds / alone

        pair()
        ratios = clock.repeat(pair, 15)
        same = c_request()
        playground.submit(same)
        again = clock.repeat(lambda: 1000 * playground.submit(same).seconds, 15)
    return [
        Row("small C program: submit to verdict / clang alone", ratios, goal=1.3),
        Row("the same program again, submit to verdict", again, " ms", 20),
    ]


def many_clients(clock: Clock) -> list[Row]:
    """16 clients at once, each with programs of its own: the longest time without a verdict, and how long one waits."""
    ended: list[float] = []
    waited: list[float] = []
    with Playground() as playground:
        end = time.monotonic() + clock.left() * 0.8

        def client(_: int) -> None:
            while time.monotonic() < end:
                begin = time.monotonic()
                playground.submit(asm_request("r0 = 0\nr0 += 1\nexit\n"))
                ended.append(time.monotonic())
                waited.append(1000 * (ended[-1] - begin))

        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(client, range(CLIENTS)))
    if len(ended) < 2 * CLIENTS:
        return [Row("16 clients: longest time without a verdict")]
    ended.sort()
    stalls = [1000 * (b - a) for a, b in zip(ended, ended[1:], strict=False)]
    note = f"{len(ended)} programs"
    return [
        Row("16 clients: longest time without a verdict", [max(stalls)], " ms", 300, note=note),
        Row("16 clients: program submitted to run ended, p95", [statistics.quantiles(waited, n=20)[-1]], " ms"),
        Row("16 clients: program submitted to run ended, median", [statistics.median(waited)], " ms"),
    ]


def page_frames(clock: Clock) -> list[Row]:
    """The page's scripts and memory while stepping and dragging through 1,000,000 steps."""
    with Playground() as playground:
        return page.frames(playground.address, walks.ENDLESS, clock)


def log_frames(clock: Clock) -> list[Row]:
    """A log of 100 MB on the page: the first screen, and scripts while it is read and moved through."""
    with Playground() as playground, tempfile.TemporaryDirectory() as tmp:
        file = Path(tmp, "long.log")
        long_log.write(file, LOG_BYTES)
        return page.log_frames(playground.address, file, clock)


def runs(clock: Clock) -> list[Row]:
    """Runs on the machine: steps recorded and packets a second."""
    found = walks.child("runs", str(0.7 * clock.left()), compiled=_compiled())
    return [
        Row("steps of the machine recorded in a second", found["steps"]),
        Row("packets in a second, not recorded", found["packets"]),
    ]


def verify_start(clock: Clock) -> list[Row]:
    """The command line as a whole process, in CPU time."""
    return start.rows(clock)


def look_back(clock: Clock) -> list[Row]:
    """The state at any of 1,000,000 recorded steps (goal: 1 ms)."""
    found = walks.child("look_back", walks.LOOP, compiled=_compiled())
    return [
        Row("memory of the process", [found["peak"] / 1e6], " MB"),
        Row("trace.state(i), median", [1000 * found["median"]], " ms", 1),
        Row("trace.state(i), longest", [1000 * found["worst"]], " ms"),
    ]


def import_time(clock: Clock) -> list[Row]:
    """Import of vm in a new interpreter, less an empty one."""

    def took(code: str) -> float:
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
        return 1000 * (time.perf_counter() - begin)

    return [
        Row(name, clock.repeat(lambda name=name: took(name) - took("pass"), 7), " ms", 200)  # type: ignore[misc]
        for name in ("import vm", "import vm.pipeline")
    ]


def page_weight(clock: Clock) -> list[Row]:
    """Bytes of the page's scripts and styles, compressed."""
    dist = ROOT / "static" / "dist"
    files = sorted(p for p in dist.rglob("*") if p.suffix in (".js", ".css", ".svg", ".woff2"))
    sizes = {str(p.relative_to(dist)): len(gzip.compress(p.read_bytes(), 6)) / 1000 for p in files}
    rows = [Row(name, [size], " kB") for name, size in sizes.items()]
    return [*rows, Row("all scripts and styles", [sum(sizes.values())], " kB", 400)]


def key_to_paint(clock: Clock) -> list[Row]:
    """From a key press to the painted frame of the step, on a small program."""
    with Playground() as playground:
        return page.key_to_paint(playground.address)


def first_paint(clock: Clock) -> list[Row]:
    """The page of a server that has answered nothing yet, and then."""
    with Playground() as playground:
        return page.first_paint(playground.address)


def tree_frames(clock: Clock) -> list[Row]:
    """The page's scripts while one moves with a tree of 20,000 nodes in sight."""
    with Playground() as playground:
        return page.tree_frames(playground.address, walks.FORKS, walks.FORK_NODES, clock)


def values(clock: Clock) -> list[Row]:
    """From the click on a value to its history: the examples, programs of the gallery and long loops, 20 walks."""
    long = [
        ask.Walk(name, source=source, least=steps)
        for name, source, steps in (
            ("the loop of 120,000 steps", walks.COUNT.replace("20000", "60000"), 100_000),
            ("the loop with 10,000 paths", walks.FORKS, 50_000),
        )
    ]
    with Playground() as playground:
        paths = [ask.Walk(path, path) for path in _walk_paths(20 - len(long))]
        return ask.values(playground.address, [*paths, *long], clock, playground.wait_for_all_workers)


def _walk_paths(count: int) -> list[str]:
    """Pages that open with a recorded walk."""
    examples = json.loads((ROOT / "examples" / "index.json").read_text())
    samples = sorted((ROOT / "gallery").glob("*/*.fixed.c"))
    found = [f"/examples/{each['name']}" for each in examples]
    every = max(1, len(samples) // (count - len(found)))
    return [*found, *(f"/errors/{path.name.removesuffix('.fixed.c')}/fixed" for path in samples[::every])][:count]


class Measure(NamedTuple):
    """A measure, the seconds it may take, and whether `make bench` has it without being asked by name."""

    function: Callable[[Clock], list[Row]]
    seconds: float
    standard: bool = True


MEASURES: Final[dict[str, Measure]] = {
    "long_walks": Measure(long_walks, 95),
    "walk_speed": Measure(walk_speed, 50),
    "small_program": Measure(small_program, 30),
    "many_clients": Measure(many_clients, 25),
    "page_frames": Measure(page_frames, 40),
    "log_frames": Measure(log_frames, 150, standard=False),
    "verify_start": Measure(verify_start, 25),
    "runs": Measure(runs, 12),
    "look_back": Measure(look_back, 30, standard=False),
    "import_time": Measure(import_time, 20, standard=False),
    "page_weight": Measure(page_weight, 20, standard=False),
    "values": Measure(values, 150, standard=False),
    "first_paint": Measure(first_paint, 30, standard=False),
    "tree_frames": Measure(tree_frames, 60, standard=False),
    "key_to_paint": Measure(key_to_paint, 60, standard=False),
    "kernel_answers": Measure(kernels.kernel_answers, 3600, standard=False),
    "guest_jobs": Measure(kernels.guest_jobs, 3600, standard=False),
    "recordings": Measure(recordings.recordings, 240, standard=False),
}
