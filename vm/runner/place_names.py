"""Names of addresses in a recorded event: its context, its stack, its maps."""

from __future__ import annotations

from collections.abc import Iterator
from struct import unpack_from
from typing import TYPE_CHECKING, Final, NamedTuple

from vm.btf.format import RecordText
from vm.btf.members import member_path
from vm.kernel.btf import is_kernel_type
from vm.recorded.context_fields import AS_TOLD, ContextFields
from vm.recorded.values import RecordedCode, RecordedEvent
from vm.runner.execution import Region
from vm.runner.replay_objects import Typed

if TYPE_CHECKING:
    from vm.btf.types import Btf
    from vm.jit.image import Image
    from vm.program import Program
    from vm.rewritten import Rewritten

CTX_BYTES: Final = 256
_STACK_BYTES: Final = 16 << 10
_MAP_BYTES: Final = 256
_ARGUMENT: Final = 8


class ProgramTypes(NamedTuple):
    """What is known of a program's types, for all of its events: of its context, and of records by their size."""

    context: ContextFields
    records: RecordText

    @classmethod
    def of(cls, program: Program, kernel: Btf | None) -> ProgramTypes:
        """kernel -- types of the recorded kernel, where they are not those of the emulated one"""
        return cls(ContextFields(program, kernel), RecordText(program.btf, is_kernel_type))


class RecordedNames:
    """What lies where in the memory of the guest, as far as the event tells.

    stack -- addresses of the program's frames; maps -- name of a map by the address of its struct bpf_map
    """

    def __init__(
        self, code: RecordedCode, event: RecordedEvent, rewritten: Rewritten, image: Image | None, types: ProgramTypes
    ) -> None:
        regs = unpack_from("<16Q", event.registers) if event.registers else (0,) * 16
        self.ctx, top = regs[7], regs[4]
        self.stack = range(max(0, top - _STACK_BYTES), top + 8)
        self.maps: dict[int, str] = {}
        self._types: dict[str, tuple[Btf, int]] = {}
        self._program = rewritten.program
        self._memory = event.memory
        self._context, self._records = types
        self._sizes: dict[int, tuple[int, int]] = {}
        self._values: dict[str, list[tuple[int, int]]] = {}
        self._regions: list[Region] = [Region("ctx", self.ctx, CTX_BYTES)] if self.ctx else []
        specs = rewritten.program.maps
        for reloc in image.relocs if image is not None else ():
            if reloc.kind not in ("map", "map_value") or int(reloc.name) >= len(specs):
                continue
            spec = specs[int(reloc.name)]
            name = spec.full_name or spec.name
            if rewritten.program.btf is not None and spec.btf_value_type_id:
                for region in (f"value of {name}", f"{name}[0]"):
                    self._types[region] = rewritten.program.btf, spec.btf_value_type_id
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
        """Name some memory, unless all of it has a name."""
        if address and not any(each.address == address and each.size >= size for each in self._regions):
            self._regions.append(Region(name, address, size))

    def add_object(self, found: Typed) -> None:
        """Name a kernel object."""
        self.add(found.name, found.address, found.size)
        self._types[found.name] = found.btf, found.type_id

    def add_record(self, name: str, address: int, size: int) -> None:
        """Name a record of a ring buffer; its type is the only one of the program's that has its size."""
        self.add(name, address, size)
        found = self._records.type_of(size)
        if found is not None and self._program.btf is not None:
            self._types[name] = self._program.btf, found.id

    def typed(self) -> Iterator[Typed]:
        """What has a type, but for the context."""
        for each in self._regions:
            btf, type_id = self._types.get(each.name, (None, 0))
            if btf is not None:
                yield Typed(each.name, each.address, each.size, btf, type_id)

    def arguments(self) -> list[tuple[int, int]]:
        """Value at the entry and type of each argument of the hook, as far as they are recorded."""
        if self._program.prog_type not in AS_TOLD:
            return []
        data = next((each.data for each in self._memory if each.state == 0 and each.address == self.ctx), b"")
        told = self._context.arguments()[1][: len(data) // _ARGUMENT]
        return [(unpack_from("<Q", data, _ARGUMENT * n)[0], each.type_id) for n, each in enumerate(told)]

    def _holder(self, address: int) -> Region | None:
        """The smallest region that holds an address."""
        held = [each for each in self._regions if each.address <= address < each.address + each.size]
        return min(held, key=lambda each: each.size) if held else None

    def name_of(self, address: int) -> str:
        """ "ctx+4", "counts[0]+0", or the bare address."""
        region = self._holder(address)
        return f"{region.name}+{address - region.address}" if region is not None else f"{address:#x}"

    def field_of(self, address: int, size: int) -> str:
        """The field that some bytes are: "pid", "f_path.dentry"; "" where it is not known."""
        region = self._holder(address)
        if region is None:
            return ""
        if region.address == self.ctx:
            return self._context.field(address - region.address, size)
        btf, type_id = self._types.get(region.name, (None, 0))
        return member_path(btf, type_id, address - region.address, size) if btf is not None else ""

    def regions(self) -> tuple[Region, ...]:
        """All that has a name, by address."""
        return tuple(sorted(self._regions, key=lambda each: each.address))
