"""Headers of the user's own beside a C source."""

from __future__ import annotations

import pytest

from vm.compile.options import MAX_FILES, MAX_FILES_BYTES, SourceFile, check_files
from vm.errors import InputError, LimitError
from vm.pipeline import BuildOptions, Source, check_object, compile_source, load, repairs
from vm.program import Object

MAIN = """#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "mine.h"

SEC("xdp") int prog(struct xdp_md *ctx)
{
    return first(ctx) == 7 ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
"""
MINE = """static __attribute__((always_inline)) int first(struct xdp_md *ctx)
{
    unsigned char *data = (void *)(long)ctx->data;

    return *data;
}
"""


def _source(*files: tuple[str, str], main: str = MAIN) -> Source:
    return Source("c", main.encode(), "prog", tuple(SourceFile(*file) for file in files))


def _loaded(source: Source) -> Object:
    compiled = compile_source(source, BuildOptions())
    assert compiled.ok, compiled.diagnostics
    return load(source, BuildOptions(), compiled.object)


@pytest.mark.parametrize(
    ("name", "include"),
    [
        ("mine.h", '"mine.h"'),
        ("mine.h", "<mine.h>"),
        ("lib/mine.h", '"lib/mine.h"'),
        ("lib/mine.h", '"mine.h"'),
        ("include/mine.h", '"../include/mine.h"'),
        ("mine.h", '"../mine.h"'),
        ("mine.h", '"../../mine.h"'),
    ],
)
def test_includes_find_files(name: str, include: str) -> None:
    source = _source((name, MINE), main=MAIN.replace('"mine.h"', include))
    program = _loaded(source).programs[0]
    assert {program.file_of(info) for info in program.line_infos} == {"", name}


def test_files_include_each_other_from_their_folders() -> None:
    source = _source(
        ("mine.h", '#include "lib/a.h"\n' + MINE), ("lib/a.h", '#include "b.h"\n'), ("lib/b.h", "#define SEVEN 7\n"),
        main=MAIN.replace("== 7", "== SEVEN"),
    )  # fmt: skip
    assert _loaded(source).programs


def test_the_log_names_the_header() -> None:
    verdict = next(iter(check_object(_loaded(_source(("mine.h", MINE))), log_level=1)))
    assert not verdict.accepted
    assert "; return *data; @ mine.h:5\n" in verdict.log
    assert verdict.program is not None
    assert verdict.program.where(1) == "line 5 of mine.h"


def test_types_that_only_a_header_names_are_in_vmlinux_h() -> None:
    main = '#include "vmlinux.h"\n' + MAIN.split("\n", 1)[1]
    mine = "static inline int first(struct xdp_md *ctx) { struct task_struct *t = 0; return (long)&t->pid > 0; }\n"
    assert _loaded(_source(("mine.h", mine), main=main)).programs


def test_findings_are_in_the_file_they_are_about() -> None:
    wrong = "int a;\n#include <nosuch.h>\nint first(struct xdp_md *ctx) { return ü; }\n"
    compiled = compile_source(_source(("lib/mine.h", wrong)), BuildOptions())
    assert not compiled.ok
    missing = next(d for d in compiled.diagnostics if "nosuch.h" in d.message)
    assert (missing.file, missing.line) == ("lib/mine.h", 2)
    assert [m.what for m in compiled.missing] == ["nosuch.h"]
    compiled = compile_source(_source(("mine.h", "int a = b;\n"), main=MAIN + "int c = d;\n"), BuildOptions())
    assert {(d.file, d.line) for d in compiled.diagnostics} >= {("mine.h", 1), ("", 11)}


def test_an_error_in_a_system_header_stands_at_the_include_of_the_user() -> None:
    mine = "#define __always_inline 5 5\n#include <bpf/bpf_endian.h>\n#include <bpf/bpf_tracing.h>\n"
    compiled = compile_source(_source(("mine.h", mine)), BuildOptions())
    assert not compiled.ok
    assert {d.file for d in compiled.diagnostics if "<" in d.message} <= {"mine.h"}


def test_fixes_edit_the_header() -> None:
    source = _source(("mine.h", MINE), ("unused.h", "int x;\n"))
    obj = _loaded(source)
    found = list(repairs(source, BuildOptions(), obj, obj.programs[0]))
    assert found
    assert {edit.file for fix in found for edit in fix.fix.edits} == {"mine.h"}
    assert found[0].diff.startswith("--- a/mine.h\n+++ b/mine.h\n")
    assert found[0].fix.edits[0].as_json()["file"] == "mine.h"


def test_a_fault_in_the_source_is_fixed_there() -> None:
    main = MAIN.replace('#include "mine.h"\n', '#include "mine.h"\n' + MINE)
    source = _source(("mine.h", "#define X 1\n"), main=main)
    obj = _loaded(source)
    found = list(repairs(source, BuildOptions(), obj, obj.programs[0]))
    assert found
    assert {edit.file for fix in found for edit in fix.fix.edits} == {""}
    assert "file" not in found[0].fix.edits[0].as_json()


BAD_NAMES = [
    "", "../x.h", "../../etc/passwd", "/etc/passwd", "a//b.h", "a/../b.h", ".x", "a/.x", "a b.h", "a\\b.h", "a\nb.h",
    "<img onerror=alert(1)>.h", "\u202eh.x", "ü.h", "a" * 129, "a/b/c/d/e/f/g/h/i.h", "mine.h\n", "program.c",
    "vmlinux.h", "added.h", "a\0.h", '"', "@JOB@/x",
]  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES[:-1])
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(InputError):
        check_files([SourceFile(name, "")])
    with pytest.raises(InputError):
        compile_source(_source((name, MINE)), BuildOptions())


def test_limits_of_files() -> None:
    check_files([SourceFile(f"f{n}.h", "") for n in range(MAX_FILES)])
    with pytest.raises(LimitError):
        check_files([SourceFile(f"f{n}.h", "") for n in range(MAX_FILES + 1)])
    check_files([SourceFile("a.h", "x" * MAX_FILES_BYTES)])
    with pytest.raises(LimitError):
        check_files([SourceFile("a.h", "x" * MAX_FILES_BYTES), SourceFile("b.h", "x")])
    for wrong in (
        [SourceFile("a.h", "\0")],
        [SourceFile("a.h", "\ud800")],
        [SourceFile("a.h", ""), SourceFile("a.h", "")],
    ):
        with pytest.raises(InputError):
            check_files(wrong)
    with pytest.raises(InputError):
        check_files([SourceFile("a", ""), SourceFile("a/b.h", "")])


def test_a_header_does_not_read_the_server() -> None:
    for text in ('#include "/etc/passwd"\n', '#include "../../../../../../etc/passwd"\n', '#embed "/etc/passwd"\n'):
        compiled = compile_source(_source(("mine.h", text)), BuildOptions())
        assert not compiled.ok
        assert "root:" not in "".join(d.message for d in compiled.diagnostics)
