"""Changes of stack slots by partial writes."""

from __future__ import annotations

from typing import Final

from vm.verifier.env import VerifierEnv
from vm.verifier.state import reg_types as t
from vm.verifier.state.frame import FuncState, SlotTypes, StackSlot
from vm.verifier.state.reg import NOT_INIT_REG

ALL_SPILL: Final[SlotTypes] = (t.STACK_SPILL,) * 8
ALL_DYNPTR: Final[SlotTypes] = (t.STACK_DYNPTR,) * 8
ALL_ITER: Final[SlotTypes] = (t.STACK_ITER,) * 8
S16_MIN: Final = -(1 << 15)

_SPECIAL: Final = frozenset({t.STACK_SPILL, t.STACK_DYNPTR, t.STACK_ITER})


def is_spilled_scalar_reg(slot: StackSlot) -> bool:
    """Whether the slot has a spilled scalar, or a part of one."""
    return slot.slot_type[7] == t.STACK_SPILL and slot.spilled_ptr.type == t.SCALAR_VALUE


def scrubbed(types: SlotTypes) -> SlotTypes:
    """scrub_spilled_slot() for all bytes: bytes with a value become unknown data."""
    return tuple(x if x == t.STACK_INVALID else t.STACK_MISC for x in types)


def scrub_special_slot(state: FuncState, spi: int) -> None:
    """A write of data invalidates a spilled register, dynptr or iterator."""
    slot = state.stack[spi]
    types = scrubbed(slot.slot_type) if slot.slot_type[7] in _SPECIAL else slot.slot_type
    if types is not slot.slot_type or slot.spilled_ptr.type != t.NOT_INIT:
        state.stack[spi] = StackSlot(types, NOT_INIT_REG)


def set_slot_byte(state: FuncState, spi: int, byte: int, kind: int) -> None:
    """Change the type of one byte; `byte` counts as in StackSlot.slot_type."""
    slot = state.stack[spi]
    if slot.slot_type[byte] == kind:
        return
    types = list(slot.slot_type)
    types[byte] = kind
    state.stack[spi] = StackSlot(tuple(types), slot.spilled_ptr)


def check_fastcall_stack_contract(env: VerifierEnv, state: FuncState, insn_idx: int, off: int, end: int) -> None:
    """check_fastcall_stack_contract(): spills around fast calls stay if their stack is used for anything else.

    `end` is the slot after the function's last one.
    """
    subprog = env.subprogs[state.subprogno]
    aux = env.aux
    if subprog.fastcall_stack_off <= off or aux[insn_idx].fastcall_pattern:
        return
    subprog.fastcall_stack_off = S16_MIN
    for i in range(subprog.start, end):
        aux[i].fastcall_spills_num = 0
        aux[i].fastcall_pattern = False
