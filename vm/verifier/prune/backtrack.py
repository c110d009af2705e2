"""Precision backtracking (mark_chain_precision()): which scalars a decision depended on.

Only checkpoints are marked: the current state is not compared with others before it becomes a checkpoint.
"""

from __future__ import annotations

from typing import Final

from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.kernel.types import (
    INSN_F_DST_REG_STACK,
    INSN_F_FRAMENO_MASK,
    INSN_F_SPI_MASK,
    INSN_F_SPI_SHIFT,
    INSN_F_SRC_REG_STACK,
    INSN_F_STACK_ACCESS,
)
from vm.verifier.env import NO_HIST_ENTRY, HistEntry, VerifierEnv
from vm.verifier.events import BPF_LOG_LEVEL2
from vm.verifier.journal import NO_LINKS, Link
from vm.verifier.report.mask_text import reg_mask_text, stack_mask_text
from vm.verifier.rules.internal import (
    BACKTRACK_CALL_TARGET,
    BACKTRACK_ENTER,
    BACKTRACK_EXIT,
    BACKTRACK_FUNCTION_ENTRY,
    BACKTRACK_INSTRUCTION,
    BACKTRACK_REGISTERS,
    BACKTRACK_SLOT,
    BACKTRACK_STACK_SLOTS,
    PRECISION_OF_POINTER,
)
from vm.verifier.state.backtrack import Backtrack
from vm.verifier.state.frame import BPF_MAIN_FUNC, FuncState, StackSlot
from vm.verifier.state.reg import RegState
from vm.verifier.state.reg_types import SCALAR_VALUE
from vm.verifier.state.vstate import MAX_CALL_FRAMES, VerifierState

# For importing modules.
__all__ = ["INSN_F_DST_REG_STACK", "INSN_F_SRC_REG_STACK"]

# Flags of a history entry: the frame (3 bits) and slot (6 bits) of a stack access, and what a jump compared.

LINKED_REGS_MAX: Final = 6
_LR_ENTRY_BITS: Final = 10
_LR_SIZE_BITS: Final = 4

BPF_REGMASK_ARGS: Final = 0b111110

_DONE: Final = 0
_GIVE_UP: Final = 1
_NONE: Final = -1


def insn_stack_access_flags(frameno: int, spi: int) -> int:
    """History flags of an access to slot `spi` of frame `frameno`."""
    return INSN_F_STACK_ACCESS | spi << INSN_F_SPI_SHIFT | frameno


def linked_regs_pack(linked: list[tuple[int, int, bool]]) -> int:
    """Packs up to six (frame, register or spi, is a register) into one number, for a history entry."""
    value = 0
    for frameno, idx, is_reg in linked:
        value = value << _LR_ENTRY_BITS | frameno | idx << 3 | is_reg << 9
    return value << _LR_SIZE_BITS | len(linked)


def linked_regs_unpack(value: int) -> list[tuple[int, int, bool]]:
    """The inverse of linked_regs_pack(); the last entry comes first, as in the kernel."""
    count = value & (1 << _LR_SIZE_BITS) - 1
    value >>= _LR_SIZE_BITS
    linked = []
    for _ in range(count):
        linked.append((value & 7, value >> 3 & 0x3F, value >> 9 & 1 != 0))
        value >>= _LR_ENTRY_BITS
    return linked


def push_insn_history(env: VerifierEnv, cur: VerifierState, flags: int, linked_regs: int) -> None:
    """push_insn_history(): record that this instruction was visited, and what it accessed."""
    entry = env.cur_hist_ent
    if entry is not None:
        entry.flags |= flags
        entry.linked_regs = linked_regs
        return
    entry = HistEntry(env.insn_idx, env.prev_insn_idx, flags, linked_regs)
    end = cur.insn_hist_end
    hist = env.insn_hist
    if end < len(hist):
        hist[end] = entry
    else:
        hist.append(entry)
    cur.insn_hist_end = end + 1
    env.cur_hist_ent = entry


def mark_chain_precision(env: VerifierEnv, regno: int, why: str) -> None:
    """Marks scalar register `regno` of the current frame, and the values it depends on, as precise.

    why -- the reason, a key of PRECISION_REASONS in vm/trace/retell.py.
    """
    if not env.bpf_capable:
        return
    state = env.cur_state
    if state.frame[-1].regs[regno].type != SCALAR_VALUE:
        env.reject(PRECISION_OF_POINTER, regno)
    bt = env.backtrack
    bt.frame = len(state.frame) - 1
    bt.set_reg(regno)
    if env.journal is not None:
        env.journal.mark(env.step, env.path, env.insn_idx, bt.frame, 1 << regno, 0, why)
    _mark_chain(env, bt)


