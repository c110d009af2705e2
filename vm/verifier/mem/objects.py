"""Objects the program allocates (bpf_obj_new): special fields of their types, owning and non-owning references."""

from __future__ import annotations

from vm.btf.types import Btf
from vm.verifier.env import VerifierEnv
from vm.verifier.mem.map_value import map_of
from vm.verifier.prepass import record as rec
from vm.verifier.prepass.record import NO_RECORD, Record, RecordField, map_record, struct_metas
from vm.verifier.rules.fields import OBJECT_FIELD_DIRECT_ACCESS
from vm.verifier.rules.internal import (
    ALLOCATED_OBJECT_UNREFERENCED,
    NON_OWNING_ALREADY_SET,
    NON_OWNING_WITHOUT_LOCK,
    OWNING_REFERENCE_MISSING,
    OWNING_REFERENCE_ZERO,
)
from vm.verifier.state import reg_types as t
from vm.verifier.state.reg import RegState, pointer
from vm.verifier.state.vstate import replace_regs


def is_alloc_object(reg_type: int) -> bool:
    """type_is_ptr_alloc_obj()."""
    return reg_type & t.BPF_BASE_TYPE_MASK == t.PTR_TO_BTF_ID and reg_type & t.MEM_ALLOC != 0


def struct_record(btf: Btf, type_id: int) -> Record:
    """btf_find_struct_meta(): the special fields of an allocated type, NO_RECORD without any."""
    return (struct_metas(btf) or {}).get(type_id, NO_RECORD)


def reg_record(env: VerifierEnv, reg: RegState) -> Record:
    """reg_btf_record(): special fields of the object that the register points to."""
    if reg.type == t.PTR_TO_MAP_VALUE:
        return map_record(env.program, map_of(env, reg))
    if is_alloc_object(reg.type) and reg.btf is not None:
        return struct_record(reg.btf, reg.btf_id)
    return NO_RECORD


def graph_node(env: VerifierEnv, root: RecordField) -> RegState:
    """mark_reg_graph_node(): a pointer to the object that contains a node of a list or tree."""
    reg = pointer(t.PTR_TO_BTF_ID | t.MEM_ALLOC)
    reg.btf = env.program.btf
    reg.btf_id = root.type_id
    reg.off = root.node_offset
    return reg


def non_owning(env: VerifierEnv, reg: RegState) -> RegState:
    """ref_set_non_owning(): the object belongs to a list or tree under the current lock."""
    if not env.cur_state.active_lock.ptr:
        env.reject(NON_OWNING_WITHOUT_LOCK)
    if reg.type & t.NON_OWN_REF:
        env.reject(NON_OWNING_ALREADY_SET)
    r = reg.clone()
    r.type |= t.NON_OWN_REF
    if reg_record(env, reg).has(rec.BPF_REFCOUNT):
        r.type |= t.MEM_RCU
    return r


def convert_owning_non_owning(env: VerifierEnv, ref_obj_id: int) -> None:
    """ref_convert_owning_non_owning(): all copies of an owning reference become non-owning."""
    if not ref_obj_id:
        env.reject(OWNING_REFERENCE_ZERO)
    if all(ref.id != ref_obj_id for ref in env.cur_state.frame[-1].refs):
        env.reject(OWNING_REFERENCE_MISSING)

    def converted(reg: RegState) -> RegState:
        r = reg.clone()
        r.ref_obj_id = 0
        return non_owning(env, r)

    replace_regs(env.cur_state, lambda reg: reg.ref_obj_id == ref_obj_id, converted)


def lock_owner(reg: RegState) -> str:
    """struct bpf_active_lock.ptr for a lock in the object that the register points to."""
    if reg.type == t.PTR_TO_MAP_VALUE:
        return f"map:{reg.map_ptr}{':inner' if reg.inner_map else ''}"
    return "btf"


def check_object_access(env: VerifierEnv, reg: RegState, regno: int, off: int, size: int) -> None:
    """Rejects accesses of special fields of allocated objects (the beginning of btf_struct_access)."""
    owned = reg.ref_obj_id or t.type_is_non_owning_ref(reg.type) or reg.type & t.MEM_RCU
    if not owned:
        env.reject(ALLOCATED_OBJECT_UNREFERENCED, regno)
    for field in reg_record(env, reg).fields:
        if off < field.offset + field.size and field.offset < off + size:
            env.reject(OBJECT_FIELD_DIRECT_ACCESS, regno, field=rec.field_type_name(field.kind))
