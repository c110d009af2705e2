"""Lines by DWARF: objects of clang, GCC and rustc without BTF, the same rows as another reader's, and hostile input."""

from __future__ import annotations

import io
import random
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from tests.vm.elf.objects import build
from vm.elf import load_object
from vm.elf.debug_line import MAX_BYTES, MAX_ROWS, Row, read_rows
from vm.elf.line_header import MAX_NAMES, MAX_STRINGS
from vm.elf.reader import SHF_EXECINSTR, SHT_PROGBITS, SHT_REL, SHT_RELA, ElfFile, Section, Symbol, read_elf
from vm.program import LineInfo, Program

OBJECTS = Path(__file__).with_name("lines")
SOURCE = """
static __noinline int inner(int a) { asm volatile("" : "+r"(a)); return a + 1; }
SEC("xdp") int f(struct xdp_md *ctx)
{
    int a = ctx->data;
    if (a > 5)
        a = inner(a);
    return a;
}
SEC("tc") int g(struct xdp_md *ctx) { return ctx->data; }
"""


def without_btf(data: bytes) -> bytes:
    """The object with its BTF sections under names that nobody reads."""
    return data.replace(b".BTF", b".XTF")


def places(infos: tuple[LineInfo, ...]) -> list[tuple[int, int]]:
    return [(info.insn_off, info.line) for info in infos]


@pytest.mark.parametrize("flag", ["-gdwarf-2", "-gdwarf-3", "-gdwarf-4", "-gdwarf-5"])
def test_clang_without_btf_has_the_lines_of_its_btf(flag: str) -> None:
    data = build(SOURCE, flag)
    typed, plain = load_object(data, "x").programs, load_object(without_btf(data), "x").programs
    for one, other in zip(typed, plain, strict=True):
        assert one.line_infos and not one.debug_lines, "lines for the kernel come first"
        assert not other.line_infos and other.debug_lines
        # BTF names the line on which a function begins, DWARF that of its opening brace: of f() they differ.
        wanted = [(at, line + (line == 17)) for at, line in places(one.line_infos)]
        assert places(other.debug_lines) == wanted
        assert {info.file.rpartition("/")[2] for info in other.debug_lines} == {"prog.c"}
        assert [info.column for info in other.debug_lines] == [info.column for info in one.line_infos]


def test_a_source_inside_the_object_gives_its_text() -> None:
    program = load_object(without_btf(build(SOURCE, "-gdwarf-5", "-gembed-source")), "x").programs[0]
    assert program.place_of(len(program.insns) - 1) is not None
    assert "return a;" in [info.text.strip() for info in program.debug_lines]


GOLDEN = {
    "gcc-dwarf4.o": [(0, 14), (1, 16), (2, 18), (6, 17), (7, 19), (8, 7), (9, 8), (10, 10), (13, 9), (14, 11)],
    "gcc-dwarf5.o": [(0, 14), (1, 16), (2, 18), (6, 17), (7, 19), (8, 7), (9, 8), (10, 10), (13, 9), (14, 11)],
    "rustc.o": [(0, 28), (1, 29), (4, 30), (15, 31), (18, 32), (21, 33), (24, 36)],
}


@pytest.mark.parametrize("name", GOLDEN)
def test_other_compilers(name: str) -> None:
    program = load_object((OBJECTS / name).read_bytes(), name).programs[0]
    assert program.btf is None and not program.line_infos
    assert places(program.debug_lines) == GOLDEN[name]
    text = (OBJECTS / Path(program.debug_lines[0].file).name).read_text().splitlines()
    assert all(text[line - 1].strip() for _, line in GOLDEN[name])


@pytest.mark.parametrize("name", GOLDEN)
def test_rows_are_those_of_another_reader(name: str) -> None:
    check_against_elftools((OBJECTS / name).read_bytes())


@pytest.mark.parametrize("flag", ["-gdwarf-4", "-gdwarf-5"])
def test_rows_of_clang_are_those_of_another_reader(flag: str) -> None:
    check_against_elftools(build(SOURCE, flag))


def check_against_elftools(data: bytes) -> None:
    """Without relocations, to which GNU binutils give other numbers: sequences by their length and rows."""
    info = ELFFile(io.BytesIO(data)).get_dwarf_info(relocate_dwarf_sections=False)
    wanted: set[tuple[int, int]] = set()
    for unit in info.iter_CUs():
        program = info.line_program_for_CU(unit)
        assert program is not None
        states = [entry.state for entry in program.get_entries() if entry.state is not None]
        wanted |= {(state.line, state.column) for state in states if not state.end_sequence and state.line}
    elf = read_elf(data)
    rows = read_rows(elf)
    executable = {section.index for section in elf.sections if section.executable and section.data}
    assert set(rows) >= executable
    found = {(row.line, row.column) for index in executable for row in rows[index] if row.line}
    # Of several rows at one place only the last is kept.
    assert found <= wanted and len(found) * 3 >= len(wanted)
    assert all(one.offset < other.offset for index in executable for one, other in pairwise(rows[index]))


