"""Extra conditions on helpers: fn->allowed of struct bpf_func_proto."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vm.kernel import types as k
from vm.verifier.env import VerifierEnv
from vm.verifier.prepass.hooks import SLEEPABLE_LSM_HOOKS

_D_PATH: Final = frozenset(
    {
        "security_file_permission", "security_inode_getattr", "security_file_open", "security_path_truncate",
        "vfs_truncate", "vfs_fallocate", "dentry_open", "vfs_getattr", "filp_close",
    }
)  # fmt: skip


def _hook(env: VerifierEnv) -> str:
    return env.attach_target.name if env.attach_target is not None else ""


def _sleepable_lsm_hook(env: VerifierEnv) -> bool:
    return _hook(env).removeprefix("bpf_lsm_") in SLEEPABLE_LSM_HOOKS


def _d_path(env: VerifierEnv) -> bool:
    program = env.program
    if program.prog_type == k.BPF_PROG_TYPE_TRACING and program.expected_attach_type == k.BPF_TRACE_ITER:
        return True
    if program.prog_type == k.BPF_PROG_TYPE_LSM:
        return _sleepable_lsm_hook(env)
    return _hook(env) in _D_PATH


def _sk_storage(env: VerifierEnv) -> bool:
    attach = env.program.expected_attach_type
    if attach in (k.BPF_TRACE_ITER, k.BPF_TRACE_RAW_TP):
        return True
    return attach in (k.BPF_TRACE_FENTRY, k.BPF_TRACE_FEXIT) and not _hook(env).startswith("bpf_sk_storage")


_CONDITIONS: Final[dict[str, Callable[[VerifierEnv], bool]]] = {
    "bpf_d_path_allowed": _d_path,
    "bpf_sk_storage_tracing_allowed": _sk_storage,
    "bpf_ima_inode_hash_allowed": _sleepable_lsm_hook,
}


def is_allowed(env: VerifierEnv, name: str) -> bool:
    """Whether the kernel's condition with that name holds for this program."""
    return _CONDITIONS[name](env)
