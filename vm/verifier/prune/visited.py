"""Pruning points (is_state_visited()): a state is covered, is in an endless loop, or may become a checkpoint."""

from __future__ import annotations

from typing import Final

from vm.isa.opcodes import MAX_BPF_REG
from vm.verifier.domain.scalar import s64, same
from vm.verifier.env import BPF_COMPLEXITY_LIMIT_STATES, StateListEntry, VerifierEnv
from vm.verifier.journal import (
    NO_SLOTS,
    RULE_ASYNC,
    RULE_CALLBACK,
    RULE_DONE,
    RULE_ENDLESS,
    RULE_ITER,
    RULE_MAY_GOTO,
    RULE_OPEN_LOOP,
    WHY_ASYNC_ROUND,
    WHY_DEPTHS,
    WHY_FRAMES,
    WHY_ITER_DRAINED,
    Journal,
    Slot,
)
from vm.verifier.prepass.classify import is_may_goto_insn
from vm.verifier.prune.backtrack import mark_all_scalars_imprecise, push_insn_history
from vm.verifier.prune.branches import get_loop_entry, update_loop_entry
from vm.verifier.prune.clean import clean_live_states
from vm.verifier.prune.equal import EXACT, NOT_EXACT, RANGE_WITHIN, states_equal
from vm.verifier.prune.explored import explored_state, same_head
from vm.verifier.prune.propagate import propagate_liveness, propagate_precision
from vm.verifier.rules.structure import INFINITE_LOOP
from vm.verifier.state.reg import RegState
from vm.verifier.state.reg_types import (
    BPF_ITER_STATE_ACTIVE,
    NOT_INIT,
    REG_LIVE_DONE,
    REG_LIVE_READ,
    STACK_DYNPTR,
    STACK_ITER,
)
from vm.verifier.state.vstate import VerifierState, connect_parentage, copy_verifier_state

_MAX_HISTORY: Final = 40
_HIT: Final = 0
_MISS: Final = 1
_MISS_KEEP: Final = 2


def is_state_visited(env: VerifierEnv, insn_idx: int) -> bool:
    """Whether the path ends here because a checkpoint covers it; else the state may become a checkpoint."""
    cur = env.cur_state
    forced = env.aux[insn_idx].force_checkpoint
    force_new = env.test_state_freq or forced or cur.insn_hist_end - cur.insn_hist_start > _MAX_HISTORY
    jumps = env.jmps_processed - env.prev_jmps_processed
    insns = env.insn_processed - env.prev_insn_processed
    add_new = force_new or (jumps >= 2 and insns >= 8)
    chain = explored_state(env, insn_idx)
    clean_live_states(chain, insn_idx, cur)
    states_cnt: int = 0
    i: int = 0
    while i < len(chain):
        entry = chain[i]
        states_cnt += 1
        if entry.state.insn_idx != insn_idx:
            i += 1
            continue
        found = _compare(env, entry.state, cur, insn_idx)
        if found == _HIT:
            entry.hit_cnt += 1
            env.pruned_by = entry.state.step
            if env.journal is not None:
                _note_hit(env, env.journal, entry.state, insn_idx)
            propagate_liveness(env, entry.state, cur)
            if env.aux[env.insn_idx].jmp_point:
                push_insn_history(env, cur, 0, 0)
            propagate_precision(env, entry.state)
            return True
        if env.journal is not None:
            env.journal.missed(env.step + 1, env.path, insn_idx, entry.state.step, env.prune_rule)
        if found == _MISS_KEEP and not force_new and jumps < 20 and insns < 100:
            # Checkpoints of every iteration of a loop would cost time without a benefit.
            add_new = False
        if add_new:
            entry.miss_cnt += 1
        patience = 64 if forced and entry.state.branches > 0 else 3
        if entry.miss_cnt > entry.hit_cnt * patience + patience:
            del chain[i]
            if entry.state.frame[0].live.marks[0] & REG_LIVE_DONE and not entry.state.used_as_loop_entry:
                env.peak_states -= 1
            continue
        i += 1
    if env.max_states_per_insn < states_cnt:
        env.max_states_per_insn = states_cnt
    if not env.bpf_capable and states_cnt > BPF_COMPLEXITY_LIMIT_STATES:
        return False
    if add_new:
        _remember(env, chain, cur, insn_idx)
    return False


