"""The syntax tree of C as it is written: functions, statements and places behind macros."""

from __future__ import annotations

import pytest

from vm.csource.text import apply
from vm.csource.tree import CTree
from vm.program import Fix
from vm.repair.candidate import after, before, deleted, hoisted, wrapped

TEXT = """#include "vmlinux.h"
#define CHECK(p) if (!(p)) return 0
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __type(key, u32);
} table SEC(".maps");

static __always_inline const char *name_of(struct file *f, int n[4])
{
    return f->name; /* naïve */
}

SEC("kprobe/vfs_open") int BPF_KPROBE(on_open, struct path *path, const char *s)
{
    int i;
    char buf[2][8], *p = buf[0];

    bpf_for(i, 0, 10) {
        if (s)
            p[i]++;
    }
    CHECK(path);
    return 0;
}
"""


@pytest.fixture
def tree() -> CTree:
    return CTree(TEXT)


def node(tree: CTree, text: str):  # type: ignore[no-untyped-def]
    at = TEXT.index(text)
    line = tree.line(at)
    found = tree.at(line, at - TEXT.rfind("\n", 0, at))
    assert found is not None
    return found


def test_functions_have_the_names_that_their_macros_give(tree: CTree) -> None:
    assert list(tree.functions) == ["name_of", "on_open"]
    assert tree.returns(tree.functions["name_of"]) == "char *"
    assert {name: kind for name, (kind, _) in tree.parameters(tree.functions["name_of"]).items()} == {
        "f": "struct file *",
        "n": "int[4]",
    }


def test_a_place_is_in_its_statement_and_function(tree: CTree) -> None:
    found = node(tree, "p[i]++")
    statement = tree.statement(found)
    assert statement is not None and tree.of(statement) == "p[i]++;"
    assert tree.bare(statement)
    function = tree.function(found)
    assert function is not None and tree.function_name(function) == "on_open"
    assert tree.up(found, "while_statement") is not None  # bpf_for() reads as a loop


def test_a_directive_is_no_place(tree: CTree) -> None:
    assert tree.in_macro(node(tree, "if (!(p))"))
    assert not tree.in_macro(node(tree, "CHECK(path)"))


def test_types_have_stars_and_sizes(tree: CTree) -> None:
    declaration = tree.up(node(tree, "buf[2]"), "declaration")
    assert declaration is not None
    kinds = [
        tree.type_of(declaration, name) for name in tree.find(declaration, "identifier") if tree.of(name) in "bufp"
    ]
    assert kinds[0].startswith("char[") and kinds[1] == "char *"


def test_offsets_are_characters(tree: CTree) -> None:
    assert tree.of(node(tree, "on_open, struct")) == "on_open"  # behind a letter of two bytes
    assert tree.of(tree.functions["on_open"]).startswith("int BPF_KPROBE")


def test_edits_around_a_statement_without_braces(tree: CTree) -> None:
    statement = tree.statement(node(tree, "p[i]++"))
    assert statement is not None
    assert "if (s) {\n            x;\n            p[i]++;\n        }" in apply(
        TEXT, Fix("", before(tree, statement, ["x;"]))
    )
    assert "p[i]++;\n            x;\n        }" in apply(TEXT, Fix("", after(tree, statement, ["x;"])))
    assert "if (s)\n            if (p)\n                p[i]++;" in apply(TEXT, Fix("", wrapped(tree, statement, "p")))
    assert "if (s)\n            ;\n" in apply(TEXT, Fix("", (deleted(tree, statement),)))
    index = node(tree, "i]++")
    assert "int j = i;\n            p[j]++;\n" in apply(
        TEXT, Fix("", hoisted(tree, statement, ["int j = i;"], index, "j"))
    )


@pytest.mark.parametrize("text", ["", "}", "((((", "#define", '"', "/*", "int f(", "é" * 100, "{" * 5000, "a?" * 3000])
def test_any_text_has_a_tree(text: str) -> None:
    tree = CTree(text)
    assert tree.root.end_byte <= len(text)
    assert tree.functions == {}
    assert tree.at(10**6, 1) is None and tree.at(1, 10**6) is None
