"""What the kernel rejects only while it rewrites a program (the passes of bpf_check() after do_check_main)."""

from __future__ import annotations

from typing import Final, NoReturn

from vm.isa import opcodes as o
from vm.kernel import func_ids
from vm.verifier.call.record_func import MAP_PTR_POISONED
from vm.verifier.env import VerifierEnv
from vm.verifier.fixups import rewrite
from vm.verifier.fixups.code import is_jump
from vm.verifier.fixups.convert import unconvertible
from vm.verifier.fixups.reach import FARTHEST, MOST_GROWTH
from vm.verifier.prepass.classify import is_helper_call, is_pseudo_func, is_pseudo_kfunc_call
from vm.verifier.rules.helper_args import TAIL_CALL_MAP_UNKNOWN
from vm.verifier.rules.memory import ARENA_SIGN_EXTENSION
from vm.verifier.rules.rule import Rule
from vm.verifier.rules.structure import VERIFIER_MISCONFIGURED
from vm.verifier.rules.types import KFUNC_NOT_ELIMINATED
from vm.verifier.state.reg_types import PTR_TO_ARENA

_SIGN_EXTENDING: Final = frozenset(o.LDX | o.MEMSX | size for size in (o.B, o.H, o.W))


def check_rewritable(env: VerifierEnv) -> None:
    """Raises Reject for accesses and calls that cannot be rewritten; unreachable ones are ignored."""
    for i, (insn, aux) in enumerate(zip(env.insns, env.aux, strict=True)):
        if aux.ptr_type == PTR_TO_ARENA and aux.seen and insn.code in _SIGN_EXTENDING:
            _refuse(env, i, ARENA_SIGN_EXTENSION)
    unknown = unconvertible(env.insns, env.aux, env.program.prog_type)
    if unknown >= 0:
        _refuse(env, unknown, VERIFIER_MISCONFIGURED)
    for i, (insn, aux) in enumerate(zip(env.insns, env.aux, strict=True)):
        if not aux.seen:
            continue
        if not insn.imm and is_pseudo_kfunc_call(insn):
            _refuse(env, i, KFUNC_NOT_ELIMINATED)
        if (
            aux.map_ptr == MAP_PTR_POISONED
            and aux.map_ptr_unpriv
            and insn.imm == func_ids.TAIL_CALL
            and is_helper_call(insn)
        ):
            # Where speculation is guarded, the index is masked by the map's size: it has to be the same map always.
            _refuse(env, i, TAIL_CALL_MAP_UNKNOWN)
    if _names_a_removed_function(env) or _jumps_far(env):
        rewrite(env)


def _refuse(env: VerifierEnv, insn_idx: int, rule: Rule) -> NoReturn:
    env.insn_idx = insn_idx
    env.reject(rule)


def _jumps_far(env: VerifierEnv) -> bool:
    """Whether a jump may become too long when the instructions that it jumps over are replaced."""
    far = FARTHEST // MOST_GROWTH
    return len(env.insns) > far and any(is_jump(insn.code) and abs(insn.off) > far for insn in env.insns)


def _names_a_removed_function(env: VerifierEnv) -> bool:
    """Whether a function is removed as unreachable although its address is still loaded."""
    unreached = {info.start for info in env.subprogs if not env.aux[info.start].seen}
    return bool(unreached) and any(
        aux.seen and is_pseudo_func(insn) and i + insn.imm + 1 in unreached
        for i, (insn, aux) in enumerate(zip(env.insns, env.aux, strict=True))
    )
