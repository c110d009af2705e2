"""Whether a program may be attached where it says (check_attach_btf_id)."""

from __future__ import annotations

from typing import Final

from vm.errors import NotEmulated
from vm.kernel import types as k
from vm.verifier.env import EINVAL, VerifierEnv

# Programs whose hook is a kernel type, function or struct: named as libbpf's section names do.
_BY_BTF: Final = {
    k.BPF_PROG_TYPE_STRUCT_OPS: "struct_ops programs",
    k.BPF_PROG_TYPE_TRACING: "tracing programs (fentry, fexit, fmod_ret, tp_btf, iter)",
    k.BPF_PROG_TYPE_LSM: "LSM programs",
    k.BPF_PROG_TYPE_EXT: "extension programs (freplace)",
}

_SLEEPABLE_TRACING: Final = frozenset({k.BPF_TRACE_FENTRY, k.BPF_TRACE_FEXIT, k.BPF_MODIFY_RETURN, k.BPF_TRACE_ITER})


def _can_be_sleepable(prog_type: int, attach_type: int) -> bool:
    if prog_type == k.BPF_PROG_TYPE_TRACING:
        return attach_type in _SLEEPABLE_TRACING
    if prog_type == k.BPF_PROG_TYPE_LSM:
        return attach_type != k.BPF_LSM_CGROUP
    return prog_type in (k.BPF_PROG_TYPE_KPROBE, k.BPF_PROG_TYPE_STRUCT_OPS)


def check_attach(env: VerifierEnv) -> None:
    """Reject sleepable programs where none can be; NotEmulated for programs attached by kernel BTF."""
    prog_type = env.program.prog_type
    if prog_type == k.BPF_PROG_TYPE_SYSCALL:
        if not env.sleepable:
            env.reject(EINVAL, "Syscall programs can only be sleepable\n")
        return
    if env.sleepable and not _can_be_sleepable(prog_type, env.program.expected_attach_type):
        env.reject(EINVAL, "Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable\n")
    if prog_type in _BY_BTF:
        raise NotEmulated(_BY_BTF[prog_type])
