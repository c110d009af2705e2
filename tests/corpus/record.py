"""Records which rejected programs are offered a fix, and what the real kernel says of each that is offered.

python -m tests.corpus.record fixes DIR [FILE...]     writes the index, and objects of the changed sources to DIR; of
    these programs of the index only, where some are named
python -m tests.corpus.record kernel DIR ANSWERS.jsonl     writes the kernel's answers (a line a program, as from a
    loader that ran in that kernel: file, prog, verdict; a line with "kernel": its release); what is recorded of other
    programs than those of DIR stays
"""

from __future__ import annotations

import json
import lzma
import sys
import time
from pathlib import Path
from typing import Any

from tests.corpus import ASKED, REJECTED, asked, caps_of, index, patched
from vm import pipeline
from vm.caps import ROOT
from vm.pipeline import BuildOptions, Source

SLOW = 5.0
MOST = 3
"""Fixes of a program: as many as the page offers."""


def fixes(directory: Path, only: frozenset[str] = frozenset()) -> None:
    """Looks for a fix of every program, or of some."""
    directory.mkdir(parents=True, exist_ok=True)
    options, entries = BuildOptions(), index()
    diffs: dict[str, dict[str, str]] = {}
    for entry in entries:
        if only and entry["file"] not in only:
            continue
        source = Source("c", (REJECTED / entry["file"]).read_bytes(), entry["file"].removesuffix(".c"))
        began = time.monotonic()
        obj = pipeline.load(source, options, pipeline.compile_source(source, options).object)
        program = pipeline.choose(obj, entry["program"])
        caps = caps_of(entry)
        verdict = pipeline.check(obj, program, log_level=0, caps=caps)
        found: list[str] = []
        for each in pipeline.repairs(source, options, obj, program, verdict=verdict, most=MOST, caps=caps):
            if not found:
                entry |= {"slow": time.monotonic() - began > SLOW}
            found.append(each.diff)
        entry |= {"fixed": bool(found), "slow": entry["slow"] if found else time.monotonic() - began > SLOW}
        for number, diff in enumerate(found if caps is ROOT else ()):
            name = f"{source.name}.{number}.o"
            diffs[name] = {"file": entry["file"], "program": entry["program"], "diff": diff}
            changed = Source("c", patched(source.text(), diff).encode(), source.name)
            compiled = pipeline.compile_source(changed, options).object
            assert compiled is not None
            (directory / name).write_bytes(compiled)
        print(entry["file"], len(found), flush=True)
    lines = ",\n".join(f"  {json.dumps(entry)}" for entry in entries)
    (REJECTED / "index.json").write_text(f"[\n{lines}\n]\n")
    (directory / "diffs.json").write_text(json.dumps(diffs))
    (directory / "asked.json").write_text(json.dumps(sorted(only or {entry["file"] for entry in entries})))


def kernel(directory: Path, answers: Path) -> None:
    """Joins the fixes with the kernel's answers."""
    said: dict[str, dict[str, str]] = {}
    release = ""
    for line in answers.read_text().splitlines():
        told = json.loads(line)
        release = told.get("kernel", release)
        if "verdict" in told:
            said.setdefault(told["file"], {})[told["prog"]] = told["verdict"]
    asked_now = set(json.loads((directory / "asked.json").read_text()))
    out: list[dict[str, Any]] = [answer for answer in asked() if answer["file"] not in asked_now]
    for name, fix in json.loads((directory / "diffs.json").read_text()).items():
        verdict = said.get(name, {}).get(fix["program"])
        if verdict is not None:
            out.append(fix | {"verdict": verdict, "release": release})
    ASKED.write_bytes(lzma.compress(json.dumps(out).encode()))
    print(len(out), "answers;", [o["file"] for o in out if o["verdict"] != "accept"])


if __name__ == "__main__":
    if sys.argv[1] == "fixes":
        fixes(Path(sys.argv[2]), frozenset(sys.argv[3:]))
    else:
        kernel(Path(sys.argv[2]), Path(sys.argv[3]))
