"""Memory accesses through any pointer: the dispatcher, and the three instructions that call it.

check_mem_access(), check_load_mem(), check_store_reg() and save_aux_ptr_type().
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, final

from vm.isa.insn import Insn
from vm.isa.opcodes import SIZE_BYTES
from vm.native import mypyc_attr
from vm.verifier.domain.scalar import bounded, coerce_to_size, coerce_to_size_sx
from vm.verifier.env import VerifierEnv
from vm.verifier.mem.alignment import check_ptr_alignment
from vm.verifier.mem.btf_ptr import check_ptr_to_btf_access, check_ptr_to_map_access
from vm.verifier.mem.buffer import check_buffer_access
from vm.verifier.mem.common import (
    ACCESS_DIRECT,
    BPF_READ,
    BPF_WRITE,
    check_mem_region_access,
    check_ptr_off_reg,
    const_off,
    type_is_rdonly_mem,
)
from vm.verifier.mem.ctx import check_ctx_access, check_flow_keys_access, check_sock_access, hook_retval_range
from vm.verifier.mem.kptr import check_kptr_access
from vm.verifier.mem.map_value import (
    check_map_access,
    check_map_access_type,
    direct_read,
    kptr_at,
    map_of,
)
from vm.verifier.mem.packet import check_packet_access, may_access_direct_pkt_data
from vm.verifier.mem.stack import check_stack_read, check_stack_write
from vm.verifier.mem.stack_range import check_stack_access_within_bounds
from vm.verifier.prune.liveness import (
    DST_OP_NO_MARK,
    SRC_OP,
    check_reg_arg,
    is_pointer_value,
    mark_reg_unknown,
)
from vm.verifier.report import need
from vm.verifier.report.state_text import reg_type_str
from vm.verifier.rules.memory import WRITE_TO_MAP_KEY, WRITE_TO_READ_ONLY
from vm.verifier.rules.policy import PACKET_READ_ONLY, POINTER_LEAK_TO_MEMORY
from vm.verifier.rules.register import INSTRUCTION_WITH_DIFFERENT_POINTERS, INVALID_MEMORY_ACCESS
from vm.verifier.sanity import sane
from vm.verifier.state import reg_types as t
from vm.verifier.state.reg import UNKNOWN_REG, RegState, known_scalar, pointer


@mypyc_attr(free_list_len=1)
@final
class _Access:
    """One access. `off` includes the pointer's fixed offset. value_regno -1: the value is in no register."""

    __slots__ = ("insn_idx", "regno", "reg", "off", "size", "kind", "value_regno", "is_ldsx")

    def __init__(
        self,
        insn_idx: int,
        regno: int,
        reg: RegState,
        off: int,
        size: int,
        kind: int,
        value_regno: int,
        is_ldsx: bool,
    ) -> None:
        self.insn_idx: int = insn_idx
        self.regno: int = regno
        self.reg: RegState = reg
        self.off: int = off
        self.size: int = size
        self.kind: int = kind  # BPF_READ or BPF_WRITE
        self.value_regno: int = value_regno
        self.is_ldsx: bool = is_ldsx


_Handler = Callable[[VerifierEnv, _Access], None]


def _reads(a: _Access) -> bool:
    return a.kind == BPF_READ and a.value_regno >= 0


def _load_unknown(env: VerifierEnv, a: _Access) -> None:
    if _reads(a):
        mark_reg_unknown(env, env.cur_state.frame[-1].regs, a.value_regno)


def _no_leak(env: VerifierEnv, a: _Access, where: str) -> None:
    if a.kind == BPF_WRITE and a.value_regno >= 0 and is_pointer_value(env, a.value_regno):
        env.reject(POINTER_LEAK_TO_MEMORY, a.value_regno, memory=where)


def _cannot_write(env: VerifierEnv, a: _Access) -> None:
    if a.kind == BPF_WRITE:
        env.reject(WRITE_TO_READ_ONLY, a.regno, type=reg_type_str(a.reg.type))


