"""The last pass over the instructions: replaces what the JIT cannot translate, and resolves calls.

As do_misc_fixups() in kernel/bpf/verifier.c: at each instruction the first rewrite that applies is done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from vm.isa import opcodes as bpf
from vm.isa.insn import Insn
from vm.kernel import func_ids as f
from vm.kernel.helpers import helper
from vm.kernel.types import BPF_F_NO_USER_CONV, BPF_MAX_LOOPS
from vm.program import MapSpec, Program
from vm.rewritten import AddressRef
from vm.verifier.fixups import divide, inline, maps
from vm.verifier.fixups.build import (
    AX,
    EXIT,
    FP,
    R0,
    R1,
    R2,
    R3,
    R4,
    R5,
    alu32_imm,
    alu64_imm,
    alu64_reg,
    jmp_imm,
    ldx,
    mov32_imm,
    mov64_imm,
    mov64_reg,
    st,
    stx,
)  # fmt: skip
from vm.verifier.fixups.code import (
    CALL,
    INSERTED,
    JCOND,
    Kept,
    Named,
    PatchItem,
    Slot,
    Subprog,
    expand,
    insert_before,
    load_address,
)  # fmt: skip
from vm.verifier.state.aux import InsnAux, SubprogInfo

TAIL_CALL_CODE: Final = bpf.JMP | 0xF0
# sk, inode, task and cgrp: the fifth argument says how the storage may be allocated.
STORAGE_GET: Final = frozenset({f.SK_STORAGE_GET, f.INODE_STORAGE_GET, f.TASK_STORAGE_GET, f.CGRP_STORAGE_GET})
GFP_ATOMIC, GFP_KERNEL = 0x820, 0xCC0
BPF_MAP_KEY_POISON: Final = 1 << 63
BPF_MAP_KEY_SEEN: Final = 1 << 62
MAP_POISONED: Final = -2
# alu_state of struct bpf_insn_aux_data (include/linux/bpf_verifier.h).
ALU_SANITIZE_SRC, ALU_SANITIZE_DST, ALU_NEG_VALUE, ALU_NON_POINTER, ALU_IMMEDIATE = 1, 2, 4, 8, 16
_ADD_SUB: Final = frozenset({bpf.ALU64 | bpf.ADD | bpf.X, bpf.ALU64 | bpf.SUB | bpf.X})


class Setting(NamedTuple):
    """What the pass must know beyond the instructions.

    guarded -- map bounds hold under speculation too (not bypass_spec_v1)
    arena   -- the program's arena map, if it has one
    """

    program: Program
    privileged: bool
    guarded: bool
    sleepable: bool
    arena: MapSpec | None

    @property
    def hook(self) -> inline.Hook:
        return inline.Hook(self.program.prog_type, self.program.expected_attach_type)


def do_misc_fixups(slots: list[Slot], subprogs: list[Subprog], setting: Setting) -> list[Slot]:
    """Run the pass. A function with a may_goto gets eight bytes of stack for its counter."""
    owner = {id(subprog.start): subprog for subprog in subprogs}
    current = subprogs[0]
    out: list[Slot] = []
    for i, slot in enumerate(slots):
        current = owner.get(id(slot), current)
        patch = _rewrite(slot, current, setting)
        if patch is None:
            out.append(slot)
        else:
            out += expand(slot, patch, slots[i + 1] if i + 1 < len(slots) else None)
    for subprog in subprogs:
        subprog.stack_depth += subprog.stack_extra
    return _start_counters(out, subprogs)


def _start_counters(slots: list[Slot], subprogs: list[Subprog]) -> list[Slot]:
    """Functions with a may_goto first store the most iterations it allows."""
    counting = {id(subprog.start): subprog for subprog in subprogs if subprog.stack_extra}
    if not counting:
        return slots
    out: list[Slot] = []
    for slot in slots:
        subprog = counting.get(id(slot))
        if subprog is not None:
            new = insert_before(slot, [st(bpf.DW, FP, -subprog.stack_depth, BPF_MAX_LOOPS)])
            subprog.start = new[0]
            out += new
        out.append(slot)
    return out


def add_hidden_subprog(slots: list[Slot], subprogs: list[Subprog]) -> list[Slot]:
    """The exception callback of a program without one of its own: it returns what was thrown."""
    first, last = (Slot(insn, INSERTED, slots[-1].orig) for insn in (mov64_reg(R0, R1), EXIT))
    info = SubprogInfo(len(slots))
    info.is_exception_cb = True
    hidden = Subprog(first, info)
    hidden.hidden = True
    subprogs.append(hidden)
    return [*slots, first, last]


def _rewrite(slot: Slot, subprog: Subprog, setting: Setting) -> list[PatchItem] | None:
    insn, aux = slot.insn, slot.aux
    if insn.code == bpf.ALU64 | bpf.MOV | bpf.X and insn.imm:
        _cast(slot, setting)
        return None
    if aux.needs_zext:
        insn = slot.insn = insn._replace(code=bpf.ALU | bpf.op(insn.code) | bpf.src(insn.code))
    if insn.code in divide.CODES_K and insn.off == divide.SIGNED and insn.imm == -1:
        return divide.by_minus_one(insn)
    if insn.code in divide.CODES_X:
        return divide.guarded(insn)
    if bpf.cls(insn.code) == bpf.LD and bpf.mode(insn.code) in (bpf.ABS, bpf.IND):
        return inline.packet_load(insn)
    if insn.code in _ADD_SUB:
        return _sanitized_pointer(insn, aux)
    if insn.code == JCOND:
        return _may_goto(slot, subprog)
    if insn.code != CALL or insn.src_reg == bpf.PSEUDO_CALL:
        return None
    if insn.src_reg == bpf.PSEUDO_KFUNC_CALL:
        return _kfunc_call(slot)
    return _helper_call(slot, setting)


def _cast(slot: Slot, setting: Setting) -> None:
    """A cast from the address space of the arena is a 32-bit move; so is each cast where BPF_F_NO_USER_CONV is set."""
    insn = slot.insn
    no_conversion = setting.arena is not None and setting.arena.map_flags & BPF_F_NO_USER_CONV
    if (insn.off == 1 and insn.imm == 1) or no_conversion:
        slot.insn = Insn(bpf.ALU | bpf.MOV | bpf.X, insn.dst_reg, insn.src_reg)


def _sanitized_pointer(insn: Insn, aux: InsnAux) -> list[PatchItem] | None:
    """Unprivileged pointer arithmetic: an offset past the limit becomes 0 without a branch to mispredict."""
    state = aux.alu_state
    if not state or state == ALU_NON_POINTER:
        return None
    negative, immediate = bool(state & ALU_NEG_VALUE), bool(state & ALU_IMMEDIATE)
    from_src = state & (ALU_SANITIZE_SRC | ALU_SANITIZE_DST) == ALU_SANITIZE_SRC
    reg = insn.src_reg if from_src else insn.dst_reg
    patch: list[PatchItem] = []
    if immediate:
        patch = [mov32_imm(AX, aux.alu_limit)]
    else:
        if negative:
            patch.append(alu64_imm(bpf.MUL, reg, -1))
        patch += [
            mov32_imm(AX, aux.alu_limit),
            alu64_reg(bpf.SUB, AX, reg),
            alu64_reg(bpf.OR, AX, reg),
            alu64_imm(bpf.NEG, AX, 0),
            alu64_imm(bpf.ARSH, AX, 63),
            alu64_reg(bpf.AND, AX, reg),
        ]
    if not from_src:
        patch.append(mov64_reg(insn.dst_reg, insn.src_reg))
    code = insn.code ^ (bpf.ADD ^ bpf.SUB) if negative else insn.code
    patch.append(insn._replace(code=code, src_reg=AX))
    if from_src and negative and not immediate:
        patch.append(alu64_imm(bpf.MUL, reg, -1))
    return patch


def _may_goto(slot: Slot, subprog: Subprog) -> list[PatchItem]:
    """Jump when the counter, below the function's stack, has run out; else count down."""
    at = -subprog.stack_depth - 8
    subprog.stack_extra = 8
    return [
        ldx(bpf.DW, AX, FP, at),
        Kept(jmp_imm(bpf.JEQ, AX, 0, 0)),
        alu64_imm(bpf.SUB, AX, 1),
        stx(bpf.DW, FP, AX, at),
    ]


