"""What a guest boots: our programs, compiled here, and the kernel's modules, in a cpio archive (newc)."""

from __future__ import annotations

import importlib.util
import lzma
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

from vm.guests.images import Image, busybox
from vm.guests.wire import GuestError

# By their places in the guest: its init, and a program for workloads. Both include program.h.
_SOURCES: Final = {"init": "init.c", "bin/sockets": "sockets.c"}
_HEADER: Final = "program.h"
_FLAGS: Final = (
    "--target=x86_64-linux-gnu", "-O2", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-fno-stack-protector",
    "-fno-pic", "-mno-sse", "-c",
)  # fmt: skip
_FOLDERS: Final = ("bin", "dev", "etc", "modules", "net", "proc", "root", "sys", "tmp")
_DIRECTORY: Final = 0o040755
_PROGRAM: Final = 0o100755
_FILE: Final = 0o100644
_LINK: Final = 0o120777


def sources() -> bytes:
    """All that the programs are compiled from."""
    return b"".join(_file(name).read_bytes() for name in (_HEADER, *_SOURCES.values()))


def _file(name: str) -> Path:
    return Path(__file__).with_name(name)


@cache
def program(name: str) -> bytes:
    """The static program that has a place in the guest. GuestError if there is no compiler for it."""
    spec = importlib.util.find_spec("ziglang")
    if spec is None or spec.origin is None:
        raise GuestError("start", "There is no compiler for the guests' programs: install the ziglang package.")
    zig = str(Path(spec.origin).parent / "zig")
    with tempfile.TemporaryDirectory(prefix="bpfscope-init-") as folder:
        part, whole = f"{folder}/program.o", Path(folder, "program")
        for command in (
            [zig, "clang", *_FLAGS, str(_file(_SOURCES[name])), "-o", part],
            [zig, "ld.lld", "-static", part, "-o", str(whole)],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
            if done.returncode:
                raise GuestError("start", f"A program of the guests was not compiled: {done.stderr.strip()[:500]}")
        return whole.read_bytes()


def initrd(image: Image) -> bytes:
    """The archive for a kernel."""
    out = [_entry(name, _DIRECTORY, b"") for name in _FOLDERS]
    out += [_entry(name, _PROGRAM, program(name)) for name in _SOURCES]
    for number, module in enumerate(image.modules):
        out.append(_entry(f"modules/{number}.ko", _FILE, module.read_bytes()))
    for path in image.network:
        out.append(_entry(f"net/{path.name.removesuffix('.xz')}", _FILE, _module(path)))
    shell = busybox(image.folder.parent)
    if shell is not None:
        out += [_entry("bin/busybox", _PROGRAM, shell.read_bytes()), _entry("bin/sh", _LINK, b"busybox")]
    out.append(_entry("TRAILER!!!", 0, b""))
    return b"".join(out)


def _module(path: Path) -> bytes:
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def _entry(name: str, mode: int, data: bytes) -> bytes:
    """One file of the archive; header fields are eight hexadecimal digits each."""
    title = name.encode() + b"\0"
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(title), 0)
    head = b"070701" + b"".join(b"%08X" % value for value in fields) + title
    return _padded(head) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
