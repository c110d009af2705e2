"""Arguments of kernel functions, by their BTF and the endings of their names (check_kfunc_args)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from vm.btf.types import COMPOSITES, Btf, Kind, Type
from vm.errors import NotEmulated
from vm.kernel import kfuncs
from vm.kernel import types as k
from vm.verifier.backtrack import mark_chain_precision
from vm.verifier.call.arg_types import check_func_arg_reg_off
from vm.verifier.call.dynptr import dynptr_state, process_dynptr_func
from vm.verifier.call.func_args import CTX_NAMES, PROJECTIONS, check_mem_reg, is_prog_ctx_type
from vm.verifier.call.iters import process_iter_arg
from vm.verifier.call.mem_args import check_mem_size_reg
from vm.verifier.call.meta import CallMeta
from vm.verifier.call.special import check_reg_const_str
from vm.verifier.env import EACCES, EFAULT, EINVAL, Reject, VerifierEnv
from vm.verifier.kfunc_meta import KfuncMeta
from vm.verifier.mem.btf_ptr import TRUSTED_MODIFIERS, is_trusted_reg, kernel_struct_id, vmlinux
from vm.verifier.mem.btf_walk import struct_ids_match
from vm.verifier.mem.common import BPF_READ, BPF_WRITE, register_is_null
from vm.verifier.mem.nullness import not_null
from vm.verifier.report.state_text import reg_type_str
from vm.verifier.state import reg_types as t
from vm.verifier.state.reg import RegState

_ENUMS: Final = frozenset({Kind.ENUM, Kind.ENUM64})
_SIZED: Final = frozenset({Kind.INT, Kind.PTR, Kind.STRUCT, Kind.UNION, Kind.ENUM, Kind.ENUM64, Kind.FLOAT, Kind.ARRAY})
# Registers that are kernel structs although their type does not say so (reg2btf_ids).
REG_STRUCTS: Final = {
    t.PTR_TO_SOCKET: "sock",
    t.PTR_TO_SOCK_COMMON: "sock_common",
    t.PTR_TO_TCP_SOCK: "tcp_sock",
    t.CONST_PTR_TO_MAP: "bpf_map",
}
_DYNPTR_FLAGS: Final = {
    t.BPF_DYNPTR_TYPE_LOCAL: t.DYNPTR_TYPE_LOCAL,
    t.BPF_DYNPTR_TYPE_RINGBUF: t.DYNPTR_TYPE_RINGBUF,
    t.BPF_DYNPTR_TYPE_SKB: t.DYNPTR_TYPE_SKB,
    t.BPF_DYNPTR_TYPE_XDP: t.DYNPTR_TYPE_XDP,
}
# What the kernel itself calls the context, for bpf_cast_to_kern_ctx().
_KERN_CTX: Final = {
    "__sk_buff": "sk_buff",
    "xdp_md": "xdp_buff",
    "bpf_sock": "sock",
    "bpf_sock_addr": "bpf_sock_addr_kern",
    "bpf_sock_ops": "bpf_sock_ops_kern",
    "sk_msg_md": "sk_msg",
    "pt_regs": "pt_regs",
    "bpf_perf_event_data": "bpf_perf_event_data_kern",
    "bpf_sysctl": "bpf_sysctl_kern",
    "bpf_sockopt": "bpf_sockopt_kern",
    "sk_reuseport_md": "sk_reuseport_kern",
    "bpf_sk_lookup": "bpf_sk_lookup_kern",
    "bpf_cgroup_dev_ctx": "bpf_cgroup_dev_ctx",
    "bpf_nf_ctx": "bpf_nf_ctx",
}


class _Arg(NamedTuple):
    """ref: the type a pointer argument points to. next_name: name of the argument after it."""

    argno: int
    name: str
    reg: RegState
    ref: Type
    insn_idx: int
    next_name: str

    @property
    def regno(self) -> int:
        return self.argno + 1


def is_scalar(found: Type) -> bool:
    """btf_type_is_scalar()."""
    return found.kind is Kind.INT or found.kind in _ENUMS


def _kind_name(found: Type) -> str:
    return "UNKNOWN" if found.kind is Kind.VOID else found.kind.name


def _type_name(found: Type) -> str:
    return "" if found.kind is Kind.VOID else found.name


def is_scalar_struct(env: VerifierEnv, btf: Btf, found: Type, depth: int = 0) -> bool:
    """__btf_type_is_scalar_struct(): a struct of numbers, four levels deep at most."""
    if found.kind not in COMPOSITES:
        return False
    for member in found.members:
        inner = btf.skip_modifiers(member.type_id)
        if inner.kind in COMPOSITES:
            if depth >= 3:
                env.verbose("max struct nesting depth exceeded\n")
                return False
            if not is_scalar_struct(env, btf, inner, depth + 1):
                return False
            continue
        if inner.kind is Kind.ARRAY:
            if not inner.nelems:
                return False
            inner = btf.skip_modifiers(inner.type_id)
        if not is_scalar(inner):
            return False
    return True


def _ctx(env: VerifierEnv, a: _Arg, meta: KfuncMeta) -> None:
    if a.reg.type != t.PTR_TO_CTX:
        env.reject(EINVAL, f"arg#{a.argno} expected pointer to ctx, but got {reg_type_str(a.reg.type)}\n", a.regno)
    if meta.name == "bpf_cast_to_kern_ctx":
        kern = _KERN_CTX.get(CTX_NAMES.get(env.program.prog_type, ""), "")
        if not kern:
            raise NotEmulated("bpf_cast_to_kern_ctx() in programs of this type")
        meta.ret_btf_id = kernel_struct_id(kern)


def _dynptr(env: VerifierEnv, a: _Arg, meta: KfuncMeta) -> None:
    arg_type = k.ARG_PTR_TO_DYNPTR
    clone_ref_obj_id = 0
    if a.reg.type == t.CONST_PTR_TO_DYNPTR:
        arg_type |= t.MEM_RDONLY
    if a.name.endswith("__uninit"):
        arg_type |= t.MEM_UNINIT
    if meta.name == "bpf_dynptr_from_skb":
        arg_type |= t.DYNPTR_TYPE_SKB
    elif meta.name == "bpf_dynptr_from_xdp":
        arg_type |= t.DYNPTR_TYPE_XDP
    elif meta.name == "bpf_dynptr_clone" and arg_type & t.MEM_UNINIT:
        if meta.dynptr is None:
            env.reject(EFAULT, "verifier internal error: no dynptr type for parent of clone\n", a.regno)
        arg_type |= _DYNPTR_FLAGS.get(meta.dynptr.dynptr_type, 0)
        clone_ref_obj_id = meta.dynptr.ref_obj_id
    process_dynptr_func(env, a.regno, a.insn_idx, arg_type, clone_ref_obj_id)
    if not arg_type & t.MEM_UNINIT:
        meta.dynptr = dynptr_state(env, a.reg)


def _iter(env: VerifierEnv, a: _Arg, meta: KfuncMeta) -> None:
    if meta.name == "bpf_iter_css_task_new" and not _css_task_allowed(env):
        env.reject(EINVAL, "css_task_iter is only allowed in bpf_lsm, bpf_iter and sleepable progs\n", a.regno)
    process_iter_arg(env, meta, a.regno, a.insn_idx)


def _css_task_allowed(env: VerifierEnv) -> bool:
    program = env.program
    if program.prog_type == k.BPF_PROG_TYPE_LSM:
        return True
    if program.prog_type == k.BPF_PROG_TYPE_TRACING and program.expected_attach_type == k.BPF_TRACE_ITER:
        return True
    return env.sleepable or env.cur_state.in_sleepable


def _reg_struct(reg: RegState) -> tuple[Btf, int]:
    if reg.btf is not None and reg.type & t.BPF_BASE_TYPE_MASK == t.PTR_TO_BTF_ID:
        return reg.btf, reg.btf_id
    return vmlinux(), kernel_struct_id(REG_STRUCTS[reg.type & t.BPF_BASE_TYPE_MASK])


def _nocast_alias(a: str, b: str) -> bool:
    """btf_type_ids_nocast_alias(): one name is the other with ___init at its end."""
    return a == f"{b}___init" or b == f"{a}___init"


def _btf_id(env: VerifierEnv, a: _Arg, meta: KfuncMeta) -> None:
    reg = a.reg
    base = reg.type & t.BPF_BASE_TYPE_MASK
    unsafe = t.type_flag(reg.type) & ~TRUSTED_MODIFIERS
    if (base != t.PTR_TO_BTF_ID or (unsafe and not reg.type & t.MEM_RCU)) and base not in REG_STRUCTS:
        expected = reg_type_str(base | t.type_flag(reg.type) & TRUSTED_MODIFIERS)
        env.reject(EINVAL, f"arg#{a.argno} is {reg_type_str(reg.type)} expected {expected} or socket\n", a.regno)
    btf, btf_id = _reg_struct(reg)
    held = btf.skip_modifiers(btf_id)
    strict = (meta.has(kfuncs.KF_RELEASE) and reg.ref_obj_id != 0) or _nocast_alias(held.name, a.ref.name)
    same = struct_ids_match(env, btf, held.id, reg.off, meta.btf, a.ref.id, strict, not reg.type & t.MEM_ALLOC)
    if not same and PROJECTIONS.get(a.ref.name) != held.name:
        env.reject(
            EINVAL,
            f"kernel function {meta.name} args#{a.argno} expected pointer to {_kind_name(a.ref)} {a.ref.name} "
            f"but R{a.regno} has a pointer to {_kind_name(held)} {held.name}\n",
            a.regno,
        )


def _map(env: VerifierEnv, a: _Arg, meta: KfuncMeta) -> None:
    bpf_map = vmlinux().type(kernel_struct_id("bpf_map"))
    _btf_id(env, a._replace(ref=bpf_map), meta)


def _mem(env: VerifierEnv, a: _Arg, meta: KfuncMeta) -> None:
    if a.ref.kind not in _SIZED:
        env.reject(
            EINVAL,
            f"arg#{a.argno} reference type('{_kind_name(a.ref)} {_type_name(a.ref)}') size cannot be determined: -22\n",
            a.regno,
        )
    check_mem_reg(env, a.regno, meta.btf.size_of(a.ref.id))


def _mem_size(env: VerifierEnv, a: _Arg, meta: KfuncMeta) -> None:
    regs = env.cur_state.frame[-1].regs
    size_reg = regs[a.regno + 1]
    if not register_is_null(a.reg) or not a.name.endswith("__opt"):
        if a.reg.type & t.PTR_MAYBE_NULL:
            regs[a.regno] = not_null(env, a.reg)
        try:
            for access in (BPF_READ, BPF_WRITE):
                check_mem_size_reg(env, a.regno + 1, access, True, CallMeta())
        except Reject as e:
            env.reject(
                e.errno,
                f"arg#{a.argno} arg#{a.argno + 1} memory, len pair leads to invalid memory access\n",
                a.regno,
            )
        finally:
            regs[a.regno] = a.reg
    if a.next_name.endswith("__szk"):
        if meta.constant is not None:
            env.reject(EFAULT, "verifier internal error: only one constant argument permitted\n", a.regno)
        if size_reg.scalar.var_off.mask:
            env.reject(EINVAL, f"R{a.regno + 1} must be a known constant\n", a.regno + 1)
        meta.constant = size_reg.scalar.var_off.value


def _callback(env: VerifierEnv, a: _Arg, meta: KfuncMeta) -> None:
    if a.reg.type != t.PTR_TO_FUNC:
        env.reject(EINVAL, f"arg{a.argno} expected pointer to func\n", a.regno)
    meta.subprogno = a.reg.subprogno


def _const_str(env: VerifierEnv, a: _Arg, meta: KfuncMeta) -> None:
    if a.reg.type != t.PTR_TO_MAP_VALUE:
        env.reject(EINVAL, f"arg#{a.argno} doesn't point to a const string\n", a.regno)
    check_reg_const_str(env, a.regno)


def _null(env: VerifierEnv, a: _Arg, meta: KfuncMeta) -> None:
    pass


def _unknown(what: str) -> Callable[[VerifierEnv, _Arg, KfuncMeta], None]:
    def check(env: VerifierEnv, a: _Arg, meta: KfuncMeta) -> None:
        raise NotEmulated(f"{what} ({meta.name})")

    return check


_Check = Callable[[VerifierEnv, _Arg, KfuncMeta], None]

# Endings of an argument's name, and structs it points to, in the order the kernel asks.
_ENDINGS: Final[tuple[tuple[str, _Check], ...]] = (
    ("__alloc", _unknown("allocated objects")),
    ("__refcounted_kptr", _unknown("allocated objects")),
)
_STRUCTS: Final[dict[str, _Check]] = {
    "bpf_list_head": _unknown("linked lists"),
    "bpf_list_node": _unknown("linked lists"),
    "bpf_rb_root": _unknown("red-black trees"),
    "bpf_rb_node": _unknown("red-black trees"),
}
_TRUST_ASKED: Final = frozenset({_btf_id, _map})


def _points_to_func(btf: Btf, ref: Type) -> bool:
    return ref.kind is Kind.FUNC_PROTO


def _pick(env: VerifierEnv, a: _Arg, meta: KfuncMeta, ptr: Type, size_follows: bool) -> _Check:
    """get_kfunc_ptr_arg_type(): what the argument is to be."""
    if meta.name == "bpf_cast_to_kern_ctx" or is_prog_ctx_type(meta.btf, ptr, env.program.prog_type):
        return _ctx
    if a.name.endswith("__nullable") and register_is_null(a.reg):
        return _null
    for ending, check in _ENDINGS:
        if a.name.endswith(ending):
            return check
    if a.ref.kind is Kind.STRUCT and a.ref.name == "bpf_dynptr":
        return _dynptr
    iters = kfuncs.KF_ITER_NEW | kfuncs.KF_ITER_NEXT | kfuncs.KF_ITER_DESTROY
    if a.argno == 0 if meta.has(iters) else a.name.endswith("__iter"):
        return _iter
    if a.ref.kind is Kind.STRUCT and a.ref.name in _STRUCTS:
        return _STRUCTS[a.ref.name]
    if a.name.endswith("__str"):
        return _const_str
    if a.name.endswith("__map"):
        return _map
    if a.ref.kind is Kind.STRUCT and a.ref.name == "bpf_wq":
        return _unknown("work queues")
    base = a.reg.type & t.BPF_BASE_TYPE_MASK
    if base == t.PTR_TO_BTF_ID or base in REG_STRUCTS:
        if a.ref.kind not in COMPOSITES:
            env.reject(
                EINVAL,
                f"kernel function {meta.name} args#{a.argno} pointer type {_kind_name(a.ref)} {_type_name(a.ref)} "
                "is not supported\n",
                a.regno,
            )
        return _btf_id
    if _points_to_func(meta.btf, a.ref):
        return _callback
    ok = is_scalar(a.ref) or is_scalar_struct(env, meta.btf, a.ref)
    if not ok and not (size_follows and a.ref.kind is Kind.VOID):
        void = "void, " if size_follows else ""
        env.reject(
            EINVAL,
            f"arg#{a.argno} pointer type {_kind_name(a.ref)} {_type_name(a.ref)} must point to "
            f"{void}scalar, or struct with scalar\n",
            a.regno,
        )
    return _mem_size if size_follows else _mem


def _scalar_arg(env: VerifierEnv, name: str, regno: int, meta: KfuncMeta) -> None:
    reg = env.cur_state.frame[-1].regs[regno]
    if reg.type != t.SCALAR_VALUE:
        env.reject(EINVAL, f"R{regno} is not a scalar\n", regno)
    if name.endswith("__k"):
        if meta.constant is not None:
            env.reject(EFAULT, "verifier internal error: only one constant argument permitted\n", regno)
        if reg.scalar.var_off.mask:
            env.reject(EINVAL, f"R{regno} must be a known constant\n", regno)
        mark_chain_precision(env, regno)
        meta.constant = reg.scalar.var_off.value
    elif name in ("rdonly_buf_size", "rdwr_buf_size"):
        meta.r0_rdonly = name == "rdonly_buf_size"
        if meta.r0_size:
            env.reject(EINVAL, "2 or more rdonly/rdwr_buf_size parameters for kfunc", regno)
        if reg.scalar.var_off.mask:
            env.reject(EINVAL, f"R{regno} is not a const\n", regno)
        meta.r0_size = reg.scalar.var_off.value
        if meta.r0_size > 0xFFFFFFFF:
            env.reject(EINVAL, f"R{regno} rdonly/rdwr_buf_size exceeds u32 max\n", regno)
        mark_chain_precision(env, regno)


def _size_follows(env: VerifierEnv, meta: KfuncMeta, argno: int) -> bool:
    params = meta.proto.params
    if argno + 1 >= len(params):
        return False
    follows = params[argno + 1]
    reg = env.cur_state.frame[-1].regs[argno + 2]
    scalar = is_scalar(meta.btf.skip_modifiers(follows.type_id)) and reg.type == t.SCALAR_VALUE
    return scalar and follows.name.endswith(("__sz", "__szk"))


def _check_trust(env: VerifierEnv, a: _Arg, meta: KfuncMeta) -> None:
    rcu = meta.has(kfuncs.KF_RCU)
    base = a.reg.type & t.BPF_BASE_TYPE_MASK
    plain_struct = base in REG_STRUCTS and not t.type_flag(a.reg.type) & ~TRUSTED_MODIFIERS
    if not (meta.trusted_args or rcu) or is_trusted_reg(a.reg) or plain_struct:
        return
    if not rcu:
        env.reject(EINVAL, f"R{a.regno} must be referenced or trusted\n", a.regno)
    if not a.reg.type & t.MEM_RCU:
        env.reject(EINVAL, f"R{a.regno} must be a rcu pointer\n", a.regno)


def _pointer_arg(env: VerifierEnv, a: _Arg, meta: KfuncMeta, ptr: Type) -> bool:
    """True if the argument after it was checked with it."""
    reg = a.reg
    releases = meta.has(kfuncs.KF_RELEASE)
    null = register_is_null(reg) or reg.type & t.PTR_MAYBE_NULL
    if (meta.trusted_args or meta.has(kfuncs.KF_RCU)) and null and not a.name.endswith("__nullable"):
        env.reject(EACCES, f"Possibly NULL pointer passed to trusted arg{a.argno}\n", a.regno)
    if reg.ref_obj_id:
        if releases and meta.ref_obj_id:
            env.reject(
                EFAULT,
                f"verifier internal error: more than one arg with ref_obj_id R{a.regno} "
                f"{reg.ref_obj_id} {meta.ref_obj_id}\n",
                a.regno,
            )
        meta.ref_obj_id = reg.ref_obj_id
        if releases:
            meta.release_regno = a.regno
    check = _pick(env, a, meta, ptr, _size_follows(env, meta, a.argno))
    if check is _null:
        return False
    if check is _map:
        if reg.map_ptr < 0:
            env.reject(EINVAL, f"pointer in R{a.regno} isn't map pointer\n", a.regno)
        meta.map_index, meta.inner_map, meta.map_uid = reg.map_ptr, reg.inner_map, reg.map_uid
    if check in _TRUST_ASKED:
        _check_trust(env, a, meta)
    check_func_arg_reg_off(env, reg, a.regno, t.OBJ_RELEASE if releases and reg.ref_obj_id else k.ARG_DONTCARE)
    check(env, a, meta)
    return check is _mem_size


def check_kfunc_args(env: VerifierEnv, meta: KfuncMeta, insn_idx: int) -> None:
    """All arguments of a call of a kernel function; what they tell about it goes into `meta`."""
    params = meta.proto.params
    if len(params) > 5:
        env.reject(EINVAL, f"Function {meta.name} has {len(params)} > 5 args\n")
    skip = False
    for i, param in enumerate(params):
        if skip or param.name.endswith("__ign"):
            skip = False
            continue
        found = meta.btf.skip_modifiers(param.type_id)
        if is_scalar(found):
            _scalar_arg(env, param.name, i + 1, meta)
        elif found.kind is not Kind.PTR:
            env.reject(EINVAL, f"Unrecognized arg#{i} type {_kind_name(found)}\n", i + 1)
        else:
            reg = env.cur_state.frame[-1].regs[i + 1]
            next_name = params[i + 1].name if i + 1 < len(params) else ""
            ref = meta.btf.skip_modifiers(found.type_id)
            skip = _pointer_arg(env, _Arg(i, param.name, reg, ref, insn_idx, next_name), meta, found)
    if meta.has(kfuncs.KF_RELEASE) and not meta.release_regno:
        env.reject(EINVAL, f"release kernel function {meta.name} expects refcounted PTR_TO_BTF_ID\n")