def _named_call(insn: Insn, kind: str, name: str) -> Named:
    return Named(insn._replace(imm=0), AddressRef(kind, name))


def _helper(insn: Insn) -> Named:
    found = helper(insn.imm)
    return _named_call(insn, "helper", found.name if found is not None else str(insn.imm))


def _helper_call(slot: Slot, setting: Setting) -> list[PatchItem] | None:
    insn, aux = slot.insn, slot.aux
    if insn.imm == f.TAIL_CALL:
        return _tail_call(slot, setting)
    if insn.imm == f.TIMER_SET_CALLBACK:
        return [*load_address(R3, AddressRef("kernel", "prog_aux")), _helper(insn)]
    if insn.imm in STORAGE_GET:
        sleeps = setting.sleepable and not aux.storage_get_func_atomic
        return [mov64_imm(R5, GFP_KERNEL if sleeps else GFP_ATOMIC), _helper(insn)]
    if aux.call_with_percpu_alloc_ptr:
        return [ldx(bpf.DW, R1, R1, 0), _helper(insn)]
    if insn.imm in maps.MAP_HELPERS and aux.map_ptr >= 0:
        return _map_call(insn, _map_of(aux, setting.program), setting)
    short = inline.inlined(insn.imm, setting.hook)
    return short if short is not None else [_helper(insn)]


