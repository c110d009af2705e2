"""Which slots of a guest's init hold the descriptors of an object (vm.guests.wire.Slot)."""

from __future__ import annotations

from typing import Final

from vm.guests.wire import Slot

BTF: Final = Slot(0)
PROGRAM: Final = Slot(1)
"""Of a program that is loaded by itself."""
FIRST_INNER: Final = 1024
"""Of templates of maps of maps."""
FIRST_PROGRAM: Final = 2048
"""Of programs that are loaded together."""
_FIRST_MAP: Final = 8


def map_slot(number: int) -> Slot:
    """The slot of a map's descriptor, by its place in the object."""
    return Slot(_FIRST_MAP + number)