def test_a_subprogram_without_lines_leaves_the_program_without() -> None:
    """The caller's last line would seem to be the subprogram's."""
    data = without_btf(build(SOURCE, "-gdwarf-4"))
    assert load_object(data, "x").programs[0].debug_lines
    elf = read_elf(data)
    text = next(section.index for section in elf.sections if section.name == ".text")
    relocs = next(s for s in elf.sections if s.type == SHT_REL and elf.sections[s.info].name == ".debug_line")
    broken = bytearray(data)
    at = data.index(relocs.data)
    for place in range(at, at + len(relocs.data), 16):
        if elf.symbols[int.from_bytes(data[place + 12 : place + 16], "little")].section == text:
            broken[place + 12 : place + 16] = bytes(4)
    xdp, tc = load_object(bytes(broken), "x").programs
    assert not xdp.debug_lines and tc.debug_lines


# Line number programs written here: a header of version 4 with one file, and what the test puts behind it.
def unit(program: bytes, version: int = 4, *, header: bytes | None = None, length: int | None = None) -> bytes:
    opcodes = bytes([0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1])
    fixed = bytes([1, 1, 1, 0xFB, 14, 13]) + opcodes
    inside = header if header is not None else fixed + b"\0" + b"a.c\0\0\0\0" + b"\0"
    sizes = bytes([8, 0]) if version >= 5 else b""
    body = version.to_bytes(2, "little") + sizes + len(inside).to_bytes(4, "little") + inside + program
    return (len(body) if length is None else length).to_bytes(4, "little") + body


ADDRESS = bytes([0, 9, 2, *bytes(8)])
END = bytes([0, 1, 1])


def rows_of(data: bytes, *, rela: int | None = None) -> tuple[Row, ...]:
    """Rows of section 1, to whose beginning each DW_LNE_set_address is relocated."""
    marks = [at + 3 for at in range(len(data)) if data[at : at + 3] == ADDRESS[:3]]
    kind, addend = (SHT_REL, b"") if rela is None else (SHT_RELA, rela.to_bytes(8, "little"))
    relocs = b"".join(at.to_bytes(8, "little") + (2).to_bytes(4, "little") + bytes(4) + addend for at in marks)
    return read_rows(whole(data, relocs, kind)).get(1, ())


def whole(data: bytes, relocs: bytes = b"", kind: int = SHT_REL) -> ElfFile:
    sections = (
        Section(0, "", 0, 0, 0, 0, b""),
        Section(1, "xdp", SHT_PROGBITS, SHF_EXECINSTR, 800, 0, bytes(800)),
        Section(2, ".debug_line", SHT_PROGBITS, 0, len(data), 0, data),
        Section(3, ".rel.debug_line", kind, 0, len(relocs), 2, relocs),
    )
    return ElfFile(sections, (Symbol(0, "xdp", 0, 0, 3, 0, 0, 1),), {})


def advance_pc(count: int) -> bytes:
    return bytes([2, count])


def test_each_opcode() -> None:
    program = (
        ADDRESS + bytes([3, 4]) + bytes([5, 9]) + bytes([1])  # line 5, column 9
        + advance_pc(8) + bytes([3, 0x7F, 1])  # line 4
        + bytes([9, 8, 0, 1])  # fixed_advance_pc 8
        + bytes([8, 1])  # const_add_pc: (255 - 13) // 14 = 17
        + bytes([13 + 14 * 2 + 6])  # special: 2 bytes on, a line more
        + bytes([6, 7, 10, 11, 12, 5])  # of no use here
        + bytes([0, 3, 0x80, 1, 2])  # an extended opcode of somebody's own
        + advance_pc(1) + END
    )  # fmt: skip
    rows = rows_of(unit(program))
    assert [(row.offset, row.line, row.column) for row in rows] == [
        (0, 5, 9), (8, 4, 9), (16, 4, 9), (33, 4, 9), (35, 5, 9), (36, 0, 0),
    ]  # fmt: skip
    assert all(row.file is not None and row.file.path == "a.c" for row in rows[:-1]) and rows[-1].file is None


def test_the_end_of_one_sequence_leaves_the_beginning_of_another() -> None:
    second = ADDRESS + advance_pc(8) + bytes([1]) + advance_pc(8) + END
    first = ADDRESS + bytes([1]) + advance_pc(8) + END
    for program in (first + second, second + first):
        assert [(row.offset, row.line) for row in rows_of(unit(program))] == [(0, 1), (8, 1), (16, 0)]


