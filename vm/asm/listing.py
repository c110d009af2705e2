"""Listings of programs as programs: `llvm-objdump -d` and `bpftool prog dump xlated`.

The bytes are taken where the listing has them, else the words of each instruction. What a listing does not carry is
said in remarks: the maps behind the addresses, functions called by address, what the kernel rewrote.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Final

from vm.asm.assembler import build
from vm.asm.cursor import Cursor
from vm.asm.kernel import statement
from vm.errors import InputError
from vm.isa import opcodes as o
from vm.isa.insn import INSN_SIZE, Insn, decode
from vm.program import LineInfo, Object, Program, Remark

MAX_LINES: Final = 100_000
MAX_REMARKS: Final = 50
_UNKNOWN: Final = 0x7FFFFFFF
"""The helper number of a call that cannot be rebuilt: no kernel has it, so that no verifier accepts the program."""

_SECTION: Final = re.compile(r"Disassembly of section (\S{1,200}):\s*$")
_FUNCTION: Final = re.compile(r"\s*[0-9a-f]{8,16} <([\w.$]{1,200})>:\s*$")
_BLOCK: Final = re.compile(r"L\w*BB\d+_\d+$")
_OBJDUMP: Final = re.compile(r"\s*(\d{1,7}):\s+((?:[0-9a-f]{2} ){7}[0-9a-f]{2}(?:(?: [0-9a-f]{2}){8})?)?\s*(\S.*)?$")
_RELOC: Final = re.compile(r"\s*([0-9a-f]{8,16}):\s+(R_BPF_\w{1,40})\s+(\S{1,200})")
_XLATED: Final = re.compile(r"\s*(\d{1,7}): \(([0-9a-f]{2})\) (.*)$")
_XLATED_HEAD: Final = re.compile(r"\s*\S[^;{}]{0,300}\b(\w{1,128})\([^;{}]{0,400}\):\s*$")
_BYTES: Final = re.compile(r"\s*((?:[0-9a-f]{2} ){7}[0-9a-f]{2}(?: (?:[0-9a-f]{2} ){7}[0-9a-f]{2})?)\s*$")
_TARGET: Final = re.compile(r"\s*<[^<>]{1,300}>\s*$")
_CALL: Final = re.compile(r"call (?:(pc[+-]\d{1,7})#\S*|([A-Za-z_]\w{0,127})#-?\d{1,12})\s*$")
_LINE: Final = re.compile(r"\s*;(.*)$")


@dataclass(slots=True)
class _Function:
    """A function of the listing. name; section; first -- its first slot there; insns by slot; rows -- of the text."""

    name: str
    section: str
    first: int = -1
    insns: list[Insn] = field(default_factory=list)
    rows: dict[int, tuple[int, str]] = field(default_factory=dict)
    calls: dict[int, str] = field(default_factory=dict)  # slot in it -> name of what is called


class _Listing:
    def __init__(self, name: str) -> None:
        self.name = name
        self.section = ""
        self.functions: list[_Function] = []
        self.relocs: list[tuple[str, int, str, str, int]] = []  # section, slot, type, symbol, line
        self.remarks: list[Remark] = []
        self.said: set[str] = set()
        self.source = ""
        self.rewritten = False
        self.words = False  # calls were read from their words

    def remark(self, message: str, line: int | None) -> None:
        """Each sentence once."""
        if message not in self.said and len(self.remarks) < MAX_REMARKS:
            self.said.add(message)
            self.remarks.append(Remark(message, line=line))

    def function(self, name: str) -> None:
        self.functions.append(_Function(name, self.section))

    def insn(self, idx: int, insns: tuple[Insn, ...], line: int) -> None:
        """The next instruction, of one or two slots."""
        if not self.functions:
            self.function(self.name)
        here = self.functions[-1]
        if here.first < 0:
            here.first = idx
        wanted = here.first + len(here.insns)
        if idx != wanted:
            raise InputError(
                f"Line {line}: instruction {wanted} is missing in the listing; the next one is {idx}.", line=line
            )
        here.rows[len(here.insns)] = (line, self.source)
        here.insns += insns


def from_listing(text: str, *, name: str = "program", prog_type: str = "xdp") -> Object:
    """The programs of a listing. InputError if it is none, or an instruction is missing or cannot be read.

    prog_type -- section name of programs whose listing names no section that libbpf knows
    """
    rows = text.split("\n")
    if len(rows) > MAX_LINES:
        raise InputError(f"The text has {len(rows):,} lines; the most this takes is {MAX_LINES:,}.")
    found = _Listing(name)
    for number, row in enumerate(rows, 1):
        _row(found, row.rstrip("\r")[:4000], number)
    found.functions = [function for function in found.functions if function.insns]
    if not found.functions:
        raise InputError("There is no instruction in the listing.")
    for section, slot, kind, symbol, line in found.relocs:
        _relocate(found, section, slot, kind, symbol, line)
    return _xlated(found, prog_type) if found.rewritten else _objects(found, prog_type)


def _row(found: _Listing, row: str, line: int) -> None:
    if (head := _SECTION.match(row)) is not None:
        found.section = head[1]
    elif (head := _FUNCTION.match(row)) is not None:
        if not _BLOCK.match(head[1]):
            found.function(head[1])
    elif (reloc := _RELOC.match(row)) is not None:
        found.relocs.append((found.section, int(reloc[1], 16) // INSN_SIZE, reloc[2], reloc[3], line))
    elif (insn := _XLATED.match(row)) is not None:
        found.rewritten = True
        found.insn(int(insn[1]), _read(found, int(insn[2], 16), insn[3].strip(), line), line)
    elif (insn := _OBJDUMP.match(row)) is not None and (insn[2] or insn[3]):
        if not insn[2] and insn[3].strip() == "<unknown>":
            raise InputError(
                f"Line {line}: the disassembler did not know this instruction, and the listing has no bytes of it.",
                line=line,
            )
        data = bytes.fromhex(insn[2]) if insn[2] else b""
        insns = decode(data) if data else _read(found, -1, _TARGET.sub("", insn[3]).strip(), line)
        found.insn(int(insn[1]), insns, line)
    elif (data_row := _BYTES.match(row)) is not None and found.rewritten and found.functions:
        _bytes(found, bytes.fromhex(data_row[1]))
    elif (head := _XLATED_HEAD.match(row)) is not None and not found.section:
        found.function(head[1])
    elif (comment := _LINE.match(row)) is not None:
        found.source = comment[1].strip()


def _bytes(found: _Listing, data: bytes) -> None:
    """The bytes of the instruction before (bpftool's `opcodes`): they say all but what its words said already."""
    here = found.functions[-1]
    insns = decode(data)
    if len(here.insns) >= len(insns) and here.insns[-len(insns)].code == insns[0].code:
        first = insns[0]
        if first.code not in (o.LD_IMM64, o.JMP | o.CALL):
            here.insns[-len(insns) :] = insns


def _read(found: _Listing, code: int, words: str, line: int) -> tuple[Insn, ...]:
    """An instruction from its words. code: -1 where the listing does not print it."""
    called = _CALL.match(words)
    if called is not None:
        return (_called(found, called[1], called[2], line),)
    wide = code == o.LD_IMM64 or words.endswith(" ll")
    try:
        parsed = statement(Cursor(f"{words} ll" if wide and not words.endswith(" ll") else words, line))
    except InputError:
        parsed = []
    insns = tuple(insn for insn, ref in parsed if ref is None)
    found.words |= code < 0 and bool(insns) and insns[0].code == o.JMP | o.CALL
    if insns and len(insns) == len(parsed) and code in (-1, insns[0].code):
        return insns
    dst = re.match(r"[rw](\d{1,2}) = ", words)
    if wide and dst is not None and int(dst[1]) < 10:
        found.remark(
            f"The listing does not say what {words.partition('= ')[2]} is: the number 0 stands in its place.", line
        )
        return Insn(o.LD_IMM64, int(dst[1])), Insn(0)
    raise InputError(f"Line {line}: {words[:80]!r} is no instruction that can be read.", line=line)


def _called(found: _Listing, distance: str | None, name: str | None, line: int) -> Insn:
    from vm.kernel.helpers import helper_by_name

    if distance is not None:
        return Insn(o.JMP | o.CALL, 0, o.PSEUDO_CALL, 0, int(distance[2:]))
    helper = helper_by_name(name) if name is not None and name.startswith("bpf_") else None
    if helper is not None:
        return Insn(o.JMP | o.CALL, imm=helper.id)
    found.remark(f"The call of {name}() is one of an address inside the kernel, which cannot be rebuilt.", line)
    return Insn(o.JMP | o.CALL, imm=_UNKNOWN)


def _relocate(found: _Listing, section: str, slot: int, kind: str, symbol: str, line: int) -> None:
    """What a relocation (`llvm-objdump -r`) says of an instruction."""
    here = next((f for f in found.functions if f.section == section and f.first <= slot < f.first + len(f.insns)), None)
    if here is None:
        return
    insn = here.insns[slot - here.first]
    if insn.code == o.LD_IMM64:
        found.remark(
            f"The listing does not describe {symbol}, whose address instruction {slot} loads: the number in the "
            "listing stands in its place. Drop the object file to see the program with it.", line,
        )  # fmt: skip
    elif insn.code == o.JMP | o.CALL and kind == "R_BPF_64_32":
        # The words of a call do not say whether its number is a helper's: a function has a relocation. A static
        # function is named by its section and its place there.
        at = insn.imm + 1
        target = next(
            (f for f in found.functions if f.name == symbol or (f.section == symbol and f.first == at)),
            None,
        )
        if target is None:
            found.remark(f"{symbol}, which instruction {slot} calls, is not in the listing.", line)
            here.insns[slot - here.first] = Insn(o.JMP | o.CALL, imm=_UNKNOWN)
        else:
            here.insns[slot - here.first] = insn._replace(src_reg=o.PSEUDO_CALL)
            here.calls[slot - here.first] = target.name


def _xlated(found: _Listing, prog_type: str) -> Object:
    """The program of bpftool's listing: its functions follow each other."""
    found.remark(
        "The kernel has rewritten this program: accesses of the context are those of the kernel's own structs, and the "
        "verifier here sees another program than the one that was loaded.", None,
    )  # fmt: skip
    insns: list[Insn] = []
    names: dict[int, str] = {}
    lines: list[LineInfo] = []
    for function in found.functions:
        if function.first not in (len(insns), 0):
            raise InputError(f"Instruction {len(insns)} is missing in the listing.")
        names[len(insns)] = function.name
        lines += _lines(function, len(insns))
        insns += function.insns
    obj = build(tuple(insns), name=names[0], prog_type=prog_type, functions=names, lines=tuple(lines))
    return replace(obj, remarks=tuple(found.remarks))


def _objects(found: _Listing, prog_type: str) -> Object:
    """The programs of an object's listing: each function outside .text, with the functions it calls."""
    from vm.elf.sections import section_def

    if found.words and not found.relocs:
        found.remark(
            "The listing has neither bytes nor relocations (-r): the number of a call is taken as a helper's.", None
        )
    starts = [f for f in found.functions if f.section != ".text"] or found.functions[:1]
    programs: list[Program] = []
    for start in starts:
        insns, names, lines = _linked(found, start)
        known = start.section if start.section and section_def(start.section) is not None else prog_type
        built = build(insns, name=start.name, prog_type=known, functions=names, lines=lines)
        programs += built.programs
    return Object(
        name=found.name, programs=tuple(programs), maps=(), license=programs[0].license, remarks=tuple(found.remarks)
    )


def _linked(found: _Listing, start: _Function) -> tuple[tuple[Insn, ...], dict[int, str], tuple[LineInfo, ...]]:
    """(instructions, names of functions by slot, lines) of a program and of every function that it calls."""
    by_name = {function.name: function for function in found.functions}
    placed: dict[str, int] = {start.name: 0}
    order = [start]
    size = len(start.insns)
    for function in order:
        for name in function.calls.values():
            if name not in placed:
                placed[name] = size
                size += len(by_name[name].insns)
                order.append(by_name[name])
    insns: list[Insn] = []
    lines: list[LineInfo] = []
    for function in order:
        at = placed[function.name]
        lines += _lines(function, at)
        for slot, insn in enumerate(function.insns):
            callee = function.calls.get(slot)
            insns.append(insn if callee is None else insn._replace(imm=placed[callee] - (at + slot) - 1))
    return tuple(insns), {at: name for name, at in placed.items()}, tuple(lines)


def _lines(function: _Function, at: int) -> list[LineInfo]:
    """Each instruction belongs to its row of the listing, as in assembly."""
    return [LineInfo(at + slot, "", line, 1, text) for slot, (line, text) in function.rows.items()]
