"""The Intel-like spelling of ubpf and others: `mov r0, 0`, `ldxw r1, [r1+4]`, `jeq r1, 0, out`. Parsed and printed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from vm.asm.cursor import Cursor, Ref
from vm.asm.kernel import Parsed, address, call, load64, target
from vm.isa import opcodes as o
from vm.isa.insn import Insn, imm64

_ALU_NAMES: Final = {
    "add": o.ADD, "sub": o.SUB, "mul": o.MUL, "div": o.DIV, "or": o.OR, "and": o.AND, "lsh": o.LSH, "rsh": o.RSH,
    "mod": o.MOD, "xor": o.XOR, "mov": o.MOV, "arsh": o.ARSH,
}  # fmt: skip
_JMP_NAMES: Final = {
    "jeq": o.JEQ, "jgt": o.JGT, "jge": o.JGE, "jset": o.JSET, "jne": o.JNE, "jsgt": o.JSGT, "jsge": o.JSGE,
    "jlt": o.JLT, "jle": o.JLE, "jslt": o.JSLT, "jsle": o.JSLE,
}  # fmt: skip
_SIZE_NAMES: Final = {"b": o.B, "h": o.H, "w": o.W, "dw": o.DW}
_ATOMICS: Final = {
    "add": o.ADD, "and": o.AND, "or": o.OR, "xor": o.XOR,
    "fetch_add": o.ADD | o.FETCH, "fetch_and": o.AND | o.FETCH, "fetch_or": o.OR | o.FETCH,
    "fetch_xor": o.XOR | o.FETCH, "xchg": o.XCHG, "cmpxchg": o.CMPXCHG,
}  # fmt: skip


class Form(NamedTuple):
    """How a mnemonic's operands are written, and the fields it sets."""

    shape: str
    code: int
    off: int = 0
    imm: int = 0


def _forms() -> dict[str, Form]:
    forms: dict[str, Form] = {}
    for suffix, cls in (("", o.ALU64), ("64", o.ALU64), ("32", o.ALU)):
        for name, op in _ALU_NAMES.items():
            forms[name + suffix] = Form("alu", cls | op)
        for name, op in (("sdiv", o.DIV), ("smod", o.MOD)):
            forms[name + suffix] = Form("alu", cls | op, off=1)
        forms["neg" + suffix] = Form("reg", cls | o.NEG)
    for bits in (8, 16, 32):
        forms[f"movsx{bits}"] = forms[f"movsx{bits}64"] = Form("movsx", o.ALU64 | o.MOV | o.X, off=bits)
        if bits < 32:
            forms[f"movsx{bits}32"] = Form("movsx", o.ALU | o.MOV | o.X, off=bits)
    for bits in (16, 32, 64):
        forms[f"le{bits}"] = Form("reg", o.ALU | o.END | o.TO_LE, imm=bits)
        forms[f"be{bits}"] = Form("reg", o.ALU | o.END | o.TO_BE, imm=bits)
        forms[f"bswap{bits}"] = forms[f"swap{bits}"] = Form("reg", o.ALU64 | o.END, imm=bits)
    for suffix, cls in (("", o.JMP), ("32", o.JMP32)):
        for name, op in _JMP_NAMES.items():
            forms[name + suffix] = Form("jump", cls | op)
    for name, size in _SIZE_NAMES.items():
        forms[f"ldx{name}"] = Form("load", o.LDX | o.MEM | size)
        forms[f"st{name}"] = Form("store_imm", o.ST | o.MEM | size)
        forms[f"stx{name}"] = Form("store_reg", o.STX | o.MEM | size)
        if size != o.DW:
            forms[f"ldxs{name}"] = Form("load", o.LDX | o.MEMSX | size)
            forms[f"ldabs{name}"] = Form("abs", o.LD | o.ABS | size)
            forms[f"ldind{name}"] = Form("ind", o.LD | o.IND | size)
    return forms | {
        "lddw": Form("load64", o.LD_IMM64),
        "ja": Form("ja", o.JMP | o.JA),
        "ja32": Form("ja_long", o.JMP32 | o.JA),
        "may_goto": Form("ja", o.JMP | o.JCOND),
        "call": Form("call", o.JMP | o.CALL),
        "exit": Form("none", o.JMP | o.EXIT),
        "lock": Form("lock", o.STX | o.ATOMIC),
    }