def test_an_addend_beside_the_relocation() -> None:
    assert rows_of(unit(ADDRESS + bytes([1]) + END), rela=16)[0].offset == 16


def test_an_address_without_a_relocation_is_in_no_section() -> None:
    assert not read_rows(whole(unit(ADDRESS + bytes([1]) + END))).get(1)


def test_a_unit_of_the_64_bit_format() -> None:
    short = unit(ADDRESS + bytes([1]) + END)[4:]
    wide = short[:2] + short[2:6] + bytes(4) + short[6:]
    assert rows_of(b"\xff\xff\xff\xff" + len(wide).to_bytes(8, "little") + wide)


def test_a_damaged_unit_ends_where_it_says() -> None:
    good, bad = unit(ADDRESS + bytes([1]) + END), unit(b"", version=9)
    assert len(rows_of(bad + good)) == 1  # the row and the sequence's end are at one place
    assert len(rows_of(good + unit(b"", length=1 << 31))) == 1


def test_no_list_is_longer_than_it_may_be() -> None:
    fixed = bytes([1, 1, 1, 0xFB, 14, 13]) + bytes(12)
    start = time.process_time()
    assert not rows_of(unit(ADDRESS + bytes([1]), header=fixed + b"d\0" * (MAX_NAMES + 1) + b"\0\0"))
    # Version 5: entries without content, whose count nothing else bounds.
    assert not rows_of(unit(b"", 5, header=fixed + bytes([0]) + b"\xff\xff\xff\x0f"))
    assert time.process_time() - start < 1


def test_many_names_of_one_long_string_are_refused() -> None:
    fixed = bytes([1, 1, 1, 0xFB, 14, 13]) + bytes(12)
    names = b"".join(at.to_bytes(4, "little") for at in range(MAX_NAMES))
    inside = fixed + bytes([1, 1, 0x1F]) + b"\x80\x20" + names
    elf = whole(unit(ADDRESS + b"\1", 5, header=inside))
    long = Section(4, ".debug_line_str", SHT_PROGBITS, 0, MAX_STRINGS // 2, 0, b"x" * (MAX_STRINGS // 2) + b"\0")
    start = time.process_time()
    assert not read_rows(elf._replace(sections=(*elf.sections, long))).get(1)
    assert time.process_time() - start < 1


def test_many_files_of_one_long_folder_are_refused() -> None:
    fixed = bytes([1, 1, 1, 0xFB, 14, 13]) + bytes([0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1])
    lists = b"d" * 60_000 + b"\0\0" + b"f\0\1\0\0" * 4000 + b"\0"
    start = time.process_time()
    assert not rows_of(unit(ADDRESS + bytes([1]), header=fixed + lists))
    assert rows_of(unit(ADDRESS + bytes([1]), header=fixed + lists[59_500:]))
    assert time.process_time() - start < 1


def test_numbers_do_not_grow_without_end() -> None:
    start = time.process_time()
    assert not rows_of(unit(ADDRESS + bytes([2]) + b"\xff" * 100_000 + bytes([1]) * 100_000))
    many = (bytes([3]) + b"\xff" * 9 + b"\x00" + bytes([1])) * 20_000
    rows_of(unit(ADDRESS + many))
    assert time.process_time() - start < 2


def test_as_many_rows_as_the_section_has_bytes() -> None:
    start = time.process_time()
    rows = rows_of(unit(ADDRESS + bytes([13 + 5 + 14]) * (MAX_BYTES - 100)))
    assert len(rows) == MAX_ROWS
    assert not rows_of(unit(ADDRESS + bytes([14]) * MAX_BYTES)), "too large"
    assert time.process_time() - start < 8


def test_flipped_bytes_of_the_section_never_harm_the_object() -> None:
    rng = random.Random(7)
    objects = [(OBJECTS / name).read_bytes() for name in GOLDEN]
    good = [load_object(data, "x") for data in objects]
    changed = 0
    for number in range(600):
        which = number % len(objects)
        data = bytearray(objects[which])
        section = read_elf(bytes(data)).section(".debug_line")
        assert section is not None
        at = bytes(data).index(section.data)
        for _ in range(rng.choice((1, 2, 8))):
            data[at + rng.randrange(len(section.data))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        start = time.process_time()
        programs = load_object(bytes(data), "x").programs
        assert time.process_time() - start < 2, number
        assert [bare(p) for p in programs] == [bare(p) for p in good[which].programs]
        changed += programs != good[which].programs
    assert changed > 100


def bare(program: Program) -> Program:
    return replace(program, debug_lines=())
