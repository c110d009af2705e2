"""The BTF of Linux 6.12, from the data that scripts/extract_btf.py wrote."""

from __future__ import annotations

import re
import zlib
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from vm.btf.types import Btf


class _File(NamedTuple):
    version: str
    lengths: bytes
    btf: bytes


@cache
def _file() -> _File:
    data = zlib.decompress(files("vm.kernel").joinpath("data/vmlinux.btf.z").read_bytes())
    head, _, rest = data.partition(b"\n")
    found = re.fullmatch(rb"(.*); (\d+) types; (\d+) bytes", head)
    assert found
    cut = 2 * int(found[2])
    return _File(found[1].decode(), rest[:cut], rest[cut:])


@cache
def kernel_btf() -> Btf:
    """Types of the kernel; they are parsed as they are asked for."""
    found = _file()
    return Btf(found.btf, found.lengths)


def kernel_version() -> str:
    """The first words of the kernel's banner, e.g. "Linux version 6.12.…"."""
    return _file().version
