"""python -m fuzz --seconds N --seed S [--load COMMAND] [--report DIR] [--jobs N] (see docs/fuzzing.md)."""

from __future__ import annotations

import argparse
import itertools
import os
import random
import shutil
import sys
import tempfile
import time
from multiprocessing import Pool
from pathlib import Path

from fuzz import elf, generate, mutate, wide
from fuzz.compare import Said
from fuzz.kernel import Asked, emulate_all
from fuzz.objects import Object
from fuzz.report import Report
from fuzz.world import WIDE_MAPS
from vm.isa.insn import Insn

PER_OBJECT = 20
PER_MUTATED = 8
OBJECTS = Path(__file__).parents[1] / "tests" / "golden" / "objects"
KERNEL_DIR = Path(os.environ.get("KERNEL_DIR", Path.home() / ".cache/bpf-kernel"))


def batch(rng: random.Random, folder: Path, made: int, mutated: int, recorded: list[Path]) -> list[Path]:
    """Writes `made` objects of random programs, a third of them mutated, and `mutated` changed recorded ones."""
    paths = []
    for number in range(made):
        plain = number % 3 == 2
        programs = []
        for n in range(PER_OBJECT):
            seed, sloppy = rng.getrandbits(48), rng.choice((0.0, 0.02, 0.08))
            program = generate.make(seed, sloppy) if plain else wide.make(seed, sloppy)
            programs.append((f"p{n}", mutate.made_like(rng, program) if n % 4 == 0 else program))
        paths.append(folder / f"{'made' if plain else 'wide'}{number}.o")
        paths[-1].write_bytes(elf.write(programs, () if plain else WIDE_MAPS))
    for number in range(mutated if recorded else 0):
        origin = rng.choice(recorded)
        paths.append(folder / f"{origin.stem}.{number}.o")
        most = PER_MUTATED if made or rng.random() < 0.8 else 2
        paths[-1].write_bytes(mutate.object_like(rng, origin.read_bytes(), most, _strange(rng, recorded)))
    return paths


def _strange(rng: random.Random, recorded: list[Path]) -> list[Insn]:
    """The instructions of a program of some object."""
    other = Object(rng.choice(recorded).read_bytes())
    return other.insns(rng.choice(other.programs)) if other.programs else []


def usable(folder: Path) -> list[Path]:
    """The objects of a folder that have programs."""
    found = []
    for path in sorted(folder.glob("*.o")):
        try:
            if Object(path.read_bytes()).programs:
                found.append(path)
        except (ValueError, IndexError):
            continue
    return found


def arguments() -> argparse.Namespace:
    a = argparse.ArgumentParser(prog="python -m fuzz", description="Random programs, here and in the real kernel.")
    a.add_argument("--seconds", type=float, default=60)
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--load", default="", help="command that takes OUT.jsonl FILE.o... and asks a kernel")
    a.add_argument("--report", type=Path, default=Path("fuzz-report"))
    a.add_argument("--jobs", type=int, default=1, help="processes that emulate")
    a.add_argument("--made", type=int, default=6, help=f"objects of {PER_OBJECT} random programs a batch")
    a.add_argument("--mutated", type=int, default=40, help="changed recorded objects a batch")
    a.add_argument("--objects", type=Path, help="folder of the objects to change")
    a.add_argument("--shrink", type=int, default=8, help="cases to make smaller after a batch")
    return a.parse_args()


def main() -> int:
    o = arguments()
    rng, end, report = random.Random(o.seed), time.monotonic() + o.seconds, Report(o.report)
    selftests = KERNEL_DIR / "selftests"
    recorded = usable(o.objects or (selftests if selftests.is_dir() else OBJECTS))
    before: Asked | None = None
    with tempfile.TemporaryDirectory() as name, Pool(o.jobs) as pool:
        for turn in itertools.count():
            late = time.monotonic() >= end
            folder = Path(name) / str(turn)
            paths: list[Path] = []
            said: dict[str, dict[str, Said]] = {}
            if not late:
                folder.mkdir()
                paths = batch(rng, folder, o.made, o.mutated, recorded)
                said = emulate_all(paths, pool)  # while the kernel looks at the batch before
            if before is not None:
                for answer in before.answers():
                    report.add(answer)
                report.write()
                shutil.rmtree(before.out.parent)
            if late:
                break
            before = Asked(o.load, paths, folder / "out.jsonl", said)
    print(", ".join(f"{name} {count}" for name, count in sorted(report.counts.items())))
    return 1 if report.cases else 0


if __name__ == "__main__":
    sys.exit(main())
