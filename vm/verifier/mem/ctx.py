"""Context and socket fields (check_ctx_access, check_sock_access, check_flow_keys_access)."""

from __future__ import annotations

from typing import Final, NoReturn

from vm.kernel import types as k
from vm.verifier.env import VerifierEnv
from vm.verifier.mem.btf_ctx import CtxValue, btf_ctx_access
from vm.verifier.mem.btf_ptr import TRUSTED_MODIFIERS, kernel_struct_id, vmlinux
from vm.verifier.mem.common import BPF_READ, BPF_WRITE
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
from vm.verifier.prepass.hooks import BOOL_LSM_HOOKS
from vm.verifier.report import need
from vm.verifier.report.state_text import reg_type_str
from vm.verifier.rules.fields import CONTEXT_ACCESS, FLOW_KEYS_ACCESS, SOCKET_ACCESS
from vm.verifier.rules.memory import OFFSET_MAY_BE_NEGATIVE
from vm.verifier.state import reg_types as t

MAX_ERRNO: Final = 4095

SOCK_POINTERS: Final = {
    t.PTR_TO_SOCKET: SOCK_RULES,
    t.PTR_TO_SOCK_COMMON: SOCK_COMMON_RULES,
    t.PTR_TO_TCP_SOCK: TCP_SOCK_RULES,
    t.PTR_TO_XDP_SOCK: XDP_SOCK_RULES,
}


def _allowed(env: VerifierEnv, rules: CtxRules, off: int, size: int, access: int, is_ldsx: bool) -> int:
    """Field size as field_size() gives it, -1 if the access is refused."""
    if not rules.lowest <= off < rules.size or off % size:
        return -1
    field = rules.find(off)
    if field.attach and env.program.expected_attach_type not in field.attach:
        return -1
    if field.capable and not env.bpf_capable and (field.capable == 1 or access != BPF_READ):
        return -1
    if is_ldsx and not field.sign_extend:
        return -1
    return field_size(field.read if access == BPF_READ else field.write, field, off, size)


def hook_retval_range(env: VerifierEnv) -> tuple[int, int] | None:
    """The range of return values of an LSM hook (bpf_lsm_get_retval_range); None if there is no limit."""
    target = env.attach_target
    program = env.program
    if program.prog_type != k.BPF_PROG_TYPE_LSM or program.expected_attach_type != k.BPF_LSM_MAC:
        return None
    if target is None or not target.proto.type_id:
        return None
    return (0, 1) if target.name.removeprefix("bpf_lsm_") in BOOL_LSM_HOOKS else (-MAX_ERRNO, 0)


def _bad_access(env: VerifierEnv, off: int, size: int, access: int, regno: int) -> NoReturn:
    needed = need.context(off, size, access == BPF_WRITE)
    env.reject(CONTEXT_ACCESS, regno, off=off, size=size, needed=needed)


def check_ctx_access(
    env: VerifierEnv, insn_idx: int, off: int, size: int, access: int, is_ldsx: bool, regno: int
) -> CtxValue:
    """Checks an access of the context in `regno`; returns the value that a read returns."""
    program = env.program
    rules = ctx_rules(program.prog_type, program.expected_attach_type)
    if rules is None:
        value = _btf_context(env, off, size, access)
        if value is None:
            _bad_access(env, off, size, access, regno)
        if value.btf is None:
            env.aux[insn_idx].ctx_field_size = 0
        return value
    allowed = _allowed(env, rules, off, size, access, is_ldsx)
    if allowed < 0:
        _bad_access(env, off, size, access, regno)
    env.aux[insn_idx].ctx_field_size = allowed
    if rules.size == SKB["hwtstamp"][1] and off == SKB["tstamp_type"][0]:
        env.tstamp_type_access = True
    return CtxValue(rules.find(off).reg_type)


# struct bpf_nf_ctx: two pointers.
_NF_CTX: Final = {8: "sk_buff", 0: "nf_hook_state"}


def _btf_context(env: VerifierEnv, off: int, size: int, access: int) -> CtxValue | None:
    if env.program.prog_type == k.BPF_PROG_TYPE_STRUCT_OPS:
        value = btf_ctx_access(env, off, size, access)
        return _promoted(value) if value and env.program.attach_btf_name == "tcp_congestion_ops" else value
    if env.program.prog_type != k.BPF_PROG_TYPE_NETFILTER:
        return btf_ctx_access(env, off, size, access)
    if access != BPF_READ or size != 8 or off not in _NF_CTX:
        return None
    return CtxValue(t.PTR_TO_BTF_ID | t.PTR_TRUSTED, vmlinux(), kernel_struct_id(_NF_CTX[off]))


def _promoted(value: CtxValue) -> CtxValue:
    """Sockets in congestion control programs are TCP sockets (bpf_tcp_ca_is_valid_access)."""
    is_sock = t.base_type(value.reg_type) == t.PTR_TO_BTF_ID and value.btf_id == kernel_struct_id("sock")
    if not is_sock or t.type_flag(value.reg_type) & ~TRUSTED_MODIFIERS:
        return value
    return value._replace(btf_id=kernel_struct_id("tcp_sock"))


def check_sock_access(env: VerifierEnv, insn_idx: int, regno: int, off: int, size: int, access: int) -> None:
    """Fields of struct bpf_sock and its kin, read only."""
    reg = env.cur_state.frame[-1].regs[regno]
    if reg.scalar.smin < 0:
        env.reject(OFFSET_MAY_BE_NEGATIVE, regno)
    rules = SOCK_POINTERS.get(reg.type)
    allowed = -1 if rules is None else _allowed(env, rules, off, size, access, False)
    if allowed < 0:
        env.reject(SOCKET_ACCESS, regno, type=reg_type_str(reg.type), off=off, size=size)
    env.aux[insn_idx].ctx_field_size = allowed


def check_flow_keys_access(env: VerifierEnv, off: int, size: int) -> None:
    """Bytes of struct bpf_flow_keys."""
    if size < 0 or off < 0 or off + size > FLOW_KEYS_SIZE:
        env.reject(FLOW_KEYS_ACCESS, off=off, size=size)
