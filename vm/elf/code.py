"""Functions of an object before linking: instructions, what each relocation stands for, BTF records."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from vm.btf.ext import BtfExt, CoreRelo, FuncRecord, LineRecord
from vm.elf.placed import PlacedMap
from vm.elf.reader import (
    SHN_LORESERVE,
    STB_LOCAL,
    STT_FUNC,
    STT_SECTION,
    STV_HIDDEN,
    STV_INTERNAL,
    ElfFile,
    Section,
    Symbol,
)
from vm.errors import InputError
from vm.isa import opcodes as o
from vm.isa.insn import INSN_SIZE, Insn, decode
from vm.namedtuples import NamedTuple
from vm.program import LineInfo

MAX_INSNS: Final = 1_000_000  # BPF_COMPLEXITY_LIMIT_INSNS
_CALL: Final = o.JMP | o.CALL


class Rel(IntEnum):
    """Kinds of relocations (libbpf: enum reloc_type)."""

    MAP = 0
    DATA = 1
    CALL = 2
    SUBPROG_ADDR = 3
    EXTERN_LD64 = 4
    EXTERN_CALL = 5


class Target(NamedTuple):
    """value: index of the map, byte offset of the symbol, or index of the extern's symbol."""

    kind: Rel
    value: int
    offset: int = 0


@dataclass(slots=True)
class Function:
    """One function of an executable section; `start` in slots from the section's beginning.

    exported -- global and not hidden
    debug_lines -- lines by DWARF, by slots from its beginning; read only where `lines` are of no use
    error -- why it cannot be used, "" if it can
    unresolved -- slots whose CO-RE relocation found nothing, and what it asked for
    """

    name: str
    section: Section
    start: int
    insns: tuple[Insn, ...]
    exported: bool
    targets: dict[int, Target] = field(default_factory=dict)
    funcs: list[FuncRecord] = field(default_factory=list)
    lines: list[LineRecord] = field(default_factory=list)
    debug_lines: list[LineInfo] = field(default_factory=list)
    relos: list[tuple[int, CoreRelo]] = field(default_factory=list)
    error: str = ""
    unresolved: dict[int, str] = field(default_factory=dict)

    @property
    def end(self) -> int:
        return self.start + len(self.insns)


def collect_functions(elf: ElfFile) -> list[Function]:
    """All functions by section and place, as bpf_object__add_programs() finds them."""
    out = []
    by_section: dict[int, list[Symbol]] = {}
    for symbol in elf.symbols:
        if symbol.type == STT_FUNC:
            by_section.setdefault(symbol.section, []).append(symbol)
    for section in elf.sections:
        if not section.executable or not section.data:
            continue
        for symbol in by_section.get(section.index, ()):
            out.append(_function(section, symbol))
    out.sort(key=lambda f: (f.section.index, f.start))
    for one, other in zip(out, out[1:], strict=False):
        if one.section is other.section and one.end > other.start:
            raise InputError(f"damaged ELF: the functions '{one.name}' and '{other.name}' overlap.")
    return out


def _function(section: Section, symbol: Symbol) -> Function:
    if symbol.value % INSN_SIZE or symbol.size % INSN_SIZE or not symbol.size:
        raise InputError(f"damaged ELF: function '{symbol.name}' is no whole number of instructions.")
    if symbol.value + symbol.size > len(section.data):
        raise InputError(f"damaged ELF: function '{symbol.name}' ends past its section '{section.name}'.")
    if section.name != ".text" and symbol.bind == STB_LOCAL:
        raise InputError(f"Function '{symbol.name}' in section '{section.name}' is static, which programs cannot be.")
    count = symbol.size // INSN_SIZE
    start = symbol.value // INSN_SIZE
    if count > MAX_INSNS:
        why = f"the program has {count} instructions; the kernel takes at most {MAX_INSNS}"
        return Function(symbol.name, section, start, (Insn(0),), True, error=why)
    data = section.data[symbol.value : symbol.value + symbol.size]
    exported = symbol.bind != STB_LOCAL and symbol.visibility not in (STV_INTERNAL, STV_HIDDEN)
    return Function(symbol.name, section, start, decode(data), exported)


