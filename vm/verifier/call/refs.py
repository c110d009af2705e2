"""References to kernel objects, and registers that a call invalidates."""

from __future__ import annotations

from collections.abc import Callable

from vm.verifier.env import VerifierEnv
from vm.verifier.state import reg_types as t
from vm.verifier.state.frame import FuncState, Reference
from vm.verifier.state.reg import NOT_INIT_REG, RegState, unknown_scalar
from vm.verifier.state.vstate import replace_regs

_PACKET_POINTERS = frozenset({t.PTR_TO_PACKET, t.PTR_TO_PACKET_META, t.PTR_TO_PACKET_END})


def invalidate_regs(env: VerifierEnv, gone: Callable[[RegState], bool]) -> None:
    """mark_reg_invalid() for all registers and spilled ones in all frames for which `gone` is true.

    They become numbers; unprivileged programs may not read them.
    """
    left = unknown_scalar(not env.bpf_capable) if env.allow_ptr_leaks else NOT_INIT_REG
    replace_regs(env.cur_state, gone, lambda _: left)


def clear_all_pkt_pointers(env: VerifierEnv) -> None:
    """clear_all_pkt_pointers(): the packet may have moved; pointers and dynptr slices become invalid."""
    invalidate_regs(
        env,
        lambda reg: (
            reg.type & t.BPF_BASE_TYPE_MASK in _PACKET_POINTERS
            or (
                reg.type & t.BPF_BASE_TYPE_MASK == t.PTR_TO_MEM
                and reg.type & (t.DYNPTR_TYPE_SKB | t.DYNPTR_TYPE_XDP) != 0
            )
        ),
    )


def acquire_reference_state(env: VerifierEnv, insn_idx: int) -> int:
    """The id of a new reference, which the program has to release."""
    frame = env.cur_state.frame[-1]
    ref_id = env.new_id()
    callback_ref = frame.frameno if frame.in_callback_fn else 0
    frame.refs = (*frame.refs, Reference(ref_id, insn_idx, callback_ref))
    return ref_id


def release_reference_state(frame: FuncState, ref_id: int) -> bool:
    """Removes a reference; false if it is not held by this callback. The last entry moves to its place."""
    refs = list(frame.refs)
    for i, ref in enumerate(refs):
        if ref.id == ref_id:
            if frame.in_callback_fn and ref.callback_ref != frame.frameno:
                return False
            last = refs.pop()
            if i < len(refs):
                refs[i] = last
            frame.refs = tuple(refs)
            return True
    return False


def release_reference(env: VerifierEnv, ref_obj_id: int) -> bool:
    """Removes a reference, and invalidates all registers with the object."""
    if not release_reference_state(env.cur_state.frame[-1], ref_obj_id):
        return False
    invalidate_regs(env, lambda reg: reg.ref_obj_id == ref_obj_id)
    return True


def invalidate_non_owning_refs(env: VerifierEnv) -> None:
    """Invalidates pointers into lists and trees when their lock is released."""
    invalidate_regs(env, lambda reg: t.type_is_non_owning_ref(reg.type))
