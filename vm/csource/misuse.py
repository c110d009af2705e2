"""Calls that are written for another environment: each with a change that does what was meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from vm.csource.tree import CTree
from vm.program import Fix

if TYPE_CHECKING:
    from tree_sitter import Node

_PRINT: Final = "bpf_trace_printk"
_LITERALS: Final = ("string_literal", "concatenated_string")
_SIZES: Final = ("sizeof_expression", "number_literal")
_COMPARE: Final = {"strcmp": 2, "strncmp": 3}
_USER: Final = re.compile(
    r"^[ \t]*#[ \t]*include[ \t]*(?:<(?:bpf/(?:libbpf|bpf)|stdio|stdlib|unistd|signal|getopt|argp|sys/resource)\.h>"
    r'|[<"][^">\n]{1,200}\.skel\.h[">])'
)
_MAIN: Final = re.compile(r"^[ \t]*(?:static[ \t]+)?(?:int|void)[ \t]+main[ \t]*\(")
_SECTION: Final = re.compile(r"^[ \t]*(?:SEC|__section)[ \t]*\(|\bSEC[ \t]*\([ \t]*\"")


def prints(tree: CTree) -> Iterator[tuple[str, int, Fix]]:
    """bpf_trace_printk() with a text, and no size of it: what bpf_printk() is for."""
    for call, arguments in _calls(tree, (_PRINT,)):
        if not arguments or arguments[0].type not in _LITERALS:
            continue
        if len(arguments) > 1 and (arguments[1].type in _SIZES or "sizeof" in tree.of(arguments[1])):
            continue
        name = call.child_by_field_name("function")
        if name is None:
            continue
        told = (
            "bpf_trace_printk() takes the size of the text as its second argument: bpf_trace_printk(fmt, sizeof(fmt), "
            "…). bpf_printk() is a macro that fills it in."
        )
        edit = tree.edit(name.start_byte, name.end_byte, "bpf_printk")
        yield told, tree.line(call.start_byte), Fix("Call bpf_printk() instead", (edit,))


def comparisons(tree: CTree) -> Iterator[tuple[str, int, Fix]]:
    """strcmp() and strncmp() with a text, which BPF has under another name."""
    for call, arguments in _calls(tree, tuple(_COMPARE)):
        name = call.child_by_field_name("function")
        if name is None or len(arguments) != _COMPARE[tree.of(name)]:
            continue
        first, second = arguments[:2]
        if first.type in _LITERALS:
            first, second = second, first
        if second.type not in _LITERALS or first.type in _LITERALS:
            continue
        size = tree.of(arguments[2]) if len(arguments) > 2 else f"sizeof({tree.of(second)})"
        told = (
            f"There is no C library in the kernel, and so no {tree.of(name)}(): bpf_strncmp() compares with a constant "
            "text."
        )
        new = f"bpf_strncmp({tree.of(first)}, {size}, {tree.of(second)})"
        edit = tree.edit(call.start_byte, call.end_byte, new)
        yield told, tree.line(call.start_byte), Fix("Compare with bpf_strncmp()", (edit,))


def user_part(tree: CTree) -> tuple[str, int, Fix] | None:
    """The program for user space, where it stands in one text with the BPF program: before or behind it."""
    lines = tree.source.split("\n")
    bare = tree.text.code.split("\n")
    sections = [number for number, line in enumerate(lines) if bare[number].strip() and _SECTION.search(line)]
    main = next((number for number, line in enumerate(bare) if _MAIN.match(line)), None)
    if main is None or not sections:
        return None
    if sections[-1] < main:
        first = next((n for n in range(sections[-1], main) if _USER.match(lines[n])), None)
        if first is None:
            return None
        while first > 0 and (not lines[first - 1].strip() or lines[first - 1].lstrip().startswith(("//", "#include"))):
            first -= 1
        last = len(lines) - 1
    elif sections[0] > main:
        first = 0
        last = next((n for n in range(main, sections[0]) if re.match(r"[ \t]*#[ \t]*include\b", lines[n])), -1) - 1
        if last < main or not any(_USER.match(line) for line in lines[:main]):
            return None
    else:
        return None
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    end = min(starts[last + 1], len(tree.source))
    told = (
        "The program that loads the BPF program stands in the same text: it runs in user space, and is compiled by "
        "itself."
    )
    edit = tree.edit(starts[first], end, "")
    return told, first + 1, Fix("Remove the part for user space", (edit,))


def _calls(tree: CTree, names: tuple[str, ...]) -> Iterator[tuple[Node, list[Node]]]:
    """The calls of functions, with their arguments."""
    if not any(name in tree.text.code for name in names):
        return
    for call in tree.find(tree.root, "call_expression"):
        function, listed = call.child_by_field_name("function"), call.child_by_field_name("arguments")
        if function is None or listed is None or tree.of(function) not in names or tree.in_macro(call):
            continue
        yield call, [each for each in listed.named_children if each.type != "comment"]
