"""Calls the check of an instruction class (the switch in do_check())."""

from __future__ import annotations

from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.verifier.check_insn import alu, atomic, jump, ld_imm
from vm.verifier.env import VerifierEnv
from vm.verifier.mem import access
from vm.verifier.rules.structure import LD_MODE, ST_RESERVED_FIELDS, STX_RESERVED_FIELDS


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


def check_insn(env: VerifierEnv, insn: Insn) -> None:
    """Checks any instruction except well-formed exits and kfunc calls. In compiled code each call here is direct."""
    insn_class = insn.code & 0x07
    if insn_class in (o.ALU64, o.ALU):
        check_alu(env, insn)
    elif insn_class in (o.JMP, o.JMP32):
        jump.check_jump(env, insn)
    elif insn_class == o.LDX:
        check_ldx(env, insn)
    elif insn_class == o.STX:
        check_stx(env, insn)
    elif insn_class == o.ST:
        check_st(env, insn)
    else:
        check_ld(env, insn)