FORMS: Final = _forms()


def statement(c: Cursor) -> list[Parsed]:
    """The slots of one instruction (two for lddw)."""
    token = c.peek()
    form = FORMS.get(token.text)
    if form is None:
        c.fail("an instruction (mov, add, ldxw, stxdw, jeq, call, exit, …)")
    c.next()
    parsed = _SHAPES[form.shape](c, form)
    c.end()
    return parsed


def _none(c: Cursor, f: Form) -> list[Parsed]:
    return [(Insn(f.code), None)]


def _reg(c: Cursor, f: Form) -> list[Parsed]:
    return [(Insn(f.code, c.register(), imm=f.imm), None)]


def _alu(c: Cursor, f: Form) -> list[Parsed]:
    dst = c.register()
    c.expect(",")
    if c.at_register():
        return [(Insn(f.code | o.X, dst, c.register(), f.off), None)]
    if not c.at_number():
        c.fail("a register or a number")
    return [(Insn(f.code, dst, 0, f.off, c.imm32(bits=o.cls(f.code) == o.ALU)), None)]


def _movsx(c: Cursor, f: Form) -> list[Parsed]:
    dst = c.register()
    c.expect(",")
    return [(Insn(f.code, dst, c.register(), f.off), None)]


def _memory(c: Cursor) -> tuple[int, int]:
    c.expect("[")
    reg = c.register()
    off = c.offset() if c.peek().text in ("+", "-") else 0
    c.expect("]")
    return reg, off


def _load(c: Cursor, f: Form) -> list[Parsed]:
    dst = c.register()
    c.expect(",")
    src, off = _memory(c)
    return [(Insn(f.code, dst, src, off), None)]


def _store_imm(c: Cursor, f: Form) -> list[Parsed]:
    dst, off = _memory(c)
    c.expect(",")
    if not c.at_number():
        c.fail("a number (stx… stores a register)")
    return [(Insn(f.code, dst, 0, off, c.imm32(bits=o.size(f.code) != o.DW)), None)]


def _store_reg(c: Cursor, f: Form) -> list[Parsed]:
    dst, off = _memory(c)
    c.expect(",")
    return [(Insn(f.code, dst, c.register(), off), None)]


def _abs(c: Cursor, f: Form) -> list[Parsed]:
    return [(Insn(f.code, imm=c.imm32(bits=False)), None)]


def _ind(c: Cursor, f: Form) -> list[Parsed]:
    src = c.register()
    c.expect(",")
    return [(Insn(f.code, 0, src, 0, c.imm32(bits=False)), None)]


def _load64(c: Cursor, f: Form) -> list[Parsed]:
    dst = c.register()
    c.expect(",")
    if c.at_number():
        return load64(dst, c.imm64())
    return address(c, dst)


def _ja(c: Cursor, f: Form) -> list[Parsed]:
    off, ref = target(c)
    return [(Insn(f.code, off=off), ref)]


def _ja_long(c: Cursor, f: Form) -> list[Parsed]:
    off, ref = target(c, long=True)
    return [(Insn(f.code, imm=off), ref)]


def _jump(c: Cursor, f: Form) -> list[Parsed]:
    dst = c.register()
    c.expect(",")
    src = imm = 0
    code = f.code
    if c.at_register():
        src = c.register()
        code |= o.X
    elif c.at_number():
        imm = c.imm32(bits=True)
    else:
        c.fail("a register or a number")
    c.expect(",")
    off, ref = target(c)
    return [(Insn(code, dst, src, off, imm), ref)]


def _call(c: Cursor, f: Form) -> list[Parsed]:
    if c.peek().text == "local" and c.peek(1).kind == "name":
        c.next()
        name = c.next()
        return [(Insn(f.code, src_reg=o.PSEUDO_CALL), Ref(name.text, "call", name.column))]
    return call(c)


def _lock(c: Cursor, f: Form) -> list[Parsed]:
    token = c.name("an atomic operation (add, and, or, xor, fetch_add, …, xchg, cmpxchg)")
    narrow = token.text.endswith("32")
    op = _ATOMICS.get(token.text.removesuffix("32"))
    if op is None:
        c.fail("an atomic operation (add, and, or, xor, fetch_add, …, xchg, cmpxchg)", token)
    dst, off = _memory(c)
    c.expect(",")
    return [(Insn(f.code | (o.W if narrow else o.DW), dst, c.register(), off, op), None)]


