"""What is said of an object file: sections, symbols, relocations, types; hostile files end with a sentence."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from vm import pipeline
from vm.contents import contents
from vm.errors import InputError
from vm.pipeline import BuildOptions, Source

ROOT = Path(__file__).resolve().parents[3]
SOURCE = b"""
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
enum color { RED = 1, BLUE = -4 };
struct inner { char a; union { __u32 b; __u16 c[2]; }; __u64 d : 3; __u64 e : 7; };
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct inner);
} m SEC(".maps");
enum color chosen = RED;
const volatile int limit = 7;
SEC("xdp") int first(struct xdp_md *ctx)
{
    __u32 key = limit + chosen;
    struct inner *v = bpf_map_lookup_elem(&m, &key);
    return v ? v->a : 0;
}
char LICENSE[] SEC("license") = "GPL";
"""


@pytest.fixture(scope="module")
def data() -> bytes:
    compiled = pipeline.compile_source(Source("c", SOURCE), BuildOptions())
    assert compiled.object is not None, compiled.diagnostics
    return compiled.object


def test_sections_are_named_and_explained(data: bytes) -> None:
    found = {row.name: row for row in contents(data).sections}
    assert found["xdp"].meaning == "Programs of type XDP." and found["xdp"].flags == "AX"
    assert found[".relxdp"].type == "REL" and "xdp" in found[".relxdp"].meaning
    assert found["license"].size == 4
    assert {".maps", ".data", ".rodata", ".BTF", ".BTF.ext"} <= set(found)
    assert all(found[name].meaning for name in (".maps", ".data", ".rodata", ".BTF"))


def test_relocations_name_the_instruction_and_the_symbol(data: bytes) -> None:
    found = contents(data)
    code = {(row.symbol, row.type) for row in found.relocations if row.section == "xdp"}
    assert code == {("m", "R_BPF_64_64"), ("chosen", "R_BPF_64_64"), ("limit", "R_BPF_64_64")}
    assert all(row.insn == row.offset // 8 for row in found.relocations if row.section == "xdp")
    assert all(row.insn is None for row in found.relocations if row.section == ".BTF")
    first = next(row for row in found.symbols if row.name == "first")
    assert (first.section, first.type, first.bind) == ("xdp", "FUNC", "GLOBAL")


def test_types_have_offsets_and_sizes(data: bytes) -> None:
    found = {row.name: row for row in contents(data).types}
    text = found["inner"].text
    assert found["inner"].size == 16
    assert [line.split() for line in text.splitlines()] == [
        ["struct", "inner", "{"],
        ["char", "a;", "/*", "0", "1", "*/"],
        ["union", "{"],
        ["__u32", "b;", "/*", "4", "4", "*/"],
        ["__u16", "c[2];", "/*", "4", "4", "*/"],
        ["};", "/*", "4", "4", "*/"],
        ["__u64", "d", ":", "3;", "/*", "8:0", "8", "*/"],
        ["__u64", "e", ":", "7;", "/*", "8:3", "8", "*/"],
        ["};", "/*", "size:", "16", "*/"],
    ]
    assert found["color"].text.splitlines()[1:3] == ["    RED = 1,", "    BLUE = -4,"]
    assert found["first"].text == "int first(struct xdp_md *ctx);"


def test_sources_without_an_object_file_have_no_contents() -> None:
    assert pipeline.contents(Source("asm", b"r0 = 0\nexit\n"), BuildOptions()).bytes == 0
    with pytest.raises(InputError, match="does not compile"):
        pipeline.contents(Source("c", b"int"), BuildOptions())


def test_damaged_files_end_with_a_sentence(data: bytes) -> None:
    source = random.Random(1)
    refused = 0
    for _ in range(300):
        broken = bytearray(data)
        for _ in range(source.randrange(1, 12)):
            broken[source.randrange(len(broken))] = source.randrange(256)
        try:
            contents(bytes(broken[: source.randrange(1, len(broken) + 1)] if source.random() < 0.3 else broken))
        except InputError:
            refused += 1
    assert refused > 50


def test_the_command_lists_them(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "prog.o"
    path.write_bytes(data)
    said = subprocess.run(
        [sys.executable, "-m", "vm", "contents", str(path)], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert "Programs of type XDP." in said and "R_BPF_64_64" in said and "struct inner {" in said