def resolve_targets(functions: list[Function], elf: ElfFile, maps: list[PlacedMap], arena: int = -1) -> None:
    """Fill in what each function's relocations stand for; a bad one becomes the function's error."""
    text = elf.section(".text")
    text_index = text.index if text and text.executable else 0
    for function in functions:
        low, high = function.start * INSN_SIZE, function.end * INSN_SIZE
        for reloc in elf.relocs.get(function.section.index, ()):
            if not low <= reloc.offset < high or function.error:
                continue
            slot, rest = divmod(reloc.offset, INSN_SIZE)
            slot -= function.start
            if rest:
                raise InputError(f"damaged ELF: a relocation of '{function.name}' is not at an instruction.")
            try:
                symbol = elf.symbols[reloc.symbol]
                function.targets[slot] = _target(function.insns[slot], symbol, elf, maps, text_index, arena)
            except InputError as error:
                function.error = error.message


def _target(insn: Insn, symbol: Symbol, elf: ElfFile, maps: list[PlacedMap], text: int, arena: int) -> Target:
    """bpf_program__record_reloc()."""
    call = insn.code == _CALL
    if not call and insn.code != o.LD_IMM64:
        raise InputError(f"the relocation against '{symbol.name}' is at an instruction that takes none")
    if symbol.is_extern:
        return Target(Rel.EXTERN_CALL if call else Rel.EXTERN_LD64, symbol.number)
    if call:
        if insn.src_reg != o.PSEUDO_CALL or not symbol.section or symbol.section != text:
            raise InputError(f"the call of '{symbol.name}' is not of a function in section .text")
        if symbol.value % INSN_SIZE:
            raise InputError(f"the call of '{symbol.name}' is not to the start of an instruction")
        return Target(Rel.CALL, symbol.value)
    if not symbol.section or symbol.section >= SHN_LORESERVE:
        raise InputError(f"the variable '{symbol.name}' has no place in a section; was it initialised?")
    if text and symbol.section == text and (symbol.type in (STT_SECTION, STT_FUNC)):
        if symbol.value % INSN_SIZE or insn.imm % INSN_SIZE:
            raise InputError(f"the address of function '{symbol.name}' is not the start of an instruction")
        return Target(Rel.SUBPROG_ADDR, symbol.value)
    section = elf.sections[symbol.section]
    if section.name == ".addr_space.1":
        if arena < 0:
            raise InputError(f"the variable '{symbol.name}' is in an arena, and the object defines no arena map")
        return Target(Rel.DATA, arena, symbol.value)
    for index, placed in enumerate(maps):
        if placed.section == symbol.section and placed.is_data:
            return Target(Rel.DATA, index, symbol.value)
        if placed.section == symbol.section and placed.offset == symbol.value:
            return Target(Rel.MAP, index)
    raise InputError(f"'{symbol.name}' in section '{section.name}' is neither a map nor a variable")


def attach_records(functions: list[Function], ext: BtfExt) -> None:
    """Give each function its line, function and CO-RE records: of several sections of one name, the first has them."""
    first: dict[str, int] = {}
    for function in functions:
        index = function.section.index
        first[function.section.name] = min(index, first.get(function.section.name, index))
    for function in functions:
        name = function.section.name
        if first[name] != function.section.index:
            continue
        low, high = function.start * INSN_SIZE, function.end * INSN_SIZE
        function.funcs = [r for r in ext.funcs.get(name, ()) if low <= r.offset < high]
        function.lines = [r for r in ext.lines.get(name, ()) if low <= r.offset < high]
        function.relos = [
            (r.offset // INSN_SIZE - function.start, r) for r in ext.relos.get(name, ()) if low <= r.offset < high
        ]
