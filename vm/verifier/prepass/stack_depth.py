"""The stack depth of all call chains (check_max_stack_depth)."""

from __future__ import annotations

from typing import Final

from vm.isa.opcodes import MAX_BPF_STACK
from vm.verifier.env import VerifierEnv
from vm.verifier.prepass.classify import is_pseudo_call, is_pseudo_func, is_pseudo_kfunc_call
from vm.verifier.prepass.fastcall import shrink_stacks
from vm.verifier.prepass.kfuncs import kfunc_call_kind
from vm.verifier.prepass.subprogs import find_subprog, subprog_end
from vm.verifier.rules.context import (
    EXCEPTION_CALLBACK_CALLED,
    LD_ABS_IN_CALLBACK,
    TAIL_CALL_IN_EXCEPTION_CALLBACK,
    THROW_IN_CALLBACK,
)
from vm.verifier.rules.limits import COMBINED_STACK_SIZE, STATIC_CALL_STACK_TOO_DEEP, TAIL_CALL_STACK_DEPTH

MAX_CALL_FRAMES: Final = 8
# A caller's stack stays below a tail-calling callee's: 33 times 256 bytes is what the kernel stack can bear.
TAIL_CALL_MAX_DEPTH: Final = 256


def round_up_stack_depth(depth: int) -> int:
    """Bytes the JIT reserves for `depth` bytes of BPF stack."""
    return (depth + 15) & ~15


def check_max_stack_depth(env: VerifierEnv) -> None:
    """Rejects call chains over 512 bytes or eight frames; marks subprograms from which a tail call can be reached.

    Asynchronous callbacks are separate chains. The x86-64 JIT has no private stacks, so every frame counts.
    """
    shrink_stacks(env)
    for idx in range(len(env.subprogs) - 1, -1, -1):
        if not idx or env.subprogs[idx].is_async_cb:
            _check_chain(env, idx)


def _enter(env: VerifierEnv, idx: int, frames: list[tuple[int, int]], depth: int) -> int:
    """Adds the frame of subprogram idx to the chain; returns the new depth in bytes."""
    info = env.subprogs[idx]
    if info.has_ld_abs and (info.is_cb or any(env.subprogs[caller].is_cb for _, caller in frames)):
        env.reject(LD_ABS_IN_CALLBACK)
    if idx and info.has_tail_call and depth >= TAIL_CALL_MAX_DEPTH:
        env.reject(TAIL_CALL_STACK_DEPTH, depth=depth, insn_idx=frames[-1][0] - 1 if frames else -1)
    depth += round_up_stack_depth(info.stack_depth)
    if depth > MAX_BPF_STACK:
        sizes = [(n, round_up_stack_depth(env.subprogs[n].stack_depth)) for n in [*(n for _, n in frames), idx]]
        shown = " + ".join(f"{size} of {env.subprogs[n].name or f'function {n}'}" for n, size in sizes)
        env.reject(
            COMBINED_STACK_SIZE,
            count=len(frames) + 1,
            depth=depth,
            needed=f"at most {MAX_BPF_STACK} bytes of stack over all frames that are active at once; here {shown}",
            insn_idx=frames[-1][0] - 1 if frames else -1,
        )
    return depth


def _check_throw(env: VerifierEnv, i: int, idx: int, frames: list[tuple[int, int]]) -> None:
    if kfunc_call_kind(env, env.insns[i]) != "throw":
        return
    if env.subprogs[idx].is_cb or any(env.subprogs[caller].is_cb for _, caller in frames):
        env.reject(THROW_IN_CALLBACK, insn=i, subprog=idx, insn_idx=i)


def _is_entered(env: VerifierEnv, i: int, callee: int) -> bool:
    """Whether the reference to subprogram `callee` at slot i is a call that adds a frame."""
    info = env.subprogs[callee]
    if not info.is_async_cb:
        return True
    if not is_pseudo_call(env.insns[i]):
        return False
    if info.is_exception_cb:
        env.reject(EXCEPTION_CALLBACK_CALLED, insn=i, insn_idx=i)
    return True


def _check_chain(env: VerifierEnv, idx: int) -> None:
    subprogs = env.subprogs
    frames: list[tuple[int, int]] = []  # (slot to return to, subprogram it is in)
    tail_call_reachable = False
    depth = _enter(env, idx, frames, 0)
    i = subprogs[idx].start
    while True:
        end = subprog_end(env, idx)
        while i < end:
            insn = env.insns[i]
            if is_pseudo_kfunc_call(insn) and not insn.off:
                _check_throw(env, i, idx, frames)
            elif is_pseudo_call(insn) or is_pseudo_func(insn):
                callee = find_subprog(env, i + insn.imm + 1)
                if _is_entered(env, i, callee):
                    frames.append((i + 1, idx))
                    idx = callee
                    tail_call_reachable |= subprogs[idx].has_tail_call
                    if len(frames) >= MAX_CALL_FRAMES:
                        env.reject(STATIC_CALL_STACK_TOO_DEEP, depth=len(frames), insn_idx=i)
                    depth = _enter(env, idx, frames, depth)
                    i = subprogs[idx].start
                    end = subprog_end(env, idx)
                    continue
            i += 1
        if tail_call_reachable:
            for _, caller in frames:
                if subprogs[caller].is_exception_cb:
                    env.reject(TAIL_CALL_IN_EXCEPTION_CALLBACK)
                subprogs[caller].tail_call_reachable = True
        if not frames:
            return
        depth -= round_up_stack_depth(subprogs[idx].stack_depth)
        i, idx = frames.pop()
