"""The kernel's printf for BPF: bpf_bprintf_prepare() says what is allowed, lib/vsprintf.c how it looks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from vm.runner.world import World

_SPEC: Final = re.compile(
    rb"%(?P<flags>[-+ 0]*)(?P<width>[0-9]*)"
    rb"(?P<what>%|p(?:[xKSsB]|[iI][46]|[ku]s(?![0-9A-Za-z\x7f-\xff])|(?![0-9A-Za-z\x7f-\xff]))"
    rb"|s(?![0-9A-Za-z\x7f-\xff])|c|(?P<size>ll?)?[iduxX])"
)
_STRING: Final = 512


class FormatError(Exception):
    """What the kernel answers with -EINVAL."""


def format_text(w: World, fmt: bytes, args: list[int], limit: int) -> bytes:
    """`fmt` (with its NUL) and its arguments as text, cut to `limit` - 1 bytes; FormatError as the kernel's -EINVAL."""
    end = fmt.find(0)
    if end < 0:
        raise FormatError
    fmt = fmt[:end]
    if any(c == 127 or (c < 32 and c not in b"\t\n\v\f\r") for c in fmt):
        raise FormatError
    out = bytearray()
    at = used = 0
    while at < len(fmt):
        if fmt[at] != ord("%"):
            out.append(fmt[at])
            at += 1
            continue
        match = _SPEC.match(fmt, at)
        if match is None:
            raise FormatError
        at = match.end()
        if match["what"] == b"%":
            out += b"%"
            continue
        if used >= len(args):
            raise FormatError
        out += _pad(_one(w, match, args[used]), match)
        used += 1
    return bytes(out[: limit - 1])


def _one(w: World, match: re.Match[bytes], value: int) -> bytes:
    what = match["what"]
    if what == b"c":
        return bytes([value & 0xFF])
    if what == b"s":
        return _string(w, value)
    if what.startswith(b"p"):
        return _pointer(w, what[1:], value)
    return _number(match, value)


def _number(match: re.Match[bytes], value: int) -> bytes:
    wide = bool(match["size"])
    bits = 64 if wide else 32
    value &= (1 << bits) - 1
    kind = match["what"][-1:]
    flags = match["flags"]
    if kind in (b"x", b"X"):
        return b"%x" % value if kind == b"x" else b"%X" % value
    if kind == b"u":
        return b"%d" % value
    signed = value - (1 << bits) if value >> (bits - 1) else value
    sign = b"+" if b"+" in flags else b" " if b" " in flags else b""
    return (sign if signed >= 0 else b"") + b"%d" % signed


def _pad(text: bytes, match: re.Match[bytes]) -> bytes:
    width = min(int(match["width"] or 0), 1024)
    if b"-" in match["flags"]:
        return text.ljust(width)
    if b"0" in match["flags"] and match["what"][-1:] in b"iduxX":
        sign = text[:1] if text[:1] in (b"-", b"+", b" ") else b""
        return sign + text[len(sign) :].rjust(width - len(sign), b"0")
    return text.rjust(width)


def _string(w: World, address: int) -> bytes:
    """Unreadable strings are empty, as strncpy_from_kernel_nofault leaves them."""
    return w.memory.load_string(address, _STRING - 1) or b""


def _pointer(w: World, kind: bytes, value: int) -> bytes:
    if kind in (b"ks", b"us"):
        return _string(w, value)
    if kind in (b"i4", b"I4", b"i6", b"I6"):
        size = 4 if kind[1:] == b"4" else 16
        data = w.memory.read(value, size) if w.memory.arena_at(value, size) else bytes(size)
        if size == 4:
            digits = "{:d}" if kind[:1] == b"I" else "{:03d}"
            return ".".join(digits.format(part) for part in data).encode()
        if kind[:1] == b"I":
            return ":".join(f"{data[i]:02x}{data[i + 1]:02x}" for i in range(0, 16, 2)).encode()
        return data.hex().encode()
    if kind in (b"x", b"K", b"B", b"S", b"s"):
        return b"%016x" % value
    # Plain %p is hashed with a boot secret; any stable scrambling is as true as another.
    if value == 0 or value >= (1 << 64) - 4095:
        return b"%016x" % value
    return b"%016x" % ((value * 0x9E3779B97F4A7C15 >> 32) & 0xFFFFFFFF)
