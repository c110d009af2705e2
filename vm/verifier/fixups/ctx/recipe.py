"""The building blocks of context conversion: fields, accesses, and recipes that turn one into the other.

A recipe is what one `case` of the kernel's *_convert_ctx_access() functions does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from vm.isa import opcodes as bpf
from vm.isa.insn import Insn
from vm.namedtuples import NamedTuple
from vm.verifier.fixups.build import AX, R9, SIZE_OF_BYTES, alu64_reg, ja, jmp_imm, ldx, mov64_imm, stx
from vm.verifier.fixups.ctx.offsets import FIELDS


class Access(NamedTuple):
    """One load or store of a context field.

    insn -- the instruction; rel -- bytes from the field's start; write -- is it a store?
    tstamp_type_access -- the program reads __sk_buff.tstamp_type somewhere, so it knows what tstamp means
    """

    insn: Insn
    rel: int
    write: bool
    tstamp_type_access: bool = False

    @property
    def dst(self) -> int:
        return self.insn.dst_reg

    @property
    def src(self) -> int:
        return self.insn.src_reg

    @property
    def size(self) -> int:
        """The size field of the instruction's opcode."""
        return bpf.size(self.insn.code)


Emit = Callable[[Access], list[Insn]]


class Recipe(NamedTuple):
    """emit -- the instructions; target_size -- bytes of the kernel's field that end up in the register (0: any)."""

    emit: Emit
    target_size: int = 0


# Offset in the context -> (offset the field starts at, recipe).
Table = Mapping[int, tuple[int, Recipe]]


def offset(*fields: str) -> int:
    """The sum of the offsets of nested fields."""
    return sum(FIELDS[field][0] for field in fields)


def size_of(field: str) -> int:
    return FIELDS[field][1]


def load(field: str, dst: int, src: int) -> Insn:
    """dst = src->field."""
    at, size = FIELDS[field]
    return ldx(SIZE_OF_BYTES[size], dst, src, at)


def emit_store(access: Access, size: int, off: int) -> Insn:
    """The access's own store, of another size and elsewhere (BPF_EMIT_STORE)."""
    insn = access.insn
    return Insn(bpf.cls(insn.code) | size | bpf.MEM, insn.dst_reg, insn.src_reg, off, insn.imm)


def _follow(access: Access, path: Sequence[str]) -> list[Insn]:
    """dst = src->path[0]->path[1]…, all but the last."""
    insns, src = [], access.src
    for field in path[:-1]:
        insns.append(load(field, access.dst, src))
        src = access.dst
    return insns


def read(*path: str, then: Callable[[int], list[Insn]] | None = None) -> Recipe:
    """Follow pointers and load the last field, at the access's offset into it; `then` works on the register."""
    at, size = FIELDS[path[-1]]
    step = SIZE_OF_BYTES.get(size, bpf.W)

    def emit(access: Access) -> list[Insn]:
        insns = _follow(access, path)
        insns.append(ldx(step, access.dst, access.dst if insns else access.src, at + access.rel))
        return insns + (then(access.dst) if then else [])

    return Recipe(emit, bpf.SIZE_BYTES[step])


def read_own_size(*path: str) -> Recipe:
    """As read(), with the size the program itself used."""
    at, size = FIELDS[path[-1]]

    def emit(access: Access) -> list[Insn]:
        insns = _follow(access, path)
        insns.append(ldx(access.size, access.dst, access.dst if insns else access.src, at + access.rel))
        return insns

    return Recipe(emit, min(size, 4) if size not in SIZE_OF_BYTES else size)


def read_checked(pointer: str, field: str) -> Recipe:
    """As read(); a null pointer on the way is the result."""

    def emit(access: Access) -> list[Insn]:
        dst = access.dst
        return [load(pointer, dst, access.src), jmp_imm(bpf.JEQ, dst, 0, 1), load(field, dst, dst)]

    return Recipe(emit, size_of(field))


