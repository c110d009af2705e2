"""A program while it is rewritten: each jump refers to the slot that it jumps to, not to a distance.

The kernel keeps relative offsets and adjusts them after every patch (bpf_patch_insn_single, bpf_remove_insns). Here a
jump refers to its target slot, and offsets are computed once, at the end, with the same result: a jump to an
instruction that was patched reaches the first slot of the patch; a jump to a removed slot reaches the next slot that
was not removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, final

from vm.errors import InternalError
from vm.isa import opcodes as bpf
from vm.isa.insn import Insn
from vm.verifier.env import Reject
from vm.verifier.fixups.build import NOP, s32
from vm.verifier.rules.structure import FUNCTION_ADDRESS_REMOVED
from vm.verifier.state.aux import InsnAux, SubprogInfo

if TYPE_CHECKING:
    from vm.rewritten import AddressRef

JA: Final = bpf.JMP | bpf.JA
JA32: Final = bpf.JMP32 | bpf.JA
JCOND: Final = bpf.JMP | bpf.JCOND
CALL: Final = bpf.JMP | bpf.CALL
EXIT: Final = bpf.JMP | bpf.EXIT


@final
class Subprog:
    """A function. `start` is its first slot; `stack_depth` grows as rewrites need room.

    past_end -- of a removed function whose address leads past the end of the program: how far
    """

    __slots__ = ("start", "info", "stack_depth", "stack_extra", "exception_cb", "hidden", "past_end")

    def __init__(self, start: Slot, info: SubprogInfo) -> None:
        self.start = start
        self.info = info
        self.stack_depth = info.stack_depth
        self.stack_extra = 0
        self.exception_cb = info.is_exception_cb
        self.hidden = False
        self.past_end = 0


@final
class Slot:
    """One instruction slot.

    aux    -- what the verifier found out about the original instruction (empty for inserted ones)
    ref    -- what its immediate is the address of
    orig   -- slot of the original program it stems from
    target -- slot a jump goes to
    callee -- function a bpf-to-bpf call, or a load of a function's address, names
    """

    __slots__ = ("insn", "aux", "ref", "orig", "target", "callee")

    def __init__(self, insn: Insn, aux: InsnAux, orig: int) -> None:
        self.insn = insn
        self.aux = aux
        self.ref: AddressRef | None = None
        self.orig = orig
        self.target: Slot | None = None
        self.callee: Subprog | None = None


@final
class Kept:
    """An instruction of a patch that takes over the reference, jump target and callee of the patched slot."""

    __slots__ = ("insn",)

    def __init__(self, insn: Insn) -> None:
        self.insn = insn


@final
class Named:
    """An instruction of a patch whose immediate is the address of `ref`."""

    __slots__ = ("insn", "ref")

    def __init__(self, insn: Insn, ref: AddressRef) -> None:
        self.insn = insn
        self.ref = ref


PatchItem = Insn | Kept | Named


def _blank() -> InsnAux:
    aux = InsnAux(-1)
    aux.seen = 1
    return aux


# Shared by all inserted slots: nothing writes to it.
INSERTED: Final = _blank()


def is_jump(code: int) -> bool:
    """Whether an instruction with this opcode has a jump target."""
    return bpf.cls(code) in (bpf.JMP, bpf.JMP32) and bpf.op(code) not in (bpf.CALL, bpf.EXIT)


def is_cond_jump(code: int) -> bool:
    """insn_is_cond_jump()."""
    return is_jump(code) and bpf.op(code) != bpf.JA


def jump_distance(insn: Insn) -> int:
    """Slots between the jump's next instruction and its target."""
    return insn.imm if insn.code == JA32 else insn.off


def build(
    insns: Sequence[Insn], aux: Sequence[InsnAux], infos: Sequence[SubprogInfo]
) -> tuple[list[Slot], list[Subprog]]:
    """Slots of an accepted program, with jumps and calls resolved."""
    slots = [Slot(insn, one, i) for i, (insn, one) in enumerate(zip(insns, aux, strict=True))]
    subprogs = [Subprog(slots[info.start], info) for info in infos]
    by_start = {info.start: subprog for info, subprog in zip(infos, subprogs, strict=True)}
    i = 0
    while i < len(slots):
        slot = slots[i]
        insn = slot.insn
        if insn.code == bpf.LD_IMM64:
            if insn.src_reg == bpf.PSEUDO_FUNC:
                slot.callee = by_start[i + 1 + insn.imm]
            i += 2
            continue
        if is_jump(insn.code):
            at = i + 1 + jump_distance(insn)
            slot.target = slots[at] if 0 <= at < len(slots) else None
        elif insn.code == CALL and insn.src_reg == bpf.PSEUDO_CALL:
            slot.callee = by_start.get(i + 1 + insn.imm)
        i += 1
    return slots, subprogs


