"""The ELF image inside a bootable kernel (vmlinuz): found by the signature of what packed it.

A bzImage holds the packed vmlinux somewhere behind its set-up code (arch/x86/boot/compressed). Signatures also
occur by chance, so each place is tried until one unpacks to an ELF file.
"""

from __future__ import annotations

import bz2
import lzma
import shutil
import subprocess
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

ELF = b"\x7fELF"
MAX_IMAGE = 1 << 30


class NoImageError(Exception):
    """There is no kernel in the file, or what unpacks it is missing; the message says which."""


def _gzip(data: bytes) -> bytes:
    return zlib.decompressobj(31).decompress(data, MAX_IMAGE)


def _xz(data: bytes) -> bytes:
    return lzma.LZMADecompressor(lzma.FORMAT_AUTO).decompress(data, MAX_IMAGE)


def _bzip2(data: bytes) -> bytes:
    return bz2.BZ2Decompressor().decompress(data, MAX_IMAGE)


def _program(name: str, *options: str) -> Callable[[bytes], bytes]:
    """A program that unpacks standard input; it complains of what follows, and has written the image by then."""

    def run(data: bytes) -> bytes:
        path = shutil.which(name)
        if path is None:
            raise NoImageError(f"The image is packed with {name}: install the program {name} and try again.")
        return subprocess.run([path, *options], input=data, capture_output=True, check=False).stdout

    return run


# Signature -> what unpacks it. Python has zstd from 3.14 and lz4 not at all, so programs do these.
FORMATS: tuple[tuple[bytes, Callable[[bytes], bytes]], ...] = (
    (b"\x28\xb5\x2f\xfd", _program("zstd", "-dcq")),
    (b"\xfd7zXZ\x00", _xz),
    (b"\x1f\x8b\x08", _gzip),
    (b"\x02\x21\x4c\x18", _program("lz4", "-dcq")),
    (b"BZh", _bzip2),
    (b"\x5d\x00\x00\x00", _xz),
)


def _places(data: bytes, signature: bytes) -> Iterator[int]:
    at = data.find(signature)
    while at >= 0:
        yield at
        at = data.find(signature, at + 1)


def unpack(data: bytes) -> bytes:
    """The vmlinux (ELF) in the bytes of a vmlinuz, or the bytes themselves if they are one; NoImageError for others."""
    if data.startswith(ELF):
        return data
    missing: NoImageError | None = None
    for signature, unpacked in FORMATS:
        for at in _places(data, signature):
            try:
                image = unpacked(data[at:])
            except NoImageError as error:
                missing = missing or error
                break
            except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError):
                continue
            if image.startswith(ELF):
                return image
    raise missing or NoImageError("The file holds no packed kernel (gzip, xz, lzma, bzip2, zstd or lz4).")


def image_of(folder: Path) -> bytes:
    """The ELF image of a kernel's folder: its `vmlinux`, or what its `vmlinuz` holds."""
    for name in ("vmlinux", "vmlinuz"):
        path = folder / name
        if path.is_file():
            try:
                return unpack(path.read_bytes())
            except NoImageError as error:
                raise NoImageError(f"{path}: {error}") from None
    raise NoImageError(f"{folder} has neither vmlinux nor vmlinuz.")
