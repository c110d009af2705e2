"""enum bpf_reg_type, enum bpf_type_flag and friends, numbered as in include/linux/bpf.h of 6.12."""

from __future__ import annotations

from typing import Final

BPF_BASE_TYPE_BITS: Final = 8
BPF_BASE_TYPE_MASK: Final = 0xFF

PTR_MAYBE_NULL: Final = 1 << 8
MEM_RDONLY: Final = 1 << 9
MEM_RINGBUF: Final = 1 << 10
MEM_USER: Final = 1 << 11
MEM_PERCPU: Final = 1 << 12
OBJ_RELEASE: Final = 1 << 13
PTR_UNTRUSTED: Final = 1 << 14
MEM_UNINIT: Final = 1 << 15
DYNPTR_TYPE_LOCAL: Final = 1 << 16
DYNPTR_TYPE_RINGBUF: Final = 1 << 17
MEM_FIXED_SIZE: Final = 1 << 18
MEM_ALLOC: Final = 1 << 19
PTR_TRUSTED: Final = 1 << 20
MEM_RCU: Final = 1 << 21
NON_OWN_REF: Final = 1 << 22
DYNPTR_TYPE_SKB: Final = 1 << 23
DYNPTR_TYPE_XDP: Final = 1 << 24
MEM_ALIGNED: Final = 1 << 25
MEM_WRITE: Final = 1 << 26
DYNPTR_TYPE_FLAG_MASK: Final = DYNPTR_TYPE_LOCAL | DYNPTR_TYPE_RINGBUF | DYNPTR_TYPE_SKB | DYNPTR_TYPE_XDP

NOT_INIT: Final = 0
SCALAR_VALUE: Final = 1
PTR_TO_CTX: Final = 2
CONST_PTR_TO_MAP: Final = 3
PTR_TO_MAP_VALUE: Final = 4
PTR_TO_MAP_KEY: Final = 5
PTR_TO_STACK: Final = 6
PTR_TO_PACKET_META: Final = 7
PTR_TO_PACKET: Final = 8
PTR_TO_PACKET_END: Final = 9
PTR_TO_FLOW_KEYS: Final = 10
PTR_TO_SOCKET: Final = 11
PTR_TO_SOCK_COMMON: Final = 12
PTR_TO_TCP_SOCK: Final = 13
PTR_TO_TP_BUFFER: Final = 14
PTR_TO_XDP_SOCK: Final = 15
PTR_TO_BTF_ID: Final = 16
PTR_TO_MEM: Final = 17
PTR_TO_ARENA: Final = 18
PTR_TO_BUF: Final = 19
PTR_TO_FUNC: Final = 20
CONST_PTR_TO_DYNPTR: Final = 21
REG_TYPE_MAX: Final = 22

PTR_TO_MAP_VALUE_OR_NULL: Final = PTR_MAYBE_NULL | PTR_TO_MAP_VALUE
PTR_TO_SOCKET_OR_NULL: Final = PTR_MAYBE_NULL | PTR_TO_SOCKET
PTR_TO_SOCK_COMMON_OR_NULL: Final = PTR_MAYBE_NULL | PTR_TO_SOCK_COMMON
PTR_TO_TCP_SOCK_OR_NULL: Final = PTR_MAYBE_NULL | PTR_TO_TCP_SOCK
PTR_TO_BTF_ID_OR_NULL: Final = PTR_MAYBE_NULL | PTR_TO_BTF_ID

# enum bpf_reg_liveness
REG_LIVE_NONE: Final = 0
REG_LIVE_READ32: Final = 1
REG_LIVE_READ64: Final = 2
REG_LIVE_READ: Final = 3
REG_LIVE_WRITTEN: Final = 4
REG_LIVE_DONE: Final = 8

# enum bpf_stack_slot_type
STACK_INVALID: Final = 0
STACK_SPILL: Final = 1
STACK_MISC: Final = 2
STACK_ZERO: Final = 3
STACK_DYNPTR: Final = 4
STACK_ITER: Final = 5

BPF_REG_SIZE: Final = 8
BPF_ADD_CONST: Final = 1 << 31

# enum bpf_dynptr_type
BPF_DYNPTR_TYPE_INVALID: Final = 0
BPF_DYNPTR_TYPE_LOCAL: Final = 1
BPF_DYNPTR_TYPE_RINGBUF: Final = 2
BPF_DYNPTR_TYPE_SKB: Final = 3
BPF_DYNPTR_TYPE_XDP: Final = 4

# enum bpf_iter_state
BPF_ITER_STATE_INVALID: Final = 0
BPF_ITER_STATE_ACTIVE: Final = 1
BPF_ITER_STATE_DRAINED: Final = 2


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
