"""BTF features of a kernel, probed as libbpf does: by loading small BTF (kernel_supports(), features.c)."""

from __future__ import annotations

import struct
from typing import Final

from vm.guests import for_kernel as k
from vm.guests import linux as l
from vm.guests.machine import Machine
from vm.guests.wire import Request

_STRINGS: Final = b"\0x\0?.data\0"
_NAME_X: Final = 1
_NAME_QMARK: Final = 3
_CONST_POINTER: Final = 2


def _type(kind: int, name: int = 0, vlen: int = 0, word: int = 0, *rest: int) -> bytes:
    return struct.pack(f"<III{len(rest)}I", name, kind << 24 | vlen, word, *(value & 0xFFFFFFFF for value in rest))


_INTEGER: Final = _type(k.INT, 0, 0, 4, 1 << 24 | 32)
_VARIABLE: Final = _type(k.VAR, _NAME_X, 0, 1, 0)

# Feature -> types of a BTF that only kernels with the feature accept.
FEATURES: Final = {
    "float": _type(k.FLOAT, _NAME_X, 0, 4),
    "decl_tag": _INTEGER + _VARIABLE + _type(k.DECL_TAG, _NAME_X, 0, 2, -1),
    "type_tag": _INTEGER + _type(k.TYPE_TAG, _NAME_X, 0, 1) + _type(_CONST_POINTER, 0, 0, 2),
    "enum64": _type(k.ENUM64, 0, 0, 8),
    "qmark_datasec": _INTEGER + _VARIABLE + _type(k.DATASEC, _NAME_QMARK, 1, 4, 2, 0, 4),
}


def _with_header(types: bytes) -> bytes:
    head = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(_STRINGS))
    return head + types + _STRINGS


def probe(machine: Machine) -> list[str]:
    """The features that the guest's kernel has."""
    request = Request()
    for number, types in enumerate(FEATURES.values()):
        data = _with_header(types)
        attr = l.Attr().u64(0, request.place(data)).u32(16, len(data))
        request.call(l.BPF, l.BTF_LOAD, request.place(bytes(attr.data)), attr.size, keep=number)
    results = machine.run(request)
    return [name for name, result in zip(FEATURES, results, strict=True) if not result.failed]
