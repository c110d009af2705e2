"""`python -m vm.reference`: writes static/reference.json; with `check` it says whether the file is up to date."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

from vm.reference.catalogue import catalogue

FILE: Final = Path(__file__).resolve().parents[2] / "static" / "reference.json"


def text() -> str:
    """What the file has to hold: one line for each word, so that changes can be read."""
    return json.dumps(catalogue(), indent=0, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    if arguments == ["check"]:
        return 0 if FILE.is_file() and FILE.read_text() == text() else 1
    FILE.write_text(text())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
