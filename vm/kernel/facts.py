"""All that is known of one kernel, read from a folder that `make facts` wrote.

The parts are read when they are first asked for. Code of the verifier and of the run asks through the modules
beside this one (helpers, hooks, kfuncs, symbols, btf), which answer for the kernel that is emulated; the numbers
of enums and errors of that kernel are also modules of constants (types, func_ids, errno).
"""

from __future__ import annotations

import json
import os
import re
import zlib
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from types import MappingProxyType
from typing import Any, Final

from vm.btf.types import Btf, Kind, Type
from vm.errors import InputError
from vm.kernel.helper_facts import HelperFacts
from vm.kernel.hook_facts import HookFacts
from vm.kernel.release import FOLDER

ABOUT: Final = "kernel.json"
# What the verifier calls the context of a program of a type (bpf_ctx_convert holds the kernel's own list).
CONVERT: Final = "bpf_ctx_convert"


class Symbols:
    """Addresses of functions and variables."""

    def __init__(self, data: bytes) -> None:
        _banner, count, rest = zlib.decompress(data).split(b"\n", 2)
        self._gaps = array("Q")
        self._gaps.frombytes(rest[: 8 * int(count)])
        self._names = rest[8 * int(count) :]

    def __len__(self) -> int:
        return len(self._gaps)

    def address(self, name: str) -> int | None:
        """Where a function or variable is without address randomisation, or None."""
        at = self._names.find(b"\n" + name.encode() + b"\n")
        return sum(self._gaps[: self._names.count(b"\n", 0, at) + 1]) if at >= 0 else None

    def matching(self, pattern: str) -> tuple[str, ...]:
        """Names that match a regular expression as a whole."""
        found = re.compile(rb"(?<=\n)(?:" + pattern.encode() + rb")(?=\n)").findall(self._names)
        return tuple(name.decode() for name in found)


