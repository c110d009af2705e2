"""Memory arguments of helpers: a pointer and a size (check_helper_mem_access, check_mem_size_reg)."""

from __future__ import annotations

from vm.isa import opcodes as op
from vm.kernel import types as k
from vm.verifier.call.meta import CallMeta
from vm.verifier.env import Reject, VerifierEnv
from vm.verifier.mem.access import check_mem_access
from vm.verifier.mem.btf_ptr import check_ptr_to_btf_access
from vm.verifier.mem.buffer import check_buffer_access
from vm.verifier.mem.common import (
    ACCESS_HELPER,
    BPF_MAX_VAR_SIZ,
    BPF_READ,
    BPF_WRITE,
    check_mem_region_access,
    register_is_null,
    type_is_rdonly_mem,
)
from vm.verifier.mem.map_value import check_map_access, check_map_access_type, map_of
from vm.verifier.mem.packet import check_packet_access
from vm.verifier.mem.stack_range import check_stack_range_initialized
from vm.verifier.prune.backtrack import mark_chain_precision
from vm.verifier.report import need
from vm.verifier.report.state_text import reg_type_str
from vm.verifier.rules.helper_args import ARGUMENT_TYPE
from vm.verifier.rules.memory import (
    HELPER_CONTEXT_EMPTY,
    SIZE_MAY_BE_NEGATIVE,
    SIZE_MAY_BE_ZERO,
    SIZE_UNBOUNDED,
    WRITE_TO_READ_ONLY,
)
from vm.verifier.state import reg_types as t
from vm.verifier.state.reg import RegState

# Program types whose context accesses are not rewritten (no convert_ctx_access): helpers may access the context.
_PLAIN_CTX = frozenset(
    {
        k.BPF_PROG_TYPE_KPROBE, k.BPF_PROG_TYPE_TRACEPOINT, k.BPF_PROG_TYPE_RAW_TRACEPOINT,
        k.BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE, k.BPF_PROG_TYPE_TRACING, k.BPF_PROG_TYPE_LSM,
        k.BPF_PROG_TYPE_STRUCT_OPS, k.BPF_PROG_TYPE_SYSCALL, k.BPF_PROG_TYPE_NETFILTER,
        k.BPF_PROG_TYPE_CGROUP_DEVICE, k.BPF_PROG_TYPE_LIRC_MODE2,
    }
)  # fmt: skip


def _no_write(env: VerifierEnv, regno: int, reg: RegState, access: int) -> None:
    if access == BPF_WRITE:
        env.reject(WRITE_TO_READ_ONLY, regno, type=reg_type_str(reg.type))


def check_helper_mem_access(
    env: VerifierEnv, regno: int, access_size: int, access: int, zero_size_allowed: bool, meta: CallMeta | None
) -> None:
    """Checks that a helper may read or write `access_size` bytes at the pointer in register `regno`."""
    reg = env.cur_state.frame[-1].regs[regno]
    base = reg.type & t.BPF_BASE_TYPE_MASK
    rdonly = type_is_rdonly_mem(reg.type)
    if base in (t.PTR_TO_PACKET, t.PTR_TO_PACKET_META):
        check_packet_access(env, regno, reg.off, access_size, zero_size_allowed)
    elif base == t.PTR_TO_MAP_KEY:
        _no_write(env, regno, reg, access)
        check_mem_region_access(env, regno, reg.off, access_size, map_of(env, reg).key_size, False)
    elif base == t.PTR_TO_MAP_VALUE:
        check_map_access_type(env, regno, reg.off, access_size, access)
        check_map_access(env, regno, reg.off, access_size, zero_size_allowed, ACCESS_HELPER)
    elif base == t.PTR_TO_MEM:
        if rdonly:
            _no_write(env, regno, reg, access)
        check_mem_region_access(env, regno, reg.off, access_size, reg.mem_size, zero_size_allowed)
    elif base == t.PTR_TO_BUF:
        if rdonly:
            _no_write(env, regno, reg, access)
        check_buffer_access(env, "rdonly" if rdonly else "rdwr", reg, regno, reg.off, access_size)
    elif base == t.PTR_TO_STACK:
        check_stack_range_initialized(env, regno, reg.off, access_size, zero_size_allowed, ACCESS_HELPER, meta)
    elif base == t.PTR_TO_BTF_ID:
        check_ptr_to_btf_access(env, regno, reg.off, access_size, BPF_READ, -1)
    elif base == t.PTR_TO_CTX and env.program.prog_type in _PLAIN_CTX:
        if not access_size:
            if not zero_size_allowed:
                env.reject(HELPER_CONTEXT_EMPTY, regno)
            return
        check_mem_access(env, env.insn_idx, regno, access_size - 1, op.B, access, -1)
    elif not (zero_size_allowed and not access_size and register_is_null(reg)):
        env.reject(
            ARGUMENT_TYPE,
            regno,
            type=reg_type_str(reg.type),
            expected=reg_type_str(t.PTR_TO_STACK),
            needed=need.memory(regno, reg, access_size),
        )


def check_mem_size_reg(env: VerifierEnv, regno: int, access: int, zero_size_allowed: bool, meta: CallMeta) -> None:
    """Checks the size in register `regno` for the pointer in the register before it."""
    s = env.cur_state.frame[-1].regs[regno].scalar
    meta.msize_max_value = s.umax
    # The number of written bytes is not known: all bytes must be initialised.
    noted = meta if not s.var_off.mask else None
    least = 0 if zero_size_allowed else 1
    if s.smin < 0:
        needed = need.size_argument(s.smin, s.smax, least)
        env.reject(SIZE_MAY_BE_NEGATIVE, regno, needed=needed)
    if s.umin == 0 and not zero_size_allowed:
        env.reject(
            SIZE_MAY_BE_ZERO, regno, umin=s.umin, umax=_lld(s.umax), needed=need.size_argument(s.umin, s.umax, 1)
        )
    if s.umax >= BPF_MAX_VAR_SIZ:
        env.reject(SIZE_UNBOUNDED, regno, needed=need.size_argument(s.umin, s.umax, least))
    try:
        check_helper_mem_access(env, regno - 1, s.umax, access, zero_size_allowed, noted)
    except Reject as e:
        e.also = regno
        raise
    mark_chain_precision(env, regno, "size_argument")


def _lld(value: int) -> int:
    """An unsigned number as the kernel's %lld prints it."""
    return value - (1 << 64) if value >> 63 else value
