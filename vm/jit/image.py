"""What the JIT hands to the machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class ImageReloc(NamedTuple):
    """`size` bytes at `offset` of the image hold a run-time address (see `kind` and `name`).

    kind -- helper, map_helper, kfunc: a call's four bytes, relative to their end;
            subprog: the same for function number `name` of the image, already filled in for an image in one piece;
            tail_call: the same for what program array slot `name` ("map:slot") holds, past its first
            TAIL_CALL_OFFSET bytes;
            map, map_value: eight bytes, the address itself plus `addend`; `name` is the map's index as text;
            func, ksym: four bytes, the address's low half, sign-extended (func: `name` is the function's number);
            kernel: an address of the kernel's own (a description of a type, the program's own bookkeeping);
            arena: kern_vm_start (eight bytes) or user_vm_start (four, the address shifted right by `addend`)
    """

    offset: int
    size: int
    kind: str
    name: str
    addend: int = 0


class Probed(NamedTuple):
    """An access that may fault: `length` bytes of code at `offset`; then register `clears` (x86 number, -1: none) is
    zeroed and execution goes on behind them."""

    offset: int
    length: int
    clears: int


@dataclass(frozen=True, slots=True)
class Image:
    """x86-64 code of one program, its functions one after the other.

    code       -- as the kernel's arch/x86/net/bpf_jit_comp.c would emit it; addresses zero where a reloc fills them
    func_lens  -- bytes of each function, in order
    insn_offsets -- for each slot of the rewritten program, the offset in `code` where its machine code starts
    orig_idx   -- for each slot of the rewritten program, the slot of the original one it stems from
    probed     -- accesses whose faults are handled, in order of their offset
    """

    code: bytes
    func_lens: tuple[int, ...]
    insn_offsets: tuple[int, ...]
    orig_idx: tuple[int, ...]
    relocs: tuple[ImageReloc, ...]
    probed: tuple[Probed, ...] = ()