@dataclass(frozen=True, eq=False)
class KernelFacts:
    """One kernel.

    folder  -- where its facts are
    release -- what `uname -r` prints: version, build and flavour
    banner  -- what it prints first (linux_banner)
    """

    folder: str
    release: str
    banner: str

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> KernelFacts:
        """The facts in a folder that `make facts` wrote; InputError if it is none."""
        try:
            with open(os.path.join(folder, ABOUT), "rb") as file:
                about = json.load(file)
            return cls(os.fspath(folder), str(about["release"]), str(about["banner"]))
        except (OSError, ValueError, KeyError, TypeError):
            raise InputError(
                f"{folder} holds no facts of a kernel: `make facts KERNEL=DIR OUT={folder}` writes them."
            ) from None

    def _read(self, name: str) -> bytes:
        try:
            with open(os.path.join(self.folder, name), "rb") as file:
                return file.read()
        except OSError:
            raise InputError(f"{self.folder} has no {name}: extract the facts of {self.release} again.") from None

    @cached_property
    def btf(self) -> Btf:
        """Types of the kernel; they are parsed as they are asked for."""
        head, _, rest = zlib.decompress(self._read("vmlinux.btf.z")).partition(b"\n")
        found = re.fullmatch(rb".*; (\d+) types; (\d+) bytes", head)
        if found is None:
            raise InputError(f"{self.folder}: vmlinux.btf.z is not what `make facts` writes.")
        cut = 2 * int(found[1])
        return Btf(rest[cut:], rest[:cut])

    @cached_property
    def helpers(self) -> HelperFacts:
        """Helpers: declarations, prototypes, and which program may call which."""
        return HelperFacts(json.loads(self._read("helpers.json")))

    @cached_property
    def hooks(self) -> HookFacts:
        """Kernel functions, id sets, iterators, tracepoints, structs of maps, struct_ops."""
        return HookFacts(json.loads(self._read("hooks.json")))

    @cached_property
    def symbols(self) -> Symbols:
        """Addresses (kallsyms)."""
        return Symbols(self._read("ksyms.z"))

    @cached_property
    def config(self) -> Mapping[str, str]:
        """CONFIG_ options that are set, as the config file spells their values."""
        lines = zlib.decompress(self._read("kconfig.z")).decode().split("\n")[1:]
        return MappingProxyType(dict(line.split("=", 1) for line in lines if line))

    @cached_property
    def errnos(self) -> Mapping[str, int]:
        """Error numbers by name."""
        return MappingProxyType(json.loads(self._read("errno.json")))

    @cached_property
    def ctx_access(self) -> Mapping[str, list[list[int]]]:
        """What is_valid_access() allows: "PROG_TYPE/ATTACH_TYPE[/unprivileged]", or a socket struct -> accesses.

        An access is [offset, size, how, reg_type, ctx_field_size]; how: 0 read, 1 write, 2 sign-extending read.
        """
        import lzma

        found: dict[str, Any] = json.loads(lzma.decompress(self._read("ctx_access.json.xz")))
        found.pop("source", None)
        return MappingProxyType(found)

    def enum(self, name: str) -> Mapping[str, int]:
        """Enumerators and values of a kernel enum, in its order; empty if there is none."""
        found = self.btf.find(name, Kind.ENUM, Kind.ENUM64)
        return {entry.name: entry.value for entry in found.enumerators} if found is not None else {}

    @property
    def prog_types(self) -> Mapping[str, int]:
        """enum bpf_prog_type without its end mark."""
        return _plain(self.enum("bpf_prog_type"))

    @property
    def map_types(self) -> Mapping[str, int]:
        """enum bpf_map_type without its end mark."""
        return _plain(self.enum("bpf_map_type"))

    @cached_property
    def contexts(self) -> tuple[str, ...]:
        """Names of the structs that programs get as context, in the order of bpf_ctx_convert (one for each type)."""
        owner = self.btf.find(CONVERT, Kind.STRUCT)
        out: dict[str, None] = {}
        for member in owner.members if owner is not None else ():
            if member.name.endswith("_prog"):
                found = self.btf.skip_modifiers(member.type_id)
                if found.kind is Kind.STRUCT:
                    out[found.name] = None
        return tuple(out)

    def fields(self, struct: str) -> Mapping[str, tuple[int, int, str]]:
        """Field -> its offset and size in bits, and its type in C; fields of anonymous members included."""
        from vm.btf.cdump import type_text

        out: dict[str, tuple[int, int, str]] = {}

        def walk(owner: Type, base: int) -> None:
            for member in owner.members:
                inner = self.btf.skip_modifiers(member.type_id)
                if not member.name and inner.kind in (Kind.STRUCT, Kind.UNION):
                    walk(inner, base + member.bit_off)
                elif member.name:
                    bits = member.bits or 8 * self.btf.size_of(member.type_id)
                    out[member.name] = (base + member.bit_off, bits, type_text(self.btf, member.type_id))

        found = self.btf.find(struct, Kind.STRUCT)
        if found is not None:
            walk(found, 0)
        return out

    @cached_property
    def version_code(self) -> int:
        """LINUX_VERSION_CODE."""
        found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", self.release)
        if found is None:
            raise InputError(f"{self.folder}: {self.release!r} is no release of Linux.")
        major, minor, patch = (int(part or 0) for part in found.groups())
        return major << 16 | minor << 8 | min(patch, 255)


def _plain(enum: Mapping[str, int]) -> dict[str, int]:
    return {name: value for name, value in enum.items() if not name.startswith("__")}


def _data() -> str:
    return os.path.join(os.path.dirname(__file__), "data")


@cache
def emulated() -> KernelFacts:
    """The kernel that the verifier, the JIT and the run follow."""
    return KernelFacts.load(os.path.join(_data(), FOLDER))


def find(name: str) -> KernelFacts:
    """Facts by the name of a folder below vm/kernel/data, or by a path; InputError if there are none."""
    inside = os.path.join(_data(), name)
    known = re.fullmatch(r"[\w.+-]+", name) is not None and os.path.isfile(os.path.join(inside, ABOUT))
    return KernelFacts.load(inside if known else name)
