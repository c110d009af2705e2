"""What libbpf mends in an object's BTF before the kernel reads it.

clang leaves sizes and variable offsets of DATASECs zero, and marks hidden symbols global
(libbpf: btf_fixup_datasec, bpf_object__sanitize_and_load_btf).
"""

from __future__ import annotations

import struct

from vm.btf.types import EXTERN, GLOBAL, STATIC, Btf, Kind
from vm.elf.reader import STB_LOCAL, STT_OBJECT, STV_HIDDEN, STV_INTERNAL, ElfFile, Symbol

_EXTERN_SECTIONS = (".ksyms", ".kconfig")


def place_options(btf: Btf, offsets: dict[int, int], size: int) -> Btf:
    """The BTF with .kconfig laid out: offset of each VAR (by id) in the map, and the map's size."""
    section = btf.find(".kconfig", Kind.DATASEC)
    if section is None:
        return btf
    infos = sorted((v._replace(offset=offsets.get(v.type_id, 0)) for v in section.variables), key=lambda v: v.offset)
    raw = bytearray(btf.raw(section.id))
    struct.pack_into("<I", raw, 8, size)
    for index, info in enumerate(infos):
        struct.pack_into("<III", raw, 12 + 12 * index, *info)
    records = [(v.type_id, _words(btf, v.type_id, GLOBAL)) for v in infos if btf.type(v.type_id).kind is Kind.VAR]
    return btf.patched([(section.id, bytes(raw)), *records])


def fix_btf(btf: Btf, elf: ElfFile) -> Btf:
    """The BTF with DATASEC sizes, offsets and linkages as libbpf would load it."""
    variables = {s.name: s for s in elf.symbols if s.type == STT_OBJECT and s.bind != STB_LOCAL}
    hidden = {s.name for s in elf.symbols if s.bind != STB_LOCAL and s.visibility in (STV_HIDDEN, STV_INTERNAL)}
    sizes = {s.name: s.size for s in reversed(elf.sections)}
    patches: list[tuple[int, bytes]] = []
    for found in btf:
        if found.kind is Kind.FUNC and found.linkage == GLOBAL and found.name in hidden:
            patches.append((found.id, _words(btf, found.id, linkage=STATIC)))
        if found.kind is Kind.DATASEC and found.name not in _EXTERN_SECTIONS:
            patches += _datasec(btf, found.id, sizes, variables)
    return btf.patched(patches) if patches else btf


def _datasec(btf: Btf, type_id: int, sizes: dict[str, int], variables: dict[str, Symbol]) -> list[tuple[int, bytes]]:
    section = btf.type(type_id)
    fix_offsets = section.size == 0
    size = sizes.get(section.name, 0) if fix_offsets else section.size
    out: list[tuple[int, bytes]] = []
    infos = []
    for info in section.variables:
        var = btf.type(info.type_id)
        if var.kind is Kind.VAR and var.linkage not in (STATIC, EXTERN) and var.name in variables:
            symbol = variables[var.name]
            if fix_offsets:
                info = info._replace(offset=symbol.value & 0xFFFFFFFF)
            if symbol.visibility in (STV_HIDDEN, STV_INTERNAL):
                out.append((var.id, _words(btf, var.id, linkage=STATIC)))
        infos.append(info)
    infos.sort(key=lambda v: v.offset)
    head = bytearray(btf.raw(type_id))
    struct.pack_into("<I", head, 8, size)
    for index, info in enumerate(infos):
        struct.pack_into("<III", head, 12 + 12 * index, *info)
    out.append((type_id, bytes(head)))
    return out


def _words(btf: Btf, type_id: int, linkage: int) -> bytes:
    """The record of a FUNC or VAR with another linkage."""
    raw = bytearray(btf.raw(type_id))
    if btf.type(type_id).kind is Kind.VAR:
        struct.pack_into("<I", raw, 12, linkage)
    else:
        (info,) = struct.unpack_from("<I", raw, 4)
        struct.pack_into("<I", raw, 4, info & ~0xFFFF | linkage)
    return bytes(raw)