def _note_hit(env: VerifierEnv, journal: Journal, old: VerifierState, insn_idx: int) -> None:
    """Records the compared registers and slots of `old`: with NOT_EXACT those that its continuation read."""
    places: list[int] = []
    values: list[Slot] = []
    arrived: list[Slot] = []
    below = NO_SLOTS
    every = env.prune_rule != RULE_DONE
    for frame in old.frame:
        marks = frame.live.marks
        number = frame.frameno << 8
        regs = frame.regs
        here = env.cur_state.frame[frame.frameno]
        for i in range(MAX_BPF_REG):
            if (every or marks[i] & REG_LIVE_READ) and regs[i].type != NOT_INIT:
                places.append(number | i)
                values.append(regs[i])
                arrived.append(here.regs[i])
        stack = frame.stack
        for spi in range(len(stack)):
            if (every or marks[MAX_BPF_REG + spi] & REG_LIVE_READ) and stack[spi].holds_anything():
                places.append(number | MAX_BPF_REG + spi)
                values.append(stack[spi])
                arrived.append(here.stack[spi] if spi < len(here.stack) else None)
                if stack[spi].slot_type[7] == STACK_DYNPTR and not stack[spi].spilled_ptr.first_slot:
                    missing: list[Slot] = [None] * (len(places) - 1 - len(below))
                    below = [*below, *missing, here.stack[spi + 1] if spi + 1 < len(here.stack) else None]
    journal.hit(env.step + 1, env.path, insn_idx, old.step, env.prune_rule, places, values, arrived, below)


def _open(env: VerifierEnv, why: int) -> int:
    """The result for a checkpoint on the current path that does not cover the state; records why."""
    if env.journal is not None:
        env.journal.differs(why)
    return _MISS_KEEP


def _compare(env: VerifierEnv, old: VerifierState, cur: VerifierState, insn_idx: int) -> int:
    """_HIT: `old` covers `cur`; _MISS; _MISS_KEEP: not, and `old` is on the path being walked.

    env.prune_rule says how they were compared.
    """
    if not old.branches:
        loop_entry = get_loop_entry(old) if old.loop_entry is not None else None
        force_exact = loop_entry is not None and loop_entry.branches > 0
        env.prune_rule = RULE_OPEN_LOOP if force_exact else RULE_DONE
        if not states_equal(env, old, cur, RANGE_WITHIN if force_exact else NOT_EXACT):
            return _MISS
        if force_exact and loop_entry is not None:
            update_loop_entry(cur, loop_entry)
        return _HIT
    frame = old.frame[-1]
    if frame.in_async_callback_fn and frame.async_entry_cnt != cur.frame[-1].async_entry_cnt:
        env.prune_rule = RULE_ASYNC
        return _open(env, WHY_ASYNC_ROUND)
    a = env.aux[insn_idx]
    if a.is_iter_next:
        env.prune_rule = RULE_ITER
        if not states_equal(env, old, cur, RANGE_WITHIN):
            return _MISS_KEEP
        if not _iter_active(env, cur):
            return _open(env, WHY_ITER_DRAINED)
        update_loop_entry(cur, old)
        return _HIT
    if old.may_goto_depth != cur.may_goto_depth and is_may_goto_insn(env.insns[insn_idx]):
        env.prune_rule = RULE_MAY_GOTO
        if not states_equal(env, old, cur, RANGE_WITHIN):
            return _MISS_KEEP  # this also excludes the check for an endless loop that follows
        update_loop_entry(cur, old)
        return _HIT
    if a.calls_callback:
        env.prune_rule = RULE_CALLBACK
        return _HIT if states_equal(env, old, cur, RANGE_WITHIN) else _MISS_KEEP
    env.prune_rule = RULE_ENDLESS
    if not _maybe_looping(env, old, cur):
        return _MISS_KEEP
    if not states_equal(env, old, cur, EXACT):
        return _MISS_KEEP
    if (
        not _iter_active_depths_differ(old, cur)
        and old.may_goto_depth == cur.may_goto_depth
        and old.callback_unroll_depth == cur.callback_unroll_depth
    ):
        if env.journal is not None:
            _note_hit(env, env.journal, old, insn_idx)
        _say_infinite_loop(env, old, cur, insn_idx)
    return _open(env, WHY_DEPTHS)


