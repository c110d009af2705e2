"""Maps that a program uses as what they are not: without keys, or as the map in a map."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from vm.kernel import types as k
from vm.repair.candidate import Candidate, replaced
from vm.repair.cview import arguments, assigned, call_at, called, calls_of, stripped, type_of
from vm.repair.scene import Scene
from vm.verifier.state import reg_types as t

if TYPE_CHECKING:
    from tree_sitter import Node

_KEYLESS: Final = ("bpf_map_push_elem", "bpf_map_pop_elem", "bpf_map_peek_elem")
_KEYED: Final = ("bpf_map_lookup_elem", "bpf_map_update_elem", "bpf_map_delete_elem")
_FIFO: Final = (k.BPF_MAP_TYPE_QUEUE, k.BPF_MAP_TYPE_STACK)
_TYPE: Final = re.compile(r"__uint\s*\(\s*type\s*,\s*(BPF_MAP_TYPE_\w+)\s*\)\s*;")
_KEY: Final = re.compile(r"\n?[^\S\n]*__(?:type|uint)\s*\(\s*key(?:_size)?\s*,[^;{}]{0,200}\)\s*;")


def without_keys(scene: Scene) -> Iterator[Candidate]:
    """A map with keys that values are pushed to, as a queue or stack."""
    found = _definition(scene, _KEYLESS)
    if found is None:
        return
    name, kind, body = found
    key = _KEY.search(scene.tree.source, kind.end(), body) or _KEY.search(scene.tree.source, kind.start() - 400, body)
    edits = [] if key is None else [scene.tree.edit(key.start(), key.end(), "")]
    for new in ("BPF_MAP_TYPE_QUEUE", "BPF_MAP_TYPE_STACK"):
        yield Candidate(
            f"Make {name} a map of type {new}, without keys",
            f"Values are pushed to a queue, which gives the oldest one first, or to a stack; {kind[1]} is neither.",
            (scene.tree.edit(kind.start(1), kind.end(1), new), *edits),
        )


def with_keys(scene: Scene) -> Iterator[Candidate]:
    """A queue or stack that is asked for a key, as a hash."""
    found = _definition(scene, _KEYED)
    call = call_at(scene, scene.insn_idx)
    if found is None or call is None or len(arguments(call)) < 2 or _map_type(scene) not in _FIFO:
        return
    name, kind, _ = found
    key = _pointed(scene, arguments(call)[1])
    if not key:
        return
    indent = scene.tree.source[scene.tree.source.rfind("\n", 0, kind.start()) + 1 : kind.start()]
    yield Candidate(
        f"Make {name} a hash, with keys of {key}",
        f"{called(scene.tree, call)}() looks for a key; the values of a {kind[1]} have none.",
        (
            scene.tree.edit(kind.start(1), kind.end(1), "BPF_MAP_TYPE_HASH"),
            scene.tree.edit(kind.end(), kind.end(), f"\n{indent}__type(key, {key});"),
        ),
    )


def _definition(scene: Scene, callees: tuple[str, ...]) -> tuple[str, re.Match[str], int] | None:
    """(name, its type, end of its definition) of the map that the refused call of one of these helpers is given."""
    tree, call = scene.tree, call_at(scene, scene.insn_idx)
    if call is None or called(tree, call) not in callees or not arguments(call):
        return None
    name = tree.of(arguments(call)[0]).lstrip("& ")
    variable = re.search(rf"\}}[^;{{}}]*\b{re.escape(name)}\b", tree.text.code) if name.isidentifier() else None
    if variable is None:
        return None
    kinds = list(_TYPE.finditer(tree.source, 0, variable.start()))
    return (name, kinds[-1], variable.start()) if kinds else None


def _map_type(scene: Scene) -> int:
    reg = scene.frames[-1].regs[1] if scene.frames else None
    if reg is None or t.base_type(reg.type) != t.CONST_PTR_TO_MAP or not 0 <= reg.map_ptr < len(scene.program.maps):
        return -1
    return scene.program.maps[reg.map_ptr].map_type


def _pointed(scene: Scene, node: Node) -> str:
    """The type of what an argument points to: "__u32" of &key, "__typeof__(r.pid)" of &r.pid."""
    inner = stripped(scene.tree, node)
    target = inner.child_by_field_name("argument") if inner.type == "pointer_expression" else None
    if target is None:
        return ""
    if target.type == "identifier":
        return type_of(scene, scene.tree.of(target))
    base = re.match(r"\w+", scene.tree.of(target))
    field = target.child_by_field_name("field") if target.type == "field_expression" else None
    kind = type_of(scene, base[0]) if base is not None else ""
    return _member(scene, kind, scene.tree.of(field)) if field is not None else ""


def _member(scene: Scene, struct: str, name: str) -> str:
    tree = scene.tree
    for node in tree.find(tree.root, "struct_specifier"):
        tag, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        if tag is None or body is None or f"struct {tree.of(tag)}" != struct:
            continue
        for member in body.named_children:
            found = tree.declared(member.child_by_field_name("declarator"))
            if member.type == "field_declaration" and found is not None and tree.of(found) == name:
                return tree.type_of(member, found)
    return ""


def inner_lookup(scene: Scene) -> Iterator[Candidate]:
    """The value of the map in a map, where the map itself is used as one."""
    tree = scene.tree
    reg = scene.reg
    if reg is None or t.base_type(reg.type) != t.CONST_PTR_TO_MAP:
        return
    for call in calls_of(tree, "bpf_map_lookup_elem"):
        name, given = assigned(tree, call), arguments(call)
        function = tree.function(call)
        if not name or len(given) != 2 or function is None or function != scene.function:
            continue
        for node in tree.find(function, "assignment_expression", "init_declarator"):
            value = node.child_by_field_name("right") or node.child_by_field_name("value")
            if value is None or tree.of(stripped(tree, value)) != name:
                continue
            yield Candidate(
                f"Look the value up in {name}",
                f"{name} is a map: what an array or hash of maps holds. Its values are found with a key.",
                (replaced(tree, value, f"bpf_map_lookup_elem({name}, {tree.of(given[1])})"),),
            )
