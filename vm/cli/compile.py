"""`compile FILE.c [-o FILE.o]`: C to a BPF object."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vm import pipeline
from vm.cli.options import add_build, add_files, build_options
from vm.cli.report import BAD_INPUT, Reporter, status_of
from vm.cli.sources import diagnostics_record, read_source, say_diagnostics, say_remarks
from vm.errors import InputError, LimitError

if TYPE_CHECKING:
    from vm.compile import Compilation

HELP: Final = "compile C to a BPF object"


def arguments(p: ArgumentParser) -> None:
    add_files(p, many=False)
    add_build(p)
    p.add_argument("-o", dest="output", metavar="FILE.o", help="where the object goes")


def run(options: Namespace, out: Reporter) -> int:
    path = options.files[0]
    try:
        source = read_source(path, options)
        if source.kind != "c":
            raise InputError("compile takes C.")
        result = pipeline.compile_source(source, build_options(options))
    except InputError as e:
        out.line(_failed(path, e))
        out.complain(f"{path}: {e.message}", status_of(e))
        return out.status
    output = ""
    if result.ok and result.object is not None:
        beside = Path(path).with_suffix(".o")
        # A source in an archive has no folder that anything could be written into.
        output = options.output or str(beside if beside.parent.is_dir() else Path(beside.name))
        try:
            Path(output).write_bytes(result.object)
        except OSError as e:
            error = InputError(f"{output}: {e.strerror}.")
            out.line(_failed(path, error))
            out.complain(error.message, BAD_INPUT)
            return out.status
    say_diagnostics(path, result, out)
    say_remarks(path, result.remarks, out)
    record = _record(path, result, output)
    out.line(record, f"{output}: {len(result.object or b'')} bytes, {result.compiler}" if output else "")
    return out.status


def _failed(path: str, error: InputError) -> dict[str, Any]:
    limit = error.limit if isinstance(error, LimitError) else None
    found = [{"line": error.line, "column": None, "severity": "error", "message": error.message}]
    return {"file": path, "ok": False, "object": None, "diagnostics": found, "added": [], "limit": limit}


def _record(path: str, result: Compilation, output: str) -> dict[str, Any]:
    return {
        "file": path,
        "ok": result.ok,
        "object": output or None,
        "diagnostics": diagnostics_record(result),
        "added": list(result.added),
        "limit": result.limit,
    }