_SHAPES: Final = {
    "none": _none, "reg": _reg, "alu": _alu, "movsx": _movsx, "load": _load, "store_imm": _store_imm,
    "store_reg": _store_reg, "abs": _abs, "ind": _ind, "load64": _load64, "ja": _ja, "ja_long": _ja_long,
    "jump": _jump, "call": _call, "lock": _lock,
}  # fmt: skip

# The first name of each form, for printing.
_NAME_OF: Final = {(form.shape, form.code, form.off, form.imm): name for name, form in reversed(list(FORMS.items()))}
_ATOMIC_NAMES: Final = {op: name for name, op in _ATOMICS.items()}


def intel_text(insns: Sequence[Insn], idx: int) -> str | None:
    """Text of the instruction at slot `idx`, None where this spelling has none (maps are printed as numbers)."""
    insn = insns[idx]
    cls = o.cls(insn.code)
    if insn.code == o.LD_IMM64:
        if insn.src_reg:
            return None
        return f"lddw r{insn.dst_reg}, {imm64(tuple(insns), idx):#x}"
    return _PRINTERS[cls](insn)


def _named(shape: str, code: int, off: int = 0, imm: int = 0) -> str | None:
    return _NAME_OF.get((shape, code, off, imm))


def _alu_text(insn: Insn) -> str | None:
    code, dst, src, off, imm = insn
    if o.op(code) in (o.NEG, o.END):
        name = _named("reg", code, 0, imm if o.op(code) == o.END else 0)
        return f"{name} r{dst}" if name else None
    if o.op(code) == o.MOV and off:
        name = _named("movsx", code, off)
        return f"{name} r{dst}, r{src}" if name else None
    name = _named("alu", code & ~o.X, off)
    right = f"r{src}" if o.src(code) == o.X else str(imm)
    return f"{name} r{dst}, {right}" if name else None


def _jump_text(insn: Insn) -> str | None:
    code, dst, src, off, imm = insn
    if o.op(code) == o.CALL:
        return f"call {imm:+d}" if src == o.PSEUDO_CALL else f"call {imm}" if src == 0 else None
    if code == o.JMP | o.EXIT:
        return "exit"
    if o.op(code) in (o.JA, o.JCOND):
        name = _named("ja", code) or _named("ja_long", code)
        return f"{name} {imm if code == o.JMP32 | o.JA else off:+d}" if name and not src else None
    name = _named("jump", code & ~o.X)
    right = f"r{src}" if o.src(code) == o.X else str(imm)
    return f"{name} r{dst}, {right}, {off:+d}" if name else None


def _ldx_text(insn: Insn) -> str | None:
    name = _named("load", insn.code)
    return f"{name} r{insn.dst_reg}, [r{insn.src_reg}{insn.off:+d}]" if name else None


def _st_text(insn: Insn) -> str | None:
    name = _named("store_imm", insn.code)
    return f"{name} [r{insn.dst_reg}{insn.off:+d}], {insn.imm}" if name else None


def _stx_text(insn: Insn) -> str | None:
    place = f"[r{insn.dst_reg}{insn.off:+d}], r{insn.src_reg}"
    if o.mode(insn.code) == o.ATOMIC:
        name = _ATOMIC_NAMES.get(insn.imm)
        suffix = {o.W: "32", o.DW: ""}.get(o.size(insn.code))
        return f"lock {name}{suffix} {place}" if name and suffix is not None else None
    name = _named("store_reg", insn.code)
    return f"{name} {place}" if name else None


def _ld_text(insn: Insn) -> str | None:
    if name := _named("abs", insn.code):
        return f"{name} {insn.imm}"
    name = _named("ind", insn.code)
    return f"{name} r{insn.src_reg}, {insn.imm}" if name else None


_PRINTERS: Final = {
    o.LD: _ld_text, o.LDX: _ldx_text, o.ST: _st_text, o.STX: _stx_text, o.ALU: _alu_text, o.ALU64: _alu_text,
    o.JMP: _jump_text, o.JMP32: _jump_text,
}  # fmt: skip
