"""What a person changes before an object runs on a real kernel: variables, maps, and what programs are attached to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from vm.errors import InputError
from vm.kernel import types as t
from vm.pipeline.constant_settings import with_maps
from vm.pipeline.kernel_matrix import Build
from vm.pipeline.objects import load
from vm.program import MapSpec, Object, Program

if TYPE_CHECKING:
    from vm.elf.sections import SectionDef
    from vm.guests.entries import Before
    from vm.kernel.target import Target

MAX_SET: Final = 64
"""Variables, sizes, entries and targets that can be given, of each."""
MAX_ENTRIES: Final = 1 << 24
"""Entries, or bytes of a ring buffer, that a map can be given."""
MAX_SECTION: Final = 1 << 20
"""Bytes of a section whose variables can be set."""
MAX_TARGET: Final = 128
"""Characters of a target."""
DEVICES: Final = ("veth0", "lo")
"""Network devices of a guest that programs can be attached to; the first is the default."""
_SECTIONS: Final = (".rodata", ".data", ".bss")
_ON_DEVICES: Final = frozenset(
    {
        t.BPF_PROG_TYPE_XDP, t.BPF_PROG_TYPE_SCHED_CLS, t.BPF_PROG_TYPE_SCHED_ACT, t.BPF_PROG_TYPE_LWT_IN,
        t.BPF_PROG_TYPE_LWT_OUT, t.BPF_PROG_TYPE_LWT_XMIT,
    }
)  # fmt: skip
_FILLED: Final = {
    t.BPF_MAP_TYPE_HASH: "hash", t.BPF_MAP_TYPE_ARRAY: "array", t.BPF_MAP_TYPE_LRU_HASH: "lru_hash",
    t.BPF_MAP_TYPE_PERCPU_HASH: "percpu_hash", t.BPF_MAP_TYPE_PERCPU_ARRAY: "percpu_array",
    t.BPF_MAP_TYPE_LRU_PERCPU_HASH: "lru_percpu_hash", t.BPF_MAP_TYPE_LPM_TRIE: "lpm_trie",
    t.BPF_MAP_TYPE_DEVMAP: "devmap", t.BPF_MAP_TYPE_DEVMAP_HASH: "devmap_hash", t.BPF_MAP_TYPE_CPUMAP: "cpumap",
}  # fmt: skip
_PER_CPU: Final = frozenset({t.BPF_MAP_TYPE_PERCPU_HASH, t.BPF_MAP_TYPE_PERCPU_ARRAY, t.BPF_MAP_TYPE_LRU_PERCPU_HASH})


@dataclass(frozen=True, slots=True)
class Setup:
    """What is changed, as a person writes it.

    values  -- by variable of .rodata, .data and .bss, as C writes it (vm.btf.initializer)
    sizes   -- by map, its max_entries
    entries -- (map, key, value), written after the programs are loaded and before they are attached
    targets -- by program: the function, hook or tracepoint instead of that of its section; of XDP and tc programs a
               network device
    """

    values: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    entries: Sequence[tuple[str, str, str]] = ()
    targets: Mapping[str, str] = field(default_factory=dict)


NOTHING: Final = Setup()


@dataclass(frozen=True, slots=True)
class SetVariable:
    """A variable that can be set. section -- that it is in; type, value -- C text"""

    name: str
    section: str
    type: str
    value: str


@dataclass(frozen=True, slots=True)
class SetMap:
    """A map that can be resized. type, key, value -- C text of the types; filled -- whether it can be given entries"""

    name: str
    type: str
    key: str
    value: str
    max_entries: int
    filled: bool


@dataclass(frozen=True, slots=True)
class SetTarget:
    """A program that can be attached elsewhere. target -- where it is now; devices -- those that it can be attached to

    devices -- () if it is attached to something else
    """

    program: str
    section: str
    target: str
    devices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Settable:
    """What a Setup can change in an object."""

    variables: tuple[SetVariable, ...]
    maps: tuple[SetMap, ...]
    programs: tuple[SetTarget, ...]

    def as_json(self) -> dict[str, Any]:
        """Its fields as JSON has them."""
        return asdict(self)


def settable_before(build: Build) -> Settable:
    """What can be changed before the object of a build runs. InputError if it cannot be loaded."""
    from vm.btf.variables import variables

    obj = load(build.source, build.options, build.compiled)
    found = [
        SetVariable(each.name, spec.full_name, each.type, each.value)
        for spec in obj.maps
        if _is_section(spec)
        for each in variables(obj.btf, spec.btf_value_type_id, _bytes(spec))
        if each.name.isidentifier()  # constants inside functions have a dot
    ]
    maps = [
        SetMap(
            spec.full_name, _FILLED.get(spec.map_type, ""), _type(obj, spec.btf_key_type_id, spec.key_size),
            _type(obj, spec.btf_value_type_id, spec.value_size), spec.max_entries, spec.map_type in _FILLED,
        )
        for spec in obj.maps
        if _is_sized(spec)
    ]  # fmt: skip
    programs = []
    for program in obj.programs:
        if program.prog_type in _ON_DEVICES:
            programs.append(SetTarget(program.name, program.section, DEVICES[0], DEVICES))
        elif _named(program.section) is not None:
            programs.append(SetTarget(program.name, program.section, program.section.partition("/")[2], ()))
    for name, _ in obj.errors:  # another target may be what it needs
        section = _section_of(build, name)
        if _named(section) is not None:
            programs.append(SetTarget(name, section, section.partition("/")[2], ()))
    return Settable(tuple(found), tuple(maps), tuple(programs))


def _type(obj: Object, type_id: int, size: int) -> str:
    from vm.btf.cdump import type_text

    return type_text(obj.btf, type_id) if obj.btf is not None and type_id else f"{size} bytes"


def _is_section(spec: MapSpec) -> bool:
    """Whether a map holds global variables that an application can set before it loads the object."""
    return spec.full_name in _SECTIONS and spec.value_size <= MAX_SECTION


def _bytes(spec: MapSpec) -> bytes:
    """What a section's map holds at first: zeros, where nothing is said (.bss)."""
    return (spec.initial or b"").ljust(spec.value_size, b"\0")


