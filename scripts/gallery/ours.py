"""What the emulated verifier says of a program of the gallery."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from scripts.gallery.content import GalleryError, Sample
from vm import pipeline
from vm.caps import NOBODY, ROOT, Caps
from vm.errors import InputError
from vm.pipeline import BuildOptions, Source
from vm.program import Object, Program

LOG_LEVEL: Final = 1
LONGEST_WALK: Final = 20_000
"""Instructions processed; of a longer walk only the message is kept, as scripts/guest/init.c does."""
ADDRESS: Final = re.compile(r"(?<=\(18\) )(r\d+ = )0xf[0-9a-f]{15}\b")
"""The address of a map or a kernel variable, in the line of its 64-bit load."""
MEASURED: Final = ("verification time", "stack depth", "subprog ")
"""Beginnings of lines with measurements: the time, and statistics of functions, which newer kernels have more of."""


@dataclass(frozen=True, slots=True)
class Said:
    """A verdict: accept, reject or error (it does not reach the verifier). log as tidy() leaves it; level 1.

    rule -- the name of the rule; "" of an accepted program, and of what a real kernel said
    """

    verdict: str
    errno: int
    log: str = ""
    rule: str = ""
    message: str = ""
    explanation: str = ""


def tidy(log: str) -> str:
    """A log without addresses and times, which differ from boot to boot."""
    lines = ADDRESS.sub(r"\g<1>0xffff000000000000", log).splitlines()
    return "\n".join(line.rstrip() for line in lines if not line.startswith(MEASURED)).strip("\n")


def instructions(log: str) -> str:
    """A log without the source lines in it: those of assembly are ours, as the kernel is given none."""
    return "\n".join(line for line in log.splitlines() if not line.startswith("; "))


def agree(ours: Said, kernel: Said, kind: str) -> bool:
    """Whether the kernel says the same of a program of that kind: verdict, errno and the whole log."""
    read = str if kind == "c" else instructions
    return (ours.verdict, ours.errno, read(ours.log)) == (kernel.verdict, kernel.errno, read(kernel.log))


def caps(options: Mapping[str, Any]) -> Caps:
    """Whose program it is."""
    return NOBODY if options.get("unprivileged") else ROOT


@dataclass(frozen=True, slots=True)
class Built:
    """A program of the gallery, loaded. compiled: clang's object, None where the source is not C."""

    object: Object
    program: Program | None
    compiled: bytes | None


def build(sample: Sample) -> Built:
    """GalleryError if the source does not compile or is no program; program: None if libbpf does not load it."""
    options = sample.options
    build = BuildOptions(
        opt=options.get("opt", "O2"), mcpu=options.get("mcpu", "v3"), prog_type=options.get("prog_type", "xdp"),
        guess=True,
    )  # fmt: skip
    source = Source(sample.kind, sample.source.encode())
    compiled = None
    try:
        if sample.kind == "c":
            result = pipeline.compile_source(source, build)
            if not result.ok or result.object is None:
                said = "; ".join(f"{each.line}: {each.message}" for each in result.diagnostics)
                raise GalleryError(f"{sample.path}: {said or 'does not compile'}")
            compiled = result.object
        obj = pipeline.load(source, build, compiled)
    except InputError as error:
        raise GalleryError(f"{sample.path}: {error.message}") from None
    name = options.get("program", "")
    chosen = [each for each in obj.programs if name in ("", each.name)]
    return Built(obj, chosen[0] if chosen else None, compiled)


def say(sample: Sample, built: Built) -> Said:
    """The verdict of the program, as the page of the playground shows it."""
    if built.program is None:
        return Said("error", 0, "", message="; ".join(why for _, why in built.object.errors))
    who = caps(sample.options)
    found = pipeline.check(built.object, built.program, log_level=0, caps=who)
    log = found.message
    if found.insns_processed <= LONGEST_WALK:
        found = pipeline.check(built.object, built.program, log_level=LOG_LEVEL, caps=who, explain=True)
        log = found.log
    failure = found.failure
    return Said(
        found.verdict,
        found.errno,
        tidy(log),
        failure.rule if failure else "",
        found.message,
        failure.explanation if failure else "",
    )
