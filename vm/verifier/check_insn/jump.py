"""Jumps: possible outcomes, and the facts known on each branch (check_cond_jmp_op())."""

from __future__ import annotations

from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.kernel import func_ids
from vm.verifier.call import helper, subprog
from vm.verifier.check_insn.linked import LinkedReg, collect_linked_regs, sync_linked_regs
from vm.verifier.check_insn.packets import (
    is_pkt_pointer_any,
    is_pkt_ptr_branch_taken,
    try_match_pkt_pointers,
)
from vm.verifier.check_insn.sanitize import sanitize_speculative_path
from vm.verifier.domain.branch import FLIP, REVERSE, is_scalar_branch_taken, refine
from vm.verifier.env import VerifierEnv
from vm.verifier.mem.common import immediate
from vm.verifier.mem.nullness import mark_ptr_or_null_regs, not_null, reg_not_null
from vm.verifier.prune.backtrack import (
    INSN_F_DST_REG_STACK,
    INSN_F_SRC_REG_STACK,
    linked_regs_pack,
    mark_chain_precision,
    push_insn_history,
)
from vm.verifier.prune.explored import find_prev_entry, widen_imprecise_scalars
from vm.verifier.prune.liveness import SRC_OP, check_reg_arg, is_pointer_value
from vm.verifier.rules.context import CALL_UNDER_LOCK
from vm.verifier.rules.policy import POINTER_COMPARISON
from vm.verifier.rules.structure import (
    CALL_RESERVED_FIELDS,
    EXIT_RESERVED_FIELDS,
    JA_RESERVED_FIELDS,
    JUMP_OPCODE,
    JUMP_RESERVED_FIELDS,
    MAY_GOTO_FIELDS,
)
from vm.verifier.sanity import sane
from vm.verifier.state.memo import JumpMemo
from vm.verifier.state.reg import RegState
from vm.verifier.state.reg_types import BPF_BASE_TYPE_MASK, PTR_MAYBE_NULL, PTR_TO_BTF_ID, PTR_TO_STACK, SCALAR_VALUE
from vm.verifier.state.vstate import VerifierState


def check_jump(env: VerifierEnv, insn: Insn) -> None:
    """Any JMP or JMP32 instruction but a well-formed exit or kfunc call."""
    env.jmps_processed += 1
    op = insn.code & 0xF0
    if op == o.CALL:
        _check_call(env, insn)
    elif op == o.JA:
        _check_ja(env, insn)
        return
    elif op == o.EXIT:
        env.reject(EXIT_RESERVED_FIELDS)
    elif op == o.JCOND:
        _check_may_goto(env, insn)
    else:
        _check_cond_jmp(env, insn, op)
    env.insn_idx += 1


def _check_call(env: VerifierEnv, insn: Insn) -> None:
    if insn.code != o.JMP | o.CALL or insn.off or insn.src_reg not in (0, o.PSEUDO_CALL) or insn.dst_reg:
        env.reject(CALL_RESERVED_FIELDS)
    if env.cur_state.active_lock.ptr and insn.src_reg == 0 and insn.imm != func_ids.SPIN_UNLOCK:
        env.reject(CALL_UNDER_LOCK, held=("lock",))
    if insn.src_reg == o.PSEUDO_CALL:
        subprog.check_func_call(env, insn)
    else:
        helper.check_helper_call(env, insn)
    env.mark_reg_scratched(0)


def _check_ja(env: VerifierEnv, insn: Insn) -> None:
    wide = insn.code & 0x07 == o.JMP
    if insn.code & 0x08 or insn.src_reg or insn.dst_reg or (insn.imm if wide else insn.off):
        env.reject(JA_RESERVED_FIELDS)
    env.insn_idx += (insn.off if wide else insn.imm) + 1


def _check_may_goto(env: VerifierEnv, insn: Insn) -> None:
    """may_goto: falls through, or jumps when its budget is used up; both are possible in each iteration."""
    idx = env.insn_idx
    if insn.code != o.JMP | o.JCOND or insn.src_reg != o.MAY_GOTO or insn.dst_reg or insn.imm or not insn.off:
        env.reject(MAY_GOTO_FIELDS, off=insn.off, imm=insn.imm)
    cur = env.cur_state
    prev = find_prev_entry(env, cur.parent, idx) if cur.parent is not None else None
    queued = env.push_stack(idx + 1, idx, False)
    queued.may_goto_depth += 1
    if prev is not None:
        widen_imprecise_scalars(env, prev, queued)
    env.insn_idx += insn.off