def read_write(field: str) -> Recipe:
    """The context's field is the structure's."""
    at, size = FIELDS[field]
    step = SIZE_OF_BYTES[size]

    def emit(access: Access) -> list[Insn]:
        if access.write:
            return [emit_store(access, step, at)]
        return [ldx(step, access.dst, access.src, at)]

    return Recipe(emit, size)


def at_offset(off: int, target_size: int = 0) -> Recipe:
    """Load or store with the program's own size, `off` bytes into the structure."""

    def emit(access: Access) -> list[Insn]:
        if access.write:
            return [emit_store(access, access.size, off + access.rel)]
        return [ldx(access.size, access.dst, access.src, off + access.rel)]

    return Recipe(emit, target_size)


def fixed(size: int, off: int) -> Recipe:
    """Load or store `size` bytes at `off`."""
    step = SIZE_OF_BYTES[size]

    def emit(access: Access) -> list[Insn]:
        if access.write:
            return [emit_store(access, step, off)]
        return [ldx(step, access.dst, access.src, off)]

    return Recipe(emit, size)


def spare_register(access: Access) -> int:
    """A register the access does not use: r9, r8 or r7."""
    reg = R9
    while reg in (access.dst, access.src):
        reg -= 1
    return reg


def nested(pointer: str, field: str, saved: str, own_size: bool = False) -> Recipe:
    """A field behind a pointer that can be read and written; a store saves a register in `saved` and uses it."""
    at, width = FIELDS[field]

    def emit(access: Access) -> list[Insn]:
        size = access.size if own_size else SIZE_OF_BYTES[width]
        if not access.write:
            return [load(pointer, access.dst, access.src), ldx(size, access.dst, access.dst, at + access.rel)]
        reg, insn = spare_register(access), access.insn
        return [
            stx(bpf.DW, access.dst, reg, offset(saved)),
            load(pointer, reg, access.dst),
            Insn(size | bpf.MEM | bpf.cls(insn.code), reg, access.src, at + access.rel, insn.imm),
            ldx(bpf.DW, reg, access.dst, offset(saved)),
        ]

    return Recipe(emit, width if width in SIZE_OF_BYTES else 4)


def shinfo(dst: int, skb: int) -> list[Insn]:
    """dst = skb_shinfo(skb): head + end."""
    return [load("sk_buff.end", AX, skb), load("sk_buff.head", dst, skb), alu64_reg(bpf.ADD, dst, AX)]


def full_socket(access: Access, ops: str, field: str | None) -> list[Insn]:
    """dst = ops->sk(->field) if it is a full socket, else 0. If src is dst, another register is saved and used."""
    dst, src = access.dst, access.src
    temp, loads = offset(f"{ops}.temp"), [load(f"{ops}.sk", dst, src)]
    if field is not None:
        loads.append(load(field, dst, dst))
    if dst != src:
        return [load(f"{ops}.is_fullsock", dst, src), jmp_imm(bpf.JEQ, dst, 0, len(loads)), *loads]
    reg = spare_register(access)
    restore = ldx(bpf.DW, reg, src, temp)
    return [
        stx(bpf.DW, src, reg, temp),
        load(f"{ops}.is_fullsock", reg, src),
        jmp_imm(bpf.JEQ, reg, 0, len(loads) + 2),
        restore,
        *loads,
        ja(2),
        restore,
        mov64_imm(dst, 0),
    ]


def table(struct: str, recipes: Mapping[str, Recipe], ranges: Mapping[str, Recipe] | None = None) -> Table:
    """`recipes` hold at the first byte of `struct`'s fields only, `ranges` anywhere in them (as the kernel's cases)."""
    built: dict[int, tuple[int, Recipe]] = {}
    for name, recipe in recipes.items():
        start = FIELDS[f"{struct}.{name}"][0]
        built[start] = (start, recipe)
    for name, recipe in (ranges or {}).items():
        start, size = FIELDS[f"{struct}.{name}"]
        for at in range(start, start + size):
            built[at] = (start, recipe)
    return built


NO_QUEUE_MAPPING: Final = 0xFFFF
