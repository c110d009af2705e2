"""What tools print for the kernel's numbers."""

from __future__ import annotations

from typing import Final

from vm.kernel import types as t

_MAP: Final = "BPF_MAP_TYPE_"
_OLD: Final = "_DEPRECATED"  # another name of a number that has a new one


def _map_types() -> tuple[str, ...]:
    names: dict[int, str] = {}
    for name in t.ENUMS["bpf_map_type"]:
        if not name.endswith(_OLD):
            names[getattr(t, name)] = name.removeprefix(_MAP).lower()
    return tuple(names[number] for number in range(len(names)))


MAP_TYPES: Final = _map_types()
"""Map types as bpftool prints them: the index is the number, "unspec" the first."""


def map_type_name(map_type: int) -> str:
    """As bpftool prints it: "percpu_hash", or "type 99" for one there is not."""
    return MAP_TYPES[map_type] if 0 <= map_type < len(MAP_TYPES) else f"type {map_type}"
