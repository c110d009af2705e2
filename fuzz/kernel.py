"""Asks a kernel and the emulation about the same objects, at the same time."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any, NamedTuple

from fuzz.compare import Disagreement, Said, disagreement, emulate
from fuzz.objects import Object


class Answer(NamedTuple):
    """Both sides' words on one program; `golden` is empty where the kernel was not asked or fell silent."""

    path: Path
    program: str
    golden: dict[str, Any]
    said: Said

    @property
    def disagreement(self) -> Disagreement | None:
        """What differs, if anything; without a kernel only a crash can be told."""
        if self.golden:
            return disagreement(self.golden, self.said)
        if self.said.verdict == "crash":
            return Disagreement("crash", self.path.name, self.program, "", self.said.log2)
        return None


def records(out: Path) -> list[dict[str, Any]]:
    """The JSON lines about programs, as far as the kernel got."""
    found = []
    for line in out.read_text(errors="replace").splitlines() if out.exists() else []:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if "verdict" in record:
            found.append(record)
    return found


class Asked:
    """A kernel that is being asked about objects whose words from the emulation are known."""

    def __init__(self, command: str, paths: Sequence[Path], out: Path, said: dict[str, dict[str, Said]]) -> None:
        self.paths, self.out, self.said = paths, out, said
        self.running: subprocess.Popen[bytes] | None = None
        self.command = [*shlex.split(command), str(out), *map(str, paths)]
        if command and paths:
            self.running = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        self.out.unlink(missing_ok=True)
        return subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def answers(self) -> list[Answer]:
        """Waits for the kernel; every program it answered, or without a kernel every one the emulation knows."""
        if self.running is None:
            return [Answer(p, name, {}, s) for p in self.paths for name, s in self.said[p.name].items()]
        text, _ = self.running.communicate()
        if self.running.returncode and not records(self.out):
            # On a busy machine a kernel's clock may fail it while it starts: once more.
            self.running = self._start()
            text, _ = self.running.communicate()
        if self.running.returncode:
            print(f"the kernel did not finish: {text.decode(errors='replace').strip()[-600:]}", file=sys.stderr)
        by_name = {p.name: p for p in self.paths}
        answers = []
        for golden in records(self.out):
            ours = self.said[golden["file"]]
            one = ours.get(golden["prog"]) or ours.get("") or Said("not loaded", log2="there is no such program")
            answers.append(Answer(by_name[golden["file"]], golden["prog"], golden, one))
        return answers


def emulate_all(paths: Sequence[Path], pool: Pool) -> dict[str, dict[str, Said]]:
    """What the emulation says of every program; those whose walk is long are taken out of their objects."""
    said = dict(zip([p.name for p in paths], pool.map(emulate, paths, chunksize=1), strict=True))
    for path in paths:
        ours = said[path.name]
        if any(s.verdict == "long" for s in ours.values()):
            changed = Object(path.read_bytes())
            if not changed.has(".struct_ops"):
                changed.keep({f.name for f in changed.programs if ours.get(f.name, Said("")).verdict != "long"})
                path.write_bytes(changed.data)
    return said
