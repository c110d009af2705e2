"""From a source to the programs libbpf would load."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from vm.compile.options import MAIN_FILE
from vm.errors import InputError
from vm.pipeline.source import MAX_ELF_BYTES, BuildOptions, Source
from vm.program import Object, Program

if TYPE_CHECKING:
    from pathlib import Path

    from vm.kernel.target import Target


def load(
    source: Source,
    options: BuildOptions,
    compiled: bytes | None = None,
    kernel: Target | None = None,
    sections: Mapping[str, str] | None = None,
) -> Object:
    """The programs and maps of a source; `compiled` is the object that clang made of C.

    kernel -- a real one to relocate for, instead of the one that is emulated
    sections -- by program of an object file, the section name that counts instead of its own

    InputError (or LimitError) if the source cannot be used at all. Programs that libbpf does not pass to the kernel are
    in `Object.errors`; where it cannot create a map of the object, those are all programs.
    """
    loaded = _load(source, options, compiled, kernel, sections or {})
    if kernel is not None:
        return loaded
    obj = _with_its_maps(loaded)
    if not any("/" in program.section for program in obj.programs):
        return obj  # no section names an event: the tables of events need not be imported
    from vm.runner.event_names import with_section_remarks

    return with_section_remarks(obj, source.text() if source.kind == "c" else "")


def _load(
    source: Source, options: BuildOptions, compiled: bytes | None, kernel: Target | None, sections: Mapping[str, str]
) -> Object:
    if source.kind == "asm":
        from vm.asm import assemble

        return assemble(source.text(), name=source.name, prog_type=options.prog_type)
    if source.kind == "hex":
        from vm.asm import from_hex

        return from_hex(source.text(), name=source.name, prog_type=options.prog_type)
    if source.kind == "listing":
        from vm.asm import from_listing

        return from_listing(source.text(), name=source.name, prog_type=options.prog_type)
    from vm.elf import load_object

    data = compiled if compiled is not None else source.data
    if len(data) > MAX_ELF_BYTES:
        raise InputError(f"The object has {len(data):,} bytes; at most {MAX_ELF_BYTES:,} bytes (16 MiB) are taken.")
    text = source.text() if source.kind == "c" else ""
    obj = load_object(data, source.name, options.untyped, options.guess, text, kernel, sections)
    own = MAIN_FILE if source.kind == "c" else None
    programs = [replace(program, source=text, main_file=own or main_file(program)) for program in obj.programs]
    if source.kind == "elf" and source.files:
        from vm.elf.texts import with_texts

        programs = [with_texts(program, {each.name: each.text for each in source.files}) for program in programs]
    return replace(obj, programs=tuple(programs))


def main_file(program: Program) -> str:
    """The file of an object's program that most line information names: its source, not a header."""
    files = Counter(info.file for info in program.lines)
    own = [file for file, _ in files.most_common() if not file.endswith((".h", ".hpp"))]
    return next(iter(own or files), "")


def load_elf(path: Path, untyped: str = "") -> Object:
    """load() of an object file; `untyped` as in BuildOptions."""
    return load(Source("elf", path.read_bytes(), path.name), BuildOptions(untyped=untyped))


def _with_its_maps(obj: Object) -> Object:
    """libbpf creates all maps of an object, used or not, before it loads a program (bpf_object__create_maps)."""
    from vm.elf.mapbtf import unmappable
    from vm.elf.mapcheck import refusal, unfillable

    btf = next((p.btf for p in obj.programs), None)
    for spec in obj.maps:
        why = refusal(spec) or unmappable(spec, btf) or unfillable(spec, obj.maps, btf)
        if why:
            found = f"the kernel would not create the object's map '{spec.full_name or spec.name}': {why}"
            errors = tuple((p.name, f"Program '{p.name}' cannot be loaded: {found}.") for p in obj.programs)
            return replace(obj, programs=(), errors=(*obj.errors, *errors))
    return obj


def choose(obj: Object, name: str) -> Program:
    """The program called `name`, or the first one; InputError lists the existing programs."""
    if not name and obj.programs:
        return obj.programs[0]
    for program in obj.programs:
        if program.name == name:
            return program
    for program_name, why in obj.errors:
        if not name or program_name == name:
            raise InputError(why)
    raise InputError(f"There is no program {name!r}; there are: {_names(p.name for p in obj.programs)}.")


def _names(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
