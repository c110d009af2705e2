"""docs/operating.md lists every setting, as it is."""

from __future__ import annotations

import re
from pathlib import Path

from django.conf import settings

from playground.config import limits, options
from playground.jobs.process import PASSED_ON

# Read by the tests, by tools or by the system, and nothing an operator sets.
OTHERS = {
    "DJANGO_SETTINGS_MODULE",
    "XDG_CACHE_HOME",
    "XDG_DATA_HOME",
    "PATH",
    "TMPDIR",
    "HOME",
    "CC",
    "PYTHONPATH",
    "CI",
    "COLUMNS",
}
READ = re.compile(r"""(?:env\.(?:text|flag|words|secret|database|limit)\(|environ(?:\.get\(|\[))\s*"([A-Z_]+)\"""")


def test_the_document_is_the_table() -> None:
    text = (settings.BASE_DIR / "docs" / "operating.md").read_text()
    assert options.table() in text, (
        "run `python -m playground.config.options` and put what it prints into docs/operating.md"
    )


def test_every_variable_that_is_read_is_in_the_table() -> None:
    read = set()
    for path in [*Path(settings.BASE_DIR, "playground").rglob("*.py"), *Path(settings.BASE_DIR, "vm").rglob("*.py")]:
        if ".native" not in path.parts:
            read |= set(READ.findall(path.read_text()))
    named = {option.name for option in options.rows()}
    assert read - OTHERS - named == set()
    assert {name for name in PASSED_ON if name.startswith("BPFSCOPE_")} <= named
    assert set(limits.LIMITS) <= read | {"SHUTDOWN_SECONDS"}


def test_names_are_listed_once() -> None:
    names = [option.name for option in options.rows()]
    assert len(names) == len(set(names))


def test_every_default_is_allowed() -> None:
    for name, limit in limits.LIMITS.items():
        assert limit.low <= limit.default <= limit.high, name
        assert limit.meaning


def test_what_a_link_carries_fits_a_body() -> None:
    base64 = (limits.ELF_BYTES + limits.PCAP_BYTES) * 4 // 3
    assert base64 + (16 << 10) < limits.BODY_BYTES
    assert limits.SOURCE_BYTES * 6 < limits.BODY_BYTES  # each byte as \u0000


def test_a_source_of_usual_text_fits_a_message() -> None:
    assert limits.SOURCE_BYTES + (32 << 10) < limits.MESSAGE_BYTES
