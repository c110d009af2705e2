from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.vm.elf.objects import build
from vm.btf.cdump import c_header, declaration, type_text
from vm.btf.check import from_untrusted
from vm.btf.types import Btf, Kind, Type
from vm.elf.reader import read_elf
from vm.errors import InputError
from vm.kernel.btf import kernel_btf

SHAPES = """
typedef int (*callback_t)(const char *name, void *const *list[3]);
enum color { RED = -1, GREEN = 7 }; enum small { ON } __attribute__((mode(byte)));
enum wide { BIG = 1ull << 40 };
struct packed { char a; int b; short c; } __attribute__((packed));
struct padded { char a; long b; int c __attribute__((aligned(32))); };
struct bits { int a:3, b:7; unsigned long c:40; char d; _Bool e:1; };
struct nested { struct { int x; union { long l; char c[12]; }; } inner[2]; struct packed p; enum small s; };
struct node { struct node *next; callback_t call; int (*table[4])(struct nested *); __u8 tail[]; };
union either { int i; double d; struct padded p; };
struct all { struct padded a; struct bits b; struct nested c; struct node *d; union either e; enum color f;
    enum wide g; };
struct all *keep; struct node last;
SEC("socket") int f(void *ctx) { return keep ? last.tail[0] : 0; }
"""


def _btf(source: str) -> Btf:
    section = read_elf(build(source)).section(".BTF")
    assert section is not None
    return from_untrusted(section.data)


def _asserts(btf: Btf, found: Type) -> list[str]:
    tag = f"{found.kind.name.lower()} {found.name}"
    out = [f'_Static_assert(sizeof({tag}) == {found.size}, "{tag}");']
    for member in found.members:
        if member.name and not member.bits:
            place = f"__builtin_offsetof({tag}, {member.name})"
            out.append(f'_Static_assert({place} == {member.bit_off // 8}, "{tag}.{member.name}");')
    return out


def _compile(folder: Path, text: str) -> str:
    path = folder / "check.c"
    path.write_text(text)
    argv = [sys.executable, "-m", "ziglang", "clang", "-target", "bpf", "-fsyntax-only", "-Wno-everything", str(path)]
    return subprocess.run(argv, capture_output=True, text=True, check=False).stderr


def test_clang_lays_printed_types_out_as_they_were(tmp_path: Path) -> None:
    btf = _btf(SHAPES)
    header = c_header(btf, [btf.struct("all").id, btf.struct("node").id])
    lines = [header]
    for name in ("packed", "padded", "bits", "nested", "node", "either", "all"):
        lines += _asserts(btf, btf.struct(name))
    assert _compile(tmp_path, "\n".join(lines)) == ""
    assert len(lines) > 20


def test_bit_fields_stay_where_they_were(tmp_path: Path) -> None:
    btf = _btf(SHAPES)
    source = c_header(btf, [btf.struct("bits").id]) + "struct bits use;"
    again = _btf(source)
    assert [m[2:] for m in again.struct("bits").members] == [m[2:] for m in btf.struct("bits").members]


def test_declarations() -> None:
    btf = _btf(SHAPES)
    callback = btf.find("callback_t", Kind.TYPEDEF)
    assert callback is not None
    assert declaration(btf, callback.type_id, "f") == "int (*f)(const char *, void *const **)"
    table = next(m for m in btf.struct("node").members if m.name == "table")
    assert declaration(btf, table.type_id, "t") == "int (*t[4])(struct nested *)"
    assert type_text(btf, table.type_id) == "int (*[4])(struct nested *)"
    assert type_text(btf, 0) == "void"


def test_kernel_types_have_the_kernels_layout(tmp_path: Path) -> None:
    btf = kernel_btf()
    names = ("task_struct", "sk_buff", "sock", "xdp_buff", "file", "bpf_prog", "net_device", "tcp_sock")
    lines = [c_header(btf, [btf.struct(n).id for n in names])]
    for name in names:
        lines += _asserts(btf, btf.struct(name))
    assert _compile(tmp_path, "\n".join(lines)) == ""


@pytest.mark.corpus
def test_every_kernel_type_has_the_kernels_layout(tmp_path: Path) -> None:
    btf = kernel_btf()
    roots = [x.id for x in btf.of_kind(Kind.STRUCT, Kind.UNION, Kind.ENUM, Kind.ENUM64, Kind.TYPEDEF) if x.name]
    lines, seen = [c_header(btf, roots)], {"warn_args"}  # holds a va_list, which is another in BPF
    for type_id in roots:
        found = btf.type(type_id)
        if found.kind is Kind.TYPEDEF or found.name in seen:
            continue
        seen.add(found.name)
        if found.kind in (Kind.STRUCT, Kind.UNION):
            lines += _asserts(btf, found)
    assert len(lines) > 50_000
    assert _compile(tmp_path, "\n".join(lines)) == ""


def test_members_that_are_wanted_bring_what_they_point_at() -> None:
    btf = kernel_btf()
    roots = [btf.struct("task_struct").id, *btf.enums_with("IPPROTO_TCP")]
    header = c_header(btf, roots, {"mm", "exe_file"}.__contains__)
    assert "struct mm_struct {" in header and "struct file {" in header and "IPPROTO_TCP = 6," in header
    assert "struct file {" not in c_header(btf, roots)


def test_types_nested_without_end_are_refused() -> None:
    deep = "struct s0 { int x; };" + "".join(f"struct s{i} {{ struct s{i - 1} m; }};" for i in range(1, 400))
    btf = _btf(deep + "struct s399 keep;")
    with pytest.raises(InputError, match="too deeply"):
        c_header(btf, [btf.struct("s399").id])
