"""Changes of a C source that settle what a remark says: each a Fix, or None where the text does not show the place."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from vm.csource.text import CText
from vm.program import Edit, Fix

LICENSE_LINE: Final = 'char LICENSE[] SEC("license") = "GPL";'
_PLAIN_LICENSE: Final = 'char LICENSE[] __attribute__((section("license"), used)) = "GPL";'

_LEGACY_MAP: Final = re.compile(
    r"(?:\bstatic\s+)?\bstruct\s+(?:bpf_map_def|bpf_elf_map)\b(?P<head>[^;={}]{0,400})=\s*(?P<open>\{)"
)
_ATTRIBUTE: Final = re.compile(
    r"\bSEC\s*\([^)]*\)|\b__section\s*\([^)]*\)|\b__attribute__\s*\(\([^;={}]*\)\)|\bconst\b"
)
_FIELD: Final = re.compile(r"\.\s*(\w+)\s*=\s*")
_SIZEOF: Final = re.compile(r"sizeof\s*\(\s*([^()]+?)\s*\)")
# Fields of struct bpf_map_def (libbpf) and struct bpf_elf_map (iproute2) -> what the BTF form calls them.
_FIELDS: Final = {
    "type": "type",
    "key_size": "key",
    "size_key": "key",
    "value_size": "value",
    "size_value": "value",
    "max_entries": "max_entries",
    "max_elem": "max_entries",
    "map_flags": "map_flags",
    "flags": "map_flags",
    "pinning": "pinning",
    "id": "",
}
_ORDER: Final = ("type", "key_size", "value_size", "max_entries", "map_flags")
_MAX_MAPS: Final = 256
_MAP_HEAD: Final = re.compile(r"\}\s*(\w+)\b[^;{}]*$")
_MAX_HEAD: Final = 400
INSIDE: Final = re.compile(
    r"net/(?!if\.h|ethernet\.h)|linux/(?:skbuff|sched|fs|fs_struct|nsproxy|kconfig|netdevice|dcache|mm_types|socket"
    r"|path|mount|blkdev|blk-mq|cred|uio|file|module|kernel|ns_common|pid_namespace|security|lsm_hooks)\.h$|trace/"
)
"""Headers from inside the kernel: they do not compile for BPF."""
_KERNEL_HEADER: Final = re.compile(r"(?:uapi/)?(?!linux/version\.h$)(?:linux|net|asm|asm-generic|trace|uapi)/")


def section_fix(text: CText, function: str, section: str, new: str) -> Fix | None:
    """Replace the section name of a function."""
    found = text.section_of(function, section)
    if found is None:
        return None
    return Fix(f'Change the section to SEC("{new}")', (text.edit(found.start, found.end, new),))


def license_fix(text: CText) -> Fix:
    """Say that the program is under the GPL: a new line at the end, or another text in the line that is there."""
    for found in text.sections:
        if found.name != "license":
            continue
        value = re.compile(r'[^";={}]{0,80}=\s*"([^"\\\n]*)"').match(text.source, found.end + 1)
        if value is not None:
            return Fix('Change the license to "GPL"', (text.edit(value.start(1), value.end(1), "GPL"),))
    macro = "SEC" in text.code
    line = LICENSE_LINE if macro else _PLAIN_LICENSE
    end = len(text.source)
    gap = "" if text.source.endswith("\n") else "\n"
    return Fix("Add the license line", (text.edit(end, end, f"{gap}\n{line}\n"),))


def return_fix(text: CText, line: int, column: int) -> Fix | None:
    """Return 0 before the closing brace at a place."""
    at = text.offset(line, column)
    if at is None or text.code[at : at + 1] != "}":
        return None
    before = text.source[:at]
    own_line = not before[before.rfind("\n") + 1 :].strip()
    indent = _indent_before(text, line)
    edit = text.edit(at, at, f"{indent}return 0;\n" if own_line else " return 0; ")
    return Fix("Add return 0;", (edit,))


def _indent_before(text: CText, line: int) -> str:
    """How the lines of a body that ends at `line` are indented."""
    lines = text.source.split("\n")
    for above in range(line - 2, max(-1, line - 12), -1):
        found = re.match(r"[ \t]*(?=\S)", lines[above])
        if found and not lines[above].lstrip().startswith(("#", "//")):
            return found[0] if not lines[above].rstrip().endswith("{") else found[0] + "    "
    return "    "


def lines_fix(text: CText, lines: tuple[str, ...], left_out: frozenset[str], title: str) -> Fix:
    """Put lines at the beginning of the source, and take out the #include lines of headers that are not there.

    left_out -- names of those headers, as the source spells them
    """
    first = "".join(f"{line}\n" for line in lines if not line.startswith("/*"))
    edits: list[Edit] = []
    for include in text.includes:
        if include.name in left_out:
            comment = f"// {text.source[include.start : include.end].strip()}"
            if include.start == 0:
                comment, first = first + comment, ""  # two edits at one place have no order
            edits.append(text.edit(include.start, include.end, comment))
    if first:
        edits.insert(0, text.edit(0, 0, first))
    return Fix(title, tuple(edits))


def kernel_headers_fix(text: CText) -> tuple[int, Fix] | None:
    """(the line, the change) of a source that includes headers from inside the kernel: vmlinux.h in the place of all
    that define the kernel's types. None for other sources."""
    kernel = [include for include in text.includes if _KERNEL_HEADER.match(include.name)]
    inside = next((include for include in kernel if INSIDE.match(include.name)), None)
    if inside is None or any(include.name.rpartition("/")[2] == "vmlinux.h" for include in text.includes):
        return None
    edits = [
        text.edit(include.start, include.end + (number > 0 and include.end < len(text.source)), new)
        for number, (include, new) in enumerate(
            zip(kernel, ['#include "vmlinux.h"', *[""] * len(kernel)], strict=False)
        )
    ]
    return text.line(inside.start), Fix('Include "vmlinux.h" instead', tuple(edits))


