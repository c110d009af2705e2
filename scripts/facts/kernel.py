"""One kernel to read: its image, the types in it, and its configuration."""

from __future__ import annotations

import re
import zlib
from functools import cached_property
from pathlib import Path

from scripts.facts.image import KernelImage
from scripts.facts.unpack import NoImageError, image_of
from vm.btf.types import Btf

IKCONFIG = (b"IKCFG_ST", b"IKCFG_ED")


class Kernel:
    """A folder with `vmlinux` or `vmlinuz`, and `config` unless the image holds its configuration.

    notes -- what this kernel has that the extraction does not understand, or lacks that others have
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.image = KernelImage(image_of(folder))
        self.notes: list[str] = []

    @cached_property
    def btf(self) -> Btf:
        """The types of the image."""
        return Btf(self.image.btf)

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def enum(self, name: str) -> dict[str, int]:
        """Enumerators of a kernel enum and their values; KeyError if there is no such enum."""
        from vm.btf.types import Kind

        found = self.btf.find(name, Kind.ENUM, Kind.ENUM64)
        if found is None:
            raise KeyError(name)
        return {entry.name: entry.value for entry in found.enumerators}

    @cached_property
    def config(self) -> list[str]:
        """Lines CONFIG_X=value of DIR/config, else of the image (CONFIG_IKCONFIG); NoImageError if neither is there."""
        for name in ("config", f"config-{self.image.release}"):
            path = self.folder / name
            if path.is_file():
                text = path.read_text()
                named = re.search(r"^# Linux/\S+ (\S+) Kernel Configuration$", text, re.MULTILINE)
                if named is not None and not self.image.release.startswith(named[1]):
                    raise NoImageError(f"{path} is the configuration of {named[1]}, the image is {self.image.release}.")
                return self._options(text)
        start, end = (self.image.data.find(mark) for mark in IKCONFIG)
        if 0 <= start < end:
            packed = self.image.data[start + len(IKCONFIG[0]) : end]
            return self._options(zlib.decompressobj(31).decompress(packed).decode())
        raise NoImageError(
            f"{self.folder} has no file `config`, and the image does not hold its configuration (CONFIG_IKCONFIG): "
            f"copy /boot/config-{self.image.release} of the kernel's package there."
        )

    @staticmethod
    def _options(text: str) -> list[str]:
        return sorted(line for line in text.splitlines() if line.startswith("CONFIG_"))

    @cached_property
    def helper_header(self) -> str | None:
        """Text of libbpf's bpf_helper_defs.h where the folder has it: the declarations of helpers in C."""
        for name in ("bpf_helper_defs.h", "inst/usr/include/bpf/bpf_helper_defs.h"):
            path = self.folder / name
            if path.is_file():
                return path.read_text()
        return None
