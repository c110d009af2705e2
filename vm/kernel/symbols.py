"""Addresses of kernel symbols and options it was built with, as /proc/kallsyms and /boot/config tell them."""

from __future__ import annotations

import re
import zlib
from array import array
from functools import cache
from importlib.resources import files


def _unpacked(name: str) -> bytes:
    return zlib.decompress(files("vm.kernel").joinpath(f"data/{name}").read_bytes())


@cache
def _symbols() -> tuple[array[int], bytes]:
    _banner, count, rest = _unpacked("ksyms.z").split(b"\n", 2)
    gaps = array("Q")
    gaps.frombytes(rest[: 8 * int(count)])
    return gaps, rest[8 * int(count) :]


def ksym_address(name: str) -> int | None:
    """Where a function or variable of the kernel is without address randomisation, or None."""
    gaps, names = _symbols()
    at = names.find(b"\n" + name.encode() + b"\n")
    return sum(gaps[: names.count(b"\n", 0, at) + 1]) if at >= 0 else None


@cache
def _options() -> dict[str, str]:
    return dict(line.split("=", 1) for line in _unpacked("kconfig.z").decode().split("\n")[1:] if line)


def kconfig(name: str) -> str | None:
    """The value of a CONFIG_ option as the config file spells it (y, m, a number, "text"), or None if not set."""
    return _options().get(name)


@cache
def linux_version_code() -> int:
    """LINUX_VERSION_CODE of the kernel that is emulated."""
    found = re.match(r"Linux version (\d+)\.(\d+)\.(\d+)", _unpacked("kconfig.z").decode().split("\n")[0])
    assert found
    major, minor, patch = (int(part) for part in found.groups())
    return major << 16 | minor << 8 | min(patch, 255)
