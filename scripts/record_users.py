"""Asks a real Linux 6.12 what users with few capabilities get, and writes it to tests/golden/users/users.jsonl.xz.

    python scripts/record_users.py

Asked are the programs of tests/golden/users/*.c (compiled into objects beside them) and those of tests/golden/objects,
through scripts/load_as.py: mitigations are on, and what is recorded is what libbpf makes of the load.
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
USERS = GOLDEN / "users"
# Addresses, libbpf's wording and what the object says itself are not compared.
DROPPED = ("ksyms", "libbpf", "type", "attach", "flags", "verified_insns")


def main() -> None:
    lines = []
    with tempfile.TemporaryDirectory() as tmp:
        out = Path(tmp, "out.jsonl")
        for sets, objects in (
            ("none,bpf,bpf+perfmon", compiled()),
            ("none,bpf+net_admin", sorted((GOLDEN / "objects").glob("*.o"))),
        ):
            load = [sys.executable, str(ROOT / "scripts" / "load_as.py"), "--as", sets]
            subprocess.run([*load, str(out), *map(str, objects)], check=True)
            for line in out.read_text().splitlines():
                record = json.loads(line)
                if "prog" in record:
                    lines.append(json.dumps(slim(record)))
    with lzma.open(USERS / "users.jsonl.xz", "wt") as f:
        f.writelines(line + "\n" for line in lines)
    print(f"{len(lines)} loads recorded")


def compiled() -> list[Path]:
    """The objects of this folder's sources."""
    sys.path.insert(0, str(ROOT))
    from vm.pipeline import BuildOptions, Source, compile_source

    objects = []
    for source in sorted(USERS.glob("*.c")):
        result = compile_source(Source("c", source.read_bytes()), BuildOptions(mcpu="v4"))
        if not result.ok or result.object is None:
            sys.exit(f"{source.name}: " + "; ".join(d.message for d in result.diagnostics))
        objects.append(source.with_suffix(".o"))
        objects[-1].write_bytes(result.object)
    return objects


def slim(record: dict[str, object]) -> dict[str, object]:
    """A record without what no test reads: of short walks, the log of messages alone; what libbpf failed at stays."""
    out = {key: value for key, value in record.items() if key not in DROPPED}
    if "log1" in record or record["verdict"] == "error":
        for key in ("log4", *(("log1", "log2") if record["verdict"] == "error" else ())):
            out.pop(key, None)
    if "failed to initialize slot" in str(record.get("libbpf", "")):
        out["unfilled"] = True
    return out


if __name__ == "__main__":
    main()
