"""Maps of an object: BTF-defined ones (.maps) and global data (.data, .rodata, .bss), as libbpf creates them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from vm.btf.types import GLOBAL, STATIC, Btf, Kind, Type
from vm.elf.legacy import legacy_maps
from vm.elf.placed import NAME_LEN, PlacedMap
from vm.elf.reader import SHT_NOBITS, SHT_PROGBITS, STT_FUNC, ElfFile, Section, Symbol
from vm.errors import InputError
from vm.kernel import types as t
from vm.program import MapSpec

PAGE_SIZE: Final = 4096
MAX_MAPS: Final = 256
_POSSIBLE_CPUS: Final = 1  # libbpf gives perf event arrays a slot for each; here there is one

_MAP_IN_MAP: Final = frozenset({t.BPF_MAP_TYPE_ARRAY_OF_MAPS, t.BPF_MAP_TYPE_HASH_OF_MAPS})
# Types whose keys and values the kernel takes no BTF for (libbpf: bpf_object__create_map).
_NO_BTF: Final = _MAP_IN_MAP | {
    t.BPF_MAP_TYPE_PERF_EVENT_ARRAY,
    t.BPF_MAP_TYPE_CGROUP_ARRAY,
    t.BPF_MAP_TYPE_STACK_TRACE,
    t.BPF_MAP_TYPE_DEVMAP,
    t.BPF_MAP_TYPE_DEVMAP_HASH,
    t.BPF_MAP_TYPE_CPUMAP,
    t.BPF_MAP_TYPE_XSKMAP,
    t.BPF_MAP_TYPE_SOCKMAP,
    t.BPF_MAP_TYPE_SOCKHASH,
}
_PINNINGS: Final = (0, 1)  # LIBBPF_PIN_NONE, LIBBPF_PIN_BY_NAME
_RINGBUFS: Final = frozenset({t.BPF_MAP_TYPE_RINGBUF, t.BPF_MAP_TYPE_USER_RINGBUF})


def object_name(name: str) -> str:
    """libbpf's name of an object: the file's, fifteen characters at most, up to the first dot."""
    return name.rsplit("/", 1)[-1][: NAME_LEN - 1].split(".")[0]


def collect_maps(elf: ElfFile, btf: Btf | None, name: str) -> list[PlacedMap]:
    """Every map, in libbpf's order. InputError names the map and what is wrong with its definition."""
    out = legacy_maps(elf) + _btf_maps(elf, btf) + _data_maps(elf, btf, object_name(name))
    if len(out) > MAX_MAPS:
        raise InputError(f"The object has {len(out)} maps; at most {MAX_MAPS} are read.")
    return out


def _btf_maps(elf: ElfFile, btf: Btf | None) -> list[PlacedMap]:
    section = elf.section(".maps")
    if section is None:
        return []
    datasec = btf.find(".maps", Kind.DATASEC) if btf else None
    if btf is None or datasec is None:
        raise InputError("The maps in section .maps cannot be read without BTF; compile with -g.")
    found: list[tuple[MapSpec, int, int, int]] = []
    for info in datasec.variables:
        var = btf.type(info.type_id)
        if not var.name or info.offset + info.size > section.size:
            raise InputError(f"The definition of map '{var.name}' lies outside the section .maps.")
        if var.linkage != GLOBAL:
            raise InputError(f"Map '{var.name}' is static or __hidden; libbpf takes only maps that are neither.")
        definition = btf.skip_modifiers(var.type_id)
        if definition.kind is not Kind.STRUCT:
            raise InputError(f"Map '{var.name}' is not defined by a struct.")
        if definition.size > info.size or not definition.members:
            raise InputError(f"The definition of map '{var.name}' is cut off.")
        spec = _definition(btf, definition, var.name, inner=False)
        last = definition.members[-1]
        values_at = info.offset + last.bit_off // 8 if last.name == "values" else info.offset + info.size
        found.append((spec, info.offset, values_at, info.offset + info.size))
    arenas = [spec.full_name for spec, *_ in found if spec.map_type == t.BPF_MAP_TYPE_ARENA]
    if len(arenas) > 1:
        raise InputError(f"An object can have one arena, and '{arenas[0]}' and '{arenas[1]}' are two.")
    names = {spec.full_name: number for number, (spec, *_) in enumerate(found)}
    out = []
    for spec, start, values_at, end in found:
        slots = []
        for reloc in elf.relocs.get(section.index, ()):
            if start <= reloc.offset < end:
                slots.append(_slot(elf, spec, elf.symbols[reloc.symbol], reloc.offset - values_at, names))
        out.append(PlacedMap(replace(spec, init_slots=tuple(slots)), section.index, start, False))
    return out


