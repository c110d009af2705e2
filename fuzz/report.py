"""Counts, and every kind of disagreement once: its object, both sides' words, and what it shrinks to."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from fuzz.compare import CLASSES, Disagreement
from fuzz.kernel import Answer


@dataclass(slots=True)
class Case:
    """A disagreement with its object's bytes; `times` is how often one of its signature was seen."""

    number: int
    name: str
    found: Disagreement
    answer: Answer
    data: bytes
    times: int = 1


class Report:
    """A folder: report.txt, and for each case NUMBER.o, NUMBER.json (the kernel's record), NUMBER.txt."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cases: dict[str, Case] = {}
        self.counts: Counter[str] = Counter()
        folder.mkdir(parents=True, exist_ok=True)
        known = [int(p.stem) for p in folder.glob("*.json") if p.stem.isdigit()]
        self.first = max(known, default=0) + 1

    def add(self, answer: Answer) -> Case | None:
        """The case if it is the first of its signature."""
        self.counts["programs"] += 1
        self.counts[f"ours {answer.said.verdict}"] += 1
        if answer.golden:
            self.counts[f"kernel {answer.golden['verdict']}"] += 1
        found = answer.disagreement
        if found is None:
            return None
        self.counts["disagreements"] += 1
        self.counts[found.kind] += 1
        known = self.cases.get(found.signature)
        if known is not None:
            known.times += 1
            return None
        data = answer.path.read_bytes()
        case = Case(self.first + len(self.cases), answer.path.name, found, answer, data)
        self.cases[found.signature] = case
        self.keep(case)
        print(f"{case.number} {describe(case)}", flush=True)
        return case

    def keep(self, case: Case, text: str = "") -> None:
        """Write a case, or write it again when it has shrunk."""
        stem = self.folder / str(case.number)
        stem.with_suffix(".o").write_bytes(case.data)
        # "file" stays: maps of global data are named after it.
        stem.with_suffix(".json").write_text(json.dumps(case.answer.golden))
        stem.with_suffix(".txt").write_text(f"{describe(case)}\n{text}\n")

    def write(self) -> None:
        """report.txt, worst first."""
        ordered = sorted(self.cases.values(), key=lambda c: (CLASSES.index(c.found.kind), -c.times))
        counts = ", ".join(f"{name} {count}" for name, count in sorted(self.counts.items()))
        lines = [f"{case.number} ({case.times} times) {describe(case)}" for case in ordered]
        (self.folder / "report.txt").write_text("\n".join([counts, "", *lines, ""]))


def describe(case: Case) -> str:
    """A case in three lines."""
    found = case.found
    return f"{found.kind}: {case.name}:{found.program}\n  kernel {found.kernel}\n  ours   {found.ours}"
