"""struct_ops variables: which program stands for which operation of which kernel struct."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from vm.btf.core import essential
from vm.btf.types import Btf, Kind, Type
from vm.elf.code import Function
from vm.elf.reader import ElfFile, Section
from vm.isa.insn import INSN_SIZE
from vm.kernel import types as t
from vm.program import MapSpec


class Operation(NamedTuple):
    """A program's place: the kernel's struct and the index of its member there."""

    struct: str
    member: int


@dataclass(slots=True)
class StructOps:
    """Programs' places by (section index, slot), why some have none, and the maps libbpf makes."""

    places: dict[tuple[int, int], Operation] = field(default_factory=dict)
    errors: dict[tuple[int, int], str] = field(default_factory=dict)
    maps: list[MapSpec] = field(default_factory=list)


def collect_struct_ops(elf: ElfFile, btf: Btf | None, functions: list[Function]) -> StructOps:
    """Read the variables of .struct_ops sections (bpf_object__collect_st_ops_relos, init_kern_struct_ops)."""
    out = StructOps()
    starts = {(f.section.index, f.start) for f in functions}
    for section in elf.sections:
        if btf is None or section.name.lstrip("?") not in (".struct_ops", ".struct_ops.link"):
            continue
        datasec = btf.find(section.name, Kind.DATASEC)
        for info in datasec.variables if datasec else ():
            var = btf.type(info.type_id)
            struct = btf.skip_modifiers(var.type_id)
            if struct.kind is Kind.STRUCT:
                _variable(out, elf, btf, section, info.offset, var.name, struct, starts)
    return out


def _variable(
    out: StructOps,
    elf: ElfFile,
    btf: Btf,
    section: Section,
    offset: int,
    name: str,
    struct: Type,
    starts: set[tuple[int, int]],
) -> None:
    from vm.kernel.btf import kernel_btf

    kernel = kernel_btf()
    kernel_name = essential(struct.name)
    target = kernel.find(kernel_name, Kind.STRUCT)
    value = kernel.find(f"bpf_struct_ops_{kernel_name}", Kind.STRUCT)
    usable = target is not None and value is not None
    if usable and target and value:
        out.maps.append(MapSpec(name[:15], t.BPF_MAP_TYPE_STRUCT_OPS, 4, value.size, 1, full_name=name))
    members = {m.bit_off // 8: m for m in struct.members}
    numbers = {m.name: i for i, m in enumerate(target.members)} if target else {}
    for reloc in elf.relocs.get(section.index, ()):
        member = members.get(reloc.offset - offset)
        symbol = elf.symbols[reloc.symbol]
        place = (symbol.section, symbol.value // INSN_SIZE)
        if member is None or place not in starts or not offset <= reloc.offset < offset + struct.size:
            continue
        if not usable:
            out.errors[place] = f"Linux 6.12 has no struct_ops '{kernel_name}'"
        elif member.name not in numbers:
            out.errors[place] = f"struct {kernel_name} of Linux 6.12 has no member '{member.name}'"
        else:
            out.places.setdefault(place, Operation(kernel_name, numbers[member.name]))
