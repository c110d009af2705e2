"""Checkpoints by instruction, and comparisons of checkpoints of a loop."""

from __future__ import annotations

from typing import Final, final

from vm.bits import U32
from vm.isa.opcodes import MAX_BPF_REG
from vm.native import mypyc_attr
from vm.verifier.domain.scalar import same
from vm.verifier.env import StateListEntry, VerifierEnv
from vm.verifier.state.frame import StackSlot
from vm.verifier.state.reg import RegState, unknown_scalar
from vm.verifier.state.reg_types import SCALAR_VALUE
from vm.verifier.state.vstate import VerifierState


def explored_state(env: VerifierEnv, insn_idx: int) -> list[StateListEntry]:
    """explored_state(): the list with the checkpoints of insn_idx, newest first.

    It is a hash chain as in the kernel: it depends on the call site, and other instructions may share it, which
    affects max_states_per_insn.
    """
    bucket = ((insn_idx ^ env.cur_state.frame[-1].callsite) & U32) % len(env.insns)
    chain = env.explored_states.get(bucket)
    if chain is None:
        chain = env.explored_states[bucket] = []
    return chain


def same_callsites(a: VerifierState, b: VerifierState) -> bool:
    """same_callsites(): the frames were entered from the same places."""
    if len(a.frame) != len(b.frame):
        return False
    for i in range(len(a.frame)):  # noqa: SIM110 - a generator costs more than it looks at
        if a.frame[i].callsite != b.frame[i].callsite:
            return False
    return True


_NO_IDS: Final[list[int]] = []


@mypyc_attr(free_list_len=1)
@final
class IdMap:
    """struct bpf_idmap: maps ids of the old state to ids of the current one."""

    __slots__ = ("_cur", "_old", "tmp_id_gen")

    def __init__(self, id_gen: int) -> None:
        # Few states have ids: a dictionary and a set for each comparison would cost more than the comparison.
        self._old: list[int] = _NO_IDS
        self._cur: list[int] = _NO_IDS
        self.tmp_id_gen: int = id_gen

    def check_ids(self, old_id: int, cur_id: int) -> bool:
        """check_ids(): whether both are unset, or old_id is mapped to cur_id and to no other id."""
        if old_id == 0 or cur_id == 0:
            return old_id == cur_id
        olds = self._old
        curs = self._cur
        for i in range(len(olds)):
            if olds[i] == old_id:
                return curs[i] == cur_id
            if curs[i] == cur_id:
                return False
        if olds:
            olds.append(old_id)
            curs.append(cur_id)
        else:
            self._old = [old_id]
            self._cur = [cur_id]
        return True


def same_head(a: RegState, b: RegState) -> bool:
    """Whether all fields of struct bpf_reg_state before var_off are equal: type, fixed offset and the union."""
    return a is b or (
        a.type == b.type
        and a.off == b.off
        and a.range == b.range
        and a.map_ptr == b.map_ptr
        and a.map_uid == b.map_uid
        and a.mem_size == b.mem_size
        and a.btf_id == b.btf_id
        and a.btf is b.btf
        and a.dynptr_id == b.dynptr_id
        and a.dynptr_type == b.dynptr_type
        and a.first_slot == b.first_slot
        and a.iter_state == b.iter_state
        and a.iter_depth == b.iter_depth
        and a.subprogno == b.subprogno
        and a.inner_map == b.inner_map
    )


def regs_exact(old: RegState, cur: RegState, idmap: IdMap) -> bool:
    """regs_exact(): the same value, with ids that correspond."""
    return (
        same(old.scalar, cur.scalar)
        and same_head(old, cur)
        and idmap.check_ids(old.id, cur.id)
        and idmap.check_ids(old.ref_obj_id, cur.ref_obj_id)
    )


def find_prev_entry(env: VerifierEnv, cur: VerifierState, insn_idx: int) -> VerifierState | None:
    """find_prev_entry(): the nearest checkpoint of insn_idx on the path being walked."""
    for entry in explored_state(env, insn_idx):
        st = entry.state
        if st.insn_idx == insn_idx and st.branches and same_callsites(st, cur) and st.dfs_depth < cur.dfs_depth:
            return st
    return None


def widen_imprecise_scalars(env: VerifierEnv, old: VerifierState, cur: VerifierState) -> None:
    """widen_imprecise_scalars(): scalars that changed in a loop and are not precise become unknown."""
    idmap = IdMap(env.id_gen)
    for fold, fcur in zip(reversed(old.frame), reversed(cur.frame[: len(old.frame)]), strict=True):
        for i in range(MAX_BPF_REG):
            if _widens(fold.regs[i], fcur.regs[i], idmap):
                fcur.regs[i] = unknown_scalar(not env.bpf_capable)
        for i in range(min(len(fold.stack), len(fcur.stack))):
            a, b = fold.stack[i], fcur.stack[i]
            if a.is_spill() and b.is_spill() and _widens(a.spilled_ptr, b.spilled_ptr, idmap):
                fcur.stack[i] = StackSlot(b.slot_type, unknown_scalar(not env.bpf_capable))


def _widens(old: RegState, cur: RegState, idmap: IdMap) -> bool:
    if old.type != SCALAR_VALUE or cur.type != SCALAR_VALUE or old.precise or cur.precise:
        return False
    return not regs_exact(old, cur, idmap)
