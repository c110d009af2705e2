"""Which maps hold counts that are best drawn as bars, by their types; names decide nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from vm.btf.types import Btf, Kind

if TYPE_CHECKING:
    from vm.program import MapSpec

MOST_BARS: Final = 64
MOST_GROUPS: Final = 8
_LEAST: Final = 2  # counts that are not 0; one alone is no distribution
_LEAST_SLOTS: Final = 4  # of an array in a structure


def bars(spec: MapSpec, btf: Btf | None, entries: Sequence[tuple[bytes, bytes]]) -> list[dict[str, Any]]:
    """Groups of bars, [] where the map holds no counts: {"title", "bars": [{"label", "count"}]}.

    A map from integers to integers is one group, in the order of its keys. A structure with an array of unsigned
    integers (the slots of a histogram) is a group for each entry.
    """
    if btf is None or not spec.btf_value_type_id:
        return []
    if _unsigned(btf, spec.btf_value_type_id):
        if spec.btf_key_type_id and btf.skip_modifiers(spec.btf_key_type_id).kind not in (Kind.INT, Kind.ENUM):
            return []
        size = btf.size_of(spec.btf_value_type_id)
        counts = sorted((int.from_bytes(key, "little"), _number(value, 0, size)) for key, value in entries)
        return _group("", counts)
    found = _slots(btf, spec.btf_value_type_id)
    if found is None:
        return []
    name, offset, size, number = found
    groups: list[dict[str, Any]] = []
    for key, value in entries:
        counts = [(slot, _number(value, offset + slot * size, size)) for slot in range(number)]
        title = str(int.from_bytes(key, "little")) if len(key) <= 8 else key.hex()[:32]
        groups += _group(f"{title}: {name}", counts)
    return groups[:MOST_GROUPS]


def _group(title: str, counts: list[tuple[int, int]]) -> list[dict[str, Any]]:
    """The counts from the first to the last that is not 0."""
    there = [place for place, (_, count) in enumerate(counts) if count]
    if len(there) < _LEAST or there[-1] - there[0] >= MOST_BARS:
        return []
    shown = counts[there[0] : there[-1] + 1]
    return [{"title": title, "bars": [{"label": str(label), "count": count} for label, count in shown]}]


def _unsigned(btf: Btf, type_id: int) -> bool:
    found = btf.skip_modifiers(type_id)
    return found.kind is Kind.INT and found.size in (1, 2, 4, 8)


def _slots(btf: Btf, type_id: int) -> tuple[str, int, int, int] | None:
    """The first array of integers of a structure: (name, offset, size of an element, elements)."""
    found = btf.skip_modifiers(type_id)
    if found.kind is not Kind.STRUCT:
        return None
    for member in found.members:
        array = btf.skip_modifiers(member.type_id)
        if array.kind is Kind.ARRAY and array.nelems >= _LEAST_SLOTS and _unsigned(btf, array.type_id):
            size = btf.size_of(array.type_id)
            if size >= 4:
                return member.name, member.bit_off // 8, size, min(array.nelems, MOST_BARS)
    return None


def _number(data: bytes, offset: int, size: int) -> int:
    return int.from_bytes(data[offset : offset + size], "little")
