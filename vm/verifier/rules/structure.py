"""Program Structure: instructions, jumps and functions."""

from __future__ import annotations

from typing import Final

from vm.kernel.errno import EFAULT, EINVAL, EPROTO
from vm.verifier.rules.rule import STRUCTURE, Group, Topic

_INSTRUCTION_BPF_INSTRUCTION: Final = Group(
    STRUCTURE, "an instruction of the BPF instruction set, its unused fields zero"
)
CALL_RESERVED_FIELDS: Final = _INSTRUCTION_BPF_INSTRUCTION.rule(
    "call-reserved-fields", EINVAL, "BPF_CALL uses reserved fields\n"
)
NEG_RESERVED_FIELDS: Final = _INSTRUCTION_BPF_INSTRUCTION.rule(
    "neg-reserved-fields", EINVAL, "BPF_NEG uses reserved fields\n"
)
END_RESERVED_FIELDS: Final = _INSTRUCTION_BPF_INSTRUCTION.rule(
    "end-reserved-fields", EINVAL, "BPF_END uses reserved fields\n"
)
MOV_RESERVED_FIELDS: Final = _INSTRUCTION_BPF_INSTRUCTION.rule(
    "mov-reserved-fields", EINVAL, "BPF_MOV uses reserved fields\n"
)
ALU_RESERVED_FIELDS: Final = _INSTRUCTION_BPF_INSTRUCTION.rule(
    "alu-reserved-fields", EINVAL, "BPF_ALU uses reserved fields\n"
)
ALU_OPCODE: Final = _INSTRUCTION_BPF_INSTRUCTION.rule("alu-opcode", EINVAL, "invalid BPF_ALU opcode {op:x}\n")
ADDRESS_SPACE_CAST_SPACES: Final = _INSTRUCTION_BPF_INSTRUCTION.rule(
    "address-space-cast-spaces", EINVAL, "addr_space_cast insn can only convert between address space 1 and 0\n"
)
ADDRESS_SPACE_CAST_WITHOUT_ARENA: Final = _INSTRUCTION_BPF_INSTRUCTION.rule(
    "address-space-cast-without-arena",
    EINVAL,
    "addr_space_cast insn can only be used in a program that has an associated arena\n",
)
ATOMIC_OPCODE: Final = _INSTRUCTION_BPF_INSTRUCTION.rule(
    "atomic-opcode", EINVAL, "BPF_ATOMIC uses invalid atomic opcode {imm:02x}\n"
)
ATOMIC_SIZE: Final = _INSTRUCTION_BPF_INSTRUCTION.rule("atomic-size", EINVAL, "invalid atomic operand size\n")
JA_RESERVED_FIELDS: Final = _INSTRUCTION_BPF_INSTRUCTION.rule(
    "ja-reserved-fields", EINVAL, "BPF_JA uses reserved fields\n"
)
MAY_GOTO_FIELDS: Final = _INSTRUCTION_BPF_INSTRUCTION.rule(
    "may-goto-fields", EINVAL, "invalid may_goto off {off} imm {imm}\n"
)
JUMP_OPCODE: Final = _INSTRUCTION_BPF_INSTRUCTION.rule("jump-opcode", EINVAL, "invalid BPF_JMP/JMP32 opcode {op:x}\n")
JUMP_RESERVED_FIELDS: Final = _INSTRUCTION_BPF_INSTRUCTION.rule(
    "jump-reserved-fields", EINVAL, "BPF_JMP/JMP32 uses reserved fields\n"
)
EXIT_RESERVED_FIELDS: Final = _INSTRUCTION_BPF_INSTRUCTION.rule(
    "exit-reserved-fields", EINVAL, "BPF_EXIT uses reserved fields\n"
)
LD_IMM_SIZE: Final = _INSTRUCTION_BPF_INSTRUCTION.rule("ld-imm-size", EINVAL, "invalid BPF_LD_IMM insn\n")
LD_IMM64_RESERVED_FIELDS: Final = _INSTRUCTION_BPF_INSTRUCTION.rule(
    "ld-imm64-reserved-fields", EINVAL, "BPF_LD_IMM64 uses reserved fields\n"
)
LD_ABS_RESERVED_FIELDS: Final = _INSTRUCTION_BPF_INSTRUCTION.rule(
    "ld-abs-reserved-fields", EINVAL, "BPF_LD_[ABS|IND] uses reserved fields\n"
)
ST_RESERVED_FIELDS: Final = _INSTRUCTION_BPF_INSTRUCTION.rule(
    "st-reserved-fields", EINVAL, "BPF_ST uses reserved fields\n"
)
STX_RESERVED_FIELDS: Final = _INSTRUCTION_BPF_INSTRUCTION.rule(
    "stx-reserved-fields", EINVAL, "BPF_STX uses reserved fields\n"
)
LD_MODE: Final = _INSTRUCTION_BPF_INSTRUCTION.rule("ld-mode", EINVAL, "invalid BPF_LD mode\n")
LDIMM64_UNRECOGNIZED: Final = _INSTRUCTION_BPF_INSTRUCTION.rule(
    "ldimm64-unrecognized", EINVAL, "unrecognized bpf_ld_imm64 insn\n"
)
FD_INDEX_WITHOUT_ARRAY: Final = _INSTRUCTION_BPF_INSTRUCTION.rule(
    "fd-index-without-array", EPROTO, "fd_idx without fd_array is invalid\n"
)
LDIMM64_INVALID: Final = _INSTRUCTION_BPF_INSTRUCTION.rule("ldimm64-invalid", EINVAL, "invalid bpf_ld_imm64 insn\n")
LDX_RESERVED_FIELDS: Final = _INSTRUCTION_BPF_INSTRUCTION.rule(
    "ldx-reserved-fields", EINVAL, "BPF_LDX uses reserved fields\n"
)
OPCODE_UNKNOWN: Final = _INSTRUCTION_BPF_INSTRUCTION.rule("opcode-unknown", EINVAL, "unknown opcode {code:02x}\n")
INDIRECT_JUMP: Final = _INSTRUCTION_BPF_INSTRUCTION.rule("indirect-jump", EINVAL, "")