def _check_cond_jmp(env: VerifierEnv, insn: Insn, op: int) -> None:
    if op > o.JCOND:
        env.reject(JUMP_OPCODE, op=op)
    this_branch = env.cur_state
    regs = this_branch.frame[-1].regs
    by_reg = insn.code & 0x08 != 0
    jmp32 = insn.code & 0x07 == o.JMP32
    src = _operands(env, insn, by_reg)
    dst = regs[insn.dst_reg]

    flags = INSN_F_DST_REG_STACK if dst.type == PTR_TO_STACK else 0
    if by_reg and src.type == PTR_TO_STACK:
        flags |= INSN_F_SRC_REG_STACK
    if flags:
        push_insn_history(env, this_branch, flags, 0)

    memo = env.jump_memos[env.insn_idx]
    if memo is not None and memo.dst is dst and memo.src is src:
        taken = -1
    else:
        taken = is_branch_taken(dst, src, op, jmp32)
    if taken >= 0:
        _follow_one(env, insn, dst, src, by_reg, taken == 1)
        return

    linked: list[LinkedReg] = []
    if by_reg and src.type == SCALAR_VALUE and src.id:
        collect_linked_regs(this_branch, src.id, linked)
    if dst.type == SCALAR_VALUE and dst.id:
        collect_linked_regs(this_branch, dst.id, linked)
    if len(linked) > 1:
        push_insn_history(env, this_branch, 0, linked_regs_pack(linked))

    other_branch = env.push_stack(env.insn_idx + insn.off + 1, env.insn_idx, False)
    _refine_both(env, insn, this_branch, other_branch, op, src if not by_reg else None)
    if linked:
        # By the current id: collecting may have removed it.
        if by_reg and regs[insn.src_reg].type == SCALAR_VALUE and regs[insn.src_reg].id:
            sync_linked_regs(this_branch, insn.src_reg, linked)
            sync_linked_regs(other_branch, insn.src_reg, linked)
        if regs[insn.dst_reg].type == SCALAR_VALUE and regs[insn.dst_reg].id:
            sync_linked_regs(this_branch, insn.dst_reg, linked)
            sync_linked_regs(other_branch, insn.dst_reg, linked)
    _refine_pointers(env, insn, this_branch, other_branch, op, by_reg and not jmp32)

    dst = regs[insn.dst_reg]
    if not jmp32 and not by_reg and insn.imm == 0 and op in (o.JEQ, o.JNE) and dst.type & PTR_MAYBE_NULL:
        mark_ptr_or_null_regs(env, this_branch, insn.dst_reg, op == o.JNE)
        mark_ptr_or_null_regs(env, other_branch, insn.dst_reg, op == o.JEQ)
    elif (
        dst.type != SCALAR_VALUE
        and not try_match_pkt_pointers(insn, dst, regs[insn.src_reg], this_branch, other_branch)
        and is_pointer_value(env, insn.dst_reg)
    ):
        env.reject(POINTER_COMPARISON, insn.dst_reg)
    if env.log.level:
        env.print_insn_state(this_branch.frame[-1])


def _operands(env: VerifierEnv, insn: Insn, by_reg: bool) -> RegState:
    """Checks both operands; returns the right one (for an immediate, a register that holds it)."""
    check_reg_arg(env, insn.dst_reg, SRC_OP)
    regs = env.cur_state.frame[-1].regs
    if not by_reg:
        if insn.src_reg:
            env.reject(JUMP_RESERVED_FIELDS)
        return immediate(env, insn)
    if insn.imm:
        env.reject(JUMP_RESERVED_FIELDS)
    check_reg_arg(env, insn.src_reg, SRC_OP)
    src = regs[insn.src_reg]
    if is_pointer_value(env, insn.src_reg) and not (is_pkt_pointer_any(regs[insn.dst_reg]) and is_pkt_pointer_any(src)):
        env.reject(POINTER_COMPARISON, insn.src_reg)
    return src


def is_branch_taken(dst: RegState, src: RegState, op: int, jmp32: bool) -> int:
    """is_branch_taken(): 1 the jump is always taken, 0 never, -1 both ways are possible."""
    if dst.type == SCALAR_VALUE and src.type == SCALAR_VALUE:
        return is_scalar_branch_taken(dst.scalar, src.scalar, op, jmp32)
    if jmp32:
        return -1
    if is_pkt_pointer_any(dst) and is_pkt_pointer_any(src):
        return is_pkt_ptr_branch_taken(dst, src, op)
    # Only comparisons of a pointer with zero have a known result.
    if not (src.type == SCALAR_VALUE and src.scalar.var_off.mask == 0):
        dst, src = src, dst
        op = FLIP.get(op, 0)
    if src.type != SCALAR_VALUE or src.scalar.var_off.mask or not reg_not_null(dst):
        return -1
    if src.scalar.var_off.value:
        return -1
    if op == o.JEQ:
        return 0
    return 1 if op == o.JNE else -1


