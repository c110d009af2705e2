"""Small changes of programs: other numbers, registers, operations, jumps, or an instruction left out.

What a relocation is about and the halves of 64-bit loads stay as they are, so that the object remains one.
"""

from __future__ import annotations

import random
from typing import Final

from fuzz.generate import ALU_OPS, JUMP_OPS, NUMBERS, SIZES, Made
from vm.isa import opcodes as o
from vm.isa.insn import Insn, decode, encode

NOTHING: Final = Insn(o.JMP | o.JA)


def insn_like(rng: random.Random, insn: Insn) -> Insn:
    """One change of one instruction."""
    cls = insn.code & 7
    choice = rng.randrange(8)
    if choice == 0:
        return NOTHING
    if choice == 1:
        return insn._replace(dst_reg=rng.randrange(11))
    if choice == 2 and cls in (o.ALU, o.ALU64, o.STX, o.LDX):
        return insn._replace(src_reg=rng.randrange(11))
    if choice == 3 and cls in (o.ALU, o.ALU64):
        return insn._replace(code=insn.code & 0x0F | rng.choice(ALU_OPS))
    if choice == 3 and cls in (o.JMP, o.JMP32) and insn.code & 0xF0 in JUMP_OPS:
        return insn._replace(code=insn.code & 0x0F | rng.choice(JUMP_OPS))
    if choice == 3 and cls in (o.LDX, o.ST, o.STX):
        return insn._replace(code=insn.code & 0xE7 | rng.choice(SIZES))
    if choice == 4 and cls in (o.ALU, o.ALU64):
        return insn._replace(code=insn.code ^ (o.ALU ^ o.ALU64))
    if choice == 4 and cls in (o.JMP, o.JMP32) and insn.code & 0xF0 in JUMP_OPS:
        return insn._replace(code=insn.code ^ (o.JMP ^ o.JMP32))
    if choice == 5:
        return insn._replace(off=max(-32768, min(32767, insn.off + rng.choice((-8, -4, -1, 1, 2, 4, 8)))))
    if choice == 6:
        return insn._replace(imm=rng.choice(NUMBERS))
    imm = insn.imm + rng.choice((-8, -1, 1, 8))
    return insn._replace(imm=max(-(1 << 31), min((1 << 31) - 1, imm)))


def made_like(rng: random.Random, made: Made) -> Made:
    """The program with one to three changes."""
    insns = list(made.insns)
    free = [at for at, insn in enumerate(insns) if not _kept(insns, at)]
    for at in rng.sample(free, min(len(free), rng.randint(1, 3))):
        new = insn_like(rng, insns[at])
        insns[at] = insns[at] if new.code == o.JMP | o.CALL and new.src_reg else new
    return Made(made.section, made.prog_type, tuple(insns), made.main)


def _kept(insns: list[Insn], at: int) -> bool:
    insn = insns[at]
    return (
        insn.code == o.LD_IMM64
        or insn.code == 0
        or (at > 0 and insns[at - 1].code == o.LD_IMM64)
        or (insn.code == o.JMP | o.CALL and insn.src_reg != 0)
    )


def object_like(rng: random.Random, data: bytes) -> bytes:
    """A recorded object with one to two changes in each of its functions, made in place."""
    import io

    from elftools.elf.elffile import ELFFile
    from elftools.elf.relocation import RelocationSection
    from elftools.elf.sections import SymbolTableSection

    elf = ELFFile(io.BytesIO(data))
    out = bytearray(data)
    fixed = {
        (section["sh_info"], relocation["r_offset"])
        for section in elf.iter_sections()
        if isinstance(section, RelocationSection)
        for relocation in section.iter_relocations()
    }
    table = elf.get_section_by_name(".symtab")
    for symbol in table.iter_symbols() if isinstance(table, SymbolTableSection) else ():
        if symbol["st_info"]["type"] != "STT_FUNC" or not isinstance(symbol["st_shndx"], int):
            continue
        start = elf.get_section(symbol["st_shndx"])["sh_offset"] + symbol["st_value"]
        insns = list(decode(bytes(out[start : start + symbol["st_size"]])))
        free = [
            at
            for at in range(len(insns))
            if not _kept(insns, at) and (symbol["st_shndx"], symbol["st_value"] + 8 * at) not in fixed
        ]
        for at in rng.sample(free, min(len(free), rng.randint(1, 2))):
            out[start + 8 * at : start + 8 * at + 8] = encode([insn_like(rng, insns[at])])
    return bytes(out)
