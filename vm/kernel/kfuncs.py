"""Kernel functions that programs may call by BTF id (kfuncs): their flags, and which program types may call them.

Names, flags and who may call which are in the facts of the kernel (vm.kernel.hooks).
"""

from __future__ import annotations

from typing import Final

from vm.kernel import hooks
from vm.kernel import types as k

KF_ACQUIRE: Final = 1 << 0
KF_RELEASE: Final = 1 << 1
KF_RET_NULL: Final = 1 << 2
KF_TRUSTED_ARGS: Final = 1 << 4
KF_SLEEPABLE: Final = 1 << 5
KF_DESTRUCTIVE: Final = 1 << 6
KF_RCU: Final = 1 << 7
KF_ITER_NEW: Final = 1 << 8
KF_ITER_NEXT: Final = 1 << 9
KF_ITER_DESTROY: Final = 1 << 10
KF_RCU_PROTECTED: Final = 1 << 11

# Bits of struct btf_id_set8's flags (include/linux/btf.h; macros, so not in an image).
FLAGS: Final = (
    "KF_ACQUIRE", "KF_RELEASE", "KF_RET_NULL", "", "KF_TRUSTED_ARGS", "KF_SLEEPABLE", "KF_DESTRUCTIVE", "KF_RCU",
    "KF_ITER_NEW", "KF_ITER_NEXT", "KF_ITER_DESTROY", "KF_RCU_PROTECTED", "KF_FASTCALL", "KF_ARENA_RET",
    "KF_ARENA_ARG1", "KF_ARENA_ARG2",
)  # fmt: skip

# What the kernel's filter of a set asks of its caller: program type, attach type; None: any.
_FILTERS: Final[dict[str, tuple[int | None, int | None]]] = {
    "": (None, None),
    "bpf_fs_kfuncs_filter": (k.BPF_PROG_TYPE_LSM, None),
    "bpf_get_fsverity_digest_filter": (k.BPF_PROG_TYPE_LSM, None),
    "tracing_iter_filter": (None, k.BPF_TRACE_ITER),
    "bpf_kprobe_multi_filter": (None, k.BPF_TRACE_KPROBE_SESSION),
}


def kfunc_flags(name: str, prog_type: int, attach_type: int) -> int | None:
    """KF_* flags of a kernel function, None if such a program may not call it (btf_kfunc_id_set_contains)."""
    known = hooks.kfunc(name)
    asked = hooks.kfunc_filter(prog_type, name)
    if known is None or asked is None:
        return None
    only_prog, only_attach = _FILTERS[asked]
    if only_prog not in (None, prog_type) or only_attach not in (None, attach_type):
        return None
    return known.flags


def flag_names(flags: int) -> str:
    """Flags by name: "KF_ACQUIRE | KF_RET_NULL", or "none"."""
    bits = [bit for bit in range(32) if flags >> bit & 1]
    return " | ".join((FLAGS[bit] if bit < len(FLAGS) else "") or f"bit {bit}" for bit in bits) or "none"
