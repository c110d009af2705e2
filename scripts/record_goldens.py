"""Asks a real Linux 6.12 about tests/golden/programs/*.c and writes what it said to tests/golden/verifier.jsonl.xz.

    python scripts/record_goldens.py LOAD

A source whose first line says mcpu=v4 is compiled for that.
LOAD is a command that takes OUT.jsonl FILE.o..., loads every program of every object into a kernel
at both log levels and writes one JSON line a program: file, prog, verdict, err, insns, log1, log2,
xlated, image. The objects are kept beside the recording (tests/golden/objects), without debug
sections, so that the tests need no compiler and no kernel.
"""

from __future__ import annotations

import json
import lzma
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden"


def main(load: str) -> None:
    sys.path.insert(0, str(ROOT))
    from vm.pipeline import BuildOptions, Source, compile_source

    objects = GOLDEN / "objects"
    objects.mkdir(exist_ok=True)
    for source in sorted((GOLDEN / "programs").glob("*.c")):
        text = source.read_text()
        result = compile_source(
            Source("c", text.encode()), BuildOptions(mcpu="v4" if "mcpu=v4" in text.split("\n", 1)[0] else "v3")
        )
        if not result.ok or result.object is None:
            sys.exit(f"{source.name}: " + "; ".join(d.message for d in result.diagnostics))
        (objects / f"{source.stem}.o").write_bytes(result.object)
    with tempfile.TemporaryDirectory() as tmp:
        out = Path(tmp, "out.jsonl")
        subprocess.run([load, str(out), *map(str, sorted(objects.glob("*.o")))], check=True)
        lines = [line for line in out.read_text().splitlines() if "prog" in json.loads(line)]
    with lzma.open(GOLDEN / "verifier.jsonl.xz", "wt") as f:
        f.writelines(line + "\n" for line in lines)
    print(f"{len(lines)} programs recorded")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
