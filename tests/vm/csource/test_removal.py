"""What can be taken out of a C source, and that what is left is text that means what it did."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from vm.csource.removal import Parts, inlined, names, plain, without

SOURCE = """#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#define LIMIT 4 /* of all */

struct item { int a; int b; };
enum { ONE, TWO };
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
} items SEC(".maps");

static __always_inline int twice(int x) { return 2 * x; }
static int unused(int x) { return x; }

SEC("xdp")
int first(struct xdp_md *ctx)
{
    int a = 1; // one
    if (a && ctx->data) {
        a = twice(a);
        for (int i = 0; i < LIMIT; i++)
            a++;
    } else
        a = 3;
    return a;
}

SEC("tc")
int second(struct __sk_buff *skb)
{
    return unused(1);
}
"""


def cut(source: str, kind: str) -> list[str]:
    return [source[each.start : each.end].strip() for each in getattr(Parts(source), kind)()]


def test_comments_and_empty_lines_go_and_continued_lines_stay() -> None:
    assert plain("int a; /* x\ny */ int b; // c\n\n\n  \nint d;\n") == "int a;\n     int b;\nint d;\n"
    assert plain("#define A 1 \\\n\nint b;\n") == "#define A 1 \\\n\nint b;\n"


def test_a_function_is_cut_with_its_attributes() -> None:
    found = cut(SOURCE, "items")
    assert found[-1].startswith('SEC("tc")\nint second') and found[-1].endswith("}")
    assert any(text.endswith(('items SEC(".maps")', 'items SEC(".maps");')) for text in found)
    assert len(found) >= 10
    gone = [each for each in Parts(SOURCE).items() if "second" in each.defines]
    assert len(gone) == 1 and 'SEC("tc")' not in without(SOURCE, gone)


def test_what_no_name_of_the_program_leads_to_is_not_needed() -> None:
    left = without(SOURCE, Parts(SOURCE).unused("first"))
    assert "twice" in left and "LIMIT" in left and "#include" in left
    assert "second" not in left and "unused" not in left and "items" not in left and "struct item" not in left
    assert not Parts(SOURCE).unused("missing")


def test_statements_by_the_blocks_they_stand_in() -> None:
    parts = Parts(SOURCE)
    outer = [plain(SOURCE[each.start : each.end]).strip() for each in parts.statements(0)]
    assert "return a;" not in outer and any(text.startswith("if (a &&") for text in outer)
    inner = [SOURCE[each.start : each.end].strip() for each in parts.statements(1)]
    assert inner == ["a = twice(a);", "for (int i = 0; i < LIMIT; i++)\n            a++;"]
    assert any(each.defines == {"a"} for each in parts.statements(0))


def test_statements_off_the_path_go_but_not_the_end_of_a_function() -> None:
    line = SOURCE.split("\n").index("        a = twice(a);") + 1
    left = without(SOURCE, Parts(SOURCE).unvisited(frozenset({line})))
    assert "a = twice(a);" in left and "for (" not in left and left.count("return") == SOURCE.count("return")


def test_a_body_stands_for_its_if_and_a_side_for_both() -> None:
    found = {each.text for each in Parts(SOURCE).simpler()}
    assert {"a", "ctx->data", "a++;", "a = 3;", ""} <= found
    assert any(text.startswith("a = twice(a);\n    for (") for text in found)


def test_members_and_enumerators() -> None:
    assert cut(SOURCE, "members") == ["int a;", "int b;", "ONE,", "TWO"]
    assert Parts(SOURCE).sound() and not Parts(without(SOURCE, Parts(SOURCE).members()[:2])).sound()
    left = without(SOURCE, Parts(SOURCE).members()[2:3])
    assert "enum {  TWO }" in left or "enum { TWO }" in left


def test_names_are_no_members_and_stand_in_no_string() -> None:
    assert names('a->b.c + d("e f") /* g */') == {"a", "d"}


def test_headers_are_written_where_they_are_included() -> None:
    files = {"a.h": '#pragma once\n#include "lib/b.h"\nint a;', "lib/b.h": "int b;", "c.h": '#include "c.h"\n'}
    text = inlined('#include "a.h"\n#include "a.h"\n#include "c.h"\n#include <linux/bpf.h>\n', files)
    assert text.count("int a;") == 1 and "int b;" in text and '#include "c.h"' in text and "<linux/bpf.h>" in text


@pytest.mark.parametrize(
    "source",
    [
        "", "}" * 5000, "{" * 5000, "(" * 5000, "/*" + " " * 60_000 + "x", "int a;" + " " * 60_000 + "x",
        "#if 1\n" * 3000, "a" * 65_000, "int f(void) {" + "if (1) {" * 3000, "\0\xff\u2028", '"' * 10_000,
        '#include "a.h"\n' * 4000,
    ],
    ids=range(12),
)  # fmt: skip
def test_any_text_is_taken(source: str) -> None:
    begun = time.monotonic()
    text = plain(inlined(source, {"a.h": '#include "b.h"\n' * 100, "b.h": "int b;\n" * 100}))
    parts = Parts(text)
    for cuts in (parts.items(), parts.statements(0), parts.statements(3), parts.simpler(), parts.members()):
        assert len(without(text, cuts[:1])) <= len(text) + 1
    parts.unused("f")
    parts.unvisited(frozenset({1}))
    assert time.monotonic() - begun < 60


def test_the_parts_of_real_sources_overlap_in_no_kind() -> None:
    for path in sorted(Path("gallery").glob("*/*.c"))[::12]:
        parts = Parts(plain(path.read_text()))
        for cuts in (parts.items(), parts.statements(0), parts.statements(1), parts.members()):
            ordered = sorted(cuts)
            assert all(a.end <= b.start for a, b in zip(ordered, ordered[1:], strict=False)), path
