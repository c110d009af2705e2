"""Places in the text of a C source, and changes of it."""

from __future__ import annotations

import pytest

from vm.csource.fixes import legacy_maps_fix, license_fix, return_fix, section_fix
from vm.csource.text import CText, apply, blank

SOURCE = """/* SEC("xdp") int f() */
#include <linux/bpf.h>
  #  include "own.h" // comment
// #include <no.h>
char text[] = "SEC(\\"xdp\\") /* no comment */";
SEC("xdp_one")
int one(struct xdp_md *ctx) { return '"'; }
__attribute__((section("xdp_two"), used)) int two(void *ctx) { return one(ctx); }
SEC("xdp_two") int three(void *ctx) { return 0; }
"""


def test_blanking_keeps_every_place() -> None:
    for strings in (True, False):
        bare = blank(SOURCE, strings=strings)
        assert len(bare) == len(SOURCE)
        assert [at for at, c in enumerate(bare) if c == "\n"] == [at for at, c in enumerate(SOURCE) if c == "\n"]
        assert "no.h" not in bare and ("xdp_one" in bare) == (not strings)


def test_includes_and_sections_outside_comments_and_strings() -> None:
    text = CText(SOURCE)
    assert [include.name for include in text.includes] == ["linux/bpf.h", "own.h"]
    assert [section.name for section in text.sections] == ["xdp_one", "xdp_two", "xdp_two"]
    assert all(SOURCE[s.start : s.end] == s.name for s in text.sections)


def test_the_section_of_a_function() -> None:
    text = CText(SOURCE)
    lines = {name: text.section_of(name, section) for name, section in
             (("one", "xdp_one"), ("two", "xdp_two"), ("three", "xdp_two"))}  # fmt: skip
    assert {name: text.line(found.start) for name, found in lines.items() if found} == {"one": 6, "two": 8, "three": 9}
    assert text.section_of("four", "xdp_one") is None and text.section_of("one", "xdp") is None


def test_fixes_are_edits_of_the_text() -> None:
    text = CText(SOURCE)
    fix = section_fix(text, "three", "xdp_two", "xdp")
    assert fix is not None
    assert apply(SOURCE, fix) == SOURCE.replace('SEC("xdp_two") int three', 'SEC("xdp") int three')
    assert section_fix(text, "three", "other", "xdp") is None
    assert apply(SOURCE, license_fix(text)).endswith('\nchar LICENSE[] SEC("license") = "GPL";\n')
    assert apply("int x;", license_fix(CText("int x;"))).endswith('section("license"), used)) = "GPL";\n')
    own = 'char l[] SEC("license") = "BSD";\n'
    assert apply(own, license_fix(CText(own))) == own.replace("BSD", "GPL")
    assert return_fix(text, 1, 1) is None and return_fix(text, 999, 1) is None


@pytest.mark.parametrize(
    ("definition", "members"),
    [
        ('struct bpf_map_def SEC("maps") m = { .type = T, .key_size = sizeof(struct k), .max_entries = 3 };',
         ["__uint(type, T)", "__type(key, struct k)", "__uint(max_entries, 3)"]),
        ('struct bpf_map_def m SEC("maps") = {\n T, 4, sizeof(long) * 2, N(1, 2), 0 };',
         ["__uint(type, T)", "__uint(key_size, 4)", "__uint(value_size, sizeof(long) * 2)",
          "__uint(max_entries, N(1, 2))"]),
        ('struct bpf_elf_map __section("maps") m = { .type = T, .size_key = 4, .pinning = PIN_GLOBAL_NS, .flags = F };',
         ["__uint(type, T)", "__uint(key_size, 4)", "__uint(pinning, LIBBPF_PIN_BY_NAME)", "__uint(map_flags, F)"]),
    ],
)  # fmt: skip
def test_legacy_maps_in_todays_form(definition: str, members: list[str]) -> None:
    fix = legacy_maps_fix(CText(definition))
    assert fix is not None
    assert apply(definition, fix) == "struct {\n" + "".join(f"    {m};\n" for m in members) + '} m SEC(".maps");'


@pytest.mark.parametrize(
    "definition",
    [
        'struct bpf_map_def SEC("maps") m = { .type = T, .inner_map_idx = 1 };',
        'struct bpf_map_def SEC("maps") m[] = { 1, 2 };',
        'struct bpf_map_def SEC("maps") m = { 1, 2, 3, 4, 5, 6, 7 };',
        'struct bpf_map_def SEC("maps") m = { 1, ',
        "struct bpf_map_def { int type; };",
    ],
)
def test_definitions_that_cannot_be_written_so_are_left_alone(definition: str) -> None:
    assert legacy_maps_fix(CText(definition)) is None
