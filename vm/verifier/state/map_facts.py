"""Facts about a map that every access to its values needs, read from its description once."""

from __future__ import annotations

from typing import final

from vm.kernel.record import Record, RecordField
from vm.program import MapSpec


@final
class MapFacts:
    """A map or the template of a map of maps. flags: the kernel's map_flags; fields: the special ones of its record."""

    __slots__ = ("spec", "value_size", "flags", "record", "fields")

    def __init__(self, spec: MapSpec, flags: int, record: Record) -> None:
        self.spec: MapSpec = spec
        self.value_size: int = spec.value_size
        self.flags: int = flags
        self.record: Record = record
        self.fields: tuple[RecordField, ...] = record.fields
