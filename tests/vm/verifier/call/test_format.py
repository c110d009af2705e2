"""Formats that bpf_snprintf() takes and does not take."""

from __future__ import annotations

import pytest

from vm.verifier.call.format import is_valid_format


@pytest.mark.parametrize(
    "fmt",
    ["", "100%%", "%d %i %u %x %X", "%lld %lu", "%08x %-5d %+d", "%s, %s.", "%c", "%p %px %pK %pS %pB", "%pI4 %pi6",
     "%pks %pus", "é %d"],
)  # fmt: skip
def test_taken(fmt: str) -> None:
    assert is_valid_format(fmt.encode() + b"\0rest", 12)


@pytest.mark.parametrize("fmt", ["%", "%a", "%lc", "%sx", "%pI5", "%pksx", "%n", "\x01", "%llld", "%*d", "%.2d"])
def test_refused(fmt: str) -> None:
    assert not is_valid_format(fmt.encode() + b"\0", 12)


def test_every_conversion_needs_its_argument() -> None:
    assert is_valid_format(b"%d%%\0", 1)
    assert not is_valid_format(b"%d%d\0", 1)