def mark_chain_precision_batch(env: VerifierEnv, bt: Backtrack) -> None:
    """mark_chain_precision() for all registers and slots in `bt`."""
    if not env.bpf_capable:
        bt.reset()
        return
    bt.frame = env.cur_state.curframe
    if not bt.empty():
        if env.journal is not None:
            frame = bt.frame
            env.journal.mark(env.step + 1, env.path, env.insn_idx, frame, bt.regs[frame], bt.slots[frame], "propagated")
        _mark_chain(env, bt)


def _mark_chain(env: VerifierEnv, bt: Backtrack) -> None:
    """Tracks the registers and slots in `bt` back to their origins; `bt` is empty afterwards."""
    say = env.log.level & BPF_LOG_LEVEL2 != 0
    st = env.cur_state
    first_idx = st.first_insn_idx
    last_idx = env.insn_idx
    subseq_idx = -1
    skip_first = True
    while True:
        if say:
            env.verbose(
                f"mark_precise: frame{bt.frame}: last_idx {last_idx} first_idx {first_idx} subseq_idx {subseq_idx} \n"
            )
        if last_idx < 0:
            _reach_entry(env, bt, st)
            bt.reset()
            return
        subseq_idx = _walk_back(env, bt, st, last_idx, subseq_idx, skip_first, say)
        if subseq_idx == _GAVE_UP:
            _mark_all_scalars_precise(env, env.cur_state)
            bt.reset()
            return
        skip_first = False
        if bt.empty():
            return
        parent = st.parent
        if parent is None:
            break
        st = parent
        _mark_state(env, bt, st, say)
        if bt.empty():
            return
        subseq_idx = first_idx
        last_idx = st.last_insn_idx
        first_idx = st.first_insn_idx
    _mark_all_scalars_precise(env, env.cur_state)
    bt.reset()


def _walk_back(
    env: VerifierEnv, bt: Backtrack, st: VerifierState, last_idx: int, subseq_idx: int, skip_first: bool, say: bool
) -> int:
    """Tracks back over the instructions from last_idx to the start of `st`; returns the first of them, or _GAVE_UP.

    skip_first -- skip last_idx itself. Ends early when `bt` is empty.
    """
    journal = env.journal
    touches = env.touches
    if not touches:
        for insn in env.insns:
            touches.append(_touches(insn))
    insn_cnt: int = len(touches)
    made = links = NO_LINKS
    room: int = 0
    if journal is not None:
        made, links, room = journal.made_links(insn_cnt), journal.links, journal.room()
    hist = env.insn_hist
    none = NO_HIST_ENTRY
    start: int = st.insn_hist_start
    end: int = st.insn_hist_end
    first: int = st.first_insn_idx
    last = hist[end - 1] if end > start else none
    frame: int = bt.frame
    regs: int = bt.regs[frame]
    slots = bt.slots[frame]
    wanted = regs | _ALWAYS
    idx: int = last_idx
    subseq: int = subseq_idx
    while True:
        recorded = last.idx == idx
        if skip_first:
            skip_first = False
        else:
            touch: int = touches[idx]
            touched = wanted & touch
            noted = recorded and (last.flags != 0 or last.linked_regs != 0)
            if room > 0 and (touched != 0 or noted):
                link = made[idx]
                if link.regs != regs or link.slots != slots or link.frame != frame:
                    link = made[idx] = Link(idx, frame, regs, slots)
                links.append(link)
                room -= 1
            if say or noted or (touched != 0 and touch & _KEEPS == 0):
                if _step_back(env, bt, idx, subseq, last if recorded else None, say):
                    return _GAVE_UP
                if bt.empty():
                    return idx
                frame = bt.frame
                regs = bt.regs[frame]
                slots = bt.slots[frame]
                wanted = regs | _ALWAYS
        subseq = idx
        # The previous instruction: that of the history entry, else the one at idx - 1.
        if idx == first and (last is none or (end - start == 1 and recorded)):
            return idx
        if recorded:
            idx = last.prev_idx
            end -= 1
            last = hist[end - 1] if end > start else none
        else:
            idx -= 1
        if idx < 0 or idx >= insn_cnt:
            env.reject(BACKTRACK_INSTRUCTION, insn=idx)


_GAVE_UP: Final = -2
_ALWAYS: Final = 1 << 16
_KEEPS: Final = 1 << 17


