"""Programs written by hand for the run's tests, and what stands in for the verifier's rewriting of them."""

from __future__ import annotations

from collections.abc import Sequence

from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.program import MapSpec, Program
from vm.rewritten import AddressRef, Rewritten
from vm.runner.helpers import helper_name

XDP = 6
TC = 3
SOCKET_FILTER = 1
EXIT = Insn(o.JMP | o.EXIT)


def mov(dst: int, imm: int) -> Insn:
    return Insn(o.ALU64 | o.MOV | o.K, dst, 0, 0, imm)


def movr(dst: int, src: int) -> Insn:
    return Insn(o.ALU64 | o.MOV | o.X, dst, src)


def alu(op: int, dst: int, imm: int, off: int = 0) -> Insn:
    return Insn(o.ALU64 | op | o.K, dst, 0, off, imm)


def alur(op: int, dst: int, src: int, off: int = 0) -> Insn:
    return Insn(o.ALU64 | op | o.X, dst, src, off)


def alu32(op: int, dst: int, imm: int, off: int = 0) -> Insn:
    return Insn(o.ALU | op | o.K, dst, 0, off, imm)


def ld64(dst: int, value: int, src: int = 0) -> list[Insn]:
    low, high = value & 0xFFFFFFFF, value >> 32 & 0xFFFFFFFF
    return [
        Insn(o.LD_IMM64, dst, src, 0, low - (1 << 32) if low >> 31 else low),
        Insn(0, 0, 0, 0, high - (1 << 32) if high >> 31 else high),
    ]


def st(size: int, dst: int, off: int, imm: int) -> Insn:
    return Insn(o.ST | o.MEM | size, dst, 0, off, imm)


def stx(size: int, dst: int, off: int, src: int) -> Insn:
    return Insn(o.STX | o.MEM | size, dst, src, off)


def ldx(size: int, dst: int, src: int, off: int) -> Insn:
    return Insn(o.LDX | o.MEM | size, dst, src, off)


def call(helper: int) -> Insn:
    return Insn(o.JMP | o.CALL, 0, 0, 0, helper)


def program(*insns: Insn, prog_type: int = XDP, maps: tuple[MapSpec, ...] = (), name: str = "p") -> Program:
    return Program(name, "xdp", prog_type, tuple(insns), maps=maps)


def rewritten(p: Program) -> Rewritten:
    """What the fixups would make of a program without ctx accesses: addresses by reference, functions by number."""
    starts = {0}
    for idx, insn in enumerate(p.insns):
        if (insn.code, insn.src_reg) in ((o.JMP | o.CALL, o.PSEUDO_CALL), (o.LD_IMM64, o.PSEUDO_FUNC)):
            starts.add(idx + 1 + insn.imm)
    order = sorted(starts)
    refs: dict[int, AddressRef] = {}
    insns: list[Insn] = []
    for idx, insn in enumerate(p.insns):
        if insn.code == o.JMP | o.CALL and insn.src_reg == o.PSEUDO_CALL:
            insn = insn._replace(off=insn.imm, imm=order.index(idx + 1 + insn.imm))
        elif insn.code == o.JMP | o.CALL and helper_name(insn.imm) == "tail_call":
            insn = Insn(o.JMP | 0xF0)
        elif insn.code == o.JMP | o.CALL:
            refs[idx] = AddressRef("helper", "bpf_" + helper_name(insn.imm))
            insn = insn._replace(imm=0)
        elif insn.code == o.LD_IMM64 and insn.src_reg:
            refs[idx] = _ref(p.insns, idx, order)
            insn = insn._replace(imm=0)
        insns.append(insn)
    return Rewritten(
        program=p,
        insns=tuple(insns),
        orig_idx=tuple(range(len(insns))),
        func_starts=tuple(order),
        stack_depths=(512,) * len(order),
        refs=refs,
        func_flags=tuple(frozenset({"tail_call_reachable"}) if _tails(insns) else frozenset() for _ in order),
    )


def _tails(insns: Sequence[Insn]) -> bool:
    return any(insn.code == o.JMP | 0xF0 for insn in insns)


def _ref(insns: Sequence[Insn], idx: int, order: list[int]) -> AddressRef:
    insn = insns[idx]
    if insn.src_reg == o.PSEUDO_FUNC:
        return AddressRef("func", str(order.index(idx + 1 + insn.imm)))
    kind = "map" if insn.src_reg == o.PSEUDO_MAP_FD else "map_value"
    return AddressRef(kind, str(insn.imm), insns[idx + 1].imm)
