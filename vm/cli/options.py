"""Options that several verbs have, and what they mean as values of the stages."""

from __future__ import annotations

import math
from argparse import ArgumentParser, ArgumentTypeError, Namespace

from vm.caps import NOBODY, ROOT, Caps, parse
from vm.compile.options import MCPUS, OPT_LEVELS
from vm.pipeline import BuildOptions


def add_files(p: ArgumentParser, many: bool = True, each: bool = True) -> None:
    """The sources, and how results are written. each -- all programs of a folder or an archive are taken"""
    p.add_argument(
        "files", metavar="FILE", nargs="+" if many else 1,
        help="C, .o, .s/.asm (assembly), .hex or .bin; a folder or archive (.tar, .tar.gz) of C sources or objects",
    )  # fmt: skip
    p.set_defaults(each=many and each)
    p.add_argument("--json", action="store_true", help="one line of JSON per program or run")


def add_build(p: ArgumentParser, *, mcpus: bool = False) -> None:
    """How C is compiled, and the type of programs that do not name one. mcpus -- --mcpu takes several, with commas."""
    p.add_argument("--opt", choices=OPT_LEVELS, default="O2", help="clang's optimisation level")
    if mcpus:
        p.add_argument(
            "--mcpu", default="v3", metavar="NAMES", help=f"instruction set versions: {', '.join(MCPUS)} (v3)"
        )
    else:
        p.add_argument("--mcpu", choices=MCPUS, default="v3", help="BPF instruction set version")
    p.add_argument("--fix-includes", action="store_true", help="add the #include lines a C source needs and lacks")
    p.add_argument(
        "--file",
        action="append",
        default=[],
        metavar="FILE",
        help='a header of the C source, or a source of the object, or NAME=FILE; headers that are included by "…" from '
        "the source's folder are found",
    )
    p.add_argument("--prog-type", default="xdp", metavar="SECTION", help="type of assembly and raw programs (xdp)")
    p.add_argument(
        "--untyped",
        metavar="SECTION",
        help="type of functions in sections that libbpf refuses (default: the most likely one, or socket)",
    )


def add_program(p: ArgumentParser) -> None:
    """Which program."""
    p.add_argument("--program", default="", metavar="NAME", help="only this program")


def add_loading(p: ArgumentParser) -> None:
    """Whose programs they are, and which of them are loaded."""
    who = p.add_mutually_exclusive_group()
    who.add_argument("--unprivileged", action="store_true", help="load as a user without capabilities")
    who.add_argument("--caps", metavar="NAMES", help="load as a user with these: bpf, perfmon, net_admin, or none")
    p.add_argument("--alone", action="store_true", help="load each program by itself, not the object as a whole")


def add_checking(p: ArgumentParser) -> None:
    """Which sources, how they are compiled, and which of their programs are loaded for whom."""
    add_files(p)
    add_build(p)
    add_program(p)
    add_loading(p)


def seconds(text: str) -> float:
    """A time limit in seconds: a positive number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return value


def build_options(options: Namespace) -> BuildOptions:
    """What add_build() read. With --alone nothing is guessed: one program of a given type is loaded."""
    return BuildOptions(
        opt=options.opt,
        mcpu=options.mcpu,
        fix_includes=options.fix_includes,
        prog_type=options.prog_type,
        untyped="socket" if options.untyped is None else options.untyped,
        guess=not options.untyped and not getattr(options, "alone", False),
    )


def user(options: Namespace) -> Caps:
    """What the user the options name may do; root, if they name none. InputError for an unknown capability."""
    if options.caps is not None:
        return parse(options.caps)
    return NOBODY if options.unprivileged else ROOT


def add_server(p: ArgumentParser) -> None:
    """--server: see vm.cli.remote."""
    p.add_argument("--server", metavar="URL", help="let a playground do it (http://127.0.0.1:8000)")
