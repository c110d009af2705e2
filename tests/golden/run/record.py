"""Writes NAME.json beside NAME.c from what a real kernel said of NAME.o and NAME.o.pkt.

python tests/golden/run/record.py OUT.jsonl FOLDER   # FOLDER holds NAME.o and NAME.o.pkt, OUT.jsonl what was loaded
"""

from __future__ import annotations

import base64
import json
import lzma
import sys
from pathlib import Path


def main(out: str, folder: str) -> None:
    here = Path(__file__).parent
    kernel = ""
    files: dict[str, dict[str, dict[str, object]]] = {}
    for line in Path(out).read_text().splitlines():
        said = json.loads(line)
        kernel = said.get("kernel", kernel)
        if "retval" in said:
            files.setdefault(said["file"], {})[said["prog"]] = {"retval": said["retval"], "data_out": said["data_out"]}
    for name, programs in files.items():
        data = (Path(folder) / name).read_bytes()
        record = {
            "kernel": kernel,
            "packet": (Path(folder) / f"{name}.pkt").read_bytes().hex(),
            "object": base64.b85encode(lzma.compress(data)).decode(),
            "programs": programs,
        }
        (here / name).with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
