"""load_object: from the bytes of an ELF file to programs and maps."""

from __future__ import annotations

from vm.btf.ext import parse_ext
from vm.btf.types import Btf
from vm.elf.code import Function, attach_records, collect_functions, resolve_targets
from vm.elf.fixbtf import fix_btf
from vm.elf.link import Linker
from vm.elf.maps import collect_maps
from vm.elf.reader import ElfFile, Symbol, read_elf
from vm.elf.sections import section_def
from vm.errors import InputError
from vm.isa.insn import Insn
from vm.kernel import types as t
from vm.program import MapSpec, Object, Program


def load(data: bytes, name: str) -> Object:
    """See vm.elf.load_object."""
    elf = read_elf(data)
    functions = collect_functions(elf)
    entries = [f for f in functions if f.section.name != ".text"]
    if not entries and len(functions) == 1:
        entries = functions  # libbpf: a lone function in .text is the program
    if not entries:
        raise InputError(
            "The object has no program: no function has a section of its own. "
            'Put SEC("xdp") or another section name before one.'
        )
    btf = _btf(elf)
    maps = collect_maps(elf, btf, name)
    arena = next((i for i, m in enumerate(maps) if m.spec.map_type == t.BPF_MAP_TYPE_ARENA), -1)
    resolve_targets(functions, elf, maps, arena)
    ext = elf.section(".BTF.ext")
    if btf is not None and ext is not None:
        attach_records(functions, parse_ext(ext.data, btf))
    license_name = _license(elf)
    linker = Linker(functions, maps, btf, _NoExterns(elf.symbols))
    programs, errors = [], []
    for function in entries:
        try:
            programs.append(_program(function, linker, license_name, btf))
        except InputError as error:
            errors.append((function.name, f"Program '{function.name}' cannot be loaded: {error.message.rstrip('.')}."))
    specs = tuple(m.spec for m in maps)
    return Object(name, tuple(programs), specs, license_name, btf, tuple(errors))


def _btf(elf: ElfFile) -> Btf | None:
    section = elf.section(".BTF")
    return fix_btf(Btf.from_untrusted(section.data), elf) if section and section.data else None


def _license(elf: ElfFile) -> str:
    section = elf.section("license")
    return section.data.split(b"\0")[0][:63].decode("utf-8", "replace") if section else ""


class _NoExterns:
    def __init__(self, symbols: tuple[Symbol, ...]) -> None:
        self.symbols = symbols

    def load(self, symbol: int, insn: Insn) -> tuple[Insn, Insn, MapSpec | None]:
        raise InputError(f"it uses the extern variable '{self.symbols[symbol].name}', which nothing defines")

    def call(self, symbol: int, insn: Insn) -> Insn:
        raise InputError(f"it calls the extern function '{self.symbols[symbol].name}', which nothing defines")


def _program(function: Function, linker: Linker, license_name: str, btf: Btf | None) -> Program:
    section = function.section.name.removeprefix("?")
    known = section_def(section)
    if known is None:
        raise InputError(f"the section name '{section}' says no program type; use one such as SEC(\"xdp\")")
    linked = linker.link(function)
    return Program(
        name=function.name,
        section=section,
        prog_type=known.prog_type,
        insns=tuple(linked.insns),
        maps=tuple(linked.maps),
        expected_attach_type=known.expected_attach_type,
        prog_flags=known.prog_flags,
        license=license_name,
        attach_btf_name=section.partition("/")[2] if known.attaches_by_btf else "",
        func_infos=tuple(linked.funcs),
        line_infos=tuple(linked.lines),
        btf=btf,
    )
