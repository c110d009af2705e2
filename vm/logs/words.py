"""Words for what logs print: types of registers, places, numbers."""

from __future__ import annotations

from typing import Final

from vm.logs.values import Cause, Step

NUMBERS: Final = frozenset({"scalar", "inv", "imm", "unknown"})
"""What a plain number was called by the kernels."""

_TYPES: Final = {
    **dict.fromkeys(NUMBERS, "a number"),
    "fp": "a pointer to the stack",
    "ctx": "the context",
    "pkt": "a pointer into the packet",
    "pkt_meta": "a pointer to the packet's metadata",
    "pkt_end": "the end of the packet",
    "map_value": "a pointer to a map value",
    "map_key": "a pointer to a map key",
    "map_ptr": "a map",
    "mem": "a pointer to memory",
    "ringbuf_mem": "a ring buffer's record",
    "buf": "a buffer of the kernel",
    "rdonly_buf": "a read-only buffer",
    "rdwr_buf": "a buffer of the kernel",
    "sock": "a socket",
    "sock_common": "a socket",
    "tcp_sock": "a TCP socket",
    "xdp_sock": "an XDP socket",
    "func": "a function of the program",
    "dynptr_ptr": "a dynptr",
    "const_ptr_to_dynptr": "a dynptr",
    "arena": "a pointer into an arena",
    "flow_keys": "flow keys",
    "tp_buffer": "the tracepoint's buffer",
    "ptr_": "a pointer to a kernel object",
    "trusted_ptr_": "a trusted pointer to a kernel object",
    "rcu_ptr_": "an RCU-protected pointer to a kernel object",
    "percpu_ptr_": "a per-CPU pointer to a kernel object",
    "untrusted_ptr_": "an untrusted pointer to a kernel object",
}
_MOST: Final = 3
OR_NULL: Final = "_or_null"
_NOTHING: Final = "?"


def kind(name: str) -> str:
    """A type of a register as the kernel prints it, in words: "a map value or NULL"; "" if it has none."""
    base, null, struct = name.partition(OR_NULL)
    base += struct  # "ptr_or_null_" and "ptr_or_null_sock" are "ptr_" and "ptr_sock", or NULL
    if base == _NOTHING:
        return "not written"
    start, found, struct = base.partition("ptr_")
    if found and struct and f"{start}ptr_" in _TYPES and base not in _TYPES:
        return f"{_TYPES[f'{start}ptr_']} (struct {struct}){' or NULL' if null else ''}"
    words = _TYPES.get(base, "")
    return f"{words}{' or NULL' if null and words else ''}"


def kinds(names: str) -> str:
    """A list of types, "fp, pkt, map_value", as "a pointer to the stack, … or a map value"; "" if one has no words."""
    found = list(dict.fromkeys(kind(name.strip()) for name in names.split(",")))
    if not all(found):
        return ""
    if len(found) > _MOST and _TYPES["fp"] in found:
        return "a pointer to memory that the program may access (the stack, a map value and others)"
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} or {found[-1]}"


def count(number: int, what: str = "byte") -> str:
    """ "1 byte", "4,096 bytes"."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def at(step: Step | Cause) -> str:
    """ "instruction 12"."""
    return f"instruction {step.insn_idx}"
