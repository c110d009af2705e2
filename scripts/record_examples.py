"""Records the tracing examples in a guest: python -m scripts.record_examples [NAME...]

Writes examples/NAME.rec, and says how long each took. Needs a saved guest of the emulated kernel (docs/kernels.md), so
that the machine code is the one that is made here.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Final, NamedTuple

from vm import pipeline
from vm.kernel.release import VERSION
from vm.pipeline import BuildOptions, Choice, Recording, Source, Taken

FOLDER: Final = Path(__file__).parent.parent / "examples"


class Wanted(NamedTuple):
    """How an example is recorded: a workload's name or a line of shell, events of each program, only one task's."""

    workload: str
    shell: str = ""
    events: int = 5
    task: str = ""
    every: int = 1


EXAMPLES: Final = {
    "trace_execs": Wanted("shell"),
    "trace_opens": Wanted("files"),
    "trace_reads": Wanted(
        "files", "for i in 1 2 3 4 5; do echo $i >/tmp/f; busybox wc /tmp/f >/dev/null; done", task="busybox"
    ),
    "trace_connects": Wanted(
        "network",
        "busybox ip link set lo up; for i in 1 2 3; do (busybox timeout 2 busybox nc -l -p 80$i >/dev/null &); "
        "busybox usleep 200000; echo hi | busybox timeout 1 busybox nc 127.0.0.1 80$i; done",
    ),
    "trace_waits": Wanted(
        "scheduler", "for i in 1 2 3 4 5 6 7 8; do busybox usleep 30000; done", events=4, task="swapper/0"
    ),
    "trace_exits": Wanted("shell", "for i in 0 1 2; do (exit $i); done; busybox sleep 9 & kill $!; wait; true"),
    "guard_files": Wanted("files", "cd /tmp; echo a >kept~; echo b >gone; rm gone kept~; busybox ls; true", task="rm"),
    "guard_connects": Wanted(
        "network",
        "busybox ip link set lo up; for i in 1 2 3; do (busybox timeout 2 busybox nc -l -p 80$i >/dev/null &); "
        "busybox usleep 200000; echo hi | busybox timeout 1 busybox nc 127.0.0.1 80$i; done",
    ),
}


def record(name: str, wanted: Wanted) -> str:
    """Record one example; what was recorded, a line."""
    source = Source("c", (FOLDER / f"{name}.c").read_bytes(), name)
    _, build = pipeline.built(source, BuildOptions())
    if build is None:
        raise SystemExit(f"{name}.c does not compile")
    (state,) = pipeline.guests([VERSION])
    started, first, states = time.monotonic(), 0.0, 0
    spent = 0.0
    size = 0
    for each in pipeline.record(
        build,
        source,
        state,
        Choice(wanted.events, wanted.every, wanted.task),
        workload=wanted.workload,
        shell=wanted.shell,
        seconds=20,
    ):
        if isinstance(each, Taken):
            first = first or time.monotonic() - started
            states += len(each.event.offsets)
            spent += each.seconds
        elif isinstance(each, Recording):
            data = pipeline.recording_file(each)
            size = len(data)
            (FOLDER / f"{name}.rec").write_bytes(data)
            for note in each.notes:
                print(f"{name}: {note}")
    rate = states / spent if spent else 0
    return f"{name}: {size:,} bytes, first event after {first:.2f} s, {states} instructions, {rate:,.0f} a second"


def main(names: list[str]) -> None:
    """Record those that are named, or all."""
    for name, wanted in EXAMPLES.items():
        if not names or name in names:
            print(record(name, wanted))


if __name__ == "__main__":
    main(sys.argv[1:])