def _touches(insn: Insn) -> int:
    """The registers for which this instruction affects backtracking; _ALWAYS: it affects it in any case.

    _KEEPS: the set of registers stays the same, as for "r1 += 1".
    Stack accesses and linked registers come from the history.
    """
    code = insn.code
    if not code:
        return 0  # the second half of a 64-bit load
    cls = code & 0x07
    if cls in (o.ALU, o.ALU64):
        op = code & 0xF0
        keeps = op in (o.END, o.NEG) or (op != o.MOV and not code & 0x08)
        return 1 << insn.dst_reg | (_KEEPS if keeps else 0)
    if cls in (o.LDX, o.ST):
        return 1 << insn.dst_reg
    if cls == o.STX:
        return 1 << insn.dst_reg | 1 << insn.src_reg | 1
    if cls == o.LD:
        return 1 << insn.dst_reg if code & 0xE0 == o.IMM else _ALWAYS
    op = code & 0xF0
    if op in (o.CALL, o.EXIT):
        return _ALWAYS
    return 1 << insn.dst_reg | 1 << insn.src_reg if code & 0x08 else 0


def _step_back(env: VerifierEnv, bt: Backtrack, idx: int, subseq_idx: int, hist: HistEntry | None, say: bool) -> bool:
    """backtrack_insn() for one instruction; True: backtracking fails, and everything has to be precise."""
    if env.insns[idx].code == 0:
        return False
    if say:
        env.log.mark(idx, bt.frame, bt.regs[bt.frame], bt.slots[bt.frame])
    linked = hist.linked_regs if hist is not None else 0
    if linked:
        _sync_linked_regs(bt, linked)
    done = _backtrack_insn(env, bt, idx, subseq_idx, hist)
    if done == _GIVE_UP:
        return True
    if done == _NONE and linked:
        _sync_linked_regs(bt, linked)
    return False


def _sync_linked_regs(bt: Backtrack, packed: int) -> None:
    """bt_sync_linked_regs(): registers that were linked at a jump are all precise if one of them is."""
    linked = linked_regs_unpack(packed)
    for frameno, idx, is_reg in linked:
        if (bt.regs if is_reg else bt.slots)[frameno] >> idx & 1:
            break
    else:
        return
    for frameno, idx, is_reg in linked:
        (bt.regs if is_reg else bt.slots)[frameno] |= 1 << idx


def _backtrack_insn(env: VerifierEnv, bt: Backtrack, idx: int, subseq_idx: int, hist: HistEntry | None) -> int:
    """Converts the set of registers and slots after instruction `idx` to the set before it.

    _DONE: finished; _NONE: linked registers have to be synced again; _GIVE_UP: backtracking fails.
    """
    insn = env.insns[idx]
    code = insn.code
    cls = code & 0x07
    if cls in (o.ALU, o.ALU64):
        return _backtrack_alu(bt, code, insn.dst_reg, insn.src_reg)
    atomic_fetch = cls == o.STX and code & 0xE0 == o.ATOMIC and insn.imm & o.FETCH != 0
    if cls == o.LDX or atomic_fetch:
        load_reg = insn.dst_reg
        if atomic_fetch:
            load_reg = o.R0 if insn.imm == o.CMPXCHG else insn.src_reg
        if not bt.is_reg_set(load_reg):
            return _DONE
        bt.clear_reg(load_reg)
        # Only stack slots can be tracked further.
        if hist is None or not hist.flags & INSN_F_STACK_ACCESS:
            return _DONE
        frameno = hist.flags & INSN_F_FRAMENO_MASK
        bt.set_slot(frameno, hist.flags >> INSN_F_SPI_SHIFT & INSN_F_SPI_MASK)
        return _NONE
    if cls in (o.ST, o.STX):
        # A scalar is not an address: this is pointer subtraction, which is not tracked.
        if bt.is_reg_set(insn.dst_reg):
            return _GIVE_UP
        if hist is None or not hist.flags & INSN_F_STACK_ACCESS:
            return _DONE
        frameno = hist.flags & INSN_F_FRAMENO_MASK
        slot = 1 << (hist.flags >> INSN_F_SPI_SHIFT & INSN_F_SPI_MASK)
        if not bt.slots[frameno] & slot:
            return _DONE
        bt.slots[frameno] = bt.slots[frameno] & ~slot
        if cls == o.STX:
            bt.set_reg(insn.src_reg)
        return _NONE
    if cls in (o.JMP, o.JMP32):
        return _backtrack_jump(env, bt, idx, subseq_idx, hist)
    mode = code & 0xE0
    if mode == o.IMM:
        bt.clear_reg(insn.dst_reg)
        return _DONE
    if mode in (o.IND, o.ABS):
        if bt.is_reg_set(insn.dst_reg):
            return _GIVE_UP
        # Failing to load leaves the function.
        if subseq_idx != idx + 1:
            _enter(env, bt)
        return _DONE
    return _NONE


