"""Converts accesses of contexts and typed pointers to accesses of the kernel's structures (convert_ctx_accesses)."""

from __future__ import annotations

from typing import Final

from vm.errors import InternalError
from vm.isa import opcodes as bpf
from vm.isa.insn import Insn
from vm.namedtuples import NamedTuple
from vm.verifier.fixups.build import NOSPEC, alu32_imm, alu64_imm
from vm.verifier.fixups.code import PatchItem, Slot, Subprog, expand, insert_before
from vm.verifier.fixups.ctx import ops, skb
from vm.verifier.fixups.ctx.recipe import Access, Table, offset
from vm.verifier.state import reg_types as types
from vm.verifier.state.aux import InsnAux

_SIZES: Final = (bpf.B, bpf.H, bpf.W, bpf.DW)
LOADS: Final = frozenset(
    [bpf.LDX | bpf.MEM | size for size in _SIZES] + [bpf.LDX | bpf.MEMSX | size for size in (bpf.B, bpf.H, bpf.W)]
)
STORES: Final = frozenset(cls | bpf.MEM | size for cls in (bpf.ST, bpf.STX) for size in _SIZES)
ATOMICS: Final = frozenset({bpf.STX | bpf.ATOMIC | bpf.W, bpf.STX | bpf.ATOMIC | bpf.DW})
_SIZE_CODES: Final = {4: bpf.W, 8: bpf.DW}
# Loads through these may fault: the machine code checks the address and clears the register instead.
PROBED: Final = frozenset(
    {
        types.PTR_TO_BTF_ID,
        types.PTR_TO_BTF_ID | types.PTR_UNTRUSTED,
        types.PTR_TO_BTF_ID | types.MEM_ALLOC | types.PTR_UNTRUSTED,
    }
)
TSTAMP_TYPE_OFF: Final = offset("__sk_buff.tstamp_type")


class Context(NamedTuple):
    """What the pass needs to know about the program: its type, and whether it writes to packets directly."""

    prog_type: int
    seen_direct_write: bool


def convert_ctx_accesses(slots: list[Slot], subprogs: list[Subprog], context: Context) -> list[Slot]:
    """Run the pass, on a program for which unconvertible() has found nothing."""
    kind = ops.BY_PROG_TYPE.get(context.prog_type, ops.PLAIN)
    out: list[Slot] = []
    if context.seen_direct_write and kind.drop is not None:
        out = insert_before(slots[0], ops.unclone_prologue(kind.drop))
        subprogs[0].start = out[0]
    knows_tstamp_type = kind.table is skb.TC and any(_reads_tstamp_type(slot) for slot in slots)
    for i, slot in enumerate(slots):
        patch = _convert(slot, kind.table, knows_tstamp_type)
        if patch is None:
            out.append(slot)
        else:
            out += expand(slot, patch, slots[i + 1] if i + 1 < len(slots) else None)
    return out


def _reads_tstamp_type(slot: Slot) -> bool:
    return slot.aux.ptr_type == types.PTR_TO_CTX and slot.insn.code in LOADS and slot.insn.off == TSTAMP_TYPE_OFF


def _convert(slot: Slot, ctx_table: Table | None, knows_tstamp_type: bool) -> list[PatchItem] | None:
    """The patch for one slot, None if it stays (perhaps with another opcode)."""
    insn, aux = slot.insn, slot.aux
    if insn.code in ATOMICS:
        if aux.ptr_type == types.PTR_TO_ARENA:
            slot.insn = insn._replace(code=bpf.STX | bpf.PROBE_ATOMIC | bpf.size(insn.code))
        return None
    write = insn.code in STORES
    if not write and insn.code not in LOADS:
        return None
    if write and aux.sanitize_stack_spill:
        return [insn, NOSPEC]
    pointer = aux.ptr_type
    if pointer == types.PTR_TO_CTX:
        fields = ctx_table
    elif pointer in PROBED:
        if not write:
            mode = bpf.PROBE_MEM if bpf.mode(insn.code) == bpf.MEM else bpf.PROBE_MEMSX
            slot.insn = insn._replace(code=bpf.LDX | mode | bpf.size(insn.code))
        return None
    elif pointer == types.PTR_TO_ARENA:
        slot.insn = insn._replace(code=bpf.cls(insn.code) | bpf.PROBE_MEM32 | bpf.size(insn.code))
        return None
    else:
        fields = ops.BY_POINTER.get(pointer)
    return None if fields is None else _access(insn, aux.ctx_field_size, write, fields, knows_tstamp_type)


def unconvertible(insns: list[Insn], auxes: list[InsnAux], prog_type: int) -> int:
    """The instruction that reads bytes for which the kernel has no conversion although they may be read, or -1.

    They are the upper halves of two fields of struct bpf_tcp_sock.
    """
    ctx_table = ops.BY_PROG_TYPE.get(prog_type, ops.PLAIN).table
    for i, (insn, aux) in enumerate(zip(insns, auxes, strict=True)):
        fields = ctx_table if aux.ptr_type == types.PTR_TO_CTX else ops.BY_POINTER.get(aux.ptr_type)
        if fields is None or not aux.seen or (insn.code not in LOADS and insn.code not in STORES):
            continue
        narrower = bpf.SIZE_BYTES[bpf.size(insn.code)] < aux.ctx_field_size
        if fields.get(insn.off & ~(aux.ctx_field_size - 1) if narrower else insn.off) is None:
            return i
    return -1


def _access(insn: Insn, field_size: int, write: bool, fields: Table, knows_tstamp_type: bool) -> list[PatchItem]:
    """A load narrower than its field becomes a load of the whole field, a shift and a mask."""
    size = bpf.SIZE_BYTES[bpf.size(insn.code)]
    off, sign_extend = insn.off, bpf.mode(insn.code) == bpf.MEMSX
    narrower = size < field_size
    if narrower:
        insn = insn._replace(off=off & ~(field_size - 1), code=bpf.LDX | bpf.MEM | _SIZE_CODES.get(field_size, bpf.H))
    found = fields.get(insn.off)
    if found is None:
        raise InternalError(f"the context field at offset {insn.off} got past unconvertible()")
    start, recipe = found
    patch: list[PatchItem] = list(recipe.emit(Access(insn, insn.off - start, write, knows_tstamp_type)))
    if not patch:
        raise InternalError(f"no instructions for the context field at offset {insn.off}")
    dst = insn.dst_reg
    if narrower and size < recipe.target_size:
        shift = (off & (field_size - 1)) * 8
        if shift:
            patch.append((alu32_imm if field_size <= 4 else alu64_imm)(bpf.RSH, dst, shift))
        patch.append(alu32_imm(bpf.AND, dst, (1 << size * 8) - 1))
    if sign_extend:
        patch.append(Insn(bpf.ALU64 | bpf.MOV | bpf.X, dst, dst, size * 8))
    return patch
