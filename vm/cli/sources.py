"""Files of the command line as objects: read, compiled, loaded; what is wrong with one is said and passed over."""

from __future__ import annotations

import os
import re
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from vm import pipeline
from vm.cli.bundles import Member, is_bundle, programs
from vm.cli.options import build_options
from vm.cli.report import BAD_INPUT, LIMIT, REJECTED, Reporter, status_of
from vm.compile.options import check_files
from vm.errors import InputError, LimitError
from vm.pipeline import BuildOptions, Source
from vm.program import Object, Program, Remark

if TYPE_CHECKING:
    from vm.compile import Compilation

SUFFIX_KINDS: Final = {
    ".c": "c", ".o": "elf", ".elf": "elf", ".s": "asm", ".asm": "asm", ".S": "asm", ".bpf": "asm",
    ".hex": "hex", ".bin": "bin", ".lst": "listing",
}  # fmt: skip
MAX_FILE_BYTES: Final = 16 << 20


def read_bytes(path: str) -> bytes:
    """A file's bytes. InputError if it cannot be read, LimitError if it is too large; the caller names the file."""
    try:
        with open(path, "rb") as f:
            data = f.read(MAX_FILE_BYTES + 1)
    except OSError as e:
        raise InputError(f"{e.strerror}.") from None
    if len(data) > MAX_FILE_BYTES:
        raise LimitError(f"The file is larger than {MAX_FILE_BYTES:,} bytes (16 MiB).", "size")
    return data


def read_packet(path: str) -> bytes:
    """The bytes of the file that --packet names; errors as read_bytes() has, with the file's name."""
    try:
        return read_bytes(path)
    except LimitError as e:
        raise LimitError(f"--packet {path}: {e.message}", e.limit) from None
    except InputError as e:
        raise InputError(f"--packet {path}: {e.message}") from None


def read_source(path: str, options: Namespace) -> Source:
    """A source by its suffix, named as the file is without it; an ELF is known by its first bytes.

    options -- `file`: values of --file, files beside a C source or an object (vm.cli.headers); `members`: programs of
        folders and archives by path, as expand() put them there
    """
    headers: Sequence[str] = getattr(options, "file", ())
    members: Mapping[str, Member] = getattr(options, "members", {})
    if path in members:
        return _member_source(path, members[path], headers)
    data = read_bytes(path)
    name, suffix = os.path.splitext(os.path.basename(path))
    kind = "elf" if data[:4] == b"\x7fELF" else SUFFIX_KINDS.get(suffix)
    if kind is None:
        raise InputError(
            "Unknown kind of file. Known are .c, .o, .s or .asm (assembly), .hex and .bin (raw instructions), .lst (a "
            "listing by llvm-objdump -d or bpftool prog dump xlated), and folders and archives (.tar, .tar.gz)."
        )
    if kind == "bin":
        return Source("hex", data.hex().encode(), name)
    if kind == "elf" and headers:
        from vm.cli.headers import named

        return Source(kind, data, name, named(headers))
    if kind != "c":
        return Source(kind, data, name)
    source = Source(kind, data, name)
    if not headers and b"include" not in data:
        return source
    from vm.cli.headers import headers as beside

    return replace(source, files=beside(path, data.decode("utf-8", "replace"), headers))


def _member_source(path: str, member: Member, headers: Sequence[str]) -> Source:
    """A program of a folder or an archive; --file adds to the files that belong to it there."""
    from vm.cli.headers import named

    data, files = member
    name = os.path.splitext(os.path.basename(path))[0]
    added = named(headers)
    files = (*(file for file in files if file.name not in {each.name for each in added}), *added)
    check_files(files)
    return Source("elf" if data[:4] == b"\x7fELF" else "c", data, name, files)


def expand(options: Namespace, out: Reporter) -> bool:
    """Put the programs of folders and archives in the place of these; False if there is nothing left to do.

    `options.members` then has what they are, by path. Of each folder and archive only the likeliest program is taken
    where a verb takes no more (`options.each`).
    """
    if not any(map(is_bundle, options.files)):
        return True
    found: list[str] = []
    options.members = {}
    for path in options.files:
        if not is_bundle(path):
            found.append(path)
            continue
        try:
            members = programs(path)
        except InputError as e:
            out.complain(f"{path}: {e.message}", status_of(e))
            continue
        options.members |= members
        if options.each:
            found += members
            continue
        likeliest, *others = members
        found.append(likeliest)
        more = f"; there are other programs: {', '.join(others[:3])}" if others else ""
        out.complain(f"{likeliest} is taken{more}", 0)
    options.files = found
    return bool(found) and (options.each or not out.status)


