"""The image as text, for people: one line a machine instruction, with names in place of addresses."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final, NamedTuple

from vm.jit.image import Image, ImageReloc

_CALLS: Final = frozenset({"helper", "map_helper", "kfunc", "subprog"})


class ListedInsn(NamedTuple):
    """One machine instruction: its offset in the image, its bytes (addresses as zeros), its Intel-style text.

    insn_idx is the slot of the original program it belongs to; -1 in a function's prologue.
    """

    off: int
    hex: str
    text: str
    insn_idx: int


def listing(image: Image, map_names: Sequence[str] = (), func_names: Sequence[str] = ()) -> tuple[ListedInsn, ...]:
    """Disassemble the image. Names of maps and functions are used where given, else "map 0" and "func 1"."""
    from capstone import CS_ARCH_X86, CS_MODE_64, Cs

    engine = Cs(CS_ARCH_X86, CS_MODE_64)
    owners = _owners(image)
    starts = sorted(owners)
    relocs = {reloc.offset: reloc for reloc in image.relocs}
    lines = []
    for address, size, mnemonic, operands in engine.disasm_lite(image.code, 0):
        text = f"{mnemonic} {operands}".rstrip()
        for at in range(address, address + size):
            if at in relocs:
                text = _named(mnemonic, operands, relocs[at], map_names, func_names)
        owner = owners[starts[bisect_right(starts, address) - 1]]
        lines.append(ListedInsn(address, image.code[address : address + size].hex(), text, owner))
    return tuple(lines)


def _owners(image: Image) -> dict[int, int]:
    """Offset where code of an original instruction (or, as -1, a prologue) starts -> that instruction's slot."""
    owners: dict[int, int] = {}
    for offset, idx in zip(image.insn_offsets, image.orig_idx, strict=True):
        owners[offset] = idx if offset not in owners else min(owners[offset], idx)
    start = 0
    for length in image.func_lens:
        owners[start] = -1
        start += length
    return owners


def _named(mnemonic: str, operands: str, reloc: ImageReloc, maps: Sequence[str], funcs: Sequence[str]) -> str:
    name = reloc.name
    if reloc.kind in ("map", "map_value"):
        name = maps[int(name)] if int(name) < len(maps) else f"map {name}"
        if reloc.kind == "map_value":
            name = f"{name}[0]+{reloc.addend}"
    elif reloc.kind in ("subprog", "func"):
        name = funcs[int(name)] if int(name) < len(funcs) else f"func {name}"
    elif reloc.kind == "arena":
        name = f"arena {name}" + (f" >> {reloc.addend}" if reloc.addend else "")
    elif reloc.kind == "tail_call":
        map_idx, slot = name.split(":")
        name = f"the program in {maps[int(map_idx)] if int(map_idx) < len(maps) else 'map ' + map_idx}[{slot}]"
    if reloc.kind in _CALLS or reloc.kind == "tail_call":
        return f"{mnemonic} {name}"
    return f"{mnemonic} {operands.split(',')[0]}, {name}"
