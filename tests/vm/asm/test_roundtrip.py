"""Text -> instructions -> text, for every instruction the fields can make."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vm.asm import intel, kernel
from vm.asm.cursor import Cursor
from vm.asm.hexcode import reserved
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.isa.text import insn_text

REGS = st.integers(0, 10)
OFFS = st.integers(-(1 << 15), (1 << 15) - 1)
IMMS = st.integers(-(1 << 31), (1 << 31) - 1)


@st.composite
def instructions(draw: st.DrawFn) -> tuple[Insn, ...]:
    """An instruction as the encoding allows it: unused fields zero."""
    code = draw(st.sampled_from([c for c in range(256) if not reserved(c)]))
    cls, dst, src, off, imm = o.cls(code), draw(REGS), draw(REGS), draw(OFFS), draw(IMMS)
    if code == o.LD_IMM64:
        return Insn(code, dst, 0, 0, imm), Insn(0, imm=draw(IMMS))
    if cls in (o.ALU, o.ALU64):
        return (_alu(draw, code, dst, src, imm),)
    if cls in (o.JMP, o.JMP32):
        return (_jump(code, dst, src, off, imm),)
    if cls == o.LD:
        return (Insn(code, 0, src if o.mode(code) == o.IND else 0, 0, imm),)
    if cls == o.LDX:
        return (Insn(code, dst, src, off),)
    if cls == o.ST:
        return (Insn(code, dst, 0, off, imm),)
    if o.mode(code) == o.ATOMIC:
        plain = [o.ADD, o.AND, o.OR, o.XOR]
        return (Insn(code, dst, src, off, draw(st.sampled_from([*plain, *(p | 1 for p in plain), o.XCHG, o.CMPXCHG]))),)
    return (Insn(code, dst, src, off),)


def _alu(draw: st.DrawFn, code: int, dst: int, src: int, imm: int) -> Insn:
    op = o.op(code)
    if op == o.NEG:
        return Insn(code, dst)
    if op == o.END:
        return Insn(code, dst, imm=draw(st.sampled_from([16, 32, 64])))
    off = 0
    if op in (o.DIV, o.MOD):
        off = draw(st.sampled_from([0, 1]))
    elif op == o.MOV and o.src(code) == o.X:
        off = draw(st.sampled_from([0, 8, 16, 32] if o.cls(code) == o.ALU64 else [0, 8, 16]))
    return Insn(code, dst, src, off) if o.src(code) == o.X else Insn(code, dst, 0, off, imm)


def _jump(code: int, dst: int, src: int, off: int, imm: int) -> Insn:
    op = o.op(code)
    if op == o.EXIT:
        return Insn(code)
    if op == o.CALL:
        return Insn(code, imm=abs(imm) & 0x7FFFFFFF)
    if op in (o.JA, o.JCOND):
        return Insn(code, imm=imm) if o.cls(code) == o.JMP32 else Insn(code, off=off)
    return Insn(code, dst, src, off) if o.src(code) == o.X else Insn(code, dst, 0, off, imm)


def call_name(insn: Insn) -> str:
    return "helper"


@given(instructions())
def test_kernel_text_comes_back(insns: tuple[Insn, ...]) -> None:
    text = insn_text(insns, 0, call_name=call_name).split(") ", 1)[1]
    if insns[0].code == o.LD_IMM64:
        text += " ll"
    assert tuple(insn for insn, _ in kernel.statement(Cursor(text, 1))) == insns


@given(instructions())
def test_intel_text_comes_back(insns: tuple[Insn, ...]) -> None:
    text = intel.intel_text(insns, 0)
    assert text is not None
    assert tuple(insn for insn, _ in intel.statement(Cursor(text, 1))) == insns


@given(instructions(), st.data())
def test_spaces_do_not_matter(insns: tuple[Insn, ...], data: st.DataObject) -> None:
    text = insn_text(insns, 0, call_name=call_name).split(") ", 1)[1]
    if insns[0].code == o.LD_IMM64:
        text += " ll"
    cursor = Cursor(text, 1)
    words = [t.text for t in cursor.tokens[:-1]]
    # A # after a space starts a comment: the number of a helper stays with its name.
    gaps = [0 if follower == "#" else data.draw(st.integers(1, 3)) for follower in [*words[1:], ""]]
    spaced = "".join(word + " " * gap for word, gap in zip(words, gaps, strict=True))
    assert tuple(insn for insn, _ in kernel.statement(Cursor(spaced, 1))) == insns
