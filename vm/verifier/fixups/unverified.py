"""Rewriting of a program that was not verified: only what needs no result of the verifier.

Divisions get their guards (RFC 9669 section 4.1: x86-64 traps where BPF gives 0), packet loads and tail calls become
instructions that the JIT translates, and addresses get names. Accesses to the context are not changed: only the
verifier finds out what a register points to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vm.errors import InputError, InternalError
from vm.isa import opcodes as bpf
from vm.isa.insn import Insn
from vm.kernel import func_ids
from vm.kernel.symbols import symbol_name
from vm.program import Program
from vm.rewritten import AddressRef, Rewritten
from vm.verifier.fixups import divide, inline
from vm.verifier.fixups.build import alu32_reg, mov32_imm
from vm.verifier.fixups.code import CALL, INSERTED, PatchItem, Slot, build, expand, is_jump, settle
from vm.verifier.fixups.code import jump_distance as distance
from vm.verifier.fixups.zext import EXTEND_R0, is_cmpxchg32
from vm.verifier.state.aux import SubprogInfo

TAIL_CALL: Final = bpf.JMP | 0xF0
MAP_LOADS: Final = {
    bpf.PSEUDO_MAP_FD: "map",
    bpf.PSEUDO_MAP_IDX: "map",
    bpf.PSEUDO_MAP_VALUE: "map_value",
    bpf.PSEUDO_MAP_IDX_VALUE: "map_value",
}
VALUE_LOADS: Final = frozenset(source for source, kind in MAP_LOADS.items() if kind == "map_value")


def rewrite_unverified(program: Program) -> Rewritten:
    """Rewrite the program. Raises InputError for a call, jump or map reference without a target."""
    insns = program.insns
    functions = _check(program)
    slots, subprogs = build(insns, [INSERTED] * len(insns), [SubprogInfo(start) for start in functions])
    number = {id(subprog): str(i) for i, subprog in enumerate(subprogs)}
    tail_calls = False
    out: list[Slot] = []
    second = False
    for i, slot in enumerate(slots):
        if second:
            out.append(slot)
            second = False
            continue
        second = slot.insn.code == bpf.LD_IMM64
        slot.ref = _reference(slot, insns[i + 1 : i + 2], number)
        patch = _patch(slot.insn)
        tail_calls = tail_calls or _is_tail_call(slot.insn)
        out += [slot] if patch is None else expand(slot, patch, slots[i + 1] if i + 1 < len(slots) else None)
    try:
        settled = list(settle(out, subprogs))
    except InternalError:
        raise InputError("The program's jumps are too far for it to be laid out with its divisions guarded.") from None
    for i, slot in enumerate(out):
        if slot.callee is not None and slot.insn.code == CALL:
            settled[i] = slot.insn._replace(off=0, imm=int(number[id(slot.callee)]))
    flags = frozenset({"tail_call_reachable"}) if tail_calls else frozenset()
    position = {id(slot): i for i, slot in enumerate(out)}
    return Rewritten(
        program=program,
        insns=tuple(settled),
        orig_idx=tuple(slot.orig for slot in out),
        func_starts=tuple(position[id(subprog.start)] for subprog in subprogs),
        stack_depths=(bpf.MAX_BPF_STACK,) * len(subprogs),
        refs={i: slot.ref for i, slot in enumerate(out) if slot.ref is not None},
        func_flags=(flags,) * len(subprogs),
        plain=True,
    )


def _check(program: Program) -> list[int]:
    """First slots of the program's functions, main first; InputError for what leads nowhere."""
    insns, count = program.insns, len(program.insns)
    starts = {0}
    idx = 0
    while idx < count:
        insn = insns[idx]
        if insn.code == bpf.LD_IMM64 and idx + 1 == count:
            raise InputError(f"Instruction {idx} loads 64 bits, and its second half is missing.")
        if _names_function(insn):
            starts.add(_target(idx, insn.imm, count, "refers to a function at"))
        elif is_jump(insn.code):
            _target(idx, distance(insn), count, "jumps to")
        elif insn.code == bpf.LD_IMM64 and insn.src_reg in MAP_LOADS and not 0 <= insn.imm < len(program.maps):
            raise InputError(f"Instruction {idx} loads map number {insn.imm}; the program has {len(program.maps)}.")
        idx += 2 if insn.code == bpf.LD_IMM64 else 1
    return sorted(starts)


