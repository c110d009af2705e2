"""Reads a Linux kernel image (vmlinux, x86-64): bytes at addresses, its symbols, its BTF.

Debian's images carry no symbol table, but the kernel carries its own: kallsyms
(kernel/kallsyms.c, written by scripts/kallsyms.c). Names are stored as strings of token
indices; the table of tokens is found by its ten digit tokens, and the other tables by
their order around it (they are emitted in one assembly file).
"""

from __future__ import annotations

import re
import struct
from functools import cached_property
from typing import NamedTuple


class Symbol(NamedTuple):
    """One kallsyms entry; `kind` is nm's letter."""

    address: int
    kind: str
    name: str


class Section(NamedTuple):
    name: str
    address: int
    offset: int
    size: int
    nobits: bool


class KernelImage:
    """One vmlinux file, its bytes given whole (unpack.image_of)."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        (shoff,) = struct.unpack_from("<Q", self.data, 0x28)
        shentsize, shnum, shstrndx = struct.unpack_from("<HHH", self.data, 0x3A)
        raw = [struct.unpack_from("<IIQQQQIIQQ", self.data, shoff + i * shentsize) for i in range(shnum)]
        names = raw[shstrndx][4]
        self.sections = {}
        for sh in raw:
            name = self.data[names + sh[0] : self.data.index(b"\0", names + sh[0])].decode()
            self.sections[name] = Section(name, sh[3], sh[4], sh[5], sh[1] == 8)

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes of initialised data at a kernel address; zeros for .bss."""
        for sec in self.sections.values():
            if sec.address and sec.address <= address < sec.address + sec.size:
                if sec.nobits:
                    return bytes(size)
                start = sec.offset + address - sec.address
                return self.data[start : start + size]
        raise KeyError(hex(address))

    def text_at(self, address: int) -> str:
        """The NUL-terminated string at an address."""
        return self.read(address, 512).split(b"\0")[0].decode()

    @cached_property
    def btf(self) -> bytes:
        sec = self.sections[".BTF"]
        return self.data[sec.offset : sec.offset + sec.size]

    @cached_property
    def banner(self) -> str:
        start = self.data.index(b"Linux version ")
        return self.data[start : self.data.index(b"\n", start)].decode()

    @cached_property
    def release(self) -> str:
        """What `uname -r` would print, e.g. "6.12.117+deb12-cloud-amd64"."""
        return self.banner.split()[2]

    @cached_property
    def symbols(self) -> list[Symbol]:
        """All kallsyms entries in address order."""
        rodata = self.sections[".rodata"]
        blob = self.data[rodata.offset : rodata.offset + rodata.size]
        # The byte after "9" tells it from tables of 16-bit numbers, which hold ":" next.
        found = re.search(rb"0\x001\x002\x003\x004\x005\x006\x007\x008\x009\x00[^:]", blob)
        assert found
        at = found.start()
        token_table = self._token_table(blob, at)
        tokens, end = [], token_table
        for _ in range(256):
            stop = blob.index(b"\0", end)
            tokens.append(blob[end:stop].decode("latin-1"))
            end = stop + 1
        token_index = (end + 7) & ~7
        offsets_at = (token_index + 512 + 7) & ~7
        names_at, count = self._names(blob, token_table)
        offsets = struct.unpack_from(f"<{count}i", blob, offsets_at)
        base_at = (offsets_at + 4 * count + 7) & ~7
        (base,) = struct.unpack_from("<Q", blob, base_at)
        # CONFIG_KALLSYMS_ABSOLUTE_PERCPU (up to 6.14): negative offsets are relative, others absolute. Since 6.15
        # per-CPU variables are at addresses of the image too, and all offsets are relative.
        percpu_absolute = min(offsets) < 0
        out, pos = [], names_at
        for off in offsets:
            length = blob[pos]
            pos += 1
            if length & 0x80:
                length = (length & 0x7F) | blob[pos] << 7
                pos += 1
            text = "".join(tokens[b] for b in blob[pos : pos + length])
            pos += length
            if percpu_absolute:
                address = off if off >= 0 else base - 1 - off
            else:
                address = base + (off & 0xFFFFFFFF)
            out.append(Symbol(address, text[0], text[1:]))
        return sorted(out)

    @staticmethod
    def _token_table(blob: bytes, digit0: int) -> int:
        # tokens may hold any text but NUL; 0x30 strings stand before digit "0".
        pos = digit0
        for _ in range(0x30):
            pos = blob.rindex(b"\0", 0, pos - 1) + 1
        # padding in front of the table must not be taken for empty tokens
        while blob[pos] == 0:
            pos += 1
        return (pos + 7) & ~7 if pos % 8 else pos

    @staticmethod
    def _names(blob: bytes, token_table: int) -> tuple[int, int]:
        """Offset of kallsyms_names and the number of symbols.

        Before the token table: num_syms (8-aligned u32), names, markers (a u32 for each 256
        symbols, the first is 0, the others offsets into names).
        """
        # markers: walk back over ascending u32s until the 0.
        pos = token_table - 4
        if struct.unpack_from("<I", blob, pos)[0] == 0:
            pos -= 4
        while struct.unpack_from("<I", blob, pos)[0] != 0:
            pos -= 4
        markers = (token_table - pos) // 4
        for guess in range(pos - 8, pos - (16 << 20), -8):
            (count,) = struct.unpack_from("<I", blob, guess)
            if not (markers - 3) * 256 < count <= markers * 256:
                continue
            start, cur, ok = guess + 8, guess + 8, True
            for index in range(257):
                if index == 256:
                    ok = cur - start == struct.unpack_from("<I", blob, pos + 4)[0]
                    break
                length = blob[cur]
                cur += 1
                if length & 0x80:
                    length = (length & 0x7F) | blob[cur] << 7
                    cur += 1
                cur += length
            if ok:
                return start, count
        raise ValueError("kallsyms_names not found")

    @cached_property
    def by_name(self) -> dict[str, Symbol]:
        """Symbols by name; the first address of a name that stands for several."""
        out: dict[str, Symbol] = {}
        for sym in self.symbols:
            out.setdefault(sym.name, sym)
        return out

    @cached_property
    def by_address(self) -> dict[int, list[str]]:
        out: dict[int, list[str]] = {}
        for sym in self.symbols:
            out.setdefault(sym.address, []).append(sym.name)
        return out
