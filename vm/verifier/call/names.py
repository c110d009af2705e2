"""Names of called functions, as the kernel prints them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vm.isa.insn import Insn
from vm.isa.opcodes import PSEUDO_KFUNC_CALL
from vm.kernel.helpers import helper
from vm.verifier.env import VerifierEnv
from vm.verifier.prepass.kfunc_meta import kfunc_name

UNKNOWN: Final = "unknown"


def func_id_name(func_id: int) -> str:
    """func_id_name(): "bpf_map_lookup_elem", or "unknown"."""
    if func_id == 0:
        return "bpf_unspec"  # it has a name, but is not a helper
    known = helper(func_id)
    return known.name if known is not None else UNKNOWN


def func_text(func_id: int) -> str:
    """The name of a helper in messages: "bpf_map_lookup_elem#1"."""
    return f"{func_id_name(func_id)}#{func_id}"


def call_name(env: VerifierEnv) -> Callable[[Insn], str | None]:
    """The name of a callee in the listing of this program; None if only its number is printed."""

    def name(insn: Insn) -> str | None:
        if insn.src_reg == PSEUDO_KFUNC_CALL:
            # Number 0 is the type void, whose name is empty.
            return kfunc_name(insn) or (None if insn.imm or insn.off else "")
        if insn.src_reg:
            return None
        called = func_id_name(insn.imm)
        return None if called == UNKNOWN else called

    return name
