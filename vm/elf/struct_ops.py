"""struct_ops variables: which program stands for which operation of which kernel struct."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from vm.btf.types import Btf, Kind, Member, Type
from vm.elf.code import Function
from vm.elf.reader import SHT_PROGBITS, ElfFile, Section
from vm.elf.relo_core import essential
from vm.elf.sections import section_def
from vm.errors import InputError
from vm.isa.insn import INSN_SIZE
from vm.kernel import types as t
from vm.kernel.target import Target
from vm.program import MapSpec

_LINK: Final = ".struct_ops.link"
_SECTIONS: Final = frozenset({".struct_ops", _LINK})


class Operation(NamedTuple):
    """A program's place: the kernel's struct and the index of its member there."""

    struct: str
    member: int


@dataclass(slots=True)
class StructOps:
    """Programs' places by (section index, slot), why some have none, and the maps libbpf makes.

    loaded -- places that a variable libbpf makes a map of by default refers to
              (bpf_object_adjust_struct_ops_autoload)
    """

    places: dict[tuple[int, int], Operation] = field(default_factory=dict)
    loaded: set[tuple[int, int]] = field(default_factory=set)
    errors: dict[tuple[int, int], str] = field(default_factory=dict)
    maps: list[MapSpec] = field(default_factory=list)


class _Refused(Exception):
    """libbpf would not make the map; the text says why."""


@dataclass(frozen=True, slots=True)
class _Variable:
    """One variable of such a section. programs: its members by index -> the program whose address they hold.

    optional -- of a section whose name starts with ?: libbpf makes no map of it unless the application requests it
    """

    name: str
    struct: Type
    data: bytes
    programs: dict[int, Function]
    flags: int
    optional: bool


def collect_struct_ops(elf: ElfFile, btf: Btf | None, functions: list[Function], kernel: Target) -> StructOps:
    """Read the variables of .struct_ops sections (init_struct_ops_maps, bpf_map__init_kern_struct_ops).

    What libbpf refuses when it opens the object is an InputError; what it refuses when it loads it is said
    of the programs the variable refers to. Optional variables count where no other refers to a program.
    """
    out = StructOps()
    variables = _variables(elf, btf, functions) if btf is not None else []
    for variable in sorted(variables, key=lambda v: v.optional):
        assert btf is not None
        _init(out, btf, variable, kernel)
    return out


def _variables(elf: ElfFile, btf: Btf, functions: list[Function]) -> list[_Variable]:
    starts = {(f.section.index, f.start): f for f in functions}
    out = []
    for section in elf.sections:
        if section.name.removeprefix("?") not in _SECTIONS or section.type != SHT_PROGBITS or not section.data:
            continue
        datasec = btf.find(section.name, Kind.DATASEC)
        if datasec is None:
            raise InputError(f"The object's BTF does not describe its section '{section.name}'.")
        found = [_variable(btf, section, info.offset, btf.type(info.type_id)) for info in datasec.variables]
        _place_programs(elf, btf, section, found, starts)
        out += [variable for _, variable in found]
    return out


def _variable(btf: Btf, section: Section, offset: int, var: Type) -> tuple[int, _Variable]:
    struct = btf.skip_modifiers(var.type_id) if var.kind is Kind.VAR else var
    if struct.kind is not Kind.STRUCT or not struct.name:
        raise InputError(f"Variable '{var.name}' in section '{section.name}' is not of a struct with a name.")
    if offset + struct.size > len(section.data):
        raise InputError(f"damaged ELF: variable '{var.name}' ends past its section '{section.name}'.")
    flags = t.BPF_F_LINK if section.name.endswith(_LINK) else 0
    data = section.data[offset : offset + struct.size]
    return offset, _Variable(var.name, struct, data, {}, flags, section.name.startswith("?"))


def _place_programs(
    elf: ElfFile,
    btf: Btf,
    section: Section,
    found: list[tuple[int, _Variable]],
    starts: dict[tuple[int, int], Function],
) -> None:
    """Which program's address each relocation puts where (bpf_object__collect_st_ops_relos)."""
    for reloc in elf.relocs.get(section.index, ()):
        symbol = elf.symbols[reloc.symbol]
        holder = next(((at, v) for at, v in found if at <= reloc.offset < at + v.struct.size), None)
        if holder is None:
            raise InputError(f"Section '{section.name}' holds an address of '{symbol.name}' outside its variables.")
        at, variable = holder
        place = 8 * (reloc.offset - at)
        index = next((i for i, m in enumerate(variable.struct.members) if m.bit_off == place), -1)
        if index < 0:
            raise InputError(f"Variable '{variable.name}' holds an address of '{symbol.name}' at no member of it.")
        member = variable.struct.members[index]
        if not _is_function_pointer(btf, member.type_id):
            raise InputError(
                f"Variable '{variable.name}': its member '{member.name}' holds an address and is no function pointer."
            )
        program = starts.get((symbol.section, symbol.value // INSN_SIZE))
        if program is None or program.section.name == ".text":
            raise InputError(f"Variable '{variable.name}': '{symbol.name}' for '{member.name}' is not a program.")
        known = section_def(program.section.name.removeprefix("?"))
        if known is None or known.prog_type != t.BPF_PROG_TYPE_STRUCT_OPS:
            raise InputError(
                f"Variable '{variable.name}': '{program.name}' for '{member.name}' is not a struct_ops program; "
                'put SEC("struct_ops") before it.'
            )
        variable.programs[index] = program


def _is_function_pointer(btf: Btf, type_id: int) -> bool:
    found = btf.skip_modifiers(type_id)
    return found.kind is Kind.PTR and btf.skip_modifiers(found.type_id).kind is Kind.FUNC_PROTO


def _init(out: StructOps, btf: Btf, variable: _Variable, target: Target) -> None:
    """bpf_map__init_kern_struct_ops() of one variable."""
    placed = set(out.places)
    if not variable.optional:
        out.loaded |= {(program.section.index, program.start) for program in variable.programs.values()}
    try:
        out.maps.append(_fit(out, btf, variable, target))
    except _Refused as refused:
        for program in variable.programs.values():
            place = (program.section.index, program.start)
            if not (variable.optional and place in placed):
                out.errors.setdefault(place, str(refused))


def _fit(out: StructOps, btf: Btf, variable: _Variable, running: Target) -> MapSpec:
    kernel, name = running.btf, essential(variable.struct.name)
    value = kernel.find(f"bpf_struct_ops_{name}", Kind.STRUCT)
    target = kernel.find(name, Kind.STRUCT)
    if value is None or target is None or not any(m.type_id == target.id for m in value.members):
        raise _Refused(f"{running.name} has no struct_ops '{name}'")
    inside = next(m.bit_off // 8 for m in value.members if m.type_id == target.id)
    content, operations = bytearray(value.size), []
    numbers = {m.name: i for i, m in enumerate(target.members)}
    for index, member in enumerate(variable.struct.members):
        number = numbers.get(member.name, -1)
        program = variable.programs.get(index)
        if number < 0:
            if program is not None or any(_bytes(btf, variable, member)):
                raise _Refused(f"struct {name} of {running.name} has no member '{member.name}'")
            continue
        theirs = target.members[number]
        _compare(btf, running, variable, member, theirs, program)
        place = inside + theirs.bit_off // 8
        if program is not None:
            _place(out, variable, program, Operation(name, number), theirs.name)
            operations.append((place, program.name))
        else:
            data = _bytes(btf, variable, member)
            content[place : place + len(data)] = data
    return MapSpec(
        variable.name[:15],
        t.BPF_MAP_TYPE_STRUCT_OPS,
        4,
        value.size,
        1,
        map_flags=variable.flags,
        full_name=variable.name,
        vmlinux_value_type_id=value.id,
        # What is registered with a real kernel; the emulation makes the map and registers nothing.
        initial=bytes(content) if running.real else None,
        init_slots=tuple(operations) if running.real else (),
    )


def _bytes(btf: Btf, variable: _Variable, member: Member) -> bytes:
    start = member.bit_off // 8
    return variable.data[start : start + btf.size_of(member.type_id)]


def _compare(
    btf: Btf, running: Target, variable: _Variable, member: Member, theirs: Member, program: Function | None
) -> None:
    """The variable's member must be what the kernel's member of that name is."""
    kernel = running.btf
    where = f"member '{member.name}' of variable '{variable.name}'"
    if member.bits or theirs.bits:
        raise _Refused(f"{where} is a bit field")
    mine, other = btf.skip_modifiers(member.type_id), kernel.skip_modifiers(theirs.type_id)
    if mine.kind is not other.kind:
        raise _Refused(f"{where} is {_kind(mine)}, and {_kind(other)} in {running.name}")
    if mine.kind is Kind.PTR:
        if program is not None and not _is_function_pointer(kernel, theirs.type_id):
            raise _Refused(f"{where} is no function pointer in {running.name}")
        if program is None and any(_bytes(btf, variable, member)):
            raise _Refused(f"{where} holds a number where a program or nothing must be")
        return
    size, wanted = btf.size_of(mine.id), kernel.size_of(other.id)
    if size != wanted:
        raise _Refused(f"{where} has {size} bytes, and {wanted} in {running.name}")


def _kind(found: Type) -> str:
    return f"of kind {found.kind.name}"


def _place(out: StructOps, variable: _Variable, program: Function, place: Operation, member: str) -> None:
    """A program is one operation only, however many variables refer to it."""
    key = (program.section.index, program.start)
    known = out.places.setdefault(key, place)
    if known != place and not variable.optional:
        raise _Refused(f"'{program.name}' stands for '{member}' of '{variable.name}' and for another operation too")
