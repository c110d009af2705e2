"""The #if groups of a source, and which branch of one is taken for the compiled one."""

from __future__ import annotations

import time

import pytest

from vm.csource.conditionals import defined, groups, likely, taken
from vm.csource.removal import Parts

SOURCE = """#ifndef GUARD
#define GUARD
#if 0
this is { no C
#elif defined(GUARD) && \\
    1
int a;
#else
int b;
#endif
#endif
/* #if 1 */ char *s = "#endif";
# ifdef GUARD
int c;
#endif
"""


def test_groups_stand_in_no_other_one_and_end_with_their_endif() -> None:
    outer, second = groups(SOURCE)
    assert SOURCE[outer.start : outer.end].startswith("#ifndef GUARD\n")
    assert SOURCE[outer.start : outer.end].endswith("#endif\n#endif\n")
    assert SOURCE[second.start : second.end] == "# ifdef GUARD\nint c;\n#endif\n"
    (text,) = taken(SOURCE, outer)
    (inner,) = groups(text)
    assert [(each.word, each.condition) for each in inner.branches] == [
        ("if", "0"), ("elif", "defined(GUARD) && 1"), ("else", "")
    ]  # fmt: skip
    assert list(taken(text, inner)) == ["this is { no C\n", "int a;\n", "int b;\n"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("#if 0\na\n#else\nb\n#endif\n", "b\n"),
        ("#if 1\na\n#else\nb\n#endif\n", "a\n"),
        ("#if 0\na\n#endif\n", ""),
        (f"#if {'1' * 9000}\na\n#endif\n", "a\n"),
        ("#ifdef X\na\n#else\nb\n#endif\n", "b\n"),
        ("#define X\n#ifdef X\na\n#else\nb\n#endif\n", "a\n"),
        ("#ifndef X\na\n#endif\n", "a\n"),
        ("#define X\n#ifndef X\na\n#endif\n", ""),
        ("// #define X\n#ifdef X\na\n#endif\n", ""),
        ("#if !defined(X)\na\n#endif\n", "a\n"),
        ("#if defined X\na\n#elif LINUX > 5\nb\n#endif\n", "b\n"),
        ("#ifdef X\na\n#elifndef X\nb\n#endif\n", "b\n"),
    ],
)
def test_the_likely_branch(text: str, line: str) -> None:
    (group,) = groups(text)
    branch = likely(group, defined(text))
    assert (text[branch.start : branch.end] if branch is not None else "") == line


@pytest.mark.parametrize("text", ["#if 1\nint a;\n", "#endif\n#else\nint a;\n", "#endif\n" * 9, "", "#if", "#\n# if x"])
def test_what_does_not_end_is_no_group(text: str) -> None:
    assert groups(text) == []


def test_the_group_behind_a_stray_endif_is_found() -> None:
    (group,) = groups("#endif\n#if 1\nint a;\n#endif\n")
    assert [each.word for each in group.branches] == ["if"]


def test_many_lines_take_no_time() -> None:
    begin = time.process_time()
    assert len(groups("#if 1\n" * 5000 + "#endif\n" * 5000)) == 1
    many = "".join(f"#define N{n}\n#ifdef N{n}\n#endif\n" for n in range(2000))
    assert all(likely(group, defined(many[:100])) is None for group in groups(many)[9:])
    assert len(Parts(many).decided()) == 2000
    assert groups("#if " + "\\\n" * 30_000) == []
    assert time.process_time() - begin < 5
