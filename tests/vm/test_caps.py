"""Capabilities by name."""

from __future__ import annotations

import pytest

from vm.caps import NOBODY, ROOT, capable, parse
from vm.errors import InputError


def test_names_in_any_form() -> None:
    assert parse("bpf,net_admin") == parse("CAP_BPF+CAP_NET_ADMIN") == {"bpf", "net_admin"}
    assert parse("none") == parse("") == NOBODY


def test_sys_admin_may_what_the_others_may() -> None:
    assert all(capable(parse("sys_admin"), name) for name in ROOT)
    assert not capable(parse("bpf,net_admin"), "perfmon")


def test_other_capabilities_are_none_of_them() -> None:
    with pytest.raises(InputError, match="'chown' is no capability BPF asks for"):
        parse("bpf,chown")
