"""One function of the program: prologue, every instruction's piece, epilogue.

The order of everything is do_jit()'s in arch/x86/net/bpf_jit_comp.c.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from vm.errors import InternalError, NotEmulated
from vm.isa import opcodes as bpf
from vm.isa.insn import Insn
from vm.jit import encode as x86
from vm.jit.encode import Cond, Reg
from vm.jit.lower import alu, jump, mem
from vm.jit.piece import EXIT, JUMP, Piece, PieceReloc
from vm.jit.registers import ARENA_REG, AUX_REG, BPF_TO_X86, CALLEE_SAVED, FIRST_CALLEE_SAVED
from vm.kernel.symbols import ksym_address
from vm.rewritten import AddressRef

# BPF_JMP | BPF_TAIL_CALL, only after the fixups.
TAIL_CALL: Final = bpf.JMP | 0xF0
MAX_TAIL_CALL_CNT: Final = 33
# From a function's entry to where a tail call enters it: both endbr64, the patchable no-op, nop3, push, mov.
TAIL_CALL_OFFSET: Final = 16
# offsetof() in struct bpf_array and struct bpf_prog.
ARRAY_MAX_ENTRIES: Final = 36
ARRAY_PTRS: Final = 264
PROG_BPF_FUNC: Final = 48

_FIXED: Final = alu.TABLE | mem.TABLE

# References in a 64-bit load whose value is a sign-extended 32-bit address (kernel text and data, BPF code).
SIGNED32_KINDS: Final = frozenset({"func", "ksym"})


@dataclass(frozen=True, slots=True)
class Frame:
    """What every instruction of a function shares.

    refs -- slot of the function -> what its immediate refers to
    boundary -- the main function of a program that may throw: all callee-saved registers are pushed
    populated -- "map:slot" of the program arrays' slots that hold a program from the start
    """

    insns: Sequence[Insn]
    refs: Mapping[int, AddressRef]
    stack_depth: int
    is_subprog: bool
    tail_call_reachable: bool
    exception_cb: bool
    boundary: bool
    arena: bool
    populated: frozenset[str] = frozenset()

    @property
    def stack_size(self) -> int:
        return -(-self.stack_depth // 8) * 8

    @property
    def tail_call_counter(self) -> int:
        """Where, from rbp, the pointer to the tail call counter is kept."""
        return -16 - self.stack_size


def callee_saved(insns: Sequence[Insn]) -> tuple[Reg, ...]:
    """r6-r9 that any instruction names (detect_reg_usage)."""
    used = set()
    for insn in insns:
        used.add(insn.dst_reg)
        if insn.code != bpf.LD_IMM64:
            used.add(insn.src_reg)
    return tuple(reg for i, reg in enumerate(CALLEE_SAVED) if FIRST_CALLEE_SAVED + i in used)


def _pop_all(frame: Frame) -> bytes:
    saved = CALLEE_SAVED if frame.boundary else callee_saved(frame.insns)
    code = b"".join(x86.pop(reg) for reg in reversed(saved))
    return code + x86.pop(ARENA_REG) if frame.boundary or frame.arena else code


def prologue(frame: Frame) -> tuple[bytes, int]:
    """The function's first bytes, and where in them the arena's address is (-1: nowhere)."""
    code = x86.ENDBR64 + x86.nops(5)
    if frame.tail_call_reachable and not frame.is_subprog:
        code += x86.reg_reg(b"\x31", Reg.RAX, Reg.RAX, True)
    else:
        code += x86.nops(3)
    if frame.exception_cb:
        code += x86.mov(Reg.RSP, Reg.RSI) + x86.mov(Reg.RBP, Reg.RDX)
        code += b"".join(x86.pop(reg) for reg in reversed(CALLEE_SAVED)) + x86.pop(ARENA_REG)
        code += x86.mov(Reg.RSP, Reg.RBP)
    else:
        code += x86.push(Reg.RBP) + x86.mov(Reg.RBP, Reg.RSP)
    code += x86.ENDBR64
    if frame.stack_depth:
        code += x86.reg_only(b"\x81", 5, Reg.RSP, True) + x86.le32(frame.stack_size)
    if frame.tail_call_reachable:
        code += _count_tail_calls(frame.is_subprog)
    if frame.boundary or frame.arena:
        code += x86.push(ARENA_REG)
    code += b"".join(x86.push(reg) for reg in (CALLEE_SAVED if frame.boundary else callee_saved(frame.insns)))
    if not frame.arena:
        return code, -1
    return code + x86.movabs(ARENA_REG, 0), len(code) + 2


def _count_tail_calls(is_subprog: bool) -> bytes:
    """rax is the counter (at most 33) in a first function, or a pointer to it: keep the pointer on the stack."""
    keep = x86.push(Reg.RAX)
    if is_subprog:
        return keep + keep
    own = keep + x86.mov(Reg.RAX, Reg.RSP) + x86.jump_short(None, len(keep))
    code = x86.reg_only(b"\x83", 7, Reg.RAX, True) + x86.le8(MAX_TAIL_CALL_CNT)
    return code + x86.jump_short(Cond.A, len(own)) + own + keep + keep


def epilogue(frame: Frame) -> bytes:
    return _pop_all(frame) + x86.LEAVE + x86.RET_INT3


def _tail_call(insn: Insn, slot: int, frame: Frame) -> Piece:
    """The jump into another program: through the map at run time, or, where map and slot are known, a site to patch.

    A patched site's jump past it becomes a no-op, and the no-op at its end the jump (bpf_tail_call_direct_fixup).
    """
    counter = x86.reg_reg(b"\x8b", Reg.RAX, Reg.RBP, True)[:-1] + bytes((x86.modrm(2, Reg.RAX, Reg.RBP),))
    counter += x86.le32(frame.tail_call_counter)
    counter += x86.rex(True, 0, Reg.RAX) + bytes((0x83, x86.modrm(0, 7, Reg.RAX), MAX_TAIL_CALL_CNT))
    leaving = x86.rex(True, 0, Reg.RAX) + bytes((0x83, x86.modrm(0, 0, Reg.RAX), 1)) + _pop_all(frame)
    leaving += x86.pop(Reg.RAX) * 2
    if frame.stack_depth:
        leaving += x86.reg_only(b"\x81", 0, Reg.RSP, True) + x86.le32(frame.stack_size)
    if insn.imm:
        patched = frame.refs[slot].name in frame.populated
        leaving += x86.jump_near(None, 0) if patched else x86.nops(5)
        bypass = x86.nops(5) if patched else x86.jump_near(None, len(leaving))
        code = counter + x86.jump_short(Cond.AE, len(bypass + leaving)) + bypass + leaving
        return Piece(code, relocs=(PieceReloc(len(code) - 4, 4, True),) if patched else ())
    leaving += x86.rex(True, Reg.RCX, Reg.RCX) + b"\x8b" + x86.memory(Reg.RCX, Reg.RCX, PROG_BPF_FUNC)
    leaving += x86.group1_imm("add", Reg.RCX, TAIL_CALL_OFFSET, True) + b"\xff\xe1\xcc"
    entry = x86.rex(True, Reg.RCX, Reg.RSI) + bytes((0x8B, x86.modrm(2, Reg.RCX, x86.SIB_FOLLOWS)))
    entry += bytes((x86.modrm(3, Reg.RDX, Reg.RSI),)) + x86.le32(ARRAY_PTRS) + x86.test(Reg.RCX, Reg.RCX, True)
    entry += x86.jump_short(Cond.E, len(leaving))
    rest = entry + leaving
    rest = counter + x86.jump_short(Cond.AE, len(rest)) + rest
    bounds = x86.mov(Reg.RDX, Reg.RDX, w=False) + b"\x39" + x86.memory(Reg.RDX, Reg.RSI, ARRAY_MAX_ENTRIES)
    return Piece(bounds + x86.jump_short(Cond.BE, len(rest)) + rest)


def _call(insn: Insn, slot: int, frame: Frame) -> Piece:
    code = b""
    if frame.tail_call_reachable:
        code = x86.rex(True, 0, 0) + bytes((0x8B, x86.modrm(2, Reg.RAX, Reg.RBP))) + x86.le32(frame.tail_call_counter)
    code += b"\xe8" + x86.le32(0)
    at = len(code) - 4
    if insn.src_reg == bpf.PSEUDO_CALL and slot not in frame.refs:
        return Piece(code, callee=insn.imm)
    if slot not in frame.refs:
        raise InternalError(f"the call at slot {slot} names no function")
    return Piece(code, relocs=(PieceReloc(at, 4, True),))


def _load_imm64(insn: Insn, high: int, slot: int, frame: Frame) -> Piece:
    dst = BPF_TO_X86[insn.dst_reg]
    ref = frame.refs.get(slot)
    if ref is None:
        return Piece(x86.mov_imm64(dst, (insn.imm & 0xFFFFFFFF) | (high & 0xFFFFFFFF) << 32), slots=2)
    if ref.kind == "ksym" and (ksym_address(ref.name) or 0) >> 31 == 0:
        # A per-CPU variable's address is its offset in the area of each CPU: a small number.
        code = x86.mov_imm32(dst, 1, sign_extend=False)[:-4] + x86.le32(0)
        return Piece(code, slots=2, relocs=(PieceReloc(len(code) - 4, 4, False),))
    if ref.kind in SIGNED32_KINDS:
        code = x86.reg_only(b"\xc7", 0, dst, True) + x86.le32(0)
        return Piece(code, slots=2, relocs=(PieceReloc(len(code) - 4, 4, False),))
    return Piece(x86.movabs(dst, 0), slots=2, relocs=(PieceReloc(2, 8, False),))


def _cast_user(insn: Insn) -> Piece:
    """An arena pointer as user space sees it: the arena's upper half over the lower 32 bits, zero staying zero."""
    dst, src = BPF_TO_X86[insn.dst_reg], BPF_TO_X86[insn.src_reg]
    code = x86.mov(dst, src, w=False) if dst != src else b""
    code += x86.shift_imm("shl", dst, 32, True)
    code += b"\x48\x0d" if dst == Reg.RAX else x86.reg_only(b"\x81", 1, dst, True)
    at = len(code)
    code += x86.le32(0) + x86.reg_only(b"\xc1", 0, dst, True) + x86.le8(32)
    code += x86.group1("xor", AUX_REG, AUX_REG, True) + x86.test(dst, dst, False)
    code += x86.reg_reg(b"\x0f\x44", dst, AUX_REG, True)
    return Piece(code, relocs=(PieceReloc(at, 4, False),))


