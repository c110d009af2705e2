"""Assembly text to an object: lines, labels and directives; the spellings parse single instructions.

; comments start with ; or // or # (after a space)
.type xdp                     program type, as a section name
.license GPL
.map counts array 4 8 16      name, type, key size, value size, entries [, flags]
start:                        a label; one that is called starts a subprogram
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from vm.asm import intel, kernel
from vm.asm.cursor import Cursor, Ref, Token
from vm.bits import U32
from vm.errors import InputError
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.program import FuncInfo, LineInfo, MapSpec, Object, Program

if TYPE_CHECKING:
    from vm.elf.sections import SectionDef

MAX_LINES: Final = 100_000
MAX_MAPS: Final = 64
_MAX_VALUE_SIZE: Final = 1 << 20
_MAX_ENTRIES: Final = 1 << 24
_NAME_LEN: Final = 15  # BPF_OBJ_NAME_LEN without the NUL

# What verifier logs, llvm-objdump and bpftool print before an instruction.
_PRINTED: Final = re.compile(r"\s*(?:from \d+ to )?\d+:\s*(?:\((?P<code>[0-9a-f]{2})\)\s*|(?:[0-9a-f]{2}\s){8}\s*)?")
_FUNCTION: Final = re.compile(r"\s*(?:[0-9a-f]{8,16}\s+)?<(?P<name>[\w.$]+)>:\s*$")
_LABEL: Final = re.compile(r"\s*(?P<name>[A-Za-z_.$][\w.$]*)\s*:(?!:)")
_DIRECTIVES: Final = (".map", ".type", ".license", ".name", ".section", ".text", ".globl", ".global")

# Names of enum bpf_map_type without their prefix are taken in either case; these are short ones people use.
_SHORT_MAP_TYPES: Final = {"percpu": "percpu_array", "lru": "lru_hash", "perf": "perf_event_array"}


@dataclass(slots=True)
class _Text:
    """What has been read so far."""

    prog_type: str
    name: str
    license: str = "GPL"
    maps: dict[str, MapSpec] = field(default_factory=dict)
    slots: list[Insn] = field(default_factory=list)
    refs: list[tuple[int, Ref, int]] = field(default_factory=list)  # slot, name, line
    labels: dict[str, int] = field(default_factory=dict)
    lines: list[LineInfo] = field(default_factory=list)


def assemble(text: str, *, name: str = "program", prog_type: str = "xdp") -> Object:
    """One program from assembly text, in the spelling it is written in.

    prog_type -- its type as a section name ("xdp", "tc", "kprobe/do_exit"), unless a .type directive gives it
    InputError with line, column and what was expected.
    """
    spelling = detect_spelling(text)
    parse = intel.statement if spelling == "intel" else kernel.statement
    out = _Text(prog_type, name)
    rows = text.split("\n")
    if len(rows) > MAX_LINES:
        raise InputError(f"The text has {len(rows):,} lines; the most this takes is {MAX_LINES:,}.")
    for number, row in enumerate(rows, 1):
        row = row.rstrip("\r")
        if function := _FUNCTION.match(row):
            _label(out, function["name"], number, function.start("name") + 1)
            continue
        printed = _PRINTED.match(row)
        rest = " " * printed.end() + row[printed.end() :] if printed else row
        while label := _LABEL.match(rest):
            _label(out, label["name"], number, label.start("name") + 1)
            rest = " " * label.end() + rest[label.end() :]
        cursor = Cursor(rest, number)
        if cursor.peek().kind == "end":
            continue
        if cursor.peek().text.startswith("."):
            _directive(out, cursor)
            continue
        column = cursor.peek().column
        if printed and printed["code"] == "18" and cursor.tokens[-2].kind == "number":
            cursor.tokens.insert(-1, Token("name", "ll", cursor.peek().column))
        parsed = parse(cursor)
        out.lines.append(LineInfo(len(out.slots), f"{name}.s", number, column, row.strip()))
        for insn, ref in parsed:
            if ref is not None:
                out.refs.append((len(out.slots), ref, number))
            out.slots.append(insn)
    return _finish(out)


def detect_spelling(text: str) -> str:
    """ "kernel" (r0 = 0) or "intel" (mov r0, 0), by the first instruction that only one of them has."""
    for row in text.split("\n"):
        printed = _PRINTED.match(row)
        rest = row[printed.end() :] if printed else row
        while label := _LABEL.match(rest):
            rest = rest[label.end() :]
        words = re.findall(r"[A-Za-z_]\w*|\S", rest)
        if not words or words[0] in (";", "#", "/", ".") or words[0].startswith("."):
            continue
        if words[0] in ("call", "exit", "may_goto"):
            continue
        if words[0] == "lock":
            return "kernel" if len(words) > 1 and words[1] == "*" else "intel"
        return "intel" if words[0].lower() in intel.FORMS else "kernel"
    return "kernel"


def _label(out: _Text, name: str, line: int, column: int) -> None:
    if name in out.labels:
        raise InputError(f"Line {line}, column {column}: the label {name!r} is there twice.", line=line, column=column)
    out.labels[name] = len(out.slots)


def _directive(out: _Text, c: Cursor) -> None:
    token = c.next()
    rest = c.text[token.column - 1 + len(token.text) :].strip().strip('"')
    if token.text == ".map":
        _map(out, c)
    elif token.text in (".type", ".section"):
        out.prog_type = rest.strip('"') or c.fail("a program type (xdp, tc, socket, kprobe, …)")
    elif token.text == ".license":
        out.license = rest or c.fail("a license")
    elif token.text == ".name":
        out.name = rest or c.fail("a name")
    elif token.text not in _DIRECTIVES:
        c.fail(f"a directive ({', '.join(_DIRECTIVES[:4])}) or an instruction", token)


def _map(out: _Text, c: Cursor) -> None:
    from vm.kernel import types

    name = c.name("a map's name")
    if name.text in out.maps:
        c.wrong(f"the map {name.text!r} is there twice", name)
    kind = c.name("a map type (array, hash, percpu_array, lru_hash, ringbuf, …)")
    long = _SHORT_MAP_TYPES.get(kind.text.lower(), kind.text.lower()).upper()
    number = getattr(types, f"BPF_MAP_TYPE_{long}", None)
    if not isinstance(number, int):
        c.wrong(f"there is no map type {kind.text!r}", kind)
    key, value = (c.ranged(0, _MAX_VALUE_SIZE, f"a {what} size") for what in ("key", "value"))
    entries = c.ranged(0, _MAX_ENTRIES, "a number of entries")
    flags = c.ranged(0, U32, "flags") if c.at_number() else 0
    c.end()
    if len(out.maps) >= MAX_MAPS:
        c.wrong(f"there are more than {MAX_MAPS} maps", name)
    out.maps[name.text] = MapSpec(
        name.text[:_NAME_LEN], number, key, value, entries, map_flags=flags, full_name=name.text
    )


def _finish(out: _Text) -> Object:
    if not out.slots:
        raise InputError("There is no instruction in the text.")
    names = list(out.maps)
    starts = {0: out.name}
    for slot, ref, line in out.refs:
        out.slots[slot], upper, start = _resolve(out, slot, ref, line, names)
        if upper is not None:
            out.slots[slot + 1] = Insn(0, imm=upper)
        if start is not None:
            starts[start] = ref.name
    return build(
        tuple(out.slots),
        name=out.name,
        prog_type=out.prog_type,
        license_name=out.license,
        maps=tuple(out.maps.values()),
        functions=starts,
        lines=tuple(out.lines),
    )


def _resolve(out: _Text, slot: int, ref: Ref, line: int, maps: list[str]) -> tuple[Insn, int | None, int | None]:
    """The instruction with its name resolved; the second slot's imm if it is set; the function start it names."""
    insn = out.slots[slot]

    def fail(message: str) -> InputError:
        return InputError(f"Line {line}, column {ref.column}: {message}.", line=line, column=ref.column)

    if ref.how in ("map", "value", "symbol") and ref.name in out.maps:
        index = maps.index(ref.name)
        if ref.how == "value":
            return insn._replace(src_reg=o.PSEUDO_MAP_VALUE, imm=index), ref.addend, None
        return insn._replace(src_reg=o.PSEUDO_MAP_FD, imm=index), None, None
    if ref.how in ("map", "value"):
        raise fail(f"there is no map {ref.name!r}: declare it with .map {ref.name} array 4 8 1")
    at = out.labels.get(ref.name)
    if at is None:
        kind = {"call": "no helper and no label", "symbol": "no map and no label"}.get(ref.how, "no label")
        raise fail(f"there is {kind} {ref.name!r}")
    if at >= len(out.slots):
        raise fail(f"nothing follows the label {ref.name!r}")
    distance = at - slot - 1
    if ref.how == "jump":
        if not -(1 << 15) <= distance < 1 << 15:
            raise fail(f"{ref.name!r} is {distance} instructions away, more than a jump reaches; gotol reaches further")
        return insn._replace(off=distance), None, None
    if ref.how == "long":
        return insn._replace(imm=distance), None, None
    if ref.how == "call":
        return insn._replace(imm=distance), None, at
    return insn._replace(src_reg=o.PSEUDO_FUNC, imm=distance), None, at