def _map_key(env: VerifierEnv, a: _Access) -> None:
    if a.kind == BPF_WRITE:
        env.reject(WRITE_TO_MAP_KEY, a.regno)
    check_mem_region_access(env, a.regno, a.off, a.size, map_of(env, a.reg).key_size, False)
    _load_unknown(env, a)


def _map_value(env: VerifierEnv, a: _Access) -> None:
    _no_leak(env, a, "map")
    check_map_access_type(env, a.regno, a.off, a.size, a.kind)
    check_map_access(env, a.regno, a.off, a.size, False, ACCESS_DIRECT)
    field = kptr_at(env, a.reg, a.off)
    if field is not None:
        check_kptr_access(env, a.value_regno, a.insn_idx, field)
        return
    if not _reads(a):
        return
    regs = env.cur_state.frame[-1].regs
    value = None
    if not a.reg.scalar.var_off.mask:
        value = direct_read(env, map_of(env, a.reg), a.off + const_off(a.reg), a.size, a.is_ldsx)
    if value is None:
        mark_reg_unknown(env, regs, a.value_regno)
        return
    reg = known_scalar(value)
    reg.precise = regs[a.value_regno].precise or not env.bpf_capable
    regs[a.value_regno] = reg


def _mem(env: VerifierEnv, a: _Access) -> None:
    rdonly = type_is_rdonly_mem(a.reg.type)
    if a.reg.type & t.PTR_MAYBE_NULL:
        _invalid(env, a)
    if rdonly:
        _cannot_write(env, a)
    _no_leak(env, a, "mem")
    check_mem_region_access(env, a.regno, a.off, a.size, a.reg.mem_size, False)
    if a.value_regno >= 0 and (a.kind == BPF_READ or rdonly):
        mark_reg_unknown(env, env.cur_state.frame[-1].regs, a.value_regno)


def _ctx(env: VerifierEnv, a: _Access) -> None:
    _no_leak(env, a, "ctx")
    check_ptr_off_reg(env, a.reg, a.regno)
    value = check_ctx_access(env, a.insn_idx, a.off, a.size, a.kind, a.is_ldsx, a.regno)
    if not _reads(a):
        return
    regs = env.cur_state.frame[-1].regs
    if value.reg_type == t.SCALAR_VALUE:
        mark_reg_unknown(env, regs, a.value_regno)
        limits = hook_retval_range(env) if value.is_retval else None
        if limits is not None:
            low, high = limits
            reg = regs[a.value_regno].clone()
            reg.scalar = sane(env, bounded(reg.scalar, smin=low, smax=high, s32_min=low, s32_max=high), "s32_range")
            regs[a.value_regno] = reg
        return
    reg = pointer(value.reg_type)
    if value.reg_type & t.PTR_MAYBE_NULL:
        reg.id = env.new_id()
    reg.btf = value.btf
    reg.btf_id = value.btf_id
    regs[a.value_regno] = reg


def _stack(env: VerifierEnv, a: _Access) -> None:
    check_stack_access_within_bounds(env, a.regno, a.off, a.size, ACCESS_DIRECT, a.kind)
    if a.kind == BPF_READ:
        check_stack_read(env, a.regno, a.off, a.size, a.value_regno)
    else:
        check_stack_write(env, a.regno, a.off, a.size, a.value_regno, a.insn_idx)


def _packet(env: VerifierEnv, a: _Access) -> None:
    if a.kind == BPF_WRITE and not may_access_direct_pkt_data(env, a.kind):
        env.reject(PACKET_READ_ONLY, a.regno)
    _no_leak(env, a, "packet")
    check_packet_access(env, a.regno, a.off, a.size, False)
    _load_unknown(env, a)


def _flow_keys(env: VerifierEnv, a: _Access) -> None:
    _no_leak(env, a, "flow keys")
    check_flow_keys_access(env, a.off, a.size)
    _load_unknown(env, a)


def _sock(env: VerifierEnv, a: _Access) -> None:
    _cannot_write(env, a)
    check_sock_access(env, a.insn_idx, a.regno, a.off, a.size, a.kind)
    _load_unknown(env, a)