def _backtrack_alu(bt: Backtrack, code: int, dst: int, src: int) -> int:
    if not bt.is_reg_set(dst):
        return _DONE
    op = code & 0xF0
    if op in (o.END, o.NEG):
        return _DONE
    if op == o.MOV:
        bt.clear_reg(dst)
    if code & 0x08 and src != o.REG_FP:
        bt.set_reg(src)
    return _NONE


def _backtrack_jump(env: VerifierEnv, bt: Backtrack, idx: int, subseq_idx: int, hist: HistEntry | None) -> int:
    insn = env.insns[idx]
    op = insn.code & 0xF0
    if insn.code == o.JMP | o.CALL and insn.src_reg == o.PSEUDO_CALL:
        return _backtrack_call(env, bt, idx)
    if env.aux[idx].calls_callback and idx != subseq_idx - 1:
        # From a callback back to the helper that called it: its arguments are not those of the caller.
        _expect(env, bt, ~BPF_REGMASK_ARGS, slots=True)
        bt.regs[bt.frame] &= ~BPF_REGMASK_ARGS
        _leave(env, bt)
        return _DONE
    if op == o.CALL:
        if insn.src_reg == o.PSEUDO_KFUNC_CALL and insn.imm == 0:
            return _GIVE_UP
        bt.clear_reg(o.R0)
        _expect(env, bt, BPF_REGMASK_ARGS)
        return _NONE
    if op == o.EXIT:
        call = env.insns[subseq_idx - 1] if subseq_idx >= 1 else None
        from_call = call is not None and call.code == o.JMP | o.CALL and call.src_reg == o.PSEUDO_CALL
        r0_precise = from_call and bt.is_reg_set(o.R0)
        if from_call:
            _expect(env, bt, BPF_REGMASK_ARGS)
        bt.clear_reg(o.R0)
        _enter(env, bt)
        if r0_precise:
            bt.set_reg(o.R0)
        return _DONE
    if insn.code & 0x08:
        if not bt.is_reg_set(insn.dst_reg) and not bt.is_reg_set(insn.src_reg):
            return _DONE
        if hist is None or not hist.flags & INSN_F_SRC_REG_STACK:
            bt.set_reg(insn.src_reg)
        if hist is None or not hist.flags & INSN_F_DST_REG_STACK:
            bt.set_reg(insn.dst_reg)
    return _NONE


def _backtrack_call(env: VerifierEnv, bt: Backtrack, idx: int) -> int:
    """Tracks back from a subprogram to its caller, or over a call of a global function."""
    target = idx + env.insns[idx].imm + 1
    for sub in env.subprogs:
        if sub.start == target:
            break
    else:
        env.reject(BACKTRACK_CALL_TARGET)
    if sub.is_global:
        _expect(env, bt, BPF_REGMASK_ARGS)
        bt.clear_reg(o.R0)
        return _DONE
    _expect(env, bt, ~BPF_REGMASK_ARGS, slots=True)
    args = bt.regs[bt.frame]
    bt.regs[bt.frame] = 0
    _leave(env, bt)
    bt.regs[bt.frame] |= args
    return _DONE


def _expect(env: VerifierEnv, bt: Backtrack, forbidden: int, slots: bool = False) -> None:
    """The kernel's internal assertions, which correct code never violates."""
    if bt.regs[bt.frame] & forbidden:
        env.reject(BACKTRACK_REGISTERS, regs=bt.regs[bt.frame])
    if slots and bt.slots[bt.frame]:
        env.reject(BACKTRACK_STACK_SLOTS, slots=bt.slots[bt.frame])


def _enter(env: VerifierEnv, bt: Backtrack) -> None:
    if bt.frame == MAX_CALL_FRAMES - 1:
        env.reject(BACKTRACK_ENTER, depth=bt.frame)
    bt.frame += 1


def _leave(env: VerifierEnv, bt: Backtrack) -> None:
    if bt.frame == 0:
        env.reject(BACKTRACK_EXIT)
    bt.frame -= 1


