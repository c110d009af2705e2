"""The passes of the rewriting, in the kernel's order."""

from __future__ import annotations

from collections.abc import Callable

from vm.isa import opcodes as bpf
from vm.isa.insn import Insn
from vm.kernel.types import BPF_MAP_TYPE_ARENA
from vm.rewritten import AddressRef, Rewritten
from vm.verifier.env import VerifierEnv
from vm.verifier.fixups import dead_code
from vm.verifier.fixups.code import Slot, Subprog, build, settle
from vm.verifier.fixups.convert import Context, convert_ctx_accesses
from vm.verifier.fixups.loops import optimize_bpf_loop
from vm.verifier.fixups.misc import Setting, add_hidden_subprog, do_misc_fixups
from vm.verifier.fixups.reach import FARTHEST, MOST_GROWTH, jumps_in, too_far
from vm.verifier.fixups.zext import zext_cmpxchg
from vm.verifier.rules.limits import PATCH_OUT_OF_RANGE

_MAP_LOADS = {bpf.PSEUDO_MAP_FD: "map", bpf.PSEUDO_MAP_IDX: "map"}
_VALUE_LOADS = {bpf.PSEUDO_MAP_VALUE: "map_value", bpf.PSEUDO_MAP_IDX_VALUE: "map_value"}


def rewrite(env: VerifierEnv) -> Rewritten:
    """What `bpftool prog dump xlated` would show of the program `env` accepted, before addresses are known.

    Raises Reject for what the kernel rejects only here; verify() has checked for it. Of `env` only the log changes.
    """
    slots, subprogs = build(env.insns, env.aux, env.subprogs)
    _name_loads(slots, [spec.map_type for spec in env.program.maps])
    dead_code.remove_fastcall_spills_fills(slots, subprogs)
    slots = _in_reach(env, slots, lambda: optimize_bpf_loop(slots, subprogs))
    if env.bpf_capable:
        dead_code.opt_hard_wire_dead_code_branches(slots)
        slots = dead_code.opt_remove_dead_code(slots, subprogs)
        slots = dead_code.opt_remove_nops(slots, subprogs)
    else:
        dead_code.sanitize_dead_code(slots)
    context = Context(env.program.prog_type, env.seen_direct_write)
    slots = _in_reach(env, slots, lambda: convert_ctx_accesses(slots, subprogs, context))
    if env.seen_exception and not env.exception_callback_subprog:
        slots = add_hidden_subprog(slots, subprogs)
    slots = _in_reach(env, slots, lambda: do_misc_fixups(slots, subprogs, _setting(env)))
    slots = _in_reach(env, slots, lambda: zext_cmpxchg(slots))
    return _finish(env, slots, subprogs)


def _in_reach(env: VerifierEnv, before: list[Slot], rewritten: Callable[[], list[Slot]]) -> list[Slot]:
    """Run a pass that inserts instructions; Reject at the one that makes a jump too long (bpf_patch_insn_data)."""
    jumps = jumps_in(before) if len(before) > FARTHEST // MOST_GROWTH else []
    after = rewritten()
    slot = too_far(before, jumps, after) if jumps else None
    if slot is not None:
        env.reject(PATCH_OUT_OF_RANGE, insn=slot.orig)
    return after


def _setting(env: VerifierEnv) -> Setting:
    maps = env.program.maps
    arena = next((maps[i] for i in env.used_maps if maps[i].map_type == BPF_MAP_TYPE_ARENA), None)
    return Setting(env.program, env.bpf_capable, not env.bypass_spec_v1, env.sleepable, arena)


def _name_loads(slots: list[Slot], map_types: list[int]) -> None:
    """What each 64-bit load loads the address of; its immediates become what a dump shows.

    An arena's memory is loaded by its address in user space, which a dump does not know as a map's.
    """
    for i, slot in enumerate(slots):
        insn, aux = slot.insn, slot.aux
        if insn.code != bpf.LD_IMM64 or not insn.src_reg:
            continue
        if insn.src_reg in _MAP_LOADS:
            slot.ref = AddressRef("map", str(aux.map_index))
            slot.insn = Insn(bpf.LD_IMM64, insn.dst_reg, bpf.PSEUDO_MAP_FD, 0, aux.map_index)
            slots[i + 1].insn = Insn(0)
        elif insn.src_reg in _VALUE_LOADS:
            slot.ref = AddressRef("map_value", str(aux.map_index), aux.map_off)
            if map_types[aux.map_index] == BPF_MAP_TYPE_ARENA:
                slot.insn, slots[i + 1].insn = Insn(bpf.LD_IMM64, insn.dst_reg), Insn(0)
                continue
            slot.insn = Insn(bpf.LD_IMM64, insn.dst_reg, bpf.PSEUDO_MAP_VALUE, 0, aux.map_index)
            slots[i + 1].insn = Insn(0, 0, 0, 0, aux.map_off)
        elif insn.src_reg == bpf.PSEUDO_BTF_ID:
            slot.ref = AddressRef("ksym", aux.sym)
            slot.insn = Insn(bpf.LD_IMM64, insn.dst_reg)
            slots[i + 1].insn = Insn(0)


def _finish(env: VerifierEnv, slots: list[Slot], subprogs: list[Subprog]) -> Rewritten:
    position = {id(slot): i for i, slot in enumerate(slots)}
    refs = {i: slot.ref for i, slot in enumerate(slots) if slot.ref is not None}
    number = {id(subprog): i for i, subprog in enumerate(subprogs)}
    for i, slot in enumerate(slots):
        if slot.callee is None:
            continue
        called = number.get(id(slot.callee))
        if called is None and slot.insn.code != bpf.LD_IMM64:
            refs[i] = AddressRef("kernel", "__bpf_call_base")
        elif called is not None and slot.insn.code == bpf.LD_IMM64:
            refs[i] = AddressRef("func", str(called))
    return Rewritten(
        program=env.program,
        insns=settle(slots, subprogs),
        orig_idx=tuple(slot.orig for slot in slots),
        func_starts=tuple(position[id(subprog.start)] for subprog in subprogs),
        stack_depths=tuple(subprog.stack_depth for subprog in subprogs),
        refs=dict(sorted(refs.items())),
        func_flags=tuple(_flags(env, subprog, i) for i, subprog in enumerate(subprogs)),
    )


def _flags(env: VerifierEnv, subprog: Subprog, number: int) -> frozenset[str]:
    info = subprog.info
    flags = {
        "tail_call_reachable": info.tail_call_reachable,
        "exception_cb": info.is_exception_cb,
        "exception_boundary": env.seen_exception and number == 0,
        "hidden": subprog.hidden,
        "arena": _setting(env).arena is not None,
        "changes_pkt_data": info.changes_pkt_data,
        "is_async_cb": info.is_async_cb,
    }
    return frozenset(name for name, is_set in flags.items() if is_set)
