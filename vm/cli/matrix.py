"""`matrix FILE...`: what real kernels say of each program of an object."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import replace

from vm import pipeline
from vm.cli.options import add_build, add_files, add_program, build_options
from vm.cli.report import Reporter, status_of
from vm.cli.sources import read_source, say_diagnostics
from vm.compile.options import MCPUS
from vm.errors import InputError
from vm.pipeline import Build, Cell, Source

HELP = "print the verdicts of real kernels, each run in a guest"


def arguments(p: ArgumentParser) -> None:
    add_files(p)
    add_build(p, mcpus=True)
    add_program(p)
    p.add_argument("--kernels", default="all", metavar="NAMES", help="5.10,6.1,… of those that are there (all)")
    p.add_argument("--clangs", default="", metavar="MAJORS", help="15,18,… of those of `make compilers`, or all")
    p.add_argument("--alone", action="store_true", help="load each program by itself, and guess no program type")
    p.add_argument("--log-level", type=int, choices=[0, 1, 2], default=1, help="of the kernels' logs (1)")


def run(options: Namespace, out: Reporter) -> int:
    """One line for each program, kernel and compiler, as they are answered."""
    try:
        names = () if options.kernels == "all" else tuple(options.kernels.split(","))
        mcpus = options.mcpu.split(",")
        clangs = ["", *pipeline.compilers()] if options.clangs == "all" else options.clangs.split(",")
        clangs = list(pipeline.named_compilers(clangs)) if options.clangs else [""]
        if not set(mcpus) <= set(MCPUS):
            raise InputError(f"--mcpu takes {', '.join(MCPUS)}.")
        states = pipeline.guests(names)
    except InputError as e:
        out.complain(e.message, status_of(e))
        return out.status
    for path in options.files:
        try:
            builds = _builds(path, read_source(path, options), options, clangs, mcpus, out)
        except InputError as e:
            out.complain(f"{path}: {e.message}", status_of(e))
            continue
        cells = pipeline.matrix(builds, states, program=options.program, log_level=options.log_level)
        codes: dict[str, int] = {}
        for cell, changed in pipeline.with_changes(cells, states):
            lines = [f"{path}: {_text(cell, codes, several=len(builds) > 1)}"]
            if changed is not None:
                lines.append(f"  changed: {changed['title']}")
            lines += [f"  | {line}" for line in cell.diagnosis]
            out.line({"file": path, **cell.as_json(), "changed": changed}, "\n".join(lines))
    return out.status


def _text(cell: Cell, codes: dict[str, int], *, several: bool) -> str:
    """A cell in a line. codes -- numbers of the distinct codes so far: equal code has an equal number"""
    how = f"{cell.clang} -mcpu={cell.mcpu}: " if cell.clang and several else ""
    cost = f", {cell.insns_processed} insns" + (f", {cell.states} states" if cell.states >= 0 else "")
    code = f", code {codes.setdefault(cell.code, len(codes) + 1)}" if cell.code else ""
    said = f": {cell.message}" if cell.message else ""
    return f"{cell.program}: {how}Linux {cell.release}: {cell.verdict}{cost}{code}{said}"


def _builds(
    path: str, source: Source, options: Namespace, clangs: list[str], mcpus: list[str], out: Reporter
) -> list[Build]:
    """The source as each compiler makes it; what does not compile is said."""
    asked = build_options(options)
    if source.kind != "c":
        return [Build(source, asked)]
    found = []
    if len(clangs) > 1 or len(mcpus) > 1:
        return pipeline.builds(source, asked, clangs, mcpus)
    for mcpu in mcpus:
        build = replace(asked, mcpu=mcpu, clang=clangs[0])
        made, compiled = pipeline.built(source, build)
        say_diagnostics(path, made, out)
        if compiled is not None:
            found.append(compiled)
    return found