def expand(slot: Slot, patch: Sequence[PatchItem], following: Slot | None) -> list[Slot]:
    """bpf_patch_insn_data(): `slot` becomes `patch`.

    Jumps inside the patch are written relative, as in the kernel's tables; one just past its end goes to `following`.
    The original's aux stays with the last slot.
    """
    target, callee, ref, aux = slot.target, slot.callee, slot.ref, slot.aux
    new = [slot] + [Slot(NOP, INSERTED, slot.orig) for _ in patch[1:]]
    for i, (one, item) in enumerate(zip(new, patch, strict=True)):
        one.aux, one.target, one.callee, one.ref = INSERTED, None, None, None
        if isinstance(item, Kept):
            one.insn, one.target, one.callee, one.ref = item.insn, target, callee, ref
            continue
        if isinstance(item, Named):
            one.insn, one.ref = item.insn, item.ref
            continue
        one.insn = item
        if is_jump(item.code):
            at = i + 1 + jump_distance(item)
            one.target = new[at] if at < len(new) else following
    new[-1].aux = aux
    return new


def retarget(slots: Iterable[Slot], moved: dict[int, Slot]) -> None:
    """Change the targets of jumps to the slots whose id() is in `moved`."""
    for slot in slots:
        if slot.target is not None:
            slot.target = moved.get(id(slot.target), slot.target)


def settle(slots: Sequence[Slot], subprogs: Sequence[Subprog]) -> tuple[Insn, ...]:
    """Compute the offsets of jumps and calls; reach.py has checked that they all fit.

    Raises Reject for the address of a removed function (jit_subprogs). A program with only one function left is not
    split into functions: a reference to a removed one (a loop's callback that is never called) stays a distance.
    """
    position = {id(slot): i for i, slot in enumerate(slots)}
    number = {id(subprog): i for i, subprog in enumerate(subprogs)}
    insns: list[Insn] = []
    high: int | None = None
    for i, slot in enumerate(slots):
        insn = slot.insn
        if high is not None:
            insn, high = insn._replace(imm=high), None
        elif slot.target is not None:
            distance = position[id(slot.target)] - i - 1
            if insn.code == JA32:
                insn = insn._replace(imm=distance)
            elif -(1 << 15) <= distance < 1 << 15:
                insn = insn._replace(off=distance)
            else:
                raise InternalError(f"a jump over {distance} instructions after rewriting")
        elif slot.callee is not None:
            distance = position.get(id(slot.callee.start), len(slots) + slot.callee.past_end) - i - 1
            called = number.get(id(slot.callee), 0)
            if slot.callee not in subprogs and len(subprogs) > 1:
                raise Reject(FUNCTION_ADDRESS_REMOVED, {}, FUNCTION_ADDRESS_REMOVED.errno)
            if insn.code == bpf.LD_IMM64:
                insn, high = insn._replace(imm=distance), called
            elif called:
                insn = insn._replace(off=(distance + (1 << 15)) % (1 << 16) - (1 << 15), imm=called)
            else:
                insn = insn._replace(imm=distance)
        insns.append(insn)
    return tuple(insns)


def load_address(dst: int, ref: AddressRef) -> list[PatchItem]:
    """The two slots of a 64-bit load of the address `ref` names."""
    return [Named(Insn(bpf.LD_IMM64, dst), ref), Insn(0)]


def unsigned_high(value: int) -> int:
    """The upper 32 bits of a 64-bit immediate, as the second slot of the load has them."""
    return s32(value >> 32)


def insert_before(slot: Slot, patch: Sequence[Insn]) -> list[Slot]:
    """The slots of `patch`, to be inserted before `slot`; jumps to `slot` or to the end of the patch reach `slot`."""
    new = [Slot(insn, INSERTED, slot.orig) for insn in patch]
    for i, one in enumerate(new):
        if is_jump(one.insn.code):
            at = i + 1 + jump_distance(one.insn)
            one.target = new[at] if at < len(new) else slot
    return new
