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

from bench import walks

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
    """Instructions of walk per CPU second, recorded or not, compiled or not, beside the plain loop (goal: 250,000)."""
    rows: Rows = []
    rates: dict[tuple[str, str, bool], float] = {}
    for label in walks.labels():
        for compiled in ("1", "0") if _is_compiled() else ("0",):
            for record in (False, True):
                budget = 1 if label.startswith("1,000,000") else 4
                found = walks.child(
                    "measure", label, "recorded" if record else "not", "0", str(budget), compiled=compiled
                )
                rates[label, compiled, record] = found["ratio"]
                how = f"{'compiled' if compiled == '1' else 'plain'}, {'recorded' if record else 'not recorded'}"
                share = f", {found['ratio'] / rates[label, compiled, False]:.0%} of not recorded" if record else ""
                text = f"{found['rate']:10,.0f} steps/s ({found['ratio']:.4f} of the loop's rounds/s{share})"
                rows.append((f"{label}; {how}", text))
    return rows


def _is_compiled() -> bool:
    from vm import native

    return native.find() is not None


def look_back() -> Rows:
    """A recorded walk of a million steps: its memory (goal: 1 GB), and telling the state at a step (goal: 1 ms)."""
    rows: Rows = []
    for label in walks.labels():
        if not label.startswith("1,000,000"):
            continue
        found = walks.child("look_back", label, compiled="1" if _is_compiled() else "0")
        rows.append((f"{label}; steps kept", f"{found['steps']:10,.0f}"))
        rows.append(
            (f"{label}; peak memory", f"{found['peak'] / 1e6:10,.0f} MB ({found['walk'] / 1e6:,.0f} the walk's)")
        )
        rows.append((f"{label}; trace.state(i), median", f"{found['median'] * 1e3:10.3f} ms"))
        rows.append((f"{label}; trace.state(i), worst of {walks.STATES:,}", f"{found['worst'] * 1e3:10.3f} ms"))
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


def key_to_paint() -> Rows:
    """From a key press to the painted frame of the step (goal: a frame, 16 ms, more than a key without effect)."""
    from bench import page
    from bench.submit import Playground

    with Playground() as playground:
        return page.rows(playground.address)


MEASURES: Final[dict[str, Callable[[], Rows]]] = {
    "import_time": import_time,
    "submit_to_verdict": submit_to_verdict,
    "walk_speed": walk_speed,
    "look_back": look_back,
    "page_weight": page_weight,
    "key_to_paint": key_to_paint,
}
