"""Where BPF registers live in x86-64 (reg2hex in arch/x86/net/bpf_jit_comp.c)."""

from __future__ import annotations

from typing import Final

from vm.jit.encode import Reg

BPF_TO_X86: Final = (
    Reg.RAX, Reg.RDI, Reg.RSI, Reg.RDX, Reg.RCX, Reg.R8, Reg.RBX, Reg.R13, Reg.R14, Reg.R15, Reg.RBP, Reg.R10,
)  # fmt: skip
# BPF_REG_AX, the verifier's own temporary, and the translation's.
AX_REG: Final = Reg.R10
AUX_REG: Final = Reg.R11
ARENA_REG: Final = Reg.R12

# r6-r9 in the order they are pushed.
CALLEE_SAVED: Final = (Reg.RBX, Reg.R13, Reg.R14, Reg.R15)
FIRST_CALLEE_SAVED: Final = 6
