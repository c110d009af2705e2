"""python -m fuzz.smaller FOLDER --load COMMAND [NUMBER...]: shrink the kept cases, all of them at the same time.

Each round asks the kernel once about the variants of every case, and the emulation as well.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
from collections.abc import Sequence
from multiprocessing import Pool
from pathlib import Path
from typing import Any

from fuzz.compare import Disagreement, Said, disagreement, emulate
from fuzz.kernel import Asked, emulate_all
from fuzz.minimise import MOST_ROUNDS, Shrinkable, Units, shrink


class Round:
    """Collects the questions of several shrinking threads and asks them together."""

    def __init__(self, command: str, folder: Path, threads: int) -> None:
        self.command, self.folder = command, folder
        self.active = threads
        self.waiting: list[tuple[str, list[bytes], dict[int, dict[str, Any]]]] = []
        self.lock = threading.Condition()
        self.turn = 0
        self.pool = Pool(1)

    def ask(self, file: str, variants: list[bytes]) -> dict[int, dict[str, Any]]:
        """Answers by number of variant: {"golden", "said"} of each program; blocks until every thread has asked."""
        answers: dict[int, dict[str, Any]] = {}
        with self.lock:
            self.waiting.append((file, variants, answers))
            turn = self.turn
            self._perhaps()
            while self.turn == turn:
                self.lock.wait()
        return answers

    def leave(self) -> None:
        """A thread is done."""
        with self.lock:
            self.active -= 1
            self._perhaps()

    def _perhaps(self) -> None:
        if not self.waiting or len(self.waiting) < self.active:
            return
        paths, places = [], {}
        # The file's first letters name its maps of global data: keep them.
        for number, (file, variants, answers) in enumerate(self.waiting):
            for n, data in enumerate(variants):
                path = self.folder / f"{file.removesuffix('.o')[:60]}.{number}.{n}.o"
                path.write_bytes(data)
                paths.append(path)
                places[path.name] = (answers, n)
        print(f"round {self.turn + 1}: {len(paths)} variants of {len(self.waiting)} cases", flush=True)
        said = emulate_all(paths, self.pool)
        for answer in Asked(self.command, paths, self.folder / "out.jsonl", said).answers():
            answers, n = places[answer.path.name]
            answers.setdefault(n, {})[answer.program] = answer
        for path in paths:
            path.unlink()
        self.waiting = []
        self.turn += 1
        self.lock.notify_all()


def _alike(one: Disagreement, other: Disagreement | None) -> bool:
    if other is None or one.kind != other.kind:
        return False
    return one.signature == other.signature or one.kind in ("rewritten", "image")


def known(stem: Path) -> Disagreement | None:
    """What still differs in a kept case."""
    golden = json.loads(stem.with_suffix(".json").read_text())
    ours = emulate(stem.with_suffix(".o"), golden["file"])
    return disagreement(golden, ours.get(golden["prog"]) or ours.get("") or Said("not loaded"))


def work(stem: Path, first: Disagreement, most: int, rounds: Round, found: list[str]) -> None:
    """Shrink one case and write what is left of it beside it: NUMBER.small.o, .small.txt."""
    try:
        program, file = first.program, first.file
        case = Shrinkable(stem.with_suffix(".o").read_bytes(), program)

        def holds(kept: Sequence[Units]) -> list[bool]:
            answers = rounds.ask(file, [case.variant(k) for k in kept])
            return [
                program in answers.get(n, {}) and _alike(first, answers[n][program].disagreement)
                for n in range(len(kept))
            ]

        left = shrink(case.units, holds, most)
        stem.with_suffix(".small.o").write_bytes(case.variant(left))
        answer = rounds.ask(file, [case.variant(left)]).get(0, {}).get(program)
        if answer is not None:
            stem.with_suffix(".small.json").write_text(json.dumps({**answer.golden, "file": file}))
        words = f"{first.kind}\n  kernel {first.kernel}\n  ours   {first.ours}\n{case.listing(left)}\n"
        stem.with_suffix(".small.txt").write_text(words)
        found.append(f"{stem.name} {len(case.units)} -> {len(left)}: {words}")
    finally:
        rounds.leave()


def main() -> int:
    a = argparse.ArgumentParser(prog="python -m fuzz.smaller", description=__doc__)
    a.add_argument("folder", type=Path)
    a.add_argument("numbers", nargs="*", type=int)
    a.add_argument("--load", required=True)
    a.add_argument("--rounds", type=int, default=MOST_ROUNDS, help="boots at most")
    o = a.parse_args()
    stems = [p.with_suffix("") for p in o.folder.glob("*.json") if p.stem.isdigit()]
    stems = sorted((s for s in stems if not o.numbers or int(s.name) in o.numbers), key=lambda s: int(s.name))
    stems = [s for s in stems if not s.with_suffix(".small.txt").exists()]
    found: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        cases = [(stem, first) for stem in stems if (first := known(stem)) is not None]
        rounds = Round(o.load, Path(name), len(cases))
        threads = [threading.Thread(target=work, args=(*case, o.rounds, rounds, found)) for case in cases]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print("\n".join(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
