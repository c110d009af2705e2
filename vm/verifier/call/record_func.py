"""Records constant arguments of calls for the fixups after the walk (record_func_map, record_func_key)."""

from __future__ import annotations

from typing import Final

from vm.kernel import func_ids as f
from vm.kernel.types import BPF_MAP_TYPE_PROG_ARRAY
from vm.verifier.call.meta import CallMeta
from vm.verifier.env import VerifierEnv
from vm.verifier.mem.map_value import BPF_F_RDONLY_PROG, map_flags
from vm.verifier.prune.backtrack import mark_chain_precision
from vm.verifier.rules.internal import KERNEL_MISCONFIGURED
from vm.verifier.rules.policy import MAP_WRITE_FORBIDDEN
from vm.verifier.state.aux import InsnAux
from vm.verifier.state.reg_types import SCALAR_VALUE

BPF_MAP_KEY_POISON: Final = 1 << 63
BPF_MAP_KEY_SEEN: Final = 1 << 62
MAP_PTR_UNSET: Final = -1
MAP_PTR_POISONED: Final = -2

_RECORDED: Final = frozenset(
    {
        f.TAIL_CALL, f.MAP_LOOKUP_ELEM, f.MAP_UPDATE_ELEM, f.MAP_DELETE_ELEM, f.MAP_PUSH_ELEM, f.MAP_POP_ELEM,
        f.MAP_PEEK_ELEM, f.FOR_EACH_MAP_ELEM, f.REDIRECT_MAP, f.MAP_LOOKUP_PERCPU_ELEM,
    }
)  # fmt: skip
_WRITES: Final = frozenset({f.MAP_DELETE_ELEM, f.MAP_UPDATE_ELEM, f.MAP_PUSH_ELEM, f.MAP_POP_ELEM})


def record_func_map(env: VerifierEnv, meta: CallMeta, insn_idx: int) -> None:
    """Records the call's map, or that there are several; rejects changes of maps that are read-only for programs."""
    if meta.func_id not in _RECORDED:
        return
    if meta.spec is None:
        env.reject(KERNEL_MISCONFIGURED)
    if map_flags(meta.spec) & BPF_F_RDONLY_PROG and meta.func_id in _WRITES:
        env.reject(MAP_WRITE_FORBIDDEN)
    aux = env.aux[insn_idx]
    same = (aux.map_ptr, aux.map_inner) == (meta.map_index, meta.inner_map)
    if aux.map_ptr == MAP_PTR_UNSET:
        aux.map_ptr = meta.map_index
        aux.map_inner = meta.inner_map
        aux.map_ptr_unpriv |= not env.bypass_spec_v1
    elif not same:
        aux.map_ptr = MAP_PTR_POISONED
        aux.map_ptr_unpriv |= not env.bypass_spec_v1


def _store_key(aux: InsnAux, key: int) -> None:
    aux.map_key_state = key | BPF_MAP_KEY_SEEN | aux.map_key_state & BPF_MAP_KEY_POISON


def record_func_key(env: VerifierEnv, meta: CallMeta, insn_idx: int) -> None:
    """Records a tail call's constant index, or that there are several."""
    if meta.func_id != f.TAIL_CALL:
        return
    if meta.spec is None or meta.spec.map_type != BPF_MAP_TYPE_PROG_ARRAY:
        env.reject(KERNEL_MISCONFIGURED)
    aux = env.aux[insn_idx]
    reg = env.cur_state.frame[-1].regs[3]
    key = reg.scalar.var_off.value
    if reg.type != SCALAR_VALUE or reg.scalar.var_off.mask or key >= meta.spec.max_entries:
        _store_key(aux, BPF_MAP_KEY_POISON)
        return
    mark_chain_precision(env, 3, "tail_call_index")
    seen = aux.map_key_state
    if not seen & BPF_MAP_KEY_SEEN:
        _store_key(aux, key)
    elif not seen & BPF_MAP_KEY_POISON and seen & ~(BPF_MAP_KEY_SEEN | BPF_MAP_KEY_POISON) != key:
        _store_key(aux, BPF_MAP_KEY_POISON)