def _names_function(insn: Insn) -> bool:
    call = insn.code == CALL and insn.src_reg == bpf.PSEUDO_CALL
    return call or (insn.code == bpf.LD_IMM64 and insn.src_reg == bpf.PSEUDO_FUNC)


def _target(idx: int, jump: int, count: int, what: str) -> int:
    target = idx + 1 + jump
    if not 0 <= target < count:
        raise InputError(f"Instruction {idx} {what} {target}; the program has {count} slots.")
    return target


def _reference(slot: Slot, following: Sequence[Insn], number: dict[int, str]) -> AddressRef | None:
    """What the slot's immediate is the address of."""
    insn = slot.insn
    if insn.code == CALL and insn.src_reg != bpf.PSEUDO_CALL:
        return AddressRef("helper", str(insn.imm)) if insn.src_reg == 0 else AddressRef("kfunc", _kernel_function(insn))
    if insn.code != bpf.LD_IMM64:
        return None
    if insn.src_reg in MAP_LOADS:
        addend = following[0].imm if insn.src_reg in VALUE_LOADS else 0
        return AddressRef(MAP_LOADS[insn.src_reg], str(insn.imm), addend)
    if insn.src_reg == bpf.PSEUDO_BTF_ID:
        return AddressRef("ksym", _symbol(slot.orig, insn.imm))
    return AddressRef("func", number[id(slot.callee)]) if slot.callee is not None else None


def _kernel_function(insn: Insn) -> str:
    """Name of the kernel function a call names by its BTF id; one of a module has no name here."""
    name = symbol_name(insn.imm) if insn.off == 0 else None
    return name if name is not None else f"the kernel function with BTF id {insn.imm}"


def _symbol(idx: int, btf_id: int) -> str:
    name = symbol_name(btf_id)
    if name is None:
        raise InputError(f"Instruction {idx} loads the address of kernel type {btf_id}, no variable or function.")
    return name


def _is_tail_call(insn: Insn) -> bool:
    return insn.code == CALL and insn.src_reg == 0 and insn.imm == func_ids.TAIL_CALL


def _patch(insn: Insn) -> list[PatchItem] | None:
    """What the JIT or x86-64 cannot do as it stands, or None."""
    if _is_tail_call(insn):
        return [Insn(TAIL_CALL)]
    if insn.code in divide.CODES_X:
        return divide.guarded(insn)
    if insn.code in divide.CODES_K and insn.imm == 0:
        return _by_zero(insn)
    if insn.code in divide.CODES_K and insn.off == divide.SIGNED and insn.imm == -1:
        return divide.by_minus_one(insn)
    if bpf.cls(insn.code) == bpf.LD and bpf.mode(insn.code) in (bpf.ABS, bpf.IND) and bpf.size(insn.code) != bpf.DW:
        return inline.packet_load(insn)
    if is_cmpxchg32(insn):
        return [insn, EXTEND_R0]
    return None


def _by_zero(insn: Insn) -> list[PatchItem]:
    """Division by the constant 0, which the verifier refuses: the same as by a register that holds 0."""
    if bpf.op(insn.code) == bpf.DIV:
        return [mov32_imm(insn.dst_reg, 0)]
    if bpf.cls(insn.code) == bpf.ALU64:
        return [insn._replace(code=bpf.ALU64 | bpf.MOV | bpf.X, src_reg=insn.dst_reg, off=0)]
    return [alu32_reg(bpf.MOV, insn.dst_reg, insn.dst_reg)]
