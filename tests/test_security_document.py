"""docs/security.md names tests and measures that exist."""

from __future__ import annotations

import re
from pathlib import Path

from bench.load import MEASURES

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "docs" / "security.md").read_text()


def test_every_file_and_test_that_is_named_exists() -> None:
    paths = set(re.findall(r"`(tests/[\w/]+(?:\.py)?)`", TEXT))
    assert len(paths) > 20
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []
    names = set(re.findall(r"\b(test_\w+)`", TEXT)) - {Path(path).stem for path in paths}
    assert len(names) > 10
    sources = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name in sorted(names) if f"def {name}(" not in sources] == []


def test_every_measure_that_is_named_exists() -> None:
    named = set(re.findall(r"python -m bench\.load (?:--long )?(\w+)", TEXT))
    assert named == set(MEASURES), named ^ set(MEASURES)
