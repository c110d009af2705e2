"""python -m fuzz.again FOLDER [NUMBER...] [--lines N]: kept cases once more, against what the kernel said."""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from pathlib import Path
from typing import Any

from fuzz.compare import Said, disagreement, emulate, tidy, without


def differences(golden: dict[str, Any], said: Said, lines: int) -> list[str]:
    """Unified differences of the logs and of the rewritten instructions."""
    from vm.isa.insn import decode
    from vm.isa.text import insn_text

    out: list[str] = []
    for level, ours in (("log2", said.log2), ("log1", said.log1)):
        want = tidy(golden.get(level, ""))
        out += difflib.unified_diff(want, tidy(ours), f"kernel {level}", f"ours {level}", lineterm="", n=3)
    if said.verdict == "accept" and "xlated" in golden:
        both = [decode(without(c, said.xlated_addresses)) for c in (bytes.fromhex(golden["xlated"]), said.xlated)]
        want, have = ([insn_text(insns, at) for at in range(len(insns))] for insns in both)
        out += difflib.unified_diff(want, have, "kernel xlated", "ours xlated", lineterm="", n=6)
    return out[:lines]


def main() -> int:
    a = argparse.ArgumentParser(prog="python -m fuzz.again", description=__doc__)
    a.add_argument("folder", type=Path)
    a.add_argument("numbers", nargs="*", type=int)
    a.add_argument("--lines", type=int, default=0, help="lines of differences to show of each")
    o = a.parse_args()
    left = 0
    for path in sorted((p for p in o.folder.glob("*.json") if p.stem.isdigit()), key=lambda p: int(p.stem)):
        if o.numbers and int(path.stem) not in o.numbers:
            continue
        golden = json.loads(path.read_text())
        data = path.with_suffix(".o")
        said = emulate(data, golden.get("file", ""))
        one = said.get(golden.get("prog", "")) or said.get("") or Said("not loaded")
        found = disagreement(golden, one) if "err" in golden else None
        left += found is not None
        if found is not None:
            print(f"{path.stem} {found.kind}: {found.program}\n  kernel {found.kernel}\n  ours   {found.ours}")
            if o.lines:
                print("\n".join(differences(golden, one, o.lines)))
        elif o.numbers:
            print(f"{path.stem} agrees")
    print(f"{left} left")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