def _say_infinite_loop(env: VerifierEnv, old: VerifierState, cur: VerifierState, insn_idx: int) -> None:
    env.say_line(insn_idx)
    states = (("cur state:", cur.frame[-1]), ("old state:", old.frame[len(cur.frame) - 1]))
    env.reject(INFINITE_LOOP, insn=insn_idx, states=states)


def _same_value(a: RegState, b: RegState) -> bool:
    # In a loop mostly the number differs, therefore it is compared first.
    return (
        a.type == b.type
        and same(a.scalar, b.scalar)
        and a.id == b.id
        and a.ref_obj_id == b.ref_obj_id
        and same_head(a, b)
    )


def _maybe_looping(env: VerifierEnv, old: VerifierState, cur: VerifierState) -> bool:
    """states_maybe_looping(): a fast comparison of the current frame's registers."""
    if len(old.frame) != len(cur.frame):
        if env.journal is not None:
            env.journal.differs(WHY_FRAMES)
        return False
    i: int = 0
    # Neither strict=True nor enumerate() of zip(), which mypyc compiles to calls of Python's objects.
    for a, b in zip(old.frame[-1].regs, cur.frame[-1].regs):  # noqa: B905
        if a is not b and not _same_value(a, b):
            if env.journal is not None:
                env.journal.differs_in(len(old.frame) - 1, i, a, b)
            return False
        i += 1  # noqa: SIM113
    return True


def _iter_active(env: VerifierEnv, cur: VerifierState) -> bool:
    """Whether the iterator r1 points to may still have elements."""
    reg = cur.frame[-1].regs[1]
    spi = (-(reg.off + s64(reg.scalar.var_off.value)) - 1) // 8
    slot = cur.frame[reg.frameno].stack[spi]
    return slot.spilled_ptr.iter_state == BPF_ITER_STATE_ACTIVE


def _iter_active_depths_differ(old: VerifierState, cur: VerifierState) -> bool:
    """iter_active_depths_differ(): another iteration of an iterator is not an endless loop."""
    for fold, fcur in zip(old.frame, cur.frame, strict=True):
        for i, slot in enumerate(fold.stack):
            if slot.slot_type[0] != STACK_ITER or slot.spilled_ptr.iter_state != BPF_ITER_STATE_ACTIVE:
                continue
            if fcur.stack[i].spilled_ptr.iter_depth != slot.spilled_ptr.iter_depth:
                return True
    return False


def _remember(env: VerifierEnv, chain: list[StateListEntry], cur: VerifierState, insn_idx: int) -> None:
    """Stores the current state as a checkpoint; the current state becomes its child."""
    env.total_states += 1
    if env.journal is not None:
        env.journal.stored(insn_idx)
    env.peak_states += 1
    env.prev_jmps_processed = env.jmps_processed
    env.prev_insn_processed = env.insn_processed
    if env.bpf_capable:
        mark_all_scalars_imprecise(cur)
    new = copy_verifier_state(cur)
    new.insn_idx = insn_idx
    new.step = env.step + 1
    cur.parent = new
    cur.first_insn_idx = insn_idx
    cur.insn_hist_start = cur.insn_hist_end
    cur.dfs_depth = new.dfs_depth + 1
    chain.insert(0, StateListEntry(new))
    connect_parentage(cur, new)
