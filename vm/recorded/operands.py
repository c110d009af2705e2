"""Memory operands of recorded machine code: the address that an instruction accesses, and the register of the value.

Only instructions that JIT compilers of BPF emit are decoded: moves between memory and a register or number, and locked
operations. Other instructions have no operand here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from vm.bits import U64

LOAD: Final = "load"
STORE: Final = "store"
UPDATE: Final = "update"
CALL: Final = "call"
_NAMES: Final = (
    ("rax", "eax", "ax", "al"), ("rcx", "ecx", "cx", "cl"), ("rdx", "edx", "dx", "dl"), ("rbx", "ebx", "bx", "bl"),
    ("rsp", "esp", "sp", "spl"), ("rbp", "ebp", "bp", "bpl"), ("rsi", "esi", "si", "sil"),
    ("rdi", "edi", "di", "dil"), *((f"r{n}", f"r{n}d", f"r{n}w", f"r{n}b") for n in range(8, 16)),
)  # fmt: skip
_NUMBER: Final = {name: number for number, names in enumerate(_NAMES) for name in names}
_LOADS: Final = frozenset({"mov", "movzx", "movsx", "movsxd", "movabs"})
_LONGEST: Final = 15


@dataclass(frozen=True, slots=True)
class Operand:
    """A memory operand. A CALL has none; it is only marked as a call.

    base, index -- numbers of registers (in SNAPSHOT's order), -1 for none; the address is
                   base + index * scale + disp
    size        -- bytes
    register    -- number of the register that is stored or loaded, -1 where `number` is stored
    """

    kind: str
    base: int = -1
    index: int = -1
    scale: int = 1
    disp: int = 0
    size: int = 0
    register: int = -1
    number: int = 0

    def address(self, regs: Sequence[int]) -> int:
        """Of the operand, by the registers before the instruction."""
        found = self.disp
        if self.base >= 0:
            found += regs[self.base]
        if self.index >= 0:
            found += regs[self.index] * self.scale
        return found & U64


class Decoder:
    """The memory operands of an image's instructions, each found once: that takes a tenth of a millisecond."""

    def __init__(self, image: bytes) -> None:
        from capstone import CS_ARCH_X86, CS_MODE_64, Cs

        self._image = image
        self._engine = Cs(CS_ARCH_X86, CS_MODE_64)
        self._engine.detail = True
        self._found: dict[int, Operand | None] = {}

    def at(self, offset: int) -> Operand | None:
        """Of the instruction at an offset; None if it has none."""
        if offset not in self._found:
            code = self._image[offset : offset + _LONGEST] if offset >= 0 else b""
            insn = next(self._engine.disasm(code, offset, 1), None) if code else None
            self._found[offset] = _operand(self._engine, insn) if insn is not None else None
        return self._found[offset]


def operands(image: bytes, offsets: Iterable[int]) -> dict[int, Operand]:
    """Memory operands of the instructions at these offsets of an image, without instructions that have none."""
    decoder = Decoder(image)
    found = ((offset, decoder.at(offset)) for offset in sorted(set(offsets)))
    return {offset: operand for offset, operand in found if operand is not None}


def _operand(engine: Any, insn: Any) -> Operand | None:
    from capstone.x86 import X86_OP_IMM, X86_OP_MEM, X86_OP_REG

    words = insn.mnemonic.split()
    if words[-1] == "call":
        return Operand(CALL)
    ops = insn.operands
    place = next((number for number, op in enumerate(ops) if op.type == X86_OP_MEM), -1)
    if place < 0 or words[-1] in ("lea", "nop", "jmp"):
        return None
    memory = ops[place].mem
    if memory.segment or engine.reg_name(memory.base) == "rip":
        return None
    base, index = (_NUMBER.get(engine.reg_name(reg) or "", -1) for reg in (memory.base, memory.index))
    if (memory.base and base < 0) or (memory.index and index < 0):
        return None
    other = ops[1 - place] if len(ops) > 1 else None
    kind = UPDATE
    if words == ["mov"] or words[0] in _LOADS and place:
        kind = LOAD if place else STORE
    register, number = -1, 0
    if other is not None and other.type == X86_OP_REG:
        register = _NUMBER.get(engine.reg_name(other.reg) or "", -1)
    elif other is not None and other.type == X86_OP_IMM:
        number = other.imm
    if kind != UPDATE and register < 0 and (kind == LOAD or other is None or other.type != X86_OP_IMM):
        return None
    return Operand(kind, base, index, memory.scale, memory.disp, ops[place].size, register, number)