def build(
    insns: tuple[Insn, ...],
    *,
    name: str,
    prog_type: str,
    license_name: str = "GPL",
    maps: tuple[MapSpec, ...] = (),
    functions: dict[int, str] | None = None,
    lines: tuple[LineInfo, ...] = (),
) -> Object:
    """An object with the one program; InputError if `prog_type` is no section name that is known."""
    from vm.elf.sections import section_def
    from vm.kernel import types as t

    definition = section_def(prog_type)
    if definition is None:
        raise InputError(f"There is no program type {prog_type!r}: xdp, tc, socket, kprobe, tracepoint are some.")
    if definition.prog_type == t.BPF_PROG_TYPE_STRUCT_OPS:
        raise InputError("Which operation a struct_ops program is, is said by a variable, which only C can have.")
    starts = functions or {0: name}
    program = Program(
        name=name,
        section=prog_type,
        prog_type=definition.prog_type,
        insns=insns,
        maps=maps,
        expected_attach_type=definition.expected_attach_type,
        prog_flags=definition.prog_flags,
        license=license_name,
        attach_btf_name=_attach_name(definition, prog_type) if definition.attaches_by_btf else "",
        func_infos=tuple(FuncInfo(at, 0, starts[at]) for at in sorted(starts)),
        line_infos=lines,
    )
    return Object(name=name, programs=(program,), maps=maps, license=license_name)


def _attach_name(definition: SectionDef, prog_type: str) -> str:
    from vm.elf.attach import attach_name
    from vm.kernel.target import EMULATED

    try:
        return attach_name(definition, prog_type, EMULATED)
    except InputError as error:
        raise InputError(f"The program cannot be loaded: {error.message}.") from None
