"""The kernel's spelling, which clang prints too: `r1 = *(u32 *)(r2 + 4)`, `if r1 > 5 goto out`.

Everything the verifier's log prints is understood as well: `goto pc+3`, `call bpf_loop#181`, `r0 = *(u8 *)skb[14]`.
"""

from __future__ import annotations

from typing import Final

from vm.asm.cursor import Cursor, Ref
from vm.bits import U32
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.isa.text import ALU_OPS, ALU_SIGNED_OPS, ATOMIC_OPS, JMP_OPS, MEM_SIZES, MEMSX_SIZES

Parsed = tuple[Insn, Ref | None]

_NO_OPERATOR: Final = frozenset({o.NEG, o.END})
_ALU: Final = {text: op for op, text in ALU_OPS.items() if op not in _NO_OPERATOR}
_ALU_SIGNED: Final = {text: op for op, text in ALU_SIGNED_OPS.items()}
_JMP: Final = {text: op for op, text in JMP_OPS.items() if op not in (o.JA, o.CALL, o.EXIT)}
_SIZES: Final = {text: size for size, text in MEM_SIZES.items()}
_SX_SIZES: Final = {text: size for size, text in MEMSX_SIZES.items()}
_CASTS: Final = {"s8": 8, "s16": 16, "s32": 32}
_ENDS: Final = {
    **{f"be{bits}": (o.ALU | o.END | o.TO_BE, bits) for bits in (16, 32, 64)},
    **{f"le{bits}": (o.ALU | o.END | o.TO_LE, bits) for bits in (16, 32, 64)},
    **{f"bswap{bits}": (o.ALU64 | o.END, bits) for bits in (16, 32, 64)},
}
_LOCKED: Final = {ALU_OPS[op]: op for op in ATOMIC_OPS}
# Atomic operations that return the old value: name -> (size or None where the pointer's cast tells it, operation).
_FETCHES: Final = {
    **{f"atomic{wide}_fetch_{name}": op | o.FETCH for wide in ("", "64") for op, name in ATOMIC_OPS.items()},
    **{f"atomic{wide}_xchg": o.XCHG for wide in ("", "64")},
    **{f"atomic{wide}_cmpxchg": o.CMPXCHG for wide in ("", "64")},
}
_LLVM_EXCHANGES: Final = {
    "xchg_64": (o.DW, o.XCHG), "xchg32_32": (o.W, o.XCHG), "xchg_32": (o.W, o.XCHG),
    "cmpxchg_64": (o.DW, o.CMPXCHG), "cmpxchg32_32": (o.W, o.CMPXCHG),
}  # fmt: skip
_OPERATORS: Final = "an operator (=, +=, -=, *=, /=, %=, |=, &=, ^=, <<=, >>=, s>>=, s/=, s%=)"


def statement(c: Cursor) -> list[Parsed]:
    """The slots of one instruction (two for a 64-bit load)."""
    token = c.peek()
    rule = _RULES.get(token.text)
    if rule is not None:
        c.next()
        parsed = rule(c)
    elif c.at_register():
        parsed = _assign(c)
    else:
        c.fail("an instruction (a register, *(, if, goto, call, lock, exit)")
    c.end()
    return parsed


def _exit(c: Cursor) -> list[Parsed]:
    return [(Insn(o.JMP | o.EXIT), None)]


def _goto(c: Cursor) -> list[Parsed]:
    off, ref = target(c)
    return [(Insn(o.JMP | o.JA, off=off), ref)]


def _gotol(c: Cursor) -> list[Parsed]:
    off, ref = target(c, long=True)
    return [(Insn(o.JMP32 | o.JA, imm=off), ref)]


def _may_goto(c: Cursor) -> list[Parsed]:
    off, ref = target(c)
    return [(Insn(o.JMP | o.JCOND, off=off), ref)]


def target(c: Cursor, *, long: bool = False) -> tuple[int, Ref | None]:
    """Where a jump goes: a label, +3, or pc+3 (counted in slots from the next instruction)."""
    token = c.peek()
    if token.text == "pc" and c.peek(1).text in ("+", "-"):
        c.next()
    if c.at_number():
        bits = 31 if long else 15
        return c.ranged(-(1 << bits), (1 << bits) - 1, f"a jump distance of {bits + 1} bits"), None
    name = c.name("a label or a distance (+3)")
    return 0, Ref(name.text, "long" if long else "jump", name.column)


def call(c: Cursor) -> list[Parsed]:
    """call 12, call bpf_map_lookup_elem, call bpf_loop#181, call pc+5, call label."""
    from vm.kernel.helpers import helper_by_name

    code = o.JMP | o.CALL
    token = c.peek()
    if token.kind == "number":
        return [(Insn(code, imm=c.ranged(0, (1 << 31) - 1, "a helper's number")), None)]
    if token.text in ("+", "-") or (token.text == "pc" and c.peek(1).text in ("+", "-")):
        c.accept("pc")
        return [(Insn(code, src_reg=o.PSEUDO_CALL, imm=c.ranged(-(1 << 31), (1 << 31) - 1, "a distance")), None)]
    name = c.name("a helper (its name or number) or a label")
    if c.accept("#"):
        return [(Insn(code, imm=c.ranged(0, (1 << 31) - 1, "a helper's number")), None)]
    helper = helper_by_name(name.text) if name.text.startswith("bpf_") else None
    if helper is not None:
        return [(Insn(code, imm=helper.id), None)]
    return [(Insn(code, src_reg=o.PSEUDO_CALL), Ref(name.text, "call", name.column))]


