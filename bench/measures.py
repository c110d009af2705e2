"""One function a measure; each returns (label, figure) rows. Times are medians, and mean little without the ratio."""

from __future__ import annotations

import gzip
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
RUNS: Final = 11

Rows = list[tuple[str, str]]


def timed(action: Callable[[], Any]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def alternate(*actions: Callable[[], Any], runs: int = RUNS) -> list[list[float]]:
    """Times of the actions, taken in turn so that a slow moment hits all of them; the first round is not counted."""
    for action in actions:
        action()
    times: list[list[float]] = [[] for _ in actions]
    for _ in range(runs):
        for i, action in enumerate(actions):
            times[i].append(timed(action))
    return times


def ms(seconds: float) -> str:
    return f"{1000 * seconds:8.1f} ms"


def plain_loop(n: int = 200_000) -> int:
    """The fixed piece of plain Python that everything is set against: masks, adds, a list."""
    cells = [0] * 16
    total = 0
    for i in range(n):
        total = (total + cells[i & 15] * 3 + i) & 0xFFFFFFFFFFFFFFFF
        cells[i & 15] = total & 0xFF
    return total


def example() -> str:
    return (ROOT / "examples" / "count_drop.c").read_text()


def request(source: str) -> dict[str, Any]:
    return {
        "kind": "c",
        "source": source,
        "options": {},
        "input": {"kind": "packet", "hex": "ff" * 12 + "0800" + "45" + "00" * 45},
    }


def import_time() -> Rows:
    """Import of vm in a fresh interpreter, beside an empty one (goal: under 0.2 s more)."""
    run = lambda code: subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)  # noqa: E731
    empty, vm, pipeline = alternate(
        lambda: run("pass"), lambda: run("import vm"), lambda: run("import vm.pipeline"), runs=7
    )
    base = statistics.median(empty)
    return [
        ("import vm", ms(statistics.median(vm) - base)),
        ("import vm.pipeline", ms(statistics.median(pipeline) - base)),
    ]


def bare_clang(source: Path, output: Path) -> list[str]:
    """clang as one would call it by hand: no sandbox, no virtual include tree."""
    from vm.compile.headers import OUR_INCLUDE
    from vm.compile.toolchain import toolchain

    found = toolchain()
    includes = [f"-I{OUR_INCLUDE}"]
    for name, directory in found.directories:
        if name in ("/include/arch", "/include/uapi", "/include/clang"):
            includes += ["-isystem", directory]
    return [
        *found.argv,
        "-target",
        "bpf",
        "-O2",
        "-g",
        "-mcpu=v3",
        "-nostdinc",
        *includes,
        "-c",
        str(source),
        "-o",
        str(output),
    ]


def submit_to_verdict() -> Rows:
    """Submit to verdict, over the socket, against clang's own bare time (goal: at most 2.5)."""
    from bench.submit import Playground
    from vm.compile.headers import helper_defs

    with Playground() as playground, tempfile.TemporaryDirectory() as tmp:
        source = Path(tmp, "program.c")
        text = example()
        source.write_text(text)
        bpf = Path(tmp, "bpf")
        bpf.mkdir()
        (bpf / "bpf_helper_defs.h").write_bytes(helper_defs())
        command = [*bare_clang(source, Path(tmp, "program.o")), f"-I{tmp}", f"-I{bpf}"]
        number = iter(range(1_000_000))

        def cold() -> None:
            # A comment makes it another program, so that no stored answer is given.
            playground.verdict(request(f"{text}\n// {next(number)}\n"))

        same = request(text)
        playground.verdict(same)
        bare, ours, again = alternate(
            lambda: subprocess.run(command, check=True, capture_output=True),
            cold,
            lambda: playground.verdict(same),
        )
    ratio = statistics.median(o / b for o, b in zip(ours, bare, strict=True))
    return [
        ("clang alone", ms(statistics.median(bare))),
        ("submit to verdict, warm worker", ms(statistics.median(ours))),
        ("ratio (pair by pair, median; goal 2.5)", f"{ratio:8.2f}"),
        ("the same program again (goal 20 ms)", ms(statistics.median(again))),
    ]


def walk_speed() -> Rows:
    """Instructions of walk a second, recorded or not, beside the plain loop."""
    from vm import pipeline
    from vm.asm import assemble

    rows: Rows = []
    loop = statistics.median([timed(plain_loop) for _ in range(RUNS)])
    rows.append(("plain loop of 200,000 rounds", ms(loop)))
    programs = {
        "loop of 5,000 rounds": "r0 = 0\nloop:\nr0 += 1\nr1 = r0\nr1 &= 7\nif r0 < 5000 goto loop\nr0 = 0\nexit\n",
    }
    for name, text in programs.items():
        program = assemble(text, name="bench", prog_type="xdp").programs[0]
        for record in (False, True):
            insns = pipeline.verify(program, log_level=0, record=record)[0].insns_processed
            took = statistics.median(
                [timed(lambda r=record, p=program: pipeline.verify(p, log_level=0, record=r)) for _ in range(5)]
            )
            label = f"{name}, {'recorded' if record else 'not recorded'}"
            per_loop = insns / took / (200_000 / loop)
            rows.append((label, f"{insns / took:10,.0f} insns/s ({per_loop:.3f} of the loop's rounds/s)"))
    return rows


def page_weight() -> Rows:
    """Bytes of the page, compressed (goal: under 400 KB in all)."""
    dist = ROOT / "static" / "dist"
    rows: Rows = []
    total = 0
    for path in sorted(p for p in dist.rglob("*") if p.suffix in (".js", ".css", ".svg", ".woff2")):
        size = len(gzip.compress(path.read_bytes(), 6))
        total += size
        rows.append((str(path.relative_to(ROOT)), f"{size / 1000:8.1f} kB"))
    rows.append(("all scripts and styles, gzip", f"{total / 1000:8.1f} kB"))
    return rows


MEASURES: Final[dict[str, Callable[[], Rows]]] = {
    "import_time": import_time,
    "submit_to_verdict": submit_to_verdict,
    "walk_speed": walk_speed,
    "page_weight": page_weight,
}
