"""Patches instructions with what CO-RE relocations resolve to (libbpf: bpf_core_patch_insn)."""

from __future__ import annotations

from typing import Final

from vm.elf.code import Function
from vm.elf.relo_core import Resolver, Result, format_relo
from vm.errors import InputError
from vm.isa import opcodes as o
from vm.isa.insn import Insn

# The call libbpf puts where a relocation failed: an impossible helper, "0xbad2310" reads "bad relo".
POISON: Final = Insn(o.JMP | o.CALL, 0, 0, 0, 0xBAD2310)
_SIZES: Final = {8: o.DW, 4: o.W, 2: o.H, 1: o.B}


def relocate_core(function: Function, resolver: Resolver) -> tuple[tuple[Insn, ...], dict[int, str]]:
    """A function's instructions with its CO-RE relocations applied; InputError names the instruction.

    Beside them what was asked for at those that could not be resolved, by slot.
    """
    insns = list(function.insns)
    poisoned: dict[int, str] = {}
    for slot, relo in function.relos:
        try:
            if _patch(insns, slot, resolver.resolve(relo)):
                poisoned[slot] = format_relo(resolver.local, relo)
        except InputError as error:
            raise InputError(f"instruction {slot} of '{function.name}': {error.message}") from error
    return tuple(insns), poisoned


def _patch(insns: list[Insn], slot: int, result: Result) -> bool:
    """Change the instruction; True if it became POISON."""
    insn = insns[slot]
    wide = insn.code == o.LD_IMM64 and slot + 1 < len(insns)
    kind = o.cls(insn.code)
    if result.poison or (result.bad_resize and kind in (o.LDX, o.ST, o.STX)):
        insns[slot] = POISON
        if wide:
            insns[slot + 1] = POISON
        return True
    if kind in (o.ALU, o.ALU64):
        if o.src(insn.code) != o.K:
            raise _bad("the instruction has no constant")
        _expect(result, insn.imm)
        insns[slot] = insn._replace(imm=_signed(result.new))
    elif kind in (o.LDX, o.ST, o.STX):
        _expect(result, insn.off)
        if result.new > 0x7FFF:
            raise _bad(f"the offset {result.new} does not fit")
        if result.new_size != result.orig_size:
            if o.SIZE_BYTES[o.size(insn.code)] != result.orig_size or result.new_size not in _SIZES:
                raise _bad(f"an access of {result.orig_size} bytes cannot become one of {result.new_size}")
            insn = insn._replace(code=insn.code & ~0x18 | _SIZES[result.new_size])
        insns[slot] = insn._replace(off=result.new)
    elif wide and not insn.src_reg:
        _expect(result, (insn.imm & 0xFFFFFFFF) | (insns[slot + 1].imm & 0xFFFFFFFF) << 32)
        insns[slot] = insn._replace(imm=_signed(result.new))
        insns[slot + 1] = insns[slot + 1]._replace(imm=_signed(result.new >> 32))
    else:
        raise _bad("the instruction takes none")
    return False


def _expect(result: Result, value: int) -> None:
    if result.validate and (value - result.orig) & 0xFFFFFFFF:
        raise _bad(f"the instruction holds {value}, not the {result.orig} it should")


def _signed(value: int) -> int:
    return (value & 0xFFFFFFFF) - ((value & 0x80000000) << 1)


def _bad(what: str) -> InputError:
    return InputError(f"a CO-RE relocation cannot be applied: {what}")
