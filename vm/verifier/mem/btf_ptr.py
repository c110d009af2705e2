"""Pointers to kernel and program types, followed field by field (check_ptr_to_btf_access)."""

from __future__ import annotations

from vm.errors import NotEmulated
from vm.verifier.env import VerifierEnv


def check_ptr_to_btf_access(env: VerifierEnv, regno: int, off: int, size: int, access: int, value_regno: int) -> None:
    """A field of the type the pointer points to."""
    raise NotEmulated("access through pointers to kernel types (PTR_TO_BTF_ID)")


def check_ptr_to_map_access(env: VerifierEnv, regno: int, off: int, size: int, access: int, value_regno: int) -> None:
    """A field of struct bpf_map itself."""
    raise NotEmulated("reading fields of struct bpf_map")
