"""python -m fuzz --seconds N --seed S [--load COMMAND] [--report DIR] [--jobs N] (see docs/fuzzing.md)."""

from __future__ import annotations

import argparse
import json
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from multiprocessing import Pool
from pathlib import Path

from fuzz import elf, mutate
from fuzz.compare import CLASSES, Disagreement, Said, disagreement, emulate
from fuzz.generate import make

PER_OBJECT = 20
OBJECTS = Path(__file__).parents[1] / "tests" / "golden" / "objects"


def batch(rng: random.Random, folder: Path, made: int, mutated: int, recorded: list[Path]) -> list[Path]:
    """Writes `made` objects of random programs, a third of them mutated, and `mutated` changed recorded ones."""
    paths = []
    for number in range(made):
        programs = []
        for n in range(PER_OBJECT):
            program = make(rng.getrandbits(48), rng.choice((0.0, 0.03, 0.1)))
            programs.append((f"p{n}", mutate.made_like(rng, program) if n % 3 == 0 else program))
        paths.append(folder / f"made{number}.o")
        paths[-1].write_bytes(elf.write(programs))
    for number in range(mutated if recorded else 0):
        origin = rng.choice(recorded)
        paths.append(folder / f"{origin.stem}.{number}.o")
        paths[-1].write_bytes(mutate.object_like(rng, origin.read_bytes()))
    return paths


def ask_kernel(command: str, paths: list[Path], out: Path) -> list[dict[str, object]]:
    """What the kernel says of every program of these objects, as far as it got."""
    out.unlink(missing_ok=True)
    done = subprocess.run([*shlex.split(command), str(out), *map(str, paths)], capture_output=True, text=True)
    if done.returncode:
        print(f"the kernel did not finish: {(done.stdout + done.stderr).strip()[-300:]}", file=sys.stderr)
    said = []
    for line in out.read_text(errors="replace").splitlines() if out.exists() else []:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if "verdict" in record:
            said.append(record)
    return said


def crashes(path: Path, said: dict[str, Said]) -> list[Disagreement]:
    """Without a kernel, only these can be told."""
    return [Disagreement("crash", path.name, name, "", s.log) for name, s in said.items() if s.verdict == "crash"]


class Report:
    """Counts, and every disagreement with its object."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.found: list[Disagreement] = []
        self.counts: Counter[str] = Counter()
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, d: Disagreement, path: Path, number: int) -> None:
        kept = f"{number}-{path.name}"
        if not (self.folder / kept).exists():
            shutil.copy(path, self.folder / kept)
        d = Disagreement(d.kind, kept, d.program, d.kernel, d.ours)
        self.found.append(d)
        self.counts[d.kind] += 1
        print(f"{d.kind}: {kept}:{d.program}\n  kernel {d.kernel}\n  ours   {d.ours}", flush=True)

    def write(self) -> None:
        """report.txt, worst first."""
        ordered = sorted(self.found, key=lambda d: (CLASSES.index(d.kind), d.kernel, d.file))
        lines = [f"{d.kind}: {d.file}:{d.program}\n  kernel {d.kernel}\n  ours   {d.ours}" for d in ordered]
        counts = ", ".join(f"{name} {count}" for name, count in sorted(self.counts.items()))
        (self.folder / "report.txt").write_text("\n".join([counts, "", *lines, ""]))


def main() -> int:
    a = argparse.ArgumentParser(prog="python -m fuzz", description="Random programs, here and in the real kernel.")
    a.add_argument("--seconds", type=float, default=60)
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--load", default="", help="command that takes OUT.jsonl FILE.o... and asks a kernel")
    a.add_argument("--report", type=Path, default=Path("fuzz-report"))
    a.add_argument("--jobs", type=int, default=1, help="processes that emulate")
    a.add_argument("--made", type=int, default=15, help=f"objects of {PER_OBJECT} random programs a batch")
    a.add_argument("--mutated", type=int, default=8, help="changed recorded objects a batch")
    a.add_argument("--objects", type=Path, default=OBJECTS, help="folder of the objects to change")
    o = a.parse_args()
    rng, end, report = random.Random(o.seed), time.monotonic() + o.seconds, Report(o.report)
    recorded = sorted(o.objects.glob("*.o"))
    number = 0
    with tempfile.TemporaryDirectory() as name, Pool(o.jobs) as pool:
        folder = Path(name)
        while time.monotonic() < end:
            number += 1
            paths = batch(rng, folder, o.made, o.mutated, recorded)
            by_file = {path.name: path for path in paths}
            said = dict(zip(by_file, pool.imap(emulate, paths), strict=True))
            for one in said.values():
                for s in one.values():
                    report.counts["programs"] += 1
                    report.counts[f"ours {s.verdict}"] += 1
            found = []
            for golden in ask_kernel(o.load, paths, folder / "out.jsonl") if o.load else []:
                report.counts[f"kernel {golden['verdict']}"] += 1
                ours = said[str(golden["file"])]
                s = ours.get(str(golden["prog"])) or ours.get("") or Said("not loaded", log="there is no such program")
                found.append(disagreement(golden, s))
            if not o.load:
                found += [d for path in paths for d in crashes(path, said[path.name])]
            for d in found:
                if d is not None:
                    report.add(d, by_file[d.file], number)
            report.write()
            for path in paths:
                path.unlink()
    print(", ".join(f"{name} {count}" for name, count in sorted(report.counts.items())))
    return 1 if report.found else 0


if __name__ == "__main__":
    sys.exit(main())