def _precise(reg: RegState) -> RegState:
    r = reg.clone()
    r.precise = True
    return r


def _reach_entry(env: VerifierEnv, bt: Backtrack, st: VerifierState) -> None:
    """Backtracking reached the entry of a global function: only its arguments may be left."""
    frame = st.frame[0]
    mask = bt.regs[bt.frame]
    slots = bt.slots[bt.frame]
    if (
        st.curframe == 0
        and frame.subprogno > 0
        and frame.callsite == BPF_MAIN_FUNC
        and not slots
        and not mask & ~BPF_REGMASK_ARGS
    ):
        for i in range(1, 6):
            if mask >> i & 1 and frame.regs[i].type == SCALAR_VALUE:
                frame.regs[i] = _precise(frame.regs[i])
        return
    env.reject(BACKTRACK_FUNCTION_ENTRY, subprog=frame.subprogno, regs=mask, slots=slots)


def _mark_state(env: VerifierEnv, bt: Backtrack, st: VerifierState, say: bool) -> None:
    """Marks the set in a checkpoint, without values that are precise already: they were tracked before."""
    for fr in range(bt.frame, -1, -1):
        frame = st.frame[fr]
        mask: int = bt.regs[fr]
        left: int = mask
        i: int = 0
        while left != 0:
            if left & 1:
                reg = frame.regs[i]
                if reg.type != SCALAR_VALUE or reg.precise:
                    mask ^= 1 << i
                else:
                    frame.regs[i] = _precise(reg)
            left >>= 1
            i += 1
        bt.regs[fr] = mask
        if bt.slots[fr]:
            _mark_stack(env, bt, fr, frame)
        if say:
            env.verbose(
                f"mark_precise: frame{fr}: parent state regs={reg_mask_text(bt.regs[fr])} "
                f"stack={stack_mask_text(bt.slots[fr])}: "
            )
            env.print_verifier_state(frame, True)


def _mark_stack(env: VerifierEnv, bt: Backtrack, fr: int, frame: FuncState) -> None:
    mask = bt.slots[fr]
    i = -1
    while mask >> i + 1:
        i += 1
        if not mask >> i & 1:
            continue
        if i >= len(frame.stack):
            env.reject(BACKTRACK_SLOT, slot=i, count=len(frame.stack))
        slot = frame.stack[i]
        reg = slot.spilled_ptr
        if not slot.is_spill() or reg.type != SCALAR_VALUE or reg.precise:
            bt.slots[fr] = bt.slots[fr] & ~(1 << i)
        else:
            frame.stack[i] = StackSlot(slot.slot_type, _precise(reg))


def _mark_all_scalars_precise(env: VerifierEnv, cur: VerifierState) -> None:
    """mark_all_scalars_precise(): every scalar of every checkpoint on this path becomes precise."""
    say = env.log.level & BPF_LOG_LEVEL2 != 0
    if env.journal is not None:
        env.journal.gave_up()
    if say:
        env.verbose(f"mark_precise: frame{cur.curframe}: falling back to forcing all scalars precise\n")
    st = cur.parent
    while st is not None:
        for fr, frame in enumerate(st.frame):
            for i in range(o.REG_FP):
                reg = frame.regs[i]
                if reg.type == SCALAR_VALUE and not reg.precise:
                    frame.regs[i] = _precise(reg)
                    if say:
                        env.verbose(f"force_precise: frame{fr}: forcing r{i} to be precise\n")
            for i, slot in enumerate(frame.stack):
                reg = slot.spilled_ptr
                if slot.is_spill() and reg.type == SCALAR_VALUE and not reg.precise:
                    frame.stack[i] = StackSlot(slot.slot_type, _precise(reg))
                    if say:
                        env.verbose(f"force_precise: frame{fr}: forcing fp{-(i + 1) * 8} to be precise\n")
        st = st.parent


def mark_all_scalars_imprecise(state: VerifierState) -> None:
    """Clears inherited marks: a new checkpoint gets marks from the paths that continue from it."""
    for frame in state.frame:
        regs = frame.regs
        for i in range(o.REG_FP):
            reg = regs[i]
            if reg.precise and reg.type == SCALAR_VALUE:
                r = reg.clone()
                r.precise = False
                regs[i] = r
        for i, slot in enumerate(frame.stack):
            reg = slot.spilled_ptr
            if reg.precise and slot.is_spill() and reg.type == SCALAR_VALUE:
                r = reg.clone()
                r.precise = False
                frame.stack[i] = StackSlot(slot.slot_type, r)
