"""load_object: from the bytes of an ELF file to programs and maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from errno import ESRCH
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from vm.btf.check import from_untrusted, kernel_accepts
from vm.btf.ext import parse_ext
from vm.btf.types import GLOBAL, Btf, Kind
from vm.elf.attach import attach_name
from vm.elf.code import Function, attach_records, collect_functions, resolve_targets
from vm.elf.externs import Externs, collect_externs
from vm.elf.fixbtf import fix_btf, place_options
from vm.elf.legacy import LEGACY_SECTION
from vm.elf.link import Linker
from vm.elf.mapbtf import typed, unmappable
from vm.elf.mapcheck import refusal
from vm.elf.maps import collect_maps, object_name
from vm.elf.reader import ElfFile, read_elf
from vm.elf.remarks import Remarks
from vm.elf.sections import SectionDef, section_def
from vm.errors import InputError
from vm.kernel import types as t
from vm.kernel.record import struct_metas
from vm.kernel.target import EMULATED, Target
from vm.program import Object, Program

if TYPE_CHECKING:
    from vm.elf.guess import Guess
    from vm.elf.struct_ops import Operation, StructOps

NONE: Final[Mapping[str, str]] = MappingProxyType({})


def load(
    data: bytes,
    name: str,
    untyped: str = "",
    guess: bool = False,
    source: str = "",
    kernel: Target = EMULATED,
    sections: Mapping[str, str] = NONE,
) -> Object:
    """See vm.elf.load_object."""
    elf = read_elf(data)
    remarks = Remarks(source)
    functions = collect_functions(elf)
    entries = [f for f in functions if f.section.name != ".text"]
    if not entries:
        raise InputError(
            "The object has no program: no function has a section of its own. "
            'Put SEC("xdp") or another section name before one.'
        )
    btf = _btf(elf)
    maps = collect_maps(elf, btf, name)
    legacy = elf.section(LEGACY_SECTION)
    if legacy is not None:
        remarks.legacy_maps(m.spec.full_name for m in maps if m.section == legacy.index)
    arena = next((i for i, m in enumerate(maps) if m.spec.map_type == t.BPF_MAP_TYPE_ARENA), -1)
    resolve_targets(functions, elf, maps, arena)
    ext = elf.section(".BTF.ext")
    if btf is not None and ext is not None:
        attach_records(functions, parse_ext(ext.data, btf))
    license_name = _license(elf)
    externs = collect_externs(elf, btf, object_name(name), kernel)
    options = [e for e in externs.ordered if e.section == ".kconfig"]
    if btf is not None and options:
        end = max(e.offset + e.size for e in options)
        btf = externs.local = place_options(btf, {e.type.id: e.offset for e in options}, end)
    ops = _struct_ops(elf, btf, functions, kernel)
    # What the kernel would refuse libbpf keeps to itself; a real kernel says itself what it refuses.
    taken = btf is not None and (kernel.real or (kernel_accepts(btf) and struct_metas(btf) is not None))
    shown = btf if taken else None
    texts: dict[str, tuple[str, ...]] = {}
    if elf.section(".debug_line") is not None and not (shown and any(f.lines for f in functions)):
        from vm.elf.debug_line import attach_debug_lines

        texts = attach_debug_lines(functions, elf)
    if not kernel.real:
        maps = [placed._replace(spec=typed(placed.spec, shown)) for placed in maps]
        remarks.sizes(placed.spec for placed in maps)
    fallback = section_def(untyped) if untyped else None
    if untyped and fallback is None:
        raise InputError(f"'{untyped}' is no section name that says a program type; one such is 'socket'.")
    linker = Linker(functions, maps, btf, externs, kernel)
    made = _Made()
    nameless = []
    for function in entries:
        section = sections.get(function.name, function.section.name.removeprefix("?"))
        known = section_def(section)
        if known is None and guess:
            meant = _meant(section, function, btf)
            remarks.refused_section(function.name, section, meant, untyped)
            if meant is not None:
                section, known = meant.section, meant.definition
        elif known is None:  # else a remark says it
            nameless.append((function.name, section))
        try:
            program = _program(function, section, known or fallback, linker, ops, license_name, shown, kernel)
        except InputError as error:
            made.left_out(function, error)
        else:
            made.programs.append(program)
            remarks.license(program)
    whole = _given_up(externs, ops) if kernel.real else None
    if whole is not None:
        made = _Made()
        for function in entries:
            made.left_out(function, whole)
    specs = [m.spec for m in maps] + (ops.maps if ops is not None else [])
    options_map = externs.kconfig_map() if options else None
    if options_map is not None:
        specs.append(options_map)
    programs = [replace(program, object_maps=tuple(specs)) for program in made.programs]
    if texts:
        programs = [_with_own_texts(program, texts) for program in programs]
    loaded = {program.name for program in programs}
    stood_in = tuple(one for one in nameless if one[0] in loaded)
    return Object(
        name,
        tuple(programs),
        tuple(specs),
        license_name,
        btf,
        errors=tuple(made.errors),
        untyped=stood_in,
        remarks=remarks.all(),
        errnos=tuple(made.errnos),
    )


@dataclass
class _Made:
    """The programs of an object; of those that cannot be loaded what is said, and the errno, by the program's name."""

    programs: list[Program] = field(default_factory=list)
    errors: list[tuple[str, str]] = field(default_factory=list)
    errnos: list[tuple[str, int]] = field(default_factory=list)

    def left_out(self, function: Function, error: InputError) -> None:
        said = error.message.rstrip(".")
        self.errors.append((function.name, f"Program '{function.name}' cannot be loaded: {said}."))
        self.errnos.append((function.name, error.errno))


