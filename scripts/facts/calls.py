"""Direct calls in a kernel image, and the constants they pass."""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator

import capstone
from capstone import x86_const as x86

from scripts.facts.image import KernelImage

_ARGS = {x86.X86_REG_EDI: 0, x86.X86_REG_RDI: 0, x86.X86_REG_ESI: 1, x86.X86_REG_RSI: 1, x86.X86_REG_EDX: 2}


class Calls:
    """Direct calls of a function, with the constants in its first three arguments."""

    def __init__(self, image: KernelImage) -> None:
        self.image = image
        self.starts = sorted({s.address for s in image.symbols if s.kind in "tT"})
        self.disassembler = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
        self.disassembler.detail = True

    def of(self, function: str) -> Iterator[tuple[int | None, ...]]:
        target = self.image.by_name[function].address
        for name in (".text", ".init.text"):
            section = self.image.sections[name]
            code = self.image.data[section.offset : section.offset + section.size]
            # call, and jmp for a call whose result is the caller's
            for opcode in (b"\xe8", b"\xe9"):
                at = -1
                while (at := code.find(opcode, at + 1)) >= 0:
                    if at + 5 <= len(code):
                        (distance,) = struct.unpack_from("<i", code, at + 1)
                        if section.address + at + 5 + distance == target:
                            yield self._arguments(section.address + at)

    def _arguments(self, call: int) -> tuple[int | None, ...]:
        start = self.starts[bisect_right(self.starts, call) - 1]
        known: list[int | None] = [None] * 3
        for insn in self.disassembler.disasm(self.image.read(start, call - start), start):
            if insn.id in (x86.X86_INS_MOV, x86.X86_INS_XOR, x86.X86_INS_LEA) and insn.operands:
                first, second = insn.operands
                slot = _ARGS.get(first.reg) if first.type == x86.X86_OP_REG else None
                if slot is None:
                    continue
                if insn.id == x86.X86_INS_XOR:
                    known[slot] = 0
                elif second.type == x86.X86_OP_IMM:
                    known[slot] = second.imm & 0xFFFFFFFFFFFFFFFF
                elif second.type == x86.X86_OP_MEM and second.mem.base == x86.X86_REG_RIP:
                    known[slot] = insn.address + insn.size + second.mem.disp
                else:
                    known[slot] = None
        return tuple(known)
