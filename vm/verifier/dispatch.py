"""Which check an instruction class gets. No logic of its own (the big switch of do_check())."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.verifier.check_insn import alu, atomic, jump, ld_imm
from vm.verifier.env import VerifierEnv
from vm.verifier.mem import access
from vm.verifier.rules.structure import LD_MODE, ST_RESERVED_FIELDS, STX_RESERVED_FIELDS

Check = Callable[[VerifierEnv, Insn], None]


def check_ldx(env: VerifierEnv, insn: Insn) -> None:
    is_ldsx = insn.code & 0xE0 == o.MEMSX
    access.check_load_mem(env, insn, is_ldsx=is_ldsx, allow_trust_mismatch=True, ctx="ldx")
    env.insn_idx += 1


def check_stx(env: VerifierEnv, insn: Insn) -> None:
    if insn.code & 0xE0 == o.ATOMIC:
        atomic.check_atomic(env, insn)
    elif insn.code & 0xE0 != o.MEM or insn.imm != 0:
        env.reject(STX_RESERVED_FIELDS)
    else:
        access.check_store_reg(env, insn)
    env.insn_idx += 1


def check_st(env: VerifierEnv, insn: Insn) -> None:
    if insn.code & 0xE0 != o.MEM or insn.src_reg != o.R0:
        env.reject(ST_RESERVED_FIELDS)
    access.check_store_imm(env, insn)
    env.insn_idx += 1


def check_alu(env: VerifierEnv, insn: Insn) -> None:
    alu.check_alu_op(env, insn)
    env.insn_idx += 1


def check_ld(env: VerifierEnv, insn: Insn) -> None:
    mode = insn.code & 0xE0
    if mode in (o.ABS, o.IND):
        ld_imm.check_ld_abs(env, insn)
    elif mode == o.IMM:
        ld_imm.check_ld_imm(env, insn)
        env.insn_idx += 1
        if not env.cur_state.speculative:
            env.aux[env.insn_idx].seen = env.pass_cnt
    else:
        env.reject(LD_MODE)
    env.insn_idx += 1


CHECKS: Final[tuple[Check, ...]] = (
    check_ld,
    check_ldx,
    check_st,
    check_stx,
    check_alu,
    jump.check_jump,
    jump.check_jump,
    check_alu,
)