_DIVISOR: Final = Group(STRUCTURE, "a divisor that is not the constant 0")
DIVISION_BY_ZERO: Final = _DIVISOR.rule("division-by-zero", EINVAL, "div by zero\n")

_SHIFT_BY_LESS: Final = Group(STRUCTURE, "a shift by less than the operand's bits")
SHIFT_OUT_OF_RANGE: Final = _SHIFT_BY_LESS.rule("shift-out-of-range", EINVAL, "invalid shift {bits}\n")

_CODE: Final = Group(
    STRUCTURE,
    "code that the kernel can rewrite once it is verified: fields of the context as a whole, functions that exist",
)
VERIFIER_MISCONFIGURED: Final = _CODE.rule(
    "verifier-misconfigured", EINVAL, "bpf verifier is misconfigured\n", also=(EFAULT,)
)

_REACHABLE_CODE: Final = Group(
    STRUCTURE, "code of which every instruction can be reached, and that jumps only within its function"
)
INSTRUCTION_INDEX_OUT_OF_RANGE: Final = _REACHABLE_CODE.rule(
    "instruction-index-out-of-range", EFAULT, "invalid insn idx {idx} insn_cnt {count}\n"
)
JUMP_OUT_OF_RANGE: Final = _REACHABLE_CODE.rule(
    "jump-out-of-range", EINVAL, "jump out of range from insn {insn} to {target}\n"
)
UNREACHABLE_INSTRUCTION: Final = _REACHABLE_CODE.rule("unreachable-instruction", EINVAL, "unreachable insn {insn}\n")
JUMP_INTO_LDIMM64: Final = _REACHABLE_CODE.rule(
    "jump-into-ldimm64", EINVAL, "jump into the middle of ldimm64 insn {insn}\n"
)
CALL_DESTINATION: Final = _REACHABLE_CODE.rule("call-destination", EINVAL, "call to invalid destination\n")
FALL_THROUGH_END: Final = _REACHABLE_CODE.rule("fall-through-end", EINVAL, "last insn is not an exit or jmp\n")

_LOOP_WHOSE_END: Final = Group(
    STRUCTURE, "a loop whose end the verifier can see: a counter with a bound, bpf_loop(), or bpf_for()"
)
BACK_EDGE: Final = _LOOP_WHOSE_END.rule("back-edge", EINVAL, "back-edge from insn {insn} to {target}\n")
INFINITE_LOOP: Final = _LOOP_WHOSE_END.rule(
    "infinite-loop", EINVAL, "infinite loop detected at insn {insn}\n", topic=Topic.LIMIT
)

_ADDRESSES_ONLY_FUNCTIONS: Final = Group(STRUCTURE, "addresses only of functions that the program can reach")
FUNCTION_ADDRESS_REMOVED: Final = _ADDRESSES_ONLY_FUNCTIONS.rule("function-address-removed", EFAULT, "")