def _follow_one(env: VerifierEnv, insn: Insn, dst: RegState, src: RegState, by_reg: bool, taken: bool) -> None:
    """Continues on the only possible branch; the compared values have to be precise."""
    if dst.type == SCALAR_VALUE:
        mark_chain_precision(env, insn.dst_reg, "branch")
    if by_reg and src.type == SCALAR_VALUE:
        mark_chain_precision(env, insn.src_reg, "branch")
    if not env.bypass_spec_v1:
        not_followed = env.insn_idx + 1 if taken else env.insn_idx + insn.off + 1
        sanitize_speculative_path(env, insn, not_followed, env.insn_idx)
    if env.log.level:
        env.print_insn_state(env.cur_state.frame[-1])
    if taken:
        env.insn_idx += insn.off


def _refine_both(
    env: VerifierEnv, insn: Insn, this_branch: VerifierState, other_branch: VerifierState, op: int,
    imm: RegState | None,
) -> None:  # fmt: skip
    """reg_set_min_max(): `dst op src` holds on other_branch and does not on this_branch. imm: src is no register."""
    here = this_branch.frame[-1].regs
    there = other_branch.frame[-1].regs
    dst = here[insn.dst_reg]
    src = imm if imm is not None else here[insn.src_reg]
    if dst.type != SCALAR_VALUE or src.type != SCALAR_VALUE:
        return
    idx = env.insn_idx
    memo = env.jump_memos[idx]
    if memo is None or memo.dst is not dst or memo.src is not src:
        memo = _refined(env, insn, dst, src, op, imm is None and insn.dst_reg == insn.src_reg)
    here[insn.dst_reg] = memo.false_dst
    there[insn.dst_reg] = memo.true_dst
    if imm is None and insn.dst_reg != insn.src_reg:
        here[insn.src_reg] = memo.false_src
        there[insn.src_reg] = memo.true_src


def _refined(env: VerifierEnv, insn: Insn, dst: RegState, src: RegState, op: int, one: bool) -> JumpMemo:
    """Both operands on both ways of a comparison; `one`: they are one register."""
    jmp32 = insn.code & 0x07 == o.JMP32
    false1, false2 = refine(dst.scalar, src.scalar, REVERSE[op], jmp32, one)
    true1, true2 = refine(dst.scalar, src.scalar, op, jmp32, one)
    sane_true1 = sane(env, true1, "true_reg1")
    sane_true2 = sane(env, sane_true1 if one else true2, "true_reg2")
    sane_false1 = sane(env, false1, "false_reg1")
    sane_false2 = sane(env, sane_false1 if one else false2, "false_reg2")
    memo = JumpMemo(
        dst, src, dst.with_scalar(sane_false1), src.with_scalar(sane_false2), dst.with_scalar(sane_true1),
        src.with_scalar(sane_true2),
    )  # fmt: skip
    # What contradicts itself is said each time.
    if sane_true1 is true1 and sane_false1 is false1 and (one or (sane_true2 is true2 and sane_false2 is false2)):
        env.jump_memos[env.insn_idx] = memo
    return memo


def _refine_pointers(
    env: VerifierEnv, insn: Insn, this_branch: VerifierState, other_branch: VerifierState, op: int,
    comparable: bool,
) -> None:  # fmt: skip
    """A pointer equal to one that is not null is not null either."""
    if not comparable or op not in (o.JEQ, o.JNE):
        return
    here = this_branch.frame[-1].regs
    dst = here[insn.dst_reg]
    src = here[insn.src_reg]
    if dst.type == SCALAR_VALUE or src.type == SCALAR_VALUE:
        return
    if PTR_TO_BTF_ID in (dst.type & BPF_BASE_TYPE_MASK, src.type & BPF_BASE_TYPE_MASK):
        return
    equal = other_branch.frame[-1].regs if op == o.JEQ else here
    if reg_not_null(dst) and src.type & PTR_MAYBE_NULL:
        equal[insn.src_reg] = not_null(env, equal[insn.src_reg])
    if reg_not_null(src) and dst.type & PTR_MAYBE_NULL:
        equal[insn.dst_reg] = not_null(env, equal[insn.dst_reg])
