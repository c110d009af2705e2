"""What the text of a C source compares, assigns and uses."""

from __future__ import annotations

import time

import pytest

from vm.csource import root_of
from vm.csource.syntax import Syntax

TEXT = """SEC("xdp") int f(struct xdp_md *ctx)
{
    struct iphdr *ip = data + 14;
    if (!v || (void *)(ip + 1) > data_end)
        return v[i];
    for (int i = 0; i < 3; i++) { x += *p; }
    if (unlikely(e->p == NULL)) { x = 1; goto out; }
    if (q && (int)k <= 9) { return t->a.x[k & 3]; } else return 9;
}
"""


def test_conditions() -> None:
    (function,) = Syntax(TEXT).functions
    assert (function.name, function.line, function.end_line) == ("f", 1, 9)
    first, loop, null, last = function.checks
    assert [c.line for c in function.checks] == [4, 6, 7, 8]
    assert (first.joined, first.exits, null.exits, last.joined) == ("||", True, True, "&&")
    assert [c.tests_null() for c in first.comparisons] == ["v", ""]
    assert first.comparisons[0].says_null() and null.comparisons[0].says_null()
    assert (first.comparisons[1].left, first.comparisons[1].below("ip")) == ("ip+1", False)
    assert loop.loop and loop.comparisons[0].names == {"i"}
    assert last.comparisons[1].cast == "int"


@pytest.mark.parametrize(
    ("text", "place", "truth"),
    [
        ("if (a < 3) { use(); }", "use", True),
        ("if (a < 3) return; use();", "use", False),
        ("if (a < 3) other(); use();", "use", None),
        ("if (a < 3 && b) return; use();", "use", None),
        ("if (a < 3 || b) return; use();", "use", False),
        ("if (a < 3) { one(); } else { use(); }", "use", False),
        ("if (c) { if (a < 3) return; } use();", "use", None),
        ("while (a < 3) { use(); }", "use", True),
    ],
)
def test_what_is_known_of_a_comparison_at_a_place(text: str, place: str, truth: bool | None) -> None:
    source = f"int f(void) {{ {text} }}"
    (function,) = Syntax(source).functions
    check = next(c for c in function.checks if "a < 3" in c.text)
    assert check.truth_at(source.index(place)) is truth


def test_what_is_used_at_a_place() -> None:
    syntax = Syntax(TEXT)
    use = syntax.use_at(5, 16)
    assert use is not None and use.pointers == ("v",) and use.offsets == ("i",)
    use = syntax.use_at(8, 39)
    assert use is not None and root_of(use.pointers[-1]) == "t" and use.indexes == {"k"}
    assert syntax.use_at(99, 1) is None


@pytest.mark.parametrize(
    "text",
    [
        "(" * 30_000,
        "int f(void) {" + "if (a) " * 4_000 + ";}",
        "int f(void) { return " + "a->" * 9_000 + "b; }",
        "int f(void) { x = " + "(int)" * 9_000 + "y; }",
        "\x00\xff" * 5_000,
        "int f(void) { x = " + "(" * 5_000 + "a" + " ? b : c)" * 5_000 + "; }",
        "int f(void) { " + "a = (" * 5_000 + "b" + ")" * 5_000 + "; }",
        "int f(void) { x = " + "g(" * 9_000 + ")" * 9_000 + "; }",
        "int f(void) { if (" + "a && " * 9_000 + "b) return; }",
    ],
)
def test_hostile_text_is_read_in_a_moment(text: str) -> None:
    started = time.process_time()
    syntax = Syntax(text)
    syntax.use_at(1, len(text) // 2)
    assert time.process_time() - started < 5