def legacy_maps_fix(text: CText) -> Fix | None:
    """Write every map of struct bpf_map_def (or bpf_elf_map) as libbpf 1.x reads maps: a struct in SEC(".maps")."""
    edits: list[Edit] = []
    for found in _LEGACY_MAP.finditer(text.code):
        if len(edits) == _MAX_MAPS:
            break
        name = re.sub(r"\s+", " ", _ATTRIBUTE.sub(" ", found["head"])).strip()
        close = _closing(text.code, found.start("open"))
        end = re.compile(r"\s*;").match(text.code, close + 1) if close >= 0 else None
        body = _members(text.source[found.end("open") : close]) if close >= 0 else None
        if end is None or body is None or not re.fullmatch(r"\w+", name):
            return None
        edits.append(text.edit(found.start(), end.end(), f'struct {{\n{body}}} {name} SEC(".maps");'))
    return Fix("Define the maps as libbpf 1.x reads them", tuple(edits)) if edits else None


def map_sizes_fix(text: CText, lacking: Mapping[str, Sequence[tuple[str, int]]]) -> tuple[int, Fix] | None:
    """(the line of the first, the change) that gives maps their sizes. None where the text shows none of them.

    lacking -- map -> members of its definition, with their values
    """
    edits: list[Edit] = []
    lines: list[int] = []
    for found in text.sections:
        head = _MAP_HEAD.search(text.code, max(0, found.start - _MAX_HEAD), found.start)
        members = dict(lacking.get(head[1], ())) if head is not None and found.name == ".maps" else {}
        start = _opening(text.code, head.start()) if head is not None and members else -1
        if head is None or start < 0:
            continue
        for member in re.finditer(r"\b__uint\s*\(\s*(\w+)\s*,\s*([^;]*?)\s*\)\s*;", text.code[start : head.start()]):
            if member[1] in members:
                new = str(members.pop(member[1]))
                edits.append(text.edit(start + member.start(2), start + member.end(2), new))
        own_line = "\n" in text.code[start : head.start()]
        indent = _indent_before(text, text.line(head.start())) if own_line else " "
        more = "".join(f"{indent}__uint({name}, {value});" + "\n" * own_line for name, value in members.items())
        if more:
            at = head.start() if own_line else len(text.code[: head.start()].rstrip())
            edits.append(text.edit(at, at, more))
        lines.append(text.line(head.start(1)))
    return (lines[0], Fix("Give the maps usual sizes in the source", tuple(edits))) if edits else None


def _opening(code: str, at: int) -> int:
    """The brace that the one at `at` closes, -1 where there is none."""
    depth = 0
    for place in range(at, -1, -1):
        depth += {"}": 1, "{": -1}.get(code[place], 0)
        if depth == 0:
            return place
    return -1


def _closing(code: str, at: int) -> int:
    """The brace that closes the one at `at`, -1 where there is none."""
    depth = 0
    for found in re.compile(r"[{}]").finditer(code, at):
        depth += 1 if found[0] == "{" else -1
        if depth == 0:
            return found.start()
    return -1


def _members(initializer: str) -> str | None:
    """The members of the BTF form, None where the initializer has others than the known fields."""
    body = CText(initializer)
    parts = _split(body.code)
    out = []
    for number, (start, end) in enumerate(parts):
        field = _FIELD.match(body.code, start)
        if field is not None:
            name, value = field[1], initializer[field.end() : end].strip()
        elif number < len(_ORDER):
            name, value = _ORDER[number], initializer[start:end].strip()
        else:
            return None
        known = _FIELDS.get(name)
        if known is None or "\n" in value:
            return None
        sized = _SIZEOF.fullmatch(value)
        if known in ("key", "value"):
            out.append(f"__type({known}, {sized[1]})" if sized else f"__uint({known}_size, {value})")
        elif known == "pinning":
            if value != "0" and "NONE" not in value:
                out.append("__uint(pinning, LIBBPF_PIN_BY_NAME)")
        elif known and not (known == "map_flags" and value == "0"):
            out.append(f"__uint({known}, {value})")
    return "".join(f"    {member};\n" for member in out)


def _split(code: str) -> list[tuple[int, int]]:
    """The ranges between commas outside brackets, without blanks at their ends."""
    out, depth, start = [], 0, 0
    for at, char in enumerate(code + ","):
        if char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == "," and depth == 0:
            part = code[start:at]
            if part.strip():
                out.append((start + len(part) - len(part.lstrip()), start + len(part.rstrip())))
            start = at + 1
    return out
