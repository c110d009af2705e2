"""Kernels and programs for guests, from a folder of the operator (`make kernels` fills it).

FOLDER/VERSION/ holds `vmlinuz`, and where the kernel needs them `modules/N.ko` (loaded at the start, in their order),
`net/` (veth and other modules, for runs) and `config`. FOLDER/busybox is for workloads.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CACHE_VARIABLE: Final = "BPFSCOPE_CACHE"
FOLDER_VARIABLE: Final = "BPFSCOPE_KERNELS"
STATES_VARIABLE: Final = "BPFSCOPE_GUESTS"
QEMU_VARIABLE: Final = "BPFSCOPE_QEMU"
_VERSION: Final = re.compile(r"\d+\.\d+(\.\d+)?")


@dataclass(frozen=True, slots=True)
class Image:
    """A kernel to boot. name -- of its folder ("7.3"); modules -- in the order in which they are loaded."""

    name: str
    folder: Path
    modules: tuple[Path, ...]

    @property
    def vmlinuz(self) -> Path:
        return self.folder / "vmlinuz"

    @property
    def config(self) -> Path:
        return self.folder / "config"

    @property
    def network(self) -> tuple[Path, ...]:
        """Modules that runs load: veth and others."""
        return tuple(sorted(self.folder.glob("net/*.ko*")))

    def fingerprint(self) -> str:
        """A hash of the names, sizes and modification times of the files that a saved guest is made of."""
        said = hashlib.sha256()
        shell = busybox(self.folder.parent)
        for path in (self.vmlinuz, self.config, *self.modules, *self.network, *((shell,) if shell else ())):
            if path.exists():
                info = path.stat()
                said.update(f"{path.name} {info.st_size} {info.st_mtime_ns}\n".encode())
        return said.hexdigest()


def cache_folder() -> Path:
    """The user's cache folder; BPFSCOPE_CACHE passes it to workers, which have another home directory."""
    return Path(os.environ.get(CACHE_VARIABLE) or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def folder() -> Path:
    """Where kernels are: BPFSCOPE_KERNELS, or `bpfscope/kernels` in the user's cache folder."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else cache_folder() / "bpfscope" / "kernels"


def states_folder() -> Path:
    """Where booted guests are saved: BPFSCOPE_GUESTS, or `bpfscope/guests` in the user's cache folder."""
    named = os.environ.get(STATES_VARIABLE)
    return Path(named) if named else cache_folder() / "bpfscope" / "guests"


def images(where: Path | None = None) -> tuple[Image, ...]:
    """The kernels in a folder, oldest first; none if there is no such folder."""
    where = where or folder()
    if not where.is_dir():
        return ()
    found = []
    for path in where.iterdir():
        if _VERSION.fullmatch(path.name) and (path / "vmlinuz").is_file():
            modules = sorted(path.glob("modules/[0-9].ko"))
            found.append(Image(path.name, path, tuple(modules)))
    return tuple(sorted(found, key=lambda image: version_key(image.name)))


def version_key(name: str) -> tuple[int, ...]:
    """Orders versions: 5.10 before 6.1."""
    return tuple(int(part) for part in re.findall(r"\d+", name)[:3])


def qemu() -> str | None:
    """The path of QEMU (BPFSCOPE_QEMU, or qemu-system-x86_64 of the PATH); None if there is none."""
    return shutil.which(os.environ.get(QEMU_VARIABLE) or "qemu-system-x86_64")


def busybox(where: Path | None = None) -> Path | None:
    """The static busybox for workloads, or None."""
    path = (where or folder()) / "busybox"
    return path if path.is_file() else None


def missing() -> str:
    """What this machine lacks for guests, as a sentence that says how to add it; "" if nothing is missing."""
    if qemu() is None:
        return "QEMU is not installed: install qemu-system-x86 (qemu-system-x86_64), then run `make kernels`."
    if not images():
        return f"There are no kernels: run `make kernels`, or name a folder of images in {FOLDER_VARIABLE}."
    return ""
