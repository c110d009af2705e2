"""Dead code: branches with one reachable side become unconditional jumps; unreachable code is removed (or traps)."""

from __future__ import annotations

from typing import Final

from vm.isa.insn import Insn
from vm.verifier.fixups.build import NOP
from vm.verifier.fixups.code import JA, Slot, Subprog, is_cond_jump, retarget

TRAP: Final = Insn(JA, 0, 0, -1)


def remove_fastcall_spills_fills(slots: list[Slot], subprogs: list[Subprog]) -> None:
    """Spills and fills around bpf_fastcall calls become no-ops, and the function's stack gets smaller."""
    owner = {id(subprog.start): subprog for subprog in subprogs}
    current, modified = subprogs[0], False
    for i, slot in enumerate(slots):
        current_next = owner.get(id(slot))
        if current_next is not None:
            _give_back(current, modified)
            current, modified = current_next, False
        if slot.aux.fastcall_spills_num > 0:
            for j in range(1, slot.aux.fastcall_spills_num + 1):
                for other, follows in ((slots[i - j], slots[i - j + 1]), (slots[i + j], slots[i + j + 1])):
                    other.insn, other.target, other.ref = NOP, follows, None
            modified = True
    _give_back(current, modified)


def _give_back(subprog: Subprog, modified: bool) -> None:
    if modified and not subprog.info.keep_fastcall_stack:
        subprog.stack_depth = -subprog.info.fastcall_stack_off


def sanitize_dead_code(slots: list[Slot]) -> None:
    """Unreached instructions of an unprivileged program become a jump to themselves; none is removed."""
    for slot in slots:
        if not slot.aux.seen:
            slot.insn, slot.target, slot.callee, slot.ref = TRAP, slot, None, None


def opt_hard_wire_dead_code_branches(slots: list[Slot]) -> None:
    """A conditional jump of which only one side was reached becomes an unconditional jump or a no-op."""
    for i, slot in enumerate(slots):
        if not is_cond_jump(slot.insn.code) or slot.target is None or i + 1 >= len(slots):
            continue
        if not slots[i + 1].aux.seen:
            slot.insn = Insn(JA)
        elif not slot.target.aux.seen:
            slot.insn, slot.target = Insn(JA), slots[i + 1]


def opt_remove_dead_code(slots: list[Slot], subprogs: list[Subprog]) -> list[Slot]:
    """Remove unreached slots, and functions that have no others; `subprogs` is changed in place."""
    return _remove(slots, subprogs, [not slot.aux.seen for slot in slots])


def opt_remove_nops(slots: list[Slot], subprogs: list[Subprog]) -> list[Slot]:
    """Remove jumps to the next instruction."""
    last = len(slots) - 1
    gone = [slot.insn.code == JA and i < last and slot.target is slots[i + 1] for i, slot in enumerate(slots)]
    return _remove(slots, subprogs, gone)


def _remove(slots: list[Slot], subprogs: list[Subprog], gone: list[bool]) -> list[Slot]:
    if not any(gone):
        return slots
    following: Slot | None = None
    next_kept: dict[int, Slot] = {}
    ends: dict[int, int] = {}
    starts = {id(subprog.start): i for i, subprog in enumerate(subprogs)}
    alive = [False] * len(subprogs)
    current = -1
    for i, slot in enumerate(slots):
        current = starts.get(id(slot), current)
        if not gone[i]:
            alive[current] = True
    for i in range(len(slots) - 1, -1, -1):
        if not gone[i]:
            following = slots[i]
        elif following is not None:
            next_kept[id(slots[i])] = following
        ends[id(slots[i])] = i
    kept = [slot for i, slot in enumerate(slots) if not gone[i]]
    retarget(kept, next_kept)
    landings = {id(one): _landing(slots, one, gone) for i, one in enumerate(subprogs) if not alive[i]}
    for subprog in subprogs:
        subprog.start = next_kept.get(id(subprog.start), subprog.start)
    subprogs[:] = [subprog for i, subprog in enumerate(subprogs) if alive[i]]
    if landings:
        _rename_callees(kept, subprogs, landings)
    return kept


def _landing(slots: list[Slot], subprog: Subprog, gone: list[bool]) -> Slot | int:
    """Where the address of a removed instruction points: as far after the removed code as it was in it.

    Source: bpf_adj_delta_to_imm().

    A number: how far past the end of the program that is.
    """
    at = next(i for i, slot in enumerate(slots) if slot is subprog.start)
    while at < len(slots) and gone[at]:
        first, end = at, at
        while first and gone[first - 1]:
            first -= 1
        while end < len(slots) and gone[end]:
            end += 1
        at = end + at - first
    return slots[at] if at < len(slots) else at - len(slots)


def _rename_callees(slots: list[Slot], subprogs: list[Subprog], landings: dict[int, Slot | int]) -> None:
    """The address of a removed function becomes that of the function that starts at its new place, if one does."""
    starts = {id(subprog.start): subprog for subprog in subprogs}
    for slot in slots:
        if slot.callee is None or id(slot.callee) not in landings:
            continue
        landing = landings[id(slot.callee)]
        if isinstance(landing, Slot):
            slot.callee = starts.get(id(landing)) or Subprog(landing, slot.callee.info)
        else:
            slot.callee.past_end = landing