def _if(c: Cursor) -> list[Parsed]:
    dst, wide = c.any_register()
    op = c.choose(_JMP, "a comparison (==, !=, >, >=, <, <=, s>, s>=, s<, s<=, &)")
    code = (o.JMP if wide else o.JMP32) | op
    src = imm = 0
    if c.at_register():
        src = _same_width(c, wide)
        code |= o.X
    elif c.at_number():
        imm = c.imm32(bits=True)
    else:
        c.fail("a register or a number")
    c.expect("goto")
    off, ref = target(c)
    return [(Insn(code, dst, src, off, imm), ref)]


def _same_width(c: Cursor, wide: bool) -> int:
    token = c.peek()
    number, other = c.any_register()
    if other != wide:
        c.wrong("both registers must be r (64 bits) or both w (32 bits)", token)
    return number


def _place(c: Cursor, sizes: dict[str, int]) -> tuple[int, int, int]:
    """`u32 *)(r1 + 4)` with the star and bracket before it taken: size, register, offset."""
    size = c.choose(sizes, f"a type ({', '.join(sizes)})")
    c.expect("*")
    c.expect(")")
    c.expect("(")
    reg = c.register()
    off = c.offset() if c.peek().text in ("+", "-") else 0
    c.expect(")")
    return size, reg, off


def _store(c: Cursor) -> list[Parsed]:
    c.expect("(")
    size, dst, off = _place(c, _SIZES)
    c.expect("=")
    if c.at_register():
        return [(Insn(o.STX | o.MEM | size, dst, c.any_register()[0], off), None)]
    if c.at_number():
        return [(Insn(o.ST | o.MEM | size, dst, 0, off, c.imm32(bits=size != o.DW)), None)]
    raise c.error("a register or a number")


def _lock(c: Cursor) -> list[Parsed]:
    c.expect("*")
    c.expect("(")
    size, dst, off = _place(c, {"u32": o.W, "u64": o.DW})
    op = c.choose(_LOCKED, "one of +=, &=, |=, ^=")
    return [(Insn(o.STX | o.ATOMIC | size, dst, c.any_register()[0], off, op), None)]


def _assign(c: Cursor) -> list[Parsed]:
    dst, wide = c.any_register()
    cls = o.ALU64 if wide else o.ALU
    token = c.peek()
    if token.text in _ALU_SIGNED:
        c.next()
        return _operand(c, cls | _ALU_SIGNED[token.text], dst, wide, off=1)
    if token.text != "=":
        return _operand(c, cls | c.choose(_ALU, _OPERATORS), dst, wide)
    c.next()
    return _value(c, cls, dst, wide)


def _operand(c: Cursor, code: int, dst: int, wide: bool, off: int = 0) -> list[Parsed]:
    if c.at_register():
        return [(Insn(code | o.X, dst, _same_width(c, wide), off), None)]
    if c.at_number():
        return [(Insn(code, dst, 0, off, c.imm32(bits=not wide)), None)]
    raise c.error("a register or a number")


def _value(c: Cursor, cls: int, dst: int, wide: bool) -> list[Parsed]:
    """What follows `r1 =`."""
    token = c.peek()
    if token.text == "*":
        return _load(c, dst)
    if token.text == "-" and c.peek(1).kind == "name":
        c.next()
        source = c.peek()
        if _same_width(c, wide) != dst:
            c.wrong("a register can only be negated into itself", source)
        return [(Insn(cls | o.NEG, dst), None)]
    if token.text == "(":
        c.next()
        off = c.choose(_CASTS, "s8, s16 or s32")
        c.expect(")")
        return [(Insn(cls | o.MOV | o.X, dst, _same_width(c, wide), off), None)]
    if token.text in _ENDS:
        code, bits = _ENDS[c.next().text]
        source = c.peek()
        if c.any_register()[0] != dst:
            c.wrong("bytes can only be swapped within one register", source)
        return [(Insn(code, dst, imm=bits), None)]
    if token.text in _FETCHES:
        return _fetch(c, dst)
    if token.text in _LLVM_EXCHANGES:
        return _exchange(c, dst)
    if token.text == "addr_space_cast":
        return _cast(c, dst)
    if c.at_register():
        return [(Insn(cls | o.MOV | o.X, dst, _same_width(c, wide)), None)]
    if c.at_number():
        return _number(c, cls, dst, wide)
    if token.kind == "name" or token.text == "&":
        return address(c, dst)
    raise c.error("a register, a number, a load (*(u32 *)(r1 + 0)) or a map")


