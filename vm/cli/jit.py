"""`jit FILE...`: the machine code of each accepted program."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any, Final

from vm import pipeline
from vm.cli.options import add_checking, user
from vm.cli.report import REJECTED, Reporter, status_of
from vm.cli.sources import chosen, objects
from vm.errors import InputError
from vm.program import Object, Program

if TYPE_CHECKING:
    from vm.caps import Caps
    from vm.jit.image import Image
    from vm.rewritten import Rewritten

HELP: Final = "translate verified programs to x86-64"


def arguments(p: ArgumentParser) -> None:
    add_checking(p)


def run(options: Namespace, out: Reporter) -> int:
    """One line an accepted program; the others are reported.

    A program's code does not depend on the object's other programs. With --alone a program has its line also where
    libbpf could not fill a program array once the program is loaded.
    """
    try:
        caps = user(options)
    except InputError as e:
        out.complain(e.message, status_of(e))
        return out.status
    for path, obj in objects(options, out, {}):
        for program in chosen(path, obj, options, out):
            try:
                rewritten = _accepted(path, obj, program, caps, options, out)
                if rewritten is None:
                    continue
                image = pipeline.translate(rewritten)
            except InputError as e:
                out.complain(f"{path}: {program.name}: {e.message}", status_of(e))
                continue
            out.line(jit_record(path, rewritten, image), _listing_text(path, rewritten, image))
    return out.status


def _accepted(
    path: str, obj: Object, program: Program, caps: Caps, options: Namespace, out: Reporter
) -> Rewritten | None:
    """The program after the fixups, None (and said why) if it is refused. InputError where it is not emulated."""
    v = pipeline.check(obj, program, alone=options.alone, caps=caps)
    if v.error is not None:
        raise v.error
    said = v.verification if options.alone else v
    if v.env is None or said is None or said.verdict != "accept":
        out.complain(f"{path}: {program.name}: rejected: {v.message}", REJECTED)
        return None
    return pipeline.rewrite(v.env)


def jit_record(path: str, rewritten: Rewritten, image: Image) -> dict[str, Any]:
    """The JSON line of a program's code."""
    code = pipeline.code(rewritten, image)
    return {
        "file": path,
        "program": rewritten.program.name,
        "image": code.image.hex(),
        "image_relocs": [list(reloc) for reloc in code.image_relocs],
        "func_lens": list(code.func_lens),
        "xlated": code.xlated.hex(),
        "xlated_relocs": [list(reloc) for reloc in code.xlated_relocs],
    }


def _listing_text(path: str, rewritten: Rewritten, image: Image) -> str:
    from vm.jit.listing import listing

    program = rewritten.program
    rows = [
        f"{row.off:5x}: {row.hex:<32} {row.text}"
        for row in listing(image, [m.full_name or m.name for m in program.maps])
    ]
    return f"{path}: {program.name}: {len(image.code)} bytes\n" + "\n".join(rows)