def _is_sized(spec: MapSpec) -> bool:
    return spec.initial is None and spec.map_type != t.BPF_MAP_TYPE_STRUCT_OPS and not spec.full_name.startswith(".")


def _named(section: str) -> SectionDef | None:
    """The definition of a section that names what the program is attached to, behind a slash."""
    from vm.elf.sections import section_def

    known = section_def(section)
    if known is None or not known.name.endswith("+") or known.prog_type == t.BPF_PROG_TYPE_STRUCT_OPS:
        return None
    return known


def prepared(build: Build, kernel: Target | None, setup: Setup) -> tuple[Object, Before]:
    """The object of a build as the setup changes it, and what is left to do in the guest.

    kernel -- as in load()
    InputError, with a sentence that names what cannot be set, or if the object cannot be loaded.
    """
    from vm.guests.entries import Before

    _limited(setup)
    sections, devices = _targets(build, setup.targets) if setup.targets else ({}, {})
    obj = load(build.source, build.options, build.compiled, kernel, sections)
    obj = _sized(_valued(obj, setup.values), setup.sizes)
    return obj, Before(tuple(_entry(obj, *each) for each in setup.entries), devices)


def _limited(setup: Setup) -> None:
    for given, what in (
        (setup.values, "variables"), (setup.sizes, "maps"), (setup.entries, "entries"), (setup.targets, "targets"),
    ):  # fmt: skip
        if len(given) > MAX_SET:
            raise InputError(f"At most {MAX_SET} {what} can be set; these are {len(given)}.")


def _valued(obj: Object, values: Mapping[str, str]) -> Object:
    """The object with other initial values of its global variables."""
    from vm.btf.initializer import parse_value

    if not values:
        return obj
    btf = obj.btf
    places: dict[str, list[tuple[int, bytes]]] = {}
    names: list[str] = []
    left = dict(values)
    for spec in obj.maps:
        if btf is None or not _is_section(spec) or not spec.btf_value_type_id:
            continue
        for info in btf.type(spec.btf_value_type_id).variables:
            name = btf.type(info.type_id).name
            if name.isidentifier():
                names.append(name)
            if name in left:
                value = parse_value(btf, info.type_id, info.size, left.pop(name), f"The variable {name[:64]}")
                places.setdefault(spec.full_name, []).append((info.offset, value))
    if left:
        raise InputError(f"There is no global variable {next(iter(left))[:64]!r}; there are: {_list(names)}.")

    def changed(spec: MapSpec) -> MapSpec:
        if spec.full_name not in places or not _is_section(spec):
            return spec
        data = bytearray(_bytes(spec))
        for offset, value in places[spec.full_name]:
            data[offset : offset + len(value)] = value
        return replace(spec, initial=bytes(data[: spec.value_size]))

    return with_maps(obj, changed)