def _tp_buffer(env: VerifierEnv, a: _Access) -> None:
    check_buffer_access(env, "tracepoint", a.reg, a.regno, a.off, a.size)
    _load_unknown(env, a)


def _btf_id(env: VerifierEnv, a: _Access) -> None:
    if a.reg.type & t.PTR_MAYBE_NULL:
        _invalid(env, a)
    check_ptr_to_btf_access(env, a.regno, a.off, a.size, a.kind, a.value_regno)


def _map_ptr(env: VerifierEnv, a: _Access) -> None:
    check_ptr_to_map_access(env, a.regno, a.off, a.size, a.kind, a.value_regno)


def _buf(env: VerifierEnv, a: _Access) -> None:
    if a.reg.type & t.PTR_MAYBE_NULL:
        _invalid(env, a)
    rdonly = type_is_rdonly_mem(a.reg.type)
    if rdonly:
        _cannot_write(env, a)
    check_buffer_access(env, "rdonly" if rdonly else "rdwr", a.reg, a.regno, a.off, a.size)
    if a.value_regno >= 0 and (a.kind == BPF_READ or rdonly):
        mark_reg_unknown(env, env.cur_state.frame[-1].regs, a.value_regno)


def _invalid(env: VerifierEnv, a: _Access) -> None:
    env.reject(INVALID_MEMORY_ACCESS, a.regno, type=reg_type_str(a.reg.type), needed=need.pointer_not(a.regno, a.reg))


# Types looked up with their flags, and those whose flags the handler looks at.
_HANDLERS: Final[dict[int, _Handler]] = {
    t.PTR_TO_MAP_KEY: _map_key,
    t.PTR_TO_MAP_VALUE: _map_value,
    t.PTR_TO_CTX: _ctx,
    t.PTR_TO_STACK: _stack,
    t.PTR_TO_PACKET: _packet,
    t.PTR_TO_PACKET_META: _packet,
    t.PTR_TO_FLOW_KEYS: _flow_keys,
    t.PTR_TO_SOCKET: _sock,
    t.PTR_TO_SOCK_COMMON: _sock,
    t.PTR_TO_TCP_SOCK: _sock,
    t.PTR_TO_XDP_SOCK: _sock,
    t.PTR_TO_TP_BUFFER: _tp_buffer,
    t.CONST_PTR_TO_MAP: _map_ptr,
    t.PTR_TO_ARENA: _load_unknown,
}
_BASE_HANDLERS: Final[dict[int, _Handler]] = {
    t.PTR_TO_MEM: _mem,
    t.PTR_TO_BTF_ID: _btf_id,
    t.PTR_TO_BUF: _buf,
}


def check_mem_access(
    env: VerifierEnv,
    insn_idx: int,
    regno: int,
    off: int,
    bpf_size: int,
    access: int,
    value_regno: int,
    strict_alignment_once: bool = False,
    is_ldsx: bool = False,
) -> None:
    """check_mem_access(): checks a read or write (access: BPF_READ, BPF_WRITE) at regno + off.

    bpf_size is an opcode's size field. value_regno is the register read into or stored from, -1 for none; after a read
    it has a value that covers the memory's possible contents.
    """
    regs = env.cur_state.frame[-1].regs
    reg = regs[regno]
    size = SIZE_BYTES[bpf_size]
    check_ptr_alignment(env, reg, off, size, strict_alignment_once, regno)
    a = _Access(insn_idx, regno, reg, off + reg.off, size, access, value_regno, is_ldsx)
    # The most frequent ones are called directly.
    if reg.type == t.PTR_TO_STACK:
        _stack(env, a)
    elif reg.type == t.PTR_TO_MAP_VALUE:
        _map_value(env, a)
    else:
        handler = _HANDLERS.get(reg.type) or _BASE_HANDLERS.get(reg.type & t.BPF_BASE_TYPE_MASK, _invalid)
        handler(env, a)
    if size < 8 and value_regno >= 0 and access == BPF_READ and regs[value_regno].type == t.SCALAR_VALUE:
        loaded = regs[value_regno]
        if loaded is UNKNOWN_REG and not is_ldsx:
            regs[value_regno] = _LOADED[size]
            return
        cut = coerce_to_size_sx(loaded.scalar, size) if is_ldsx else coerce_to_size(loaded.scalar, size)
        regs[value_regno] = loaded.with_scalar(cut)