def _map_of(aux: InsnAux, program: Program) -> MapSpec:
    spec = program.maps[aux.map_ptr]
    return spec.inner if aux.map_inner and spec.inner is not None else spec


def _map_call(insn: Insn, spec: MapSpec, setting: Setting) -> list[PatchItem]:
    if insn.imm == f.MAP_LOOKUP_ELEM:
        written_out = maps.inlined_lookup(spec, setting.guarded)
        if written_out is not None:
            return written_out
    direct = maps.direct_function(spec, insn.imm)
    return [_named_call(insn, "map_helper", direct) if direct is not None else _helper(insn)]


def _tail_call(slot: Slot, setting: Setting) -> list[PatchItem] | None:
    """An instruction of its own; where map and slot are known, one the kernel patches to jump directly."""
    insn, aux = slot.insn, slot.aux
    known = aux.map_ptr >= 0 and not aux.map_key_state & BPF_MAP_KEY_POISON
    if setting.privileged and known and not aux.map_ptr_unpriv:
        key = aux.map_key_state & ~(BPF_MAP_KEY_SEEN | BPF_MAP_KEY_POISON)
        slot.insn = insn._replace(code=TAIL_CALL_CODE, imm=1)
        slot.ref = AddressRef("tail_call", f"{aux.map_ptr}:{key}")
        return None
    slot.insn = insn._replace(code=TAIL_CALL_CODE, imm=0)
    if not aux.map_ptr_unpriv or aux.map_ptr < 0:
        return None
    entries = setting.program.maps[aux.map_ptr].max_entries
    mask = (1 << max(entries - 1, 0).bit_length()) - 1
    return [jmp_imm(bpf.JGE, R3, entries, 2), alu32_imm(bpf.AND, R3, mask), slot.insn]


def _meta(reg: int, aux: InsnAux) -> list[PatchItem]:
    """Load the address of the kernel's description of the allocated type (0: it has no special fields)."""
    if not aux.kptr_struct_meta:
        return [Insn(bpf.LD_IMM64, reg), Insn(0)]
    return load_address(reg, AddressRef("kernel", f"struct_meta:{aux.kptr_struct_meta}"))


def _insert(meta_reg: int, off_reg: int) -> Callable[[Insn, InsnAux], list[PatchItem]]:
    def patch(insn: Insn, aux: InsnAux) -> list[PatchItem]:
        return [*_meta(meta_reg, aux), mov64_imm(off_reg, aux.insert_off), _kfunc(insn, aux)]

    return patch


def _kfunc(insn: Insn, aux: InsnAux) -> Named:
    return _named_call(insn, "kfunc", aux.sym or str(insn.imm))


def _new_object(insn: Insn, aux: InsnAux) -> list[PatchItem]:
    return [mov64_imm(R1, aux.obj_new_size), *_meta(R2, aux), _kfunc(insn, aux)]


def _with_meta(insn: Insn, aux: InsnAux) -> list[PatchItem]:
    return [*_meta(R2, aux), _kfunc(insn, aux)]


def _cast_kfunc(insn: Insn, aux: InsnAux) -> list[PatchItem]:
    return [mov64_reg(R0, R1)]


def _with_prog(insn: Insn, aux: InsnAux) -> list[PatchItem]:
    return [*load_address(R4, AddressRef("kernel", "prog_aux")), _kfunc(insn, aux)]


# Kernel functions that get arguments which the program did not pass (fixup_kfunc_call).
KFUNCS: Final[dict[str, Callable[[Insn, InsnAux], list[PatchItem]]]] = {
    "bpf_obj_new_impl": _new_object,
    "bpf_percpu_obj_new_impl": _new_object,
    "bpf_obj_drop_impl": _with_meta,
    "bpf_percpu_obj_drop_impl": _with_meta,
    "bpf_refcount_acquire_impl": _with_meta,
    "bpf_list_push_front_impl": _insert(R3, R4),
    "bpf_list_push_back_impl": _insert(R3, R4),
    "bpf_rbtree_add_impl": _insert(R4, R5),
    "bpf_cast_to_kern_ctx": _cast_kfunc,
    "bpf_rdonly_cast": _cast_kfunc,
    "bpf_wq_set_callback_impl": _with_prog,
}


def _kfunc_call(slot: Slot) -> list[PatchItem]:
    """The function's name is in aux.sym. A call of a module's function (off is set) is not changed."""
    insn, aux = slot.insn, slot.aux
    special = KFUNCS.get(aux.sym) if not insn.off else None
    return special(insn, aux) if special is not None else [_kfunc(insn, aux)]
