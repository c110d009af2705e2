"""Context and socket fields (check_ctx_access, check_sock_access, check_flow_keys_access)."""

from __future__ import annotations

from typing import Final

from vm.errors import NotEmulated
from vm.verifier.env import EACCES, VerifierEnv
from vm.verifier.mem.common import BPF_READ
from vm.verifier.mem.ctx_rules import (
    FLOW_KEYS_SIZE,
    SKB,
    SOCK_COMMON_RULES,
    SOCK_RULES,
    TCP_SOCK_RULES,
    XDP_SOCK_RULES,
    CtxRules,
    ctx_rules,
    field_size,
)
from vm.verifier.report.state_text import reg_type_str
from vm.verifier.state import reg_types as t

SOCK_POINTERS: Final = {
    t.PTR_TO_SOCKET: SOCK_RULES,
    t.PTR_TO_SOCK_COMMON: SOCK_COMMON_RULES,
    t.PTR_TO_TCP_SOCK: TCP_SOCK_RULES,
    t.PTR_TO_XDP_SOCK: XDP_SOCK_RULES,
}


def _allowed(env: VerifierEnv, rules: CtxRules, off: int, size: int, access: int, is_ldsx: bool) -> int:
    """Field size as field_size() gives it, -1 if the access is refused."""
    if off < 0 or off >= rules.size or off % size:
        return -1
    field = rules.find(off)
    if field.attach and env.program.expected_attach_type not in field.attach:
        return -1
    if field.capable and not env.bpf_capable and (field.capable == 1 or access != BPF_READ):
        return -1
    if is_ldsx and not field.sign_extend:
        return -1
    return field_size(field.read if access == BPF_READ else field.write, field, off, size)


def check_ctx_access(env: VerifierEnv, insn_idx: int, off: int, size: int, access: int, is_ldsx: bool) -> int:
    """May the program touch these bytes of its context? The type of what a read leaves in the register."""
    program = env.program
    rules = ctx_rules(program.prog_type, program.expected_attach_type)
    if rules is None:
        raise NotEmulated(f"the context of program type {program.prog_type}")
    allowed = _allowed(env, rules, off, size, access, is_ldsx)
    if allowed < 0:
        env.reject(EACCES, f"invalid bpf_context access off={off} size={size}\n")
    env.aux[insn_idx].ctx_field_size = allowed
    if rules.size == SKB["hwtstamp"][1] and off == SKB["tstamp_type"][0]:
        env.tstamp_type_access = True
    return rules.find(off).reg_type


def check_sock_access(env: VerifierEnv, insn_idx: int, regno: int, off: int, size: int, access: int) -> None:
    """Fields of struct bpf_sock and its kin, read only."""
    reg = env.cur_state.frame[-1].regs[regno]
    if reg.scalar.smin < 0:
        env.reject(
            EACCES,
            f"R{regno} min value is negative, either use unsigned index or do a if (index >=0) check.\n",
            regno,
        )
    rules = SOCK_POINTERS.get(reg.type)
    allowed = -1 if rules is None else _allowed(env, rules, off, size, access, False)
    if allowed < 0:
        env.reject(EACCES, f"R{regno} invalid {reg_type_str(reg.type)} access off={off} size={size}\n", regno)
    env.aux[insn_idx].ctx_field_size = allowed


def check_flow_keys_access(env: VerifierEnv, off: int, size: int) -> None:
    """Bytes of struct bpf_flow_keys."""
    if size < 0 or off < 0 or off + size > FLOW_KEYS_SIZE:
        env.reject(EACCES, f"invalid access to flow keys off={off} size={size}\n")
