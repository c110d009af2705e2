"""Names of addresses in a recorded event: its context, its stack, its maps."""

from __future__ import annotations

from struct import unpack_from
from typing import TYPE_CHECKING, Final

from vm.recorded.values import RecordedCode, RecordedEvent
from vm.runner.execution import Region

if TYPE_CHECKING:
    from vm.jit.image import Image
    from vm.rewritten import Rewritten

CTX_BYTES: Final = 256
_STACK_BYTES: Final = 16 << 10
_MAP_BYTES: Final = 256


class RecordedNames:
    """What lies where in the memory of the guest, as far as the event tells.

    stack -- addresses of the program's frames; maps -- name of a map by the address of its struct bpf_map
    """

    def __init__(self, code: RecordedCode, event: RecordedEvent, rewritten: Rewritten, image: Image | None) -> None:
        regs = unpack_from("<16Q", event.registers) if event.registers else (0,) * 16
        self.ctx, top = regs[7], regs[4]
        self.stack = range(max(0, top - _STACK_BYTES), top + 8)
        self.maps: dict[int, str] = {}
        self._sizes: dict[int, tuple[int, int]] = {}
        self._values: dict[str, list[tuple[int, int]]] = {}
        self._regions: list[Region] = [Region("ctx", self.ctx, CTX_BYTES)] if self.ctx else []
        specs = rewritten.program.maps
        for reloc in image.relocs if image is not None else ():
            if reloc.kind not in ("map", "map_value") or int(reloc.name) >= len(specs):
                continue
            spec = specs[int(reloc.name)]
            name = spec.full_name or spec.name
            (address,) = unpack_from("<Q", code.image, reloc.offset)
            if reloc.kind == "map":
                self.maps[address] = name
                self._sizes[address] = spec.key_size, spec.value_size
                self.add(f"map {name}", address, _MAP_BYTES)
            else:
                self.add_value(name, f"{name}[0]", address - reloc.addend, spec.value_size)

    def add_value(self, map_name: str, name: str, address: int, size: int) -> None:
        """Name a value of a map."""
        self.add(name, address, size)
        self._values.setdefault(map_name, []).append((address, size))

    def map_sizes(self, address: int) -> tuple[int, int] | None:
        """Bytes of a key and a value of the map at an address, None if there is none."""
        return self._sizes.get(address)

    def values_of(self, address: int) -> list[tuple[int, int]]:
        """(address, bytes) of the named values of the map at an address."""
        return self._values.get(self.maps.get(address, ""), [])

    def add(self, name: str, address: int, size: int) -> None:
        """Name some memory, unless what lies there has a name."""
        if address and not any(each.address == address for each in self._regions):
            self._regions.append(Region(name, address, size))

    def name_of(self, address: int) -> str:
        """ "ctx+4", "counts[0]+0", or the bare address."""
        for name, start, size in self._regions:
            if start <= address < start + size:
                return f"{name}+{address - start}"
        return f"{address:#x}"

    def regions(self) -> tuple[Region, ...]:
        """All that has a name, by address."""
        return tuple(sorted(self._regions, key=lambda each: each.address))