def _meant(section: str, function: Function, btf: Btf | None) -> Guess | None:
    """What a section name that libbpf does not know was probably meant as."""
    from vm.elf.guess import context_of, guess

    return guess(section, context_of(btf, function.name))


def _btf(elf: ElfFile) -> Btf | None:
    section = elf.section(".BTF")
    return fix_btf(from_untrusted(section.data), elf) if section and section.data else None


def _license(elf: ElfFile) -> str:
    section = elf.section("license")
    return section.data.split(b"\0")[0][:63].decode("utf-8", "replace") if section else ""


def _program(
    function: Function,
    section: str,
    known: SectionDef | None,
    linker: Linker,
    ops: StructOps | None,
    license_name: str,
    btf: Btf | None,
    kernel: Target,
) -> Program:
    if known is None:
        raise InputError(f"the section name '{section}' says no program type; use one such as SEC(\"xdp\")")
    attach_type, target = known.expected_attach_type, ""
    if known.prog_type == t.BPF_PROG_TYPE_STRUCT_OPS:
        if btf is None:
            raise InputError("the kernel refuses the object's BTF, without which there is no struct_ops")
        target, attach_type = _operation(function, ops)
    elif known.attaches_by_btf:
        target = attach_name(known, section, kernel)
    linked = linker.link(function, _exception_callback(function, linker))
    for spec in () if kernel.real else linked.maps:
        why = refusal(spec) or unmappable(spec, btf)
        if why:
            raise InputError(f"the kernel would not create its map '{spec.full_name}': {why}")
    return Program(
        name=function.name,
        section=section,
        prog_type=known.prog_type,
        insns=tuple(linked.insns),
        maps=tuple(linked.maps),
        expected_attach_type=attach_type,
        prog_flags=known.prog_flags,
        license=license_name,
        attach_btf_name=target,
        func_infos=tuple(linked.funcs) if btf is not None else (),
        line_infos=tuple(linked.lines) if btf is not None else (),
        debug_lines=() if btf is not None and linked.lines else tuple(linked.debug_lines),
        symbols=tuple(linked.symbols),
        btf=btf,
        unresolved=tuple(linked.unresolved),
        autoload=_autoload(function, ops),
    )


def _with_own_texts(program: Program, texts: Mapping[str, tuple[str, ...]]) -> Program:
    """A program with lines by DWARF, with the whole text of its files as far as it is in the object."""
    from vm.elf.texts import bounded

    named = dict.fromkeys(info.file for info in program.debug_lines)
    return replace(program, texts=bounded({name: texts[name] for name in named if name in texts}))


def _struct_ops(elf: ElfFile, btf: Btf | None, functions: list[Function], kernel: Target) -> StructOps | None:
    """What the object's struct_ops variables say; None where it has none."""
    if not any(".struct_ops" in section.name for section in elf.sections):
        return None
    from vm.elf.struct_ops import collect_struct_ops

    return collect_struct_ops(elf, btf, functions, kernel)


def _given_up(externs: Externs, ops: StructOps | None) -> InputError | None:
    """Why libbpf gives up the whole object before it makes a map: an extern, or a struct_ops variable."""
    missing = externs.first_missing()
    if missing is None and ops is not None and ops.errors:
        return InputError(next(iter(ops.errors.values())), errno=-ESRCH)
    return missing


def _autoload(function: Function, ops: StructOps | None) -> bool:
    """Whether libbpf loads the program by default: what struct_ops variables say of it counts more than its section."""
    place = (function.section.index, function.start)
    return place in ops.loaded if ops is not None and place in ops.places else not function.section.name.startswith("?")


def _operation(function: Function, ops: StructOps | None) -> Operation:
    """Which operation a struct_ops program is."""
    place = (function.section.index, function.start)
    if ops is not None and place in ops.errors:
        raise InputError(ops.errors[place], errno=-ESRCH)
    if ops is None or place not in ops.places:
        raise InputError("no struct_ops variable refers to it, so nothing says which operation it is")
    return ops.places[place]


def _exception_callback(function: Function, linker: Linker) -> Function | None:
    """The subprogram that a decl tag "exception_callback:NAME" on the program names (bpf_prog_assign_exc_cb).

    libbpf reads the object's own types, also where the kernel refuses them.
    """
    prefix, btf = "exception_callback:", linker.btf
    found: list[str] = []
    for tag in btf.of_kind(Kind.DECL_TAG) if btf else ():
        if btf and tag.component == -1 and tag.name.startswith(prefix):
            owner = btf.type(tag.type_id)
            if owner.kind is not Kind.FUNC or owner.linkage != GLOBAL:
                raise InputError("the tag 'exception_callback' is not at a program")
            if owner.name == function.name:
                found.append(tag.name.removeprefix(prefix))
    if len(found) != 1:
        return None  # with several the verifier says so
    callback = next((f for f in linker.text if f.name == found[0]), None)
    if callback is None:
        raise InputError(f"its exception callback '{found[0]}' is not there")
    if not callback.exported:
        raise InputError(f"its exception callback '{found[0]}' must be a global function that is not hidden")
    return callback