def _slot(elf: ElfFile, spec: MapSpec, symbol: Symbol, offset: int, names: dict[str, int]) -> tuple[int, int | str]:
    """What a relocation puts into a map of maps or programs (bpf_object__collect_map_relos)."""
    slot, rest = divmod(offset, 8)
    if offset < 0 or rest:
        raise InputError(f"Map '{spec.full_name}' is initialised at a place that is no element of 'values'.")
    if spec.map_type == t.BPF_MAP_TYPE_PROG_ARRAY:
        text = elf.section(".text")
        if symbol.type != STT_FUNC or (text is not None and symbol.section == text.index):
            raise InputError(
                f"Map '{spec.full_name}' is initialised with '{symbol.name}', which is no program: "
                "it has no section of its own."
            )
        return slot, symbol.name
    if spec.map_type == t.BPF_MAP_TYPE_HASH_OF_MAPS and spec.key_size != 4:
        raise InputError(f"Map '{spec.full_name}' can only be initialised if its keys have 4 bytes.")
    if symbol.name not in names:
        raise InputError(f"Map '{spec.full_name}' is initialised with '{symbol.name}', which is no map.")
    return slot, names[symbol.name]


def _number(btf: Btf, map_name: str, field: str, type_id: int) -> int:
    """The value of __uint(field, value): a pointer to an array of that many elements."""
    pointer = btf.skip_modifiers(type_id)
    array = btf.type(pointer.type_id) if pointer.kind is Kind.PTR else pointer
    if pointer.kind is not Kind.PTR or array.kind is not Kind.ARRAY:
        raise InputError(f"Map '{map_name}': '{field}' is not given with __uint().")
    return array.nelems


def _long(btf: Btf, map_name: str, field: str, type_id: int) -> int:
    """The value of __ulong(field, value): an enumerator of an anonymous enum."""
    found = btf.skip_modifiers(type_id)
    if found.kind is Kind.PTR:
        return _number(btf, map_name, field, type_id)
    if found.kind not in (Kind.ENUM, Kind.ENUM64) or len(found.enumerators) != 1:
        raise InputError(f"Map '{map_name}': '{field}' is not given with __ulong().")
    return found.enumerators[0].value & 0xFFFFFFFFFFFFFFFF


def _definition(btf: Btf, definition: Type, name: str, *, inner: bool) -> MapSpec:
    numbers = {"type": 0, "max_entries": 0, "map_flags": 0, "numa_node": 0, "key_size": 0, "value_size": 0}
    numbers |= {"pinning": 0, "map_extra": 0}
    key_type = value_type = 0
    template: MapSpec | None = None
    for index, member in enumerate(definition.members):
        field = member.name
        if field == "map_extra":
            numbers[field] = _long(btf, name, field, member.type_id)
        elif field in numbers:
            number = _number(btf, name, field, member.type_id)
            if field in ("key_size", "value_size") and numbers[field] not in (0, number):
                raise InputError(
                    f"Map '{name}' has conflicting sizes of its {field[:-5]}: {numbers[field]} and {number}."
                )
            numbers[field] = number
        elif field in ("key", "value"):
            pointer = btf.type(member.type_id)
            if pointer.kind is not Kind.PTR:
                raise InputError(f"Map '{name}': '{field}' is not given with __type().")
            size = btf.size_of(pointer.type_id)
            if numbers[f"{field}_size"] not in (0, size):
                raise InputError(
                    f"Map '{name}' has conflicting sizes of its {field}: {numbers[f'{field}_size']} and {size}."
                )
            numbers[f"{field}_size"] = size
            if field == "key":
                key_type = pointer.type_id
            else:
                value_type = pointer.type_id
        elif field == "values":
            if inner:
                raise InputError(f"Map '{name}': maps of maps of maps are not supported.")
            if index != len(definition.members) - 1:
                raise InputError(f"Map '{name}': 'values' must be the last member.")
            template = _values(btf, name, numbers["type"], member.type_id)
            if numbers["value_size"] not in (0, 4):
                raise InputError(f"Map '{name}' has conflicting sizes of its value: {numbers['value_size']} and 4.")
            numbers["value_size"] = 4
        else:
            raise InputError(f"Map '{name}' has the unknown member '{field}'.")
    if not numbers["type"]:
        raise InputError(f"The type of map '{name}' is not given.")
    if numbers["pinning"] not in _PINNINGS:
        raise InputError(f"Map '{name}' has the unknown 'pinning' {numbers['pinning']}; LIBBPF_PIN_BY_NAME is one.")
    return _finish(name, numbers, key_type, value_type, template)


