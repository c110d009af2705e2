"""Buffers whose size is checked when the program is attached (check_buffer_access, check_tp_buffer_access)."""

from __future__ import annotations

from vm.verifier.env import VerifierEnv
from vm.verifier.mem.common import tnum_text
from vm.verifier.rules.memory import BUFFER_OFFSET, BUFFER_OFFSET_VARIABLE
from vm.verifier.state.reg import RegState


def check_buffer_access(env: VerifierEnv, buf_info: str, reg: RegState, regno: int, off: int, size: int) -> None:
    """Fixed, non-negative offsets only. buf_info -- "tracepoint", "rdonly" or "rdwr"."""
    if off < 0:
        env.reject(BUFFER_OFFSET, regno, buffer=buf_info, off=off, size=size)
    tnum = reg.scalar.var_off
    if tnum.mask or tnum.value:
        env.reject(BUFFER_OFFSET_VARIABLE, regno, off=off, var_off=tnum_text(reg))