def objects(options: Namespace, out: Reporter, record: dict[str, Any]) -> Iterator[tuple[str, Object]]:
    """Each file as an object; one that cannot be loaded is reported and passed over.

    record -- the fields of the verb's JSON line of a file that cannot be loaded
    """
    for path, _, obj in sources(options, out, record):
        yield path, obj


def sources(options: Namespace, out: Reporter, record: dict[str, Any]) -> Iterator[tuple[str, Source, Object]]:
    """As objects(), with what the file held."""
    build = build_options(options)
    for path in options.files:
        try:
            source = read_source(path, options)
            obj = _object(path, source, build, out)
        except InputError as e:
            out.line({"file": path, "program": "", **record, "message": e.message})
            out.complain(f"{path}: {e.message}", status_of(e))
            continue
        if not isinstance(obj, Object):
            found = {"message": "the source does not compile", "diagnostics": diagnostics_record(obj)}
            if "remarks" in record:
                found["remarks"] = [remark_record(remark) for remark in obj.remarks]
            out.line({"file": path, "program": "", **record, **found})
            continue
        for name, section in obj.untyped:
            out.complain(
                f"{path}: {name}: libbpf knows no section '{section}'; it counts as '{build.untyped}' (--untyped)", 0
            )
        say_remarks(path, obj.remarks, out)
        yield path, source, obj


def _object(path: str, source: Source, build: BuildOptions, out: Reporter) -> Object | Compilation:
    """The object, or the compilation that made none."""
    if source.kind != "c":
        return pipeline.load(source, build)
    result = pipeline.compile_source(source, build)
    say_diagnostics(path, result, out)
    said = tuple(remark for remark in result.remarks if remark.kind != "missing")
    if not result.ok:
        say_remarks(path, said, out)
        return result
    try:
        obj = pipeline.load(source, build, result.object)
    except InputError:
        say_remarks(path, said, out)
        raise
    return replace(obj, remarks=(*result.remarks, *obj.remarks))


def diagnostics_record(result: Compilation) -> list[dict[str, Any]]:
    """clang's diagnostics in a JSON line; `file` where it is a header of the user's."""
    return [
        {"line": d.line, "column": d.column, "severity": d.severity, "message": d.message}
        | ({"file": d.file} if d.file else {})
        for d in result.diagnostics
    ]


def say_diagnostics(path: str, result: Compilation, out: Reporter) -> None:
    """clang's diagnostics on standard error, what is missing, and the exit status they mean."""
    for d in result.diagnostics:
        out.complain(f"{d.file or path}:{d.line}:{d.column}: {d.severity}: {d.message}", 0)
    for text in result.added:
        out.complain(f"{path}: added: {text}", 0)
    for m in result.missing:
        out.complain(f"{path}: {m.message} (--fix-includes adds it)", 0)
    if result.limit:
        out.complain(f"{path}: clang was stopped: its {result.limit} limit was hit.", LIMIT)
    elif not result.ok:
        out.worst(REJECTED)


def say_remarks(path: str, remarks: tuple[Remark, ...], out: Reporter) -> None:
    """Remarks on standard error, with what would settle them."""
    for remark in remarks:
        where = f"{path}:{remark.line}" if remark.line is not None else path
        about = f"{remark.program}: " if remark.program else ""
        fix = f" ({remark.fix.title})" if remark.fix is not None else ""
        out.complain(f"{where}: {about}{remark.message}{fix}", 0)


def remark_record(remark: Remark) -> dict[str, Any]:
    """A remark as docs/protocol.md has it."""
    return remark.as_json()


def chosen(path: str, obj: Object, options: Namespace, out: Reporter) -> tuple[Program, ...]:
    """All programs, or the one asked for; those that cannot be loaded are reported."""
    failed = [(name, why) for name, why in obj.errors if options.program in ("", name)]
    for name, why in failed:
        out.complain(f"{path}: {name}: {why}", BAD_INPUT)
    found = tuple(p for p in obj.programs if options.program in ("", p.name))
    if not found and not failed:
        say_missing(path, obj, options.program, out)
    return found


def say_missing(path: str, obj: Object, name: str, out: Reporter) -> None:
    """The sentence for a --program that names none, or for an object without programs."""
    try:
        pipeline.choose(obj, name)
    except InputError as e:
        out.complain(f"{path}: {e.message}", status_of(e))


def is_hex(text: str) -> bool:
    """Whether an option's value is bytes in hex and not the name of a file."""
    return bool(re.fullmatch(r"[0-9a-fA-F\s:]*", text)) and not os.path.isfile(text)
