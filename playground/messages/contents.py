"""The messages about what the stages made: the object file's contents, and the rewritten program."""

from __future__ import annotations

from typing import Annotated, Literal

from playground.messages.base import Wire, about


class SectionEntry(Wire, frozen=True):
    """A section of the object file."""

    index: int
    name: str
    type: Annotated[str, about("as readelf names it: `PROGBITS`, `REL`, …")]
    flags: Annotated[str, about("as readelf abbreviates them: `AX`, …")]
    size: Annotated[int, about("bytes")]
    meaning: Annotated[str, about('what it is for, a sentence; `""` if that is not known')]


class SymbolEntry(Wire, frozen=True):
    """A symbol of the object file."""

    name: str
    section: Annotated[str, about("name of its section; `UND`, `ABS` or `COM` if it has none")]
    type: Annotated[str, about("`FUNC`, `OBJECT`, `NOTYPE`, …")]
    bind: Annotated[str, about("`GLOBAL`, `WEAK` or `LOCAL`")]
    value: Annotated[int, about("offset in the section")]
    size: Annotated[int, about("bytes")]


class RelocEntry(Wire, frozen=True):
    """A relocation: a place that the loader fills in."""

    section: Annotated[str, about("where the place is")]
    offset: Annotated[int, about("of the place in that section")]
    type: Annotated[str, about("`R_BPF_64_64`, …")]
    symbol: str
    insn: Annotated[int | None, about("number of the instruction in the section; null outside of code")]


class TypeEntry(Wire, frozen=True):
    """A type of the object's BTF."""

    name: str
    kind: Annotated[str, about("`struct`, `union`, `enum`, `typedef` or `function`")]
    size: Annotated[int | None, about("bytes; null for a function")]
    text: Annotated[str, about("its declaration in C; members with their offsets and sizes in comments")]


class LeftOut(Wire, frozen=True):
    """How many entries each list lacks, because there are too many."""

    sections: int
    symbols: int
    relocations: int
    types: int


class Contents(Wire, frozen=True):
    """What the object file holds."""

    type: Literal["contents"]
    bytes: Annotated[int, about("of the file; 0 for a program that comes from no object file")]
    sections: list[SectionEntry]
    symbols: list[SymbolEntry]
    relocations: list[RelocEntry]
    types: list[TypeEntry]
    left_out: LeftOut


class RewrittenEntry(Wire, frozen=True):
    """An instruction of the rewritten program."""

    idx: Annotated[int, about("its number, as `bpftool prog dump xlated` counts")]
    orig_idx: Annotated[int, about("the instruction of the program that it stems from")]
    text: str
    changed: Annotated[bool, about("the verifier wrote another instruction than the program had there")]


class RewrittenProgram(Wire, frozen=True):
    """An accepted program as the verifier rewrote it, before the JIT; no instructions if it was not accepted."""

    type: Literal["rewritten"]
    insns: list[RewrittenEntry]


class Binaries(Wire, frozen=True):
    """The files that the stages made, as base64; null for what there is not."""

    type: Literal["binaries"]
    program: Annotated[str, about("name of the program that `xlated` and `image` are of")]
    object: Annotated[str | None, about("the ELF object file")]
    xlated: Annotated[str | None, about("the rewritten instructions, as `bpftool prog dump xlated file` writes them")]
    image: Annotated[str | None, about("the machine code, as `bpftool prog dump jited file` writes it")]
