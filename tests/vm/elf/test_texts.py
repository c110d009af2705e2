"""Files beside an object: which of them is the text of which source, and names of its functions from its symbols."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.vm.elf.objects import build
from vm.elf.texts import MAX_CHARS, bounded, matching
from vm.pipeline import BuildOptions, Source, SourceFile, choose, load
from vm.profile.graph import graph
from vm.program import Program

LINES = Path(__file__).with_name("lines")
STEER = (LINES / "steer.c").read_text()


def loaded(name: str, *files: SourceFile) -> Program:
    source = Source("elf", (LINES / name).read_bytes(), name, files)
    return choose(load(source, BuildOptions(guess=True)), "")


@pytest.mark.parametrize(
    ("path", "names", "found"),
    [
        ("/src/steer.c", ["steer.c"], "steer.c"),
        ("/src/steer.c", ["other.c"], None),
        ("/src/steer.c", ["isteer.c", "steer.cc"], None),
        ("/home/me/work/src/a/x.c", ["b/x.c", "a/x.c"], "a/x.c"),
        ("/src/a/x.c", ["x.c", "tree/src/a/x.c"], "tree/src/a/x.c"),
        ("c/x.c", ["a/x.c", "b/x.c"], None),
        ("/src/x.c", ["old/x.c", "x.c"], "x.c"),
        ("C:\\src\\a\\x.c", ["a/x.c", "b/x.c"], "a/x.c"),
        ("./a/./x.c", ["a/x.c", "x.c"], "a/x.c"),
        ("", ["x.c"], None),
        ("/", ["x.c"], None),
    ],
)
def test_the_longest_end_of_a_path_counts(path: str, names: list[str], found: str | None) -> None:
    assert matching(path, names) == found


@pytest.mark.parametrize(
    ("name", "file"), [("gcc-dwarf4.o", "steer.c"), ("gcc-dwarf5.o", "steer.c"), ("rustc.o", "queue.rs")]
)
def test_a_file_beside_an_object_is_its_text(name: str, file: str) -> None:
    text = (LINES / file).read_text()
    plain, told = loaded(name), loaded(name, SourceFile(f"deep/{file}", text), SourceFile("other.h", "int a;"))
    assert not any(info.text for info in plain.lines) and not plain.texts
    rows = text.split("\n")
    assert [(info.line, info.text) for info in told.lines] == [(info.line, rows[info.line - 1]) for info in plain.lines]
    assert dict(told.texts) == {told.main_file: tuple(rows)}
    assert not told.line_infos, "the kernel does not get it"


def test_what_is_another_file_is_not_its_text() -> None:
    short = SourceFile("steer.c", "int main;\n")
    assert not any(info.text for info in loaded("gcc-dwarf4.o", short).lines)
    windows = loaded("gcc-dwarf4.o", SourceFile("steer.c", STEER.replace("\n", "\r\n")))
    assert windows.lines == loaded("gcc-dwarf4.o", SourceFile("steer.c", STEER)).lines
    strange = loaded("gcc-dwarf4.o", SourceFile("steer.c", STEER.replace("// ", "// \u2028\x0b\x0c")))
    assert strange.lines == windows.lines, "only a line feed ends a line"


def test_whole_files_are_bounded() -> None:
    rows = ("x" * 1000,) * (MAX_CHARS // 2000)
    assert [name for name, _ in bounded({"a": rows, "b": ("",) * MAX_CHARS, "c": rows[:10]})] == ["a"]
    assert [name for name, _ in bounded({"a": rows, "c": rows[:10]})] == ["a", "c"]


@pytest.mark.parametrize("name", ["gcc-dwarf4.o", "gcc-dwarf5.o"])
def test_functions_without_types_have_the_names_of_their_symbols(name: str) -> None:
    program = loaded(name)
    assert not program.func_infos
    assert [(each.insn_off, each.name) for each in program.functions] == [(0, "first"), (8, "twice")]
    assert [each.name for each in graph(program).functions] == ["first", "twice"]


def test_a_file_that_was_changed_since_is_not_taken() -> None:
    source = '#define SEC(x) __attribute__((section(x), used))\nSEC("xdp") int f(void *ctx)\n{\n    return 2;\n}\n'
    data = build(source, prelude=False)
    program = choose(load(Source("elf", data, "x"), BuildOptions()), "")
    assert any(info.text for info in program.lines)
    for text, taken in ((source, True), (source.replace("return 2", "return 1"), False)):
        files = (SourceFile("prog.c", text),)
        told = choose(load(Source("elf", data, "x", files), BuildOptions()), "")
        assert bool(told.texts) is taken and [i.text.strip() for i in told.lines] == [
            i.text.strip() for i in program.lines
        ]
