"""Which rejections are about a memory access, and which of those cannot cause a memory error."""

from __future__ import annotations

from functools import cache
from typing import Final

from vm.isa.opcodes import CALL, JMP
from vm.kernel.func_ids import NAMES
from vm.kernel.helpers import helper_proto
from vm.program import Program
from vm.runner.proto_args import shapes_of
from vm.verifier.rules.catalogue import all_rules
from vm.verifier.rules.rule import MEMORY

SAFE: Final = "On this path the access is always within its memory: it is safe, but the verifier cannot see it."

ALSO: Final = frozenset({"invalid-memory-access", "argument-type", "helper-argument-may-be-null"})
"""Rules of other categories whose instruction accesses memory."""

BEFORE_THE_WALK: Final = frozenset(
    {"direct-value-offset-too-large", "direct-value-pointer", "direct-read-many-entries"}
)
"""Rules of the memory category that refuse a program before its instructions are followed."""

UNINITIALIZED: Final = frozenset({"stack-read-uninitialized", "stack-indirect-read-uninitialized"})
"""Rules about stack bytes that nothing was written to."""

_WRITES: Final = (
    "No byte outside of the memory is touched: what is refused is that the program reads or writes this memory at all."
)
_FIELD: Final = (
    "No byte outside of the context is touched: what is refused is that programs of this type may not use this "
    "field in this way."
)
_WAY: Final = "No byte outside of the memory is touched: what is refused is the kind of instruction that accesses it."
_ALIGNED: Final = (
    "No byte outside of the memory is touched: x86-64 does accesses that are not aligned, other processors do not."
)
_ZERO: Final = "A size of 0 touches no memory: no input goes wrong here, but the helper asks for at least one byte."
_SPECIAL: Final = "No byte outside of the value is touched: what is refused is that the field is meant for helpers."
_SPILL: Final = (
    "No byte outside of the stack is touched: what is refused is that a pointer would be known to be one no longer."
)
_KERNEL: Final = (
    "The object's layout in the kernel is another one than the program sees: only its fields, with their sizes, can be "
    "accessed, so there is no run that could go wrong."
)

NO_FAULT: Final[dict[str, str]] = {
    "helper-writes-read-only-memory": _WRITES,
    "write-to-read-only": _WRITES,
    "write-to-map-key": _WRITES,
    "map-access-forbidden": _WRITES,
    "struct-read-only": _WRITES,
    "struct-write-unsupported": _WRITES,
    "struct-write-not-a-field": _WRITES,
    "tcp-sock-write-not-a-field": _WRITES,
    "tcp-sock-write-beyond-member": _WRITES,
    "map-struct-read-only": _WRITES,
    "struct-write-by-module": _WRITES,
    "context-access": _FIELD,
    "pointer-modified": _FIELD,
    "pointer-offset-variable": _FIELD,
    "pointer-offset-negative": _FIELD,
    "atomic-on-memory-type": _WAY,
    "arena-sign-extension": _WAY,
    "kptr-access-mode": _WAY,
    "kptr-access-class": _WAY,
    "kptr-store-not-zero": _WAY,
    "kptr-access-variable-offset": _WAY,
    "kptr-access-misaligned": _WAY,
    "kptr-access-size": _WAY,
    "misaligned-packet-access": _ALIGNED,
    "misaligned-access": _ALIGNED,
    "size-may-be-zero": _ZERO,
    "zero-sized-read": _ZERO,
    "helper-context-empty": _ZERO,
    "special-field-direct-access": _SPECIAL,
    "kptr-helper-access": _SPECIAL,
    "object-field-direct-access": _SPECIAL,
    "spilled-pointer-in-variable-write": _SPILL,
    "register-fill-size": _SPILL,
    "register-spill-size": _SPILL,
    "spill-of-stack-pointer-to-caller": _SPILL,
    "struct-pointer-member-width": _KERNEL,
    "struct-memory-space": _KERNEL,
    "walk-not-a-struct": _KERNEL,
    "socket-access": _KERNEL,
    "flow-keys-access": _KERNEL,
    "field-without-size": _KERNEL,
}
"""What is said where an input reaches the instruction and nothing goes wrong there."""


@cache
def memory_rules() -> frozenset[str]:
    """Names of the rules for which an input is searched."""
    return frozenset(rule.name for rule in all_rules() if rule.category == MEMORY) - BEFORE_THE_WALK | ALSO


def applies(program: Program, rule: str, insn_idx: int, regno: int) -> bool:
    """Whether a rejection is about a memory access. regno: the register at fault, -1 for none."""
    if rule not in memory_rules() or not 0 <= insn_idx < len(program.insns):
        return False
    insn = program.insns[insn_idx]
    if rule not in ALSO or insn.code != JMP | CALL:
        return True
    # An argument that points to memory which the helper reads or writes.
    proto = helper_proto(program.prog_type, program.expected_attach_type, insn.imm, hook=program.attach_btf_name)
    if insn.src_reg or proto is None:
        return False
    return any(regno == shape.regno for shape in shapes_of(NAMES[insn.imm], proto))


def no_fault(rule: str) -> str:
    """Why a program that this rule rejects causes no memory error; "" if it can cause one."""
    return NO_FAULT.get(rule, "")
