"""Records which rejected programs are offered a fix, and what the real kernel says of the first one.

python -m tests.corpus.record fixes DIR     writes the index, and objects of the changed sources to DIR
python -m tests.corpus.record kernel DIR ANSWERS.jsonl     writes the kernel's answers (a line a program, as from a
    loader that ran in that kernel: file, prog, verdict; a line with "kernel": its release)
"""

from __future__ import annotations

import json
import lzma
import sys
import time
from pathlib import Path
from typing import Any

from tests.corpus import ASKED, REJECTED, caps_of, index, patched
from vm import pipeline
from vm.caps import ROOT
from vm.pipeline import BuildOptions, Source

SLOW = 5.0


def fixes(directory: Path) -> None:
    """Looks for a fix of every program."""
    directory.mkdir(parents=True, exist_ok=True)
    options, entries, diffs = BuildOptions(), index(), {}
    for entry in entries:
        source = Source("c", (REJECTED / entry["file"]).read_bytes(), entry["file"].removesuffix(".c"))
        began = time.monotonic()
        obj = pipeline.load(source, options, pipeline.compile_source(source, options).object)
        program = pipeline.choose(obj, entry["program"])
        caps = caps_of(entry)
        verdict = pipeline.check(obj, program, log_level=0, caps=caps)
        found = next(pipeline.repairs(source, options, obj, program, verdict=verdict, most=1, caps=caps), None)
        entry |= {"fixed": found is not None, "slow": time.monotonic() - began > SLOW}
        if found is not None and caps is ROOT:
            diffs[entry["file"]] = found.diff
            changed = Source("c", patched(source.text(), found.diff).encode(), source.name)
            compiled = pipeline.compile_source(changed, options).object
            assert compiled is not None
            (directory / f"{source.name}.o").write_bytes(compiled)
        print(entry["file"], entry["fixed"], flush=True)
    lines = ",\n".join(f"  {json.dumps(entry)}" for entry in entries)
    (REJECTED / "index.json").write_text(f"[\n{lines}\n]\n")
    (directory / "diffs.json").write_text(json.dumps(diffs))


def kernel(directory: Path, answers: Path) -> None:
    """Joins the fixes with the kernel's answers."""
    said: dict[str, dict[str, str]] = {}
    release = ""
    for line in answers.read_text().splitlines():
        told = json.loads(line)
        release = told.get("kernel", release)
        if "verdict" in told:
            said.setdefault(told["file"], {})[told["prog"]] = told["verdict"]
    out: list[dict[str, Any]] = []
    for file, diff in json.loads((directory / "diffs.json").read_text()).items():
        program = next(entry["program"] for entry in index() if entry["file"] == file)
        verdict = said.get(file.removesuffix("c") + "o", {}).get(program)
        if verdict is not None:
            out.append({"file": file, "program": program, "diff": diff, "verdict": verdict, "release": release})
    ASKED.write_bytes(lzma.compress(json.dumps(out).encode()))
    print(len(out), "answers;", [o["file"] for o in out if o["verdict"] != "accept"])


if __name__ == "__main__":
    if sys.argv[1] == "fixes":
        fixes(Path(sys.argv[2]))
    else:
        kernel(Path(sys.argv[2]), Path(sys.argv[3]))
