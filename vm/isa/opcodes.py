"""Opcode fields and pseudo values, named as in include/uapi/linux/bpf.h without BPF_ (RFC 9669)."""

from __future__ import annotations

from typing import Final

# Instruction classes (low three bits of the opcode), RFC 9669 section 4.
LD: Final = 0x00
LDX: Final = 0x01
ST: Final = 0x02
STX: Final = 0x03
ALU: Final = 0x04
JMP: Final = 0x05
JMP32: Final = 0x06
ALU64: Final = 0x07

# Source operand (ALU and JMP classes).
K: Final = 0x00
X: Final = 0x08

# ALU operations.
ADD: Final = 0x00
SUB: Final = 0x10
MUL: Final = 0x20
DIV: Final = 0x30
OR: Final = 0x40
AND: Final = 0x50
LSH: Final = 0x60
RSH: Final = 0x70
NEG: Final = 0x80
MOD: Final = 0x90
XOR: Final = 0xA0
MOV: Final = 0xB0
ARSH: Final = 0xC0
END: Final = 0xD0
TO_LE: Final = 0x00
TO_BE: Final = 0x08

# Jump operations.
JA: Final = 0x00
JEQ: Final = 0x10
JGT: Final = 0x20
JGE: Final = 0x30
JSET: Final = 0x40
JNE: Final = 0x50
JSGT: Final = 0x60
JSGE: Final = 0x70
CALL: Final = 0x80
EXIT: Final = 0x90
JLT: Final = 0xA0
JLE: Final = 0xB0
JSLT: Final = 0xC0
JSLE: Final = 0xD0
JCOND: Final = 0xE0

# Load/store sizes and their widths in bytes.
W: Final = 0x00
H: Final = 0x08
B: Final = 0x10
DW: Final = 0x18
SIZE_BYTES: Final = {W: 4, H: 2, B: 1, DW: 8}

# Load/store modes.
IMM: Final = 0x00
ABS: Final = 0x20
IND: Final = 0x40
MEM: Final = 0x60
MEMSX: Final = 0x80
ATOMIC: Final = 0xC0
# Only after verification (fixups): accesses whose faults are handled.
PROBE_MEM: Final = 0x20
PROBE_MEMSX: Final = 0x40
PROBE_MEM32: Final = 0xA0
PROBE_ATOMIC: Final = 0xE0

# Atomic operations (imm field).
FETCH: Final = 0x01
XCHG: Final = 0xE0 | FETCH
CMPXCHG: Final = 0xF0 | FETCH

# src_reg of a 64-bit immediate load.
PSEUDO_MAP_FD: Final = 1
PSEUDO_MAP_VALUE: Final = 2
PSEUDO_BTF_ID: Final = 3
PSEUDO_FUNC: Final = 4
PSEUDO_MAP_IDX: Final = 5
PSEUDO_MAP_IDX_VALUE: Final = 6
# src_reg of a call.
PSEUDO_CALL: Final = 1
PSEUDO_KFUNC_CALL: Final = 2
# src_reg of JMP|JCOND.
MAY_GOTO: Final = 0

LD_IMM64: Final = LD | IMM | DW

# Registers.
R0: Final = 0
R10: Final = 10
REG_FP: Final = 10
REG_AX: Final = 11  # only after verification
MAX_BPF_REG: Final = 11
MAX_BPF_STACK: Final = 512


def cls(code: int) -> int:
    """Instruction class of an opcode."""
    return code & 0x07


def op(code: int) -> int:
    """ALU or jump operation of an opcode."""
    return code & 0xF0


def src(code: int) -> int:
    """Source operand kind (K or X) of an ALU or jump opcode."""
    return code & 0x08


def size(code: int) -> int:
    """Size field of a load or store opcode."""
    return code & 0x18


def mode(code: int) -> int:
    """Mode field of a load or store opcode."""
    return code & 0xE0
