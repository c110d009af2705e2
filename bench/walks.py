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
LOOP_ROUNDS: Final = 200_000
STATES: Final = 1000

# A loop of two instructions whose counter the verifier knows: 1,000,000 steps, then the limit.
ENDLESS: Final = "r0 = 7\nif r0 > 9 goto out\nagain:\nr0 += 1\ngoto again\nout:\nexit\n"
# A loop that may end after each round: a path for every round.
FORKS: Final = """.type xdp
r6 = 0
again:
call bpf_get_prandom_u32
if r0 <= 5 goto on
r0 = 0
exit
on:
r6 += 1
if r6 < 10000 goto again
r0 = 0
exit
"""
FORK_NODES: Final = 20_001
COUNT: Final = "r0 = 0\nagain:\nr0 += 1\nif r0 < 20000 goto again\nexit\n"
FIRST_BYTE: Final = """
r2 = *(u32 *)(r1 + 0)
r3 = *(u32 *)(r1 + 4)
r4 = r2
r4 += 14
if r4 > r3 goto out
r0 = *(u8 *)(r2 + 0)
out:
r0 = 2
exit
"""
LOOP: Final = "a loop of 1,000,000 steps"
# label -> (object, program) of the kernel's self-tests
THEIRS: Final = {
    "strobemeta_nounroll1": ("strobemeta_nounroll1.o", "on_event"),
    "short_loop1": ("verifier_search_pruning.o", "short_loop1"),
    "verif_scale3": ("test_verif_scale3.o", "balancer_ingress"),
}
SHORT: Final = 60_000  # steps of which the speed is measured, of a walk that is longer


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


def has_selftests(label: str) -> bool:
    """Whether the object of one of THEIRS is there."""
    return (selftests() / THEIRS[label][0]).is_file()


def is_compiled() -> bool:
    """Whether there is a compiled copy of the verifier as it is."""
    from vm import native

    return native.find() is not None


def program(label: str) -> Any:
    from vm import pipeline

    if label == LOOP:
        return pipeline.load(pipeline.Source("asm", ENDLESS.encode()), pipeline.BuildOptions()).programs[0]
    name, wanted = THEIRS[label]
    return pipeline.choose(pipeline.load_elf(selftests() / name), wanted)


def timed(action: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = action()
    return time.process_time() - start, result


def speed(label: str, record: bool, seconds: float) -> dict[str, Any]:
    """Steps per round of the plain loop, in CPU time, of the first SHORT steps of a walk without a log."""
    from vm import pipeline

    # As the command line and the workers do: a walk makes hardly a cycle.
    gc.disable()
    chosen = program(label)

    def walk() -> int:
        made = pipeline.walk(chosen, log_level=0, record=record)
        for _ in made.advance():
            if made.env.insn_processed >= SHORT:
                break
        return int(made.env.insn_processed)

    walk()
    ratios: list[float] = []
    end = time.perf_counter() + seconds
    while not ratios or (time.perf_counter() < end and len(ratios) < 11):
        before, _ = timed(plain_loop)
        took, steps = timed(walk)
        after, _ = timed(plain_loop)
        ratios.append(steps / took / (2 * LOOP_ROUNDS / (before + after)))
    return {"ratios": ratios}


def whole(label: str) -> dict[str, Any]:
    """Seconds on the clock of one recorded walk, from the loaded program to its verdict."""
    from vm import pipeline

    gc.disable()
    chosen = program(label)
    start = time.perf_counter()
    found = pipeline.verify(chosen, log_level=0, record=True)[0]
    return {"seconds": time.perf_counter() - start, "steps": found.insns_processed}


def look_back(label: str) -> dict[str, float]:
    """Memory of a recorded walk, and how long the state at a step of it takes to tell."""
    from vm import pipeline

    gc.disable()
    chosen = program(label)
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    trace = pipeline.verify(chosen, log_level=0, record=True)[0].trace
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


def runs(seconds: float) -> dict[str, Any]:
    """Machine steps recorded a second, of a loop, and packets a second, of a small program without recording."""
    from vm import pipeline
    from vm.runner.defaults import default_input
    from vm.runner.inputs import RunLimits

    def prepared(source: str) -> Any:
        obj = pipeline.load(pipeline.Source("asm", source.encode()), pipeline.BuildOptions())
        env = pipeline.verify(obj.programs[0], log_level=0, record=False)[1]
        rewritten = pipeline.rewrite(env)
        return rewritten, pipeline.translate(rewritten), default_input(obj.programs[0])

    def rate(source: str, repeat: int, record: bool) -> list[float]:
        rewritten, image, given = prepared(source)
        found: list[float] = []
        end = time.perf_counter() + seconds / 2
        while not found or (time.perf_counter() < end and len(found) < 11):
            start = time.perf_counter()
            done = pipeline.execute(rewritten, image, [given] * repeat, RunLimits(), record=record)
            took = time.perf_counter() - start
            if done[-1].fault is not None:
                sys.exit(f"bench: {done[-1].fault.message}")
            found.append((sum(x.insns for x in done) if record else repeat) / took)
        return found

    return {"steps": rate(COUNT, 1, True), "packets": rate(FIRST_BYTE, 500, False)}


def child(*arguments: str, compiled: str) -> dict[str, Any]:
    """What a function of this module returns in a new process, as compiled code ("1") or as plain Python ("0")."""
    env = {**os.environ, "BPFSCOPE_COMPILED": compiled}
    done = subprocess.run(
        [sys.executable, "-m", "bench.walks", *arguments], cwd=ROOT, env=env, text=True, capture_output=True
    )
    if done.returncode:
        sys.exit(f"bench: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


VERBS: Final[dict[str, Callable[..., dict[str, Any]]]] = {
    "speed": lambda label, how, seconds: speed(label, how == "recorded", float(seconds)),
    "whole": whole,
    "look_back": look_back,
    "runs": lambda seconds: runs(float(seconds)),
}

if __name__ == "__main__":
    print(json.dumps(VERBS[sys.argv[1]](*sys.argv[2:])))