def _values(btf: Btf, name: str, map_type: int, type_id: int) -> MapSpec | None:
    """The template of a map in map; None for a program array."""
    array = btf.type(type_id)
    if map_type not in _MAP_IN_MAP and map_type != t.BPF_MAP_TYPE_PROG_ARRAY:
        raise InputError(f"Map '{name}': only maps of maps and program arrays have 'values'.")
    pointer = btf.skip_modifiers(array.type_id) if array.kind is Kind.ARRAY else array
    if array.kind is not Kind.ARRAY or array.nelems or pointer.kind is not Kind.PTR:
        raise InputError(f"Map '{name}': 'values' is not given with __array().")
    target = btf.skip_modifiers(pointer.type_id)
    if map_type == t.BPF_MAP_TYPE_PROG_ARRAY:
        if target.kind is not Kind.FUNC_PROTO:
            raise InputError(f"Map '{name}': 'values' of a program array must be functions.")
        return None
    if target.kind is not Kind.STRUCT:
        raise InputError(f"Map '{name}': 'values' of a map of maps must be a map definition.")
    return _definition(btf, target, f"{name}.inner", inner=True)


def _finish(name: str, numbers: dict[str, int], key_type: int, value_type: int, inner: MapSpec | None) -> MapSpec:
    map_type = numbers["type"]
    key_size, value_size, max_entries = numbers["key_size"], numbers["value_size"], numbers["max_entries"]
    if map_type in _RINGBUFS:
        max_entries = _ring_size(max_entries)
    if map_type == t.BPF_MAP_TYPE_PERF_EVENT_ARRAY:
        max_entries = max_entries or _POSSIBLE_CPUS
    if map_type in _MAP_IN_MAP:
        value_size = value_size or 4
    if map_type in _NO_BTF:
        key_type = value_type = 0
    return MapSpec(
        name=name[: NAME_LEN - 1],
        map_type=map_type,
        key_size=key_size,
        value_size=value_size,
        max_entries=max_entries,
        map_flags=numbers["map_flags"],
        map_extra=numbers["map_extra"],
        full_name=name,
        btf_key_type_id=key_type,
        btf_value_type_id=value_type,
        inner=inner,
        numa_node=numbers["numa_node"],
    )


def _ring_size(size: int) -> int:
    """adjust_ringbuf_sz(): the next power of two of pages, unless it is one."""
    pages, rest = divmod(size, PAGE_SIZE)
    if size == 0 or (not rest and pages & (pages - 1) == 0):
        return size
    wanted = PAGE_SIZE
    while wanted <= size and wanted <= 1 << 31:
        wanted <<= 1
    return wanted if wanted <= 1 << 31 else size


def is_data(section: Section) -> bool:
    """Whether libbpf makes a global-data map of a section."""
    if not section.size:
        return False
    if section.type == SHT_PROGBITS and not section.executable:
        return any(section.name == n or section.name.startswith(n + ".") for n in (".data", ".rodata"))
    return section.type == SHT_NOBITS and (section.name == ".bss" or section.name.startswith(".bss."))


def internal_map_name(obj_name: str, section: str) -> str:
    """libbpf's internal_map_name(): part of the object's name, then the section's, fifteen characters in all."""
    suffix = min(max(7, len(section)), NAME_LEN - 1)
    prefix = "" if "." in section[1:] else obj_name[: NAME_LEN - suffix - 1]
    return re.sub(r"[^A-Za-z0-9_.]", "_", (prefix + section[:suffix])[: NAME_LEN - 1])


def _data_maps(elf: ElfFile, btf: Btf | None, obj_name: str) -> list[PlacedMap]:
    out = []
    for section in elf.sections:
        if is_data(section):
            out.append(PlacedMap(_data_map(section, btf, obj_name), section.index, 0, True))
    return out


def _data_map(section: Section, btf: Btf | None, obj_name: str) -> MapSpec:
    read_only = section.name == ".rodata" or section.name.startswith(".rodata.")
    datasec = btf.find(section.name, Kind.DATASEC) if btf else None
    flags = t.BPF_F_RDONLY_PROG if read_only else 0
    if btf and datasec and any(btf.type(v.type_id).linkage != STATIC for v in datasec.variables):
        flags |= t.BPF_F_MMAPABLE
    return MapSpec(
        name=internal_map_name(obj_name, section.name),
        map_type=t.BPF_MAP_TYPE_ARRAY,
        key_size=4,
        value_size=section.size,
        max_entries=1,
        map_flags=flags,
        full_name=section.name,
        btf_value_type_id=datasec.id if datasec else 0,
        initial=None if section.type == SHT_NOBITS else section.data,
        frozen=read_only,
    )
