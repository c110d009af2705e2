"""A new call frame (setup_func_entry)."""

from __future__ import annotations

from collections.abc import Callable

from vm.verifier.env import VerifierEnv
from vm.verifier.rules.limits import CALL_STACK_TOO_DEEP
from vm.verifier.state.frame import FuncState
from vm.verifier.state.vstate import MAX_CALL_FRAMES, VerifierState


def setup_func_entry(
    env: VerifierEnv,
    subprogno: int,
    callsite: int,
    set_callee_state: Callable[[VerifierEnv, FuncState, FuncState], None],
    state: VerifierState,
) -> None:
    """Pushes a frame for the function, with the references; set_callee_state sets its arguments."""
    if len(state.frame) >= MAX_CALL_FRAMES:
        env.reject(CALL_STACK_TOO_DEEP, depth=len(state.frame) + 1)
    caller = state.frame[-1]
    callee = FuncState(callsite, len(state.frame), subprogno)
    env.mark_verifier_state_scratched()
    callee.refs = caller.refs
    set_callee_state(env, caller, callee)
    state.frame.append(callee)
