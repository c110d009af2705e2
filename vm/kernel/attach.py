"""What a program attaches to, by name: the kernel type libbpf would give as attach_btf_id."""

from __future__ import annotations

from typing import Final

from vm.btf.types import Btf, Kind, Type
from vm.kernel import types as t

# How the kernel names what attach types stand for (libbpf: btf_get_kernel_prefix_kind).
_PREFIXES: Final = {
    t.BPF_TRACE_RAW_TP: ("btf_trace_", Kind.TYPEDEF),
    t.BPF_LSM_MAC: ("bpf_lsm_", Kind.FUNC),
    t.BPF_LSM_CGROUP: ("bpf_lsm_", Kind.FUNC),
    t.BPF_TRACE_ITER: ("bpf_iter_", Kind.FUNC),
}


def attach_target(prog_type: int, attach_type: int, name: str, btf: Btf | None = None) -> Type | None:
    """The kernel's FUNC, TYPEDEF (tp_btf) or STRUCT (struct_ops) that `name` stands for, or None.

    name -- what follows the slash of a section name ("tcp_v4_connect", "vmlinux:do_unlinkat"), or
            the kernel's struct for struct_ops programs
    btf  -- the kernel's types; those of the emulated kernel by default
    """
    from vm.kernel.btf import kernel_btf

    if not name:
        return None
    btf = btf or kernel_btf()
    if prog_type == t.BPF_PROG_TYPE_STRUCT_OPS:
        return btf.find(name, Kind.STRUCT)
    module, _, function = name.rpartition(":")
    if module and not "vmlinux".startswith(module):
        return None
    prefix, kind = _PREFIXES.get(attach_type, ("", Kind.FUNC))
    return btf.find(prefix + function, kind)
