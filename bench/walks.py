"""Walks of the verifier for `make bench`: a child process a row, for compiled code is chosen when a process starts."""

from __future__ import annotations

import gc
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
OBJECTS: Final = ROOT / "tests" / "golden" / "objects"
LOOP_ROUNDS: Final = 200_000
LONG: Final = 1_000_000
STATES: Final = 1000

# Written for this: the shapes of the kernel's own tests, which are used instead where they are.
COUNT = "r0 = 0\nloop:\nr0 += 1\nr1 = r0\nr1 &= 7\nif r0 < {rounds} goto loop\nr0 = 0\nexit\n"
ENDLESS = "r0 = 7\nif r0 > 9 goto out\nagain:\nr0 += 1\ngoto again\nout:\nexit\n"
STORING = """
r1 = 0
*(u64 *)(r10 - 8) = r1
again:
r1 = *(u64 *)(r10 - 8)
r1 += 1
*(u64 *)(r10 - 8) = r1
goto again
exit
"""
OWN: Final = {
    "40,000 steps: counting": COUNT.format(rounds=10_000),
    "1,000,000 steps: counting without end": ENDLESS,
    "1,000,000 steps: counting on the stack": STORING,
}
# label -> (object, program) of the kernel's self-tests
THEIRS: Final = {
    "40,000 steps: jumps_out_rather_than_in": ("verifier_loops1.o", "jumps_out_rather_than_in"),
    "40,000 steps: gotol_large_imm": ("verifier_gotol.o", "gotol_large_imm"),
    "53,000 steps: strobemeta_nounroll1": ("strobemeta_nounroll1.o", "on_event"),
    "1,000,000 steps: loop_after_a_conditional_jump": ("verifier_loops1.o", "loop_after_a_conditional_jump"),
    "1,000,000 steps: short_loop1": ("verifier_search_pruning.o", "short_loop1"),
}
SMALL: Final = "small programs, as the tests have recorded them"


def plain_loop(n: int = LOOP_ROUNDS) -> int:
    """The fixed piece of plain Python that everything is set against: masks, adds, a list."""
    cells = [0] * 16
    total = 0
    for i in range(n):
        total = (total + cells[i & 15] * 3 + i) & 0xFFFFFFFFFFFFFFFF
        cells[i & 15] = total & 0xFF
    return total


def selftests() -> Path:
    return Path(os.environ.get("KERNEL_DIR") or Path.home() / ".cache" / "bpf-kernel") / "selftests"


def labels() -> list[str]:
    """The rows there are here."""
    found = [label for label, (name, _) in THEIRS.items() if (selftests() / name).is_file()]
    return [SMALL, *(found or OWN)]


def programs(label: str) -> list[Any]:
    from vm import pipeline

    if label == SMALL:
        objects = [pipeline.load_elf(path) for path in sorted(OBJECTS.glob("*.o"))]
        return [program for obj in objects for program in obj.programs]
    if label in OWN:
        return list(pipeline.load(pipeline.Source("asm", OWN[label].encode()), pipeline.BuildOptions()).programs)
    name, program = THEIRS[label]
    return [pipeline.choose(pipeline.load_elf(selftests() / name), program)]


def timed(action: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = action()
    return time.process_time() - start, result


def measure(label: str, record: bool, level: int, budget: float) -> dict[str, float]:
    """Steps a second and per round of the plain loop, medians over as many walks as fit into `budget` seconds."""
    from vm import native, pipeline

    # As the command line and the workers do: a walk makes hardly a cycle.
    gc.disable()
    chosen = programs(label)

    def walk() -> int:
        return sum(pipeline.verify(p, log_level=level, record=record)[0].insns_processed for p in chosen)

    if not label.startswith("1,000,000"):
        walk()
    rates, ratios = [], []
    end = time.perf_counter() + budget
    while not rates or (time.perf_counter() < end and len(rates) < 11):
        before, _ = timed(plain_loop)
        took, steps = timed(walk)
        after, _ = timed(plain_loop)
        rates.append(steps / took)
        ratios.append(steps / took / (2 * LOOP_ROUNDS / (before + after)))
    return {
        "compiled": native.in_use(),
        "steps": steps,
        "rate": statistics.median(rates),
        "ratio": statistics.median(ratios),
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def look_back(label: str) -> dict[str, float]:
    """Memory of a recorded walk, and how long the state at a step of it takes to tell."""
    from vm import pipeline

    gc.disable()
    (program,) = programs(label)
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    trace = pipeline.verify(program, log_level=0, record=True)[0].trace
    assert trace is not None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    dice = random.Random(1)
    times = [timed(lambda: trace.state(dice.randrange(len(trace))))[0] for _ in range(STATES)]
    return {
        "steps": len(trace),
        "peak": peak * 1024,
        "walk": (peak - base) * 1024,
        "median": statistics.median(times),
        "worst": max(times),
    }


def child(*arguments: str, compiled: str) -> dict[str, float]:
    """What this module says when run with `arguments`, as compiled code ("1") or as plain Python ("0")."""
    env = {**os.environ, "BPFSCOPE_COMPILED": compiled}
    command = [sys.executable, "-m", "bench.walks", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=env, text=True, capture_output=True)
    if done.returncode:
        sys.exit(f"bench: {done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main(verb: str, label: str, *more: str) -> None:
    if verb == "look_back":
        print(json.dumps(look_back(label)))
    else:
        print(json.dumps(measure(label, more[0] == "recorded", int(more[1]), float(more[2]))))


if __name__ == "__main__":
    main(*sys.argv[1:])
