"""bpf_kptr_xchg(): exchanges an object with the one in a field (process_kptr_func)."""

from __future__ import annotations

from vm.verifier.call.meta import CallMeta
from vm.verifier.call.refs import release_reference_state
from vm.verifier.env import VerifierEnv
from vm.verifier.mem.btf_ptr import in_rcu_cs, vmlinux
from vm.verifier.mem.kptr import kptr_target
from vm.verifier.mem.map_value import map_name_of, map_of
from vm.verifier.mem.objects import is_alloc_object, reg_record
from vm.verifier.prepass import record as rec
from vm.verifier.rules.helper_args import (
    KPTR_MAP_WITHOUT_BTF,
    KPTR_NOT_AT_OFFSET,
    KPTR_NOT_REFERENCED,
    KPTR_OFFSET_NOT_CONSTANT,
    MAP_WITHOUT_KPTR,
)
from vm.verifier.state import reg_types as t
from vm.verifier.state.reg import NOT_INIT_REG, RegState, pointer, unknown_scalar
from vm.verifier.state.vstate import replace_regs


def process_kptr_dest(env: VerifierEnv, regno: int, meta: CallMeta) -> None:
    """ARG_KPTR_XCHG_DEST: a pointer to a referenced-kptr field in a map value or allocated object."""
    reg = env.cur_state.frame[-1].regs[regno]
    if not is_alloc_object(reg.type):
        spec = map_of(env, reg)
        if env.program.btf is None or not spec.btf_value_type_id:
            env.reject(KPTR_MAP_WITHOUT_BTF, regno, map=map_name_of(env, reg))
        meta.map_index, meta.inner_map, meta.map_uid, meta.spec = reg.map_ptr, reg.inner_map, 0, spec
    if reg.scalar.var_off.mask:
        env.reject(KPTR_OFFSET_NOT_CONSTANT, regno)
    record = reg_record(env, reg)
    if not record.has(rec.BPF_KPTR):
        env.reject(MAP_WITHOUT_KPTR, regno)
    off = (reg.off + reg.scalar.var_off.value) & 0xFFFFFFFF
    field = record.find(off, rec.BPF_KPTR)
    shown = off - (off >> 31 << 32)
    if field is None:
        env.reject(KPTR_NOT_AT_OFFSET, regno, off=shown)
    if field.kind == rec.BPF_KPTR_UNREF:
        env.reject(KPTR_NOT_REFERENCED, regno, off=shown)
    meta.kptr_field = field


def release_into_kptr(env: VerifierEnv, ref_obj_id: int) -> bool:
    """Moves the reference to the field; per-CPU objects stay readable under RCU."""
    if not release_reference_state(env.cur_state.frame[-1], ref_obj_id):
        return False
    in_rcu = in_rcu_cs(env)
    gone = unknown_scalar(not env.bpf_capable) if env.allow_ptr_leaks else NOT_INIT_REG

    def given(reg: RegState) -> RegState:
        if not (in_rcu and reg.type & t.MEM_ALLOC and reg.type & t.MEM_PERCPU):
            return gone
        r = reg.clone()
        r.ref_obj_id = 0
        r.type = reg.type & ~t.MEM_ALLOC | t.MEM_RCU
        return r

    replace_regs(env.cur_state, lambda reg: reg.ref_obj_id == ref_obj_id, given)
    return True


def exchanged(env: VerifierEnv, meta: CallMeta, flags: int) -> RegState:
    """The previous value of the field."""
    field = meta.kptr_field
    assert field is not None
    btf, btf_id = kptr_target(env, field)
    reg = pointer(t.PTR_TO_BTF_ID | flags)
    if btf is not vmlinux():
        reg.type |= t.MEM_ALLOC
        if field.kind == rec.BPF_KPTR_PERCPU:
            reg.type |= t.MEM_PERCPU
    reg.btf = btf
    reg.btf_id = btf_id
    return reg
