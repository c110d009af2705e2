"""Where relocations find a map."""

from __future__ import annotations

from typing import Final

from vm.namedtuples import NamedTuple
from vm.program import MapSpec

NAME_LEN: Final = 16  # BPF_OBJ_NAME_LEN


class PlacedMap(NamedTuple):
    """A map and where relocations find it: section index, and the offset in it."""

    spec: MapSpec
    section: int
    offset: int
    is_data: bool
