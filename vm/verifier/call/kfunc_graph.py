"""Lists and trees as arguments of kernel functions: their roots, under their lock, and their nodes."""

from __future__ import annotations

from vm.verifier.env import VerifierEnv
from vm.verifier.mem.btf_walk import struct_ids_match
from vm.verifier.mem.objects import graph_node, lock_owner, non_owning, reg_record
from vm.verifier.prepass import record as rec
from vm.verifier.prepass.classify import is_pseudo_kfunc_call
from vm.verifier.prepass.kfunc_meta import GRAPH_API, LIST_API, RBTREE_API, KfuncMeta, kfunc_name
from vm.verifier.prepass.record import field_type_name
from vm.verifier.rules.context import GRAPH_LOCK_NOT_HELD, RBTREE_REMOVE_IN_CALLBACK
from vm.verifier.rules.internal import (
    GRAPH_HEAD_OF_UNKNOWN_KFUNC,
    GRAPH_HEAD_REPEATED,
    GRAPH_NODE_OF_UNKNOWN_KFUNC,
    RBTREE_ROOT_TYPE,
)
from vm.verifier.rules.kfunc_args import (
    GRAPH_FIELD_NOT_FOUND,
    GRAPH_NODE_OFFSET,
    GRAPH_NODE_STRUCT,
    GRAPH_OFFSET_NOT_CONSTANT,
)
from vm.verifier.rules.lifetime import (
    ALLOCATED_OBJECT_NOT_REFERENCED,
    ARGUMENT_NOT_ALLOCATED_OBJECT,
    ARGUMENT_NOT_MAP_VALUE_OR_OBJECT,
    RBTREE_REMOVE_OWNING_NODE,
)
from vm.verifier.rules.notes import LOCK_OF_OTHER_ALLOCATION
from vm.verifier.state import reg_types as t
from vm.verifier.state.frame import FuncState, RetvalRange
from vm.verifier.state.reg import NOT_INIT_REG, RegState
from vm.verifier.state.vstate import ActiveLock

_OBJECT = t.PTR_TO_BTF_ID | t.MEM_ALLOC


def in_rbtree_lock_required_cb(env: VerifierEnv) -> bool:
    """Whether this is the comparison callback of a tree, which runs under its lock."""
    for frame in env.cur_state.frame[:0:-1]:
        if not frame.in_callback_fn:
            continue
        insn = env.insns[frame.callsite]
        if is_pseudo_kfunc_call(insn) and kfunc_name(insn) in RBTREE_API:
            return True
    return False


def process_root(env: VerifierEnv, regno: int, meta: KfuncMeta, kind: int) -> None:
    """Checks a list head or tree root in a map value or allocated object whose lock is held."""
    reg = env.cur_state.frame[-1].regs[regno]
    if reg.type not in (t.PTR_TO_MAP_VALUE, _OBJECT):
        env.reject(ARGUMENT_NOT_MAP_VALUE_OR_OBJECT, regno, arg=regno - 1)
    if reg.type == _OBJECT and not reg.ref_obj_id:
        env.reject(ALLOCATED_OBJECT_NOT_REFERENCED, regno)
    name = field_type_name(kind)
    if meta.name not in (LIST_API if kind == rec.BPF_LIST_HEAD else RBTREE_API):
        env.reject(GRAPH_HEAD_OF_UNKNOWN_KFUNC, regno, field=name)
    if reg.scalar.var_off.mask:
        env.reject(GRAPH_OFFSET_NOT_CONSTANT, regno, field=name)
    record = reg_record(env, reg)
    off = (reg.off + reg.scalar.var_off.value) & 0xFFFFFFFF
    field = record.find(off, kind)
    if field is None:
        env.reject(GRAPH_FIELD_NOT_FOUND, regno, field=name, off=off)
    lock = env.cur_state.active_lock
    if lock != ActiveLock(lock_owner(reg), reg.id):
        if lock.ptr:
            env.note(LOCK_OF_OTHER_ALLOCATION)
        at = record.offset_of(rec.BPF_SPIN_LOCK)
        env.reject(GRAPH_LOCK_NOT_HELD, regno, off=at, field=name)
    if meta.root is not None:
        env.reject(GRAPH_HEAD_REPEATED, regno, field=name)
    meta.root = field


def _check_node_reg(env: VerifierEnv, regno: int, reg: RegState, meta: KfuncMeta) -> None:
    if meta.name == "bpf_rbtree_remove":
        if not t.type_is_non_owning_ref(reg.type) or reg.ref_obj_id:
            env.reject(RBTREE_REMOVE_OWNING_NODE, regno)
        if in_rbtree_lock_required_cb(env):
            env.reject(RBTREE_REMOVE_IN_CALLBACK, regno)
        return
    if reg.type != _OBJECT:
        env.reject(ARGUMENT_NOT_ALLOCATED_OBJECT, regno, arg=regno - 1)
    if not reg.ref_obj_id:
        env.reject(ALLOCATED_OBJECT_NOT_REFERENCED, regno)


def process_node(env: VerifierEnv, regno: int, meta: KfuncMeta, kind: int) -> None:
    """Checks a node in an allocated object of the element type of the list or tree."""
    reg = env.cur_state.frame[-1].regs[regno]
    _check_node_reg(env, regno, reg, meta)
    name = field_type_name(kind)
    if meta.name not in GRAPH_API:
        env.reject(GRAPH_NODE_OF_UNKNOWN_KFUNC, regno, field=name)
    if reg.scalar.var_off.mask:
        env.reject(GRAPH_OFFSET_NOT_CONSTANT, regno, field=name)
    off = reg.off + reg.scalar.var_off.value
    if reg_record(env, reg).find(off & 0xFFFFFFFF, kind) is None:
        env.reject(GRAPH_FIELD_NOT_FOUND, regno, field=name, off=off & 0xFFFFFFFF)
    root, btf = meta.root, env.program.btf
    assert root is not None and btf is not None and reg.btf is not None
    element = btf.type(root.type_id).name
    if not struct_ids_match(env, reg.btf, reg.btf_id, 0, btf, root.type_id, True, not reg.type & t.MEM_ALLOC):
        env.reject(
            GRAPH_NODE_STRUCT,
            regno,
            graph=field_type_name(root.kind),
            field=name,
            wanted_off=root.node_offset,
            wanted=element,
            off=off,
            have=reg.btf.type(reg.btf_id).name,
        )
    meta.arg_btf = reg.btf
    meta.arg_btf_id = reg.btf_id
    if off != root.node_offset:
        env.reject(GRAPH_NODE_OFFSET, regno, off=off, field=name, wanted_off=root.node_offset, wanted=element)


def rbtree_add_callback(env: VerifierEnv, caller: FuncState, callee: FuncState) -> None:
    """less(a, b) of bpf_rbtree_add(root, node, less)."""
    root = caller.regs[1]
    field = reg_record(env, root).find(root.off, rec.BPF_RB_ROOT)
    if field is None or not field.type_id:
        env.reject(RBTREE_ROOT_TYPE)
    for regno in (1, 2):
        callee.regs[regno] = non_owning(env, graph_node(env, field))
    for regno in (3, 4, 5):
        callee.regs[regno] = NOT_INIT_REG
    callee.in_callback_fn = True
    callee.callback_ret_range = RetvalRange(0, 1)
