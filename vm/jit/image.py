"""What the JIT hands to the machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class ImageReloc(NamedTuple):
    """`size` bytes at `offset` of the image hold a run-time address (see `kind` and `name`).

    kind -- helper, map, map_value, func, kernel; `name` says which (map: its index as text).
    """

    offset: int
    size: int
    kind: str
    name: str
    addend: int = 0


@dataclass(frozen=True, slots=True)
class Image:
    """x86-64 code of one program, its functions one after the other.

    code       -- as Linux 6.12's arch/x86/net/bpf_jit_comp.c would emit it; addresses zero where a reloc fills them
    func_lens  -- bytes of each function, in order
    insn_offsets -- for each slot of the rewritten program, the offset in `code` where its machine code starts
    orig_idx   -- for each slot of the rewritten program, the slot of the original one it stems from
    """

    code: bytes
    func_lens: tuple[int, ...]
    insn_offsets: tuple[int, ...]
    orig_idx: tuple[int, ...]
    relocs: tuple[ImageReloc, ...]