def _sized(obj: Object, sizes: Mapping[str, int]) -> Object:
    """The object with other sizes of its maps."""
    if not sizes:
        return obj
    there = [spec.full_name for spec in obj.maps if _is_sized(spec)]
    for name, size in sizes.items():
        if name not in there:
            raise InputError(f"There is no map {name[:64]!r} that can be resized; there are: {_list(there)}.")
        if not 1 <= size <= MAX_ENTRIES:
            raise InputError(f"The size of the map {name[:64]} has to be from 1 to {MAX_ENTRIES}; {size} is not.")
    return with_maps(
        obj, lambda spec: replace(spec, max_entries=sizes[spec.full_name]) if spec.full_name in sizes else spec
    )


def _entry(obj: Object, name: str, key: str, value: str) -> tuple[int, bytes, bytes]:
    """(place of the map, key, value as the kernel takes it) of an entry."""
    from vm.btf.initializer import parse_value

    there = {spec.full_name: i for i, spec in enumerate(obj.maps) if _is_sized(spec) and spec.map_type in _FILLED}
    if name not in there:
        raise InputError(f"There is no map {name[:64]!r} that can be given entries; there are: {_list(there)}.")
    spec = obj.maps[there[name]]
    keyed = parse_value(obj.btf, spec.btf_key_type_id, spec.key_size, key, f"A key of the map {name[:64]}")
    data = parse_value(obj.btf, spec.btf_value_type_id, spec.value_size, value, f"A value of the map {name[:64]}")
    if spec.map_type in _PER_CPU:  # a guest has one processor
        data = data.ljust(-(-len(data) // 8) * 8, b"\0")
    return there[name], keyed, data


def _targets(build: Build, targets: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """(section names by program, network devices by program)."""
    obj = load(build.source, build.options, build.compiled)
    programs = {program.name: program for program in obj.programs}
    sections, devices = {}, {}
    for name, target in targets.items():
        program = programs.get(name)
        if program is None and all(name != each for each, _ in obj.errors):
            raise InputError(f"There is no program {name[:64]!r} to attach; there are: {_list(programs)}.")
        if not target or len(target) > MAX_TARGET:
            raise InputError(f"The target of {name[:64]} has to have 1 to {MAX_TARGET} characters.")
        if program is not None and program.prog_type in _ON_DEVICES:
            if target not in DEVICES:
                raise InputError(f"The target of {name[:64]} is a network device: {' or '.join(DEVICES)}.")
            devices[name] = target
        else:
            sections[name] = _section(build, name, program, target)
    return sections, devices


def _section(build: Build, name: str, program: Program | None, target: str) -> str:
    """The section that names a target, which may be written with the section's kind or without."""
    from vm.elf.sections import section_def

    section = program.section if program is not None else _section_of(build, name)
    known = _named(section)
    if known is None:
        raise InputError(f'{name[:64]} is attached as its section "{section}" says; no other target can be given.')
    kind = section.partition("/")[0]
    made = f"{kind}/{target.removeprefix(f'{kind}/')}"
    if section_def(made) is not known:
        raise InputError(f'The target of {name[:64]} would make it another kind of program: "{made[:160]}".')
    return made


def _section_of(build: Build, name: str) -> str:
    """The section of a program that cannot be loaded as it is: its target may be what is wrong with it."""
    from vm.contents import contents

    found = contents(build.compiled or build.source.data)
    symbol = next((each for each in found.symbols if each.name == name), None)
    return symbol.section.removeprefix("?") if symbol is not None else ""


def _list(names: Any) -> str:
    return ", ".join(list(names)[:16]) or "none"