def lower(frame: Frame) -> list[Piece]:
    """The pieces of a function, in order. NotEmulated names an instruction the JIT does not know."""
    pieces: list[Piece] = []
    known: dict[Insn, Piece] = {}
    slot, end = 0, len(frame.insns)
    while slot < end:
        insn = frame.insns[slot]
        piece = known.get(insn)
        if piece is None:
            simple = _FIXED.get(insn.code)
            if simple is not None and not is_cast_user(insn):
                piece = known[insn] = Piece(simple(insn))
            else:
                piece = _other(insn, slot, frame)
        pieces.append(piece)
        slot += piece.slots
    return pieces


def is_cast_user(insn: Insn) -> bool:
    """addr_space_cast(dst, 0, 1), arena pointers given to user space."""
    return (
        insn.code == bpf.ALU64 | bpf.MOV | bpf.X and insn.off == alu.ADDR_SPACE_CAST and insn.imm == alu.CAST_USER_IMM
    )


def _other(insn: Insn, slot: int, frame: Frame) -> Piece:
    code = insn.code
    probe = mem.PROBES.get(code)
    if probe is not None:
        found = probe(insn)
        return Piece(found.code, probe=(found.offset, found.length, found.clears))
    cond = jump.TABLE.get(code)
    if cond is not None:
        return Piece(jump.compare(insn), flow=JUMP, target=slot + 1 + insn.off, cond=cond)
    if code == bpf.JMP | bpf.CALL:
        return _call(insn, slot, frame)
    if code == bpf.LD_IMM64:
        return _load_imm64(insn, frame.insns[slot + 1].imm, slot, frame)
    if code == bpf.JMP | bpf.EXIT:
        return Piece(b"", flow=EXIT)
    if code == bpf.JMP | bpf.JA:
        return Piece(b"", flow=JUMP, target=slot + 1 + insn.off)
    if code == bpf.JMP32 | bpf.JA:
        return Piece(b"", flow=JUMP, target=slot + 1 + insn.imm)
    if code == TAIL_CALL:
        return _tail_call(insn, slot, frame)
    if is_cast_user(insn):
        return _cast_user(insn)
    raise NotEmulated(f"machine code for opcode {code:#04x}", kind="machine code", name=f"{code:#04x}")