def _number(c: Cursor, cls: int, dst: int, wide: bool) -> list[Parsed]:
    start = c.at
    c.number()
    long = c.accept("ll") is not None
    after, c.at = c.at, start
    if not long:
        return [(Insn(cls | o.MOV, dst, imm=c.imm32(bits=not wide)), None)]
    value = c.imm64()
    c.at = after
    return load64(dst, value)


def load64(dst: int, value: int, src: int = 0) -> list[Parsed]:
    """Two slots: the lower half, then the upper."""
    low, high = value & 0xFFFFFFFF, value >> 32
    return [(Insn(o.LD_IMM64, dst, src, 0, _signed(low)), None), (Insn(0, imm=_signed(high)), None)]


def _signed(value: int) -> int:
    return value - (1 << 32) if value >> 31 else value


def address(c: Cursor, dst: int) -> list[Parsed]:
    """map[name], map[name][0]+8, &name, name: a map, an address in its value, or a function."""
    first = c.peek()
    marked = c.accept("&") is not None
    name = c.name("the name of a map or a label")
    how = "symbol"
    if not marked and name.text in ("map", "func") and c.accept("["):
        how = {"map": "map", "func": "func"}[name.text]
        name = c.name("a name")
        c.expect("]")
    addend = 0
    if c.accept("["):
        if c.number("0") != 0:
            c.wrong("only element 0 has an address a program can hold", first)
        c.expect("]")
        how = "value"
        addend = c.ranged(0, U32, "an offset") if c.peek().text == "+" else 0
    c.accept("ll")
    ref = Ref(name.text, how, name.column, addend)
    return [(Insn(o.LD_IMM64, dst), ref), (Insn(0), None)]


def _load(c: Cursor, dst: int) -> list[Parsed]:
    c.next()
    c.expect("(")
    token = c.peek()
    if c.peek(3).text == "skb":
        return _packet(c, dst)
    size, src, off = _place(c, {**_SIZES, **_SX_SIZES})
    mode = o.MEM if token.text in _SIZES else o.MEMSX
    return [(Insn(o.LDX | mode | size, dst, src, off), None)]


def _packet(c: Cursor, dst: int) -> list[Parsed]:
    """`u8 *)skb[14]` or `skb[r7 + 6]`: the loads of classic BPF, always into r0."""
    if dst != 0:
        c.wrong("a load from skb[...] always goes to r0", c.peek())
    size = c.choose({"u8": o.B, "u16": o.H, "u32": o.W}, "u8, u16 or u32")
    for text in ("*", ")", "skb", "["):
        c.expect(text)
    if c.at_register():
        src = c.register()
        imm = c.imm32(bits=False) if c.peek().text in ("+", "-") else 0
        insn = Insn(o.LD | o.IND | size, 0, src, 0, imm)
    else:
        insn = Insn(o.LD | o.ABS | size, 0, 0, 0, c.imm32(bits=False))
    c.expect("]")
    return [(insn, None)]


def _fetch(c: Cursor, dst: int) -> list[Parsed]:
    """`atomic64_fetch_add((u64 *)(r1 + 0), r2)`."""
    name = c.next()
    op = _FETCHES[name.text]
    c.expect("(")
    c.expect("(")
    size, base, off = _place(c, {"u32": o.W, "u64": o.DW})
    if name.text.startswith("atomic64_") and size != o.DW:
        c.wrong("atomic64_ works on u64", name)
    return [(Insn(o.STX | o.ATOMIC | size, base, _atomic_source(c, op, dst), off, op), None)]


def _exchange(c: Cursor, dst: int) -> list[Parsed]:
    """`xchg_64(r1 + 0, r2)`, `cmpxchg_64(r1 + 0, r0, r2)`: as clang prints them."""
    size, op = _LLVM_EXCHANGES[c.next().text]
    c.expect("(")
    base = c.register()
    off = c.offset() if c.peek().text in ("+", "-") else 0
    return [(Insn(o.STX | o.ATOMIC | size, base, _atomic_source(c, op, dst), off, op), None)]


def _atomic_source(c: Cursor, op: int, dst: int) -> int:
    """`, r2)` or `, r0, r2)`; the result goes where the operation says."""
    c.expect(",")
    if op == o.CMPXCHG:
        token = c.peek()
        if c.any_register()[0] != 0 or dst != 0:
            c.wrong("a compare-and-exchange compares with r0 and returns into it", token)
        c.expect(",")
    token = c.peek()
    src = c.any_register()[0]
    if op != o.CMPXCHG and src != dst:
        c.wrong("the old value comes back in the register that was given", token)
    c.expect(")")
    return src


def _cast(c: Cursor, dst: int) -> list[Parsed]:
    c.next()
    c.expect("(")
    src = c.register()
    c.expect(",")
    to = c.ranged(0, 0xFFFF, "an address space")
    c.expect(",")
    from_ = c.ranged(0, 0xFFFF, "an address space")
    c.expect(")")
    return [(Insn(o.ALU64 | o.MOV | o.X, dst, src, 1, _signed(to << 16 | from_)), None)]


_RULES: Final = {
    "exit": _exit, "goto": _goto, "gotol": _gotol, "may_goto": _may_goto, "call": call, "if": _if, "lock": _lock,
    "*": _store,
}  # fmt: skip