# Any number of so many bytes.
_LOADED: Final = [UNKNOWN_REG.with_scalar(coerce_to_size(UNKNOWN_REG.scalar, size)) for size in (4, 1, 2, 4, 4)]

_TYPE_MUST_MATCH: Final = frozenset(
    {
        t.PTR_TO_CTX, t.PTR_TO_SOCKET, t.PTR_TO_SOCK_COMMON, t.PTR_TO_TCP_SOCK, t.PTR_TO_XDP_SOCK, t.PTR_TO_BTF_ID,
        t.PTR_TO_ARENA,
    }
)  # fmt: skip


def _is_strict(reg_type: int) -> bool:
    return reg_type & t.BPF_BASE_TYPE_MASK in _TYPE_MUST_MATCH


def save_aux_ptr_type(env: VerifierEnv, reg_type: int, allow_trust_mismatch: bool) -> None:
    """Records the pointer type of the access: the instruction is rewritten for one type, so all paths must have it."""
    aux = env.aux[env.insn_idx]
    prev = aux.ptr_type
    if prev == t.NOT_INIT:
        aux.ptr_type = reg_type
    elif reg_type != prev and (_is_strict(reg_type) or _is_strict(prev)):
        both_btf = t.base_type(reg_type) == t.PTR_TO_BTF_ID == t.base_type(prev)
        if not allow_trust_mismatch or not both_btf:
            env.reject(INSTRUCTION_WITH_DIFFERENT_POINTERS)
        aux.ptr_type = t.PTR_TO_BTF_ID | t.PTR_UNTRUSTED


def check_load_mem(
    env: VerifierEnv,
    insn: Insn,
    *,
    is_ldsx: bool = False,
    allow_trust_mismatch: bool = False,
    ctx: str = "ldx",
    strict_alignment_once: bool = False,
) -> None:
    """dst = *(size *)(src + off)."""
    check_reg_arg(env, insn.src_reg, SRC_OP)
    check_reg_arg(env, insn.dst_reg, DST_OP_NO_MARK)
    regs = env.cur_state.frame[-1].regs
    src_reg_type = regs[insn.src_reg].type
    check_mem_access(
        env, env.insn_idx, insn.src_reg, insn.off, insn.code & 0x18, BPF_READ, insn.dst_reg,
        strict_alignment_once, is_ldsx,
    )  # fmt: skip
    save_aux_ptr_type(env, src_reg_type, allow_trust_mismatch)
    dst = regs[insn.dst_reg]
    regs[insn.dst_reg] = dst.with_scalar(sane(env, dst.scalar, ctx))


def check_store_reg(env: VerifierEnv, insn: Insn, strict_alignment_once: bool = False) -> None:
    """*(size *)(dst + off) = src."""
    check_reg_arg(env, insn.src_reg, SRC_OP)
    check_reg_arg(env, insn.dst_reg, SRC_OP)
    dst_reg_type = env.cur_state.frame[-1].regs[insn.dst_reg].type
    check_mem_access(
        env, env.insn_idx, insn.dst_reg, insn.off, insn.code & 0x18, BPF_WRITE, insn.src_reg, strict_alignment_once
    )
    save_aux_ptr_type(env, dst_reg_type, False)


def check_store_imm(env: VerifierEnv, insn: Insn) -> None:
    """*(size *)(dst + off) = imm."""
    check_reg_arg(env, insn.dst_reg, SRC_OP)
    dst_reg_type = env.cur_state.frame[-1].regs[insn.dst_reg].type
    check_mem_access(env, env.insn_idx, insn.dst_reg, insn.off, insn.code & 0x18, BPF_WRITE, -1)
    save_aux_ptr_type(env, dst_reg_type, False)
