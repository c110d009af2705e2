"""enum bpf_reg_type, enum bpf_type_flag and friends: generated numbers, and questions about types."""

from __future__ import annotations

from typing import Final

from vm.kernel.types import (
    BPF_DYNPTR_TYPE_INVALID,
    BPF_DYNPTR_TYPE_LOCAL,
    BPF_DYNPTR_TYPE_RINGBUF,
    BPF_DYNPTR_TYPE_SKB,
    BPF_DYNPTR_TYPE_XDP,
    BPF_ITER_STATE_ACTIVE,
    BPF_ITER_STATE_DRAINED,
    BPF_ITER_STATE_INVALID,
    CONST_PTR_TO_DYNPTR,
    CONST_PTR_TO_MAP,
    DYNPTR_TYPE_LOCAL,
    DYNPTR_TYPE_RINGBUF,
    DYNPTR_TYPE_SKB,
    DYNPTR_TYPE_XDP,
    MEM_ALIGNED,
    MEM_ALLOC,
    MEM_FIXED_SIZE,
    MEM_PERCPU,
    MEM_RCU,
    MEM_RDONLY,
    MEM_RINGBUF,
    MEM_UNINIT,
    MEM_USER,
    MEM_WRITE,
    NON_OWN_REF,
    NOT_INIT,
    OBJ_RELEASE,
    PTR_MAYBE_NULL,
    PTR_TO_ARENA,
    PTR_TO_BTF_ID,
    PTR_TO_BTF_ID_OR_NULL,
    PTR_TO_BUF,
    PTR_TO_CTX,
    PTR_TO_FLOW_KEYS,
    PTR_TO_FUNC,
    PTR_TO_MAP_KEY,
    PTR_TO_MAP_VALUE,
    PTR_TO_MAP_VALUE_OR_NULL,
    PTR_TO_MEM,
    PTR_TO_PACKET,
    PTR_TO_PACKET_END,
    PTR_TO_PACKET_META,
    PTR_TO_SOCK_COMMON,
    PTR_TO_SOCK_COMMON_OR_NULL,
    PTR_TO_SOCKET,
    PTR_TO_SOCKET_OR_NULL,
    PTR_TO_STACK,
    PTR_TO_TCP_SOCK,
    PTR_TO_TCP_SOCK_OR_NULL,
    PTR_TO_TP_BUFFER,
    PTR_TO_XDP_SOCK,
    PTR_TRUSTED,
    PTR_UNTRUSTED,
    REG_LIVE_DONE,
    REG_LIVE_NONE,
    REG_LIVE_READ,
    REG_LIVE_READ32,
    REG_LIVE_READ64,
    REG_LIVE_WRITTEN,
    SCALAR_VALUE,
    STACK_DYNPTR,
    STACK_INVALID,
    STACK_ITER,
    STACK_MISC,
    STACK_SPILL,
    STACK_ZERO,
)

# Others take the kernel's names from here.
__all__ = [
    "PTR_MAYBE_NULL", "MEM_RDONLY", "MEM_RINGBUF", "MEM_USER", "MEM_PERCPU", "OBJ_RELEASE", "PTR_UNTRUSTED",
    "MEM_UNINIT", "DYNPTR_TYPE_LOCAL", "DYNPTR_TYPE_RINGBUF", "MEM_FIXED_SIZE", "MEM_ALLOC", "PTR_TRUSTED", "MEM_RCU",
    "NON_OWN_REF", "DYNPTR_TYPE_SKB", "DYNPTR_TYPE_XDP", "MEM_ALIGNED", "MEM_WRITE", "NOT_INIT", "SCALAR_VALUE",
    "PTR_TO_CTX", "CONST_PTR_TO_MAP", "PTR_TO_MAP_VALUE", "PTR_TO_MAP_KEY", "PTR_TO_STACK", "PTR_TO_PACKET_META",
    "PTR_TO_PACKET", "PTR_TO_PACKET_END", "PTR_TO_FLOW_KEYS", "PTR_TO_SOCKET", "PTR_TO_SOCK_COMMON", "PTR_TO_TCP_SOCK",
    "PTR_TO_TP_BUFFER", "PTR_TO_XDP_SOCK", "PTR_TO_BTF_ID", "PTR_TO_MEM", "PTR_TO_ARENA", "PTR_TO_BUF", "PTR_TO_FUNC",
    "CONST_PTR_TO_DYNPTR", "PTR_TO_MAP_VALUE_OR_NULL", "PTR_TO_SOCKET_OR_NULL", "PTR_TO_SOCK_COMMON_OR_NULL",
    "PTR_TO_TCP_SOCK_OR_NULL", "PTR_TO_BTF_ID_OR_NULL", "REG_LIVE_NONE", "REG_LIVE_READ32", "REG_LIVE_READ64",
    "REG_LIVE_READ", "REG_LIVE_WRITTEN", "REG_LIVE_DONE", "STACK_INVALID", "STACK_SPILL", "STACK_MISC", "STACK_ZERO",
    "STACK_DYNPTR", "STACK_ITER", "BPF_DYNPTR_TYPE_INVALID", "BPF_DYNPTR_TYPE_LOCAL", "BPF_DYNPTR_TYPE_RINGBUF",
    "BPF_DYNPTR_TYPE_SKB", "BPF_DYNPTR_TYPE_XDP", "BPF_ITER_STATE_INVALID", "BPF_ITER_STATE_ACTIVE",
    "BPF_ITER_STATE_DRAINED",
]  # fmt: skip

# Macros of include/linux/bpf.h, which are in no image.
BPF_BASE_TYPE_BITS: Final = 8
BPF_BASE_TYPE_MASK: Final = 0xFF
DYNPTR_TYPE_FLAG_MASK: Final = DYNPTR_TYPE_LOCAL | DYNPTR_TYPE_RINGBUF | DYNPTR_TYPE_SKB | DYNPTR_TYPE_XDP
BPF_REG_SIZE: Final = 8
MAX_PACKET_OFF: Final = 0xFFFF
"""Comparisons of pointers that may lie further in the packet prove nothing (include/linux/bpf_verifier.h)."""
BPF_ADD_CONST: Final = 1 << 31


def base_type(reg_type: int) -> int:
    """The type without its flags."""
    return reg_type & BPF_BASE_TYPE_MASK


def type_flag(reg_type: int) -> int:
    """The flags without the type."""
    return reg_type & ~BPF_BASE_TYPE_MASK


def type_is_pkt_pointer(reg_type: int) -> bool:
    return base_type(reg_type) in (PTR_TO_PACKET, PTR_TO_PACKET_META)


def type_is_map_ptr(reg_type: int) -> bool:
    return base_type(reg_type) in (CONST_PTR_TO_MAP, PTR_TO_MAP_KEY, PTR_TO_MAP_VALUE)


def type_is_non_owning_ref(reg_type: int) -> bool:
    return (reg_type & MEM_ALLOC) != 0 and (reg_type & NON_OWN_REF) != 0


def type_may_be_null(reg_type: int) -> bool:
    return (reg_type & PTR_MAYBE_NULL) != 0
