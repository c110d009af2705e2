"""Conditions of what maps hold when a program is entered: `total > 5`, `cfg.enabled == 1`, `counts[3] >= 100`,
`seen[{.pid = 7}].calls != 0`.

A name is a global variable of .data, .bss or .rodata, or with a key a map; fields follow with dots.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from vm.btf.initializer import parse_value
from vm.btf.types import Btf, Kind
from vm.errors import InputError
from vm.guests.conditions import KEY, Check, Condition, possible
from vm.kernel import types as t
from vm.program import MapSpec, Object
from vm.recorded.context_fields import ContextField

_NAME: Final = re.compile(rf"([A-Za-z_]\w*)(?:\[({KEY}*)\])?((?:\.[A-Za-z_]\w*)*)", re.ASCII)
_SIGNED: Final = 1  # BTF_INT_SIGNED
_SIZES: Final = (1, 2, 4, 8)
_UNCOMPARED: Final = (Kind.ARRAY, Kind.STRUCT, Kind.UNION, Kind.FLOAT)
KEYED: Final[Mapping[int, str]] = {
    t.BPF_MAP_TYPE_ARRAY: "array", t.BPF_MAP_TYPE_PERCPU_ARRAY: "percpu_array", t.BPF_MAP_TYPE_HASH: "hash",
    t.BPF_MAP_TYPE_LRU_HASH: "lru_hash", t.BPF_MAP_TYPE_PERCPU_HASH: "percpu_hash",
    t.BPF_MAP_TYPE_LRU_PERCPU_HASH: "lru_percpu_hash",
}  # fmt: skip
"""Types of maps whose values are found in the memory of a kernel."""
_MOST: Final = 16


class MapCheck(NamedTuple):
    """A condition of a map's value. number -- of the map in its object; check -- of the bytes of its value"""

    number: int
    spec: MapSpec
    key: bytes
    check: Check


def map_check(obj: Object, asked: Condition) -> MapCheck | None:
    """The check of a map's value or a global variable; None if the condition names none.

    InputError, with what there is, for a key, a field or a type of map that cannot be asked.
    """
    found = _NAME.fullmatch(asked.name)
    if found is None:
        return None
    name, key, path = found[1], found[2], found[3].removeprefix(".")
    for number, spec, type_id, offset in _variables(obj):
        assert obj.btf is not None
        if obj.btf.type(type_id).name == name:
            held = obj.btf.type(type_id).type_id
            if key is not None:
                held, inside = _element(obj.btf, held, name, key)
                offset += inside
            first = (0).to_bytes(max(spec.key_size, 1), "little")
            return MapCheck(number, spec, first, _check(obj.btf, held, path, asked, name, offset))
    number = next((n for n, spec in enumerate(obj.maps) if spec.full_name == name and _keyed(spec)), -1)
    if number < 0:
        return None
    spec = obj.maps[number]
    if spec.map_type not in KEYED:
        raise InputError(
            f"The values of the map {name} cannot be asked in a condition: it is none of {', '.join(KEYED.values())}."
        )
    if key is None:
        raise InputError(f"{name} is a map: the key stands in brackets, as in {name}[0] == 1.")
    keyed = parse_value(obj.btf, spec.btf_key_type_id, spec.key_size, key, f"The key of the map {name}")
    index = int.from_bytes(keyed, "little")
    if spec.map_type in (t.BPF_MAP_TYPE_ARRAY, t.BPF_MAP_TYPE_PERCPU_ARRAY) and index >= spec.max_entries:
        raise InputError(f"The map {name} has {spec.max_entries} entries, from 0 on; there is no {index}.")
    if obj.btf is None or not spec.btf_value_type_id:
        raise InputError(f"The object does not tell the type of the values of the map {name}.")
    return MapCheck(number, spec, keyed, _check(obj.btf, spec.btf_value_type_id, path, asked, name, 0))


def unknown(obj: Object, asked: Condition) -> InputError:
    """The error for a condition that names nothing that there is."""
    variables = [obj.btf.type(type_id).name for _, _, type_id, _ in _variables(obj)] if obj.btf is not None else []
    maps = [f"{spec.full_name}[…]" for spec in obj.maps if _keyed(spec) and spec.map_type in KEYED]
    return InputError(
        f"The condition names {asked.name[:64]}: no program has such a field in its context, and there is no global "
        f"variable and no map of that name. There are: {', '.join((variables + maps)[:_MOST]) or 'none'}."
    )


def _keyed(spec: MapSpec) -> bool:
    return not spec.full_name.startswith(".")


def _variables(obj: Object) -> Iterator[tuple[int, MapSpec, int, int]]:
    """(number of the map, map, type of the variable, offset) of global variables."""
    for number, spec in enumerate(obj.maps):
        if _keyed(spec) or obj.btf is None or not spec.btf_value_type_id or spec.map_type != t.BPF_MAP_TYPE_ARRAY:
            continue
        for info in obj.btf.type(spec.btf_value_type_id).variables:
            yield number, spec, info.type_id, info.offset


def _element(btf: Btf, type_id: int, name: str, key: str) -> tuple[int, int]:
    """(type, offset) of an element of an array."""
    held = btf.skip_modifiers(type_id)
    if held.kind is not Kind.ARRAY:
        raise InputError(f"{name} is no array and no map: it has no element [{key[:32]}].")
    try:
        index = int(key, 0)
    except ValueError:
        raise InputError(f"The elements of {name} have numbers; {key[:32]!r} is none.") from None
    if not 0 <= index < held.nelems:
        raise InputError(f"{name} has {held.nelems} elements, from 0 on; there is no {index}.")
    return held.type_id, index * btf.size_of(held.type_id)


def _check(btf: Btf, type_id: int, path: str, asked: Condition, name: str, offset: int) -> Check:
    """The check of a field of a type. InputError if there is none, or if it is nothing that is compared."""
    bits = 0
    if path:
        try:
            found = btf.field_of(type_id, path)
        except KeyError:
            fields = ", ".join(member.name for member in btf.skip_modifiers(type_id).members if member.name)
            raise InputError(f"{name} has no field {path[:64]}; there are: {fields or 'none'}.") from None
        type_id, offset, bits = found.type_id, offset + found.offset, found.bits
    held, size = btf.skip_modifiers(type_id), btf.size_of(type_id)
    text = held.kind is Kind.ARRAY and btf.skip_modifiers(held.type_id).kind is Kind.INT
    text = text and btf.size_of(held.type_id) == 1
    what = f"{name}.{path}" if path else name
    if bits or (not text and (held.kind in _UNCOMPARED or size not in _SIZES)):
        members = ", ".join(member.name for member in held.members[:_MOST] if member.name)
        more = f" It has the fields {members}." if members else ""
        raise InputError(f"{what[:64]} is neither a number nor a text, and cannot be compared.{more}")
    if text != isinstance(asked.value, bytes):
        raise InputError(f"{what[:64]} is a {'text: write it in quotation marks' if text else 'number, and no text'}.")
    signed = held.kind is Kind.INT and bool(held.encoding & _SIGNED)
    return possible(Check(ContextField(offset, size, signed, text), asked))
