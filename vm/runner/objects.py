"""Example objects of kernel structures in a run's memory, made from the kernel's BTF (vm/runner/default_values.py)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from vm.errors import InputError
from vm.runner.default_values import (
    LARGER,
    OBJECTS,
    SAME_OBJECT,
    SECOND,
    EventValue,
    FieldValue,
    ObjectRef,
    UserText,
)

if TYPE_CHECKING:
    from vm.btf.types import Btf
    from vm.runner.world import World

MAX_OBJECT: Final = 16 << 10
MAX_DEPTH: Final = 2
MAX_FIELDS: Final = 20
TAIL: Final = 256
"""Zero bytes behind an object: room for what a program reads through a cast to a larger type."""


class Place(NamedTuple):
    """The place of a field's bytes."""

    offset: int
    size: int
    type_id: int
    bit: int = 0
    bits: int = 0


class ExampleObjects:
    """The example objects of one run: one of each kind ("task_struct", "task_struct:parent"), made when asked for."""

    def __init__(self, world: World) -> None:
        from vm.kernel.btf import kernel_btf

        self._world = world
        self._btf: Btf = kernel_btf()
        self._made: dict[str, int] = {}
        self._given: set[str] = set()

    def argument(self, struct: str) -> int:
        """The object an argument of this type points to; a second argument of the type gets another object."""
        kind = SAME_OBJECT.get(struct, struct)
        if kind in self._given:
            kind = SECOND.get(kind, kind)
        self._given.add(kind)
        return self.address(kind)

    def address(self, kind: str) -> int:
        """Address of the object of a kind; 0 for a structure BTF does not know."""
        found = self._made.get(kind)
        return self._make(kind) if found is None else found

    def _make(self, kind: str) -> int:
        struct = kind.partition(":")[0]
        whole = self._btf.find(LARGER.get(struct, struct))
        if whole is None:
            return 0
        if kind == "task_struct":
            address = self._world.task_address()
            if kind in self._made:
                return address  # making the current task asked for its fields
        else:
            address = self._world.kernel_bytes(struct, bytes(min(whole.size, MAX_OBJECT) + TAIL))
        self._made[kind] = address  # before its fields: objects point to each other
        self._fill(struct, address, OBJECTS.get(kind, {}))
        if struct in LARGER:
            self._fill(LARGER[struct], address, OBJECTS[LARGER[struct]])
        return address

    def _fill(self, struct: str, address: int, fields: Mapping[str, FieldValue]) -> None:
        for path, value in fields.items():
            found = self._btf.field(struct, path)
            self._put(address, Place(*found), value)

    def _put(self, address: int, place: Place, value: FieldValue | EventValue) -> None:
        memory, at = self._world.memory, address + place.offset
        if isinstance(value, ObjectRef):
            value = self.address(value.struct)
        elif isinstance(value, UserText):
            value = self._world.event_word(value.text)
        elif isinstance(value, str) and self._is_pointer(place.type_id):
            value = self._world.kernel_bytes("string", value.encode() + b"\0")
        if isinstance(value, str):
            value = value.encode()[: place.size - 1] + b"\0"
        if isinstance(value, bytes):
            memory.write(at, value[: place.size])
        elif isinstance(value, int):
            if place.bits:
                mask = ((1 << place.bits) - 1) << place.bit
                value = memory.get(at, place.size) & ~mask | value << place.bit & mask
            memory.put(at, place.size, value & (1 << 8 * place.size) - 1)

    def _is_pointer(self, type_id: int) -> bool:
        from vm.btf.types import Kind

        return self._btf.skip_modifiers(type_id).kind is Kind.PTR

    def set(self, struct: str, address: int, path: str, value: EventValue) -> None:
        """Sets a field by its path, pointers followed: "f_path.dentry.d_name.name". InputError for an unknown one."""
        from vm.btf.types import COMPOSITES, Kind

        done, parts = struct, path.split(".")
        field = ""
        while parts:
            field = f"{field}.{parts.pop(0)}" if field else parts.pop(0)
            try:
                place = Place(*self._btf.field(struct, field))
            except KeyError:
                raise InputError(f"The event's value {path!r}: struct {struct} has no field {field!r}.") from None
            if not parts:
                self._put(address, place, value)
                return
            found = self._btf.skip_modifiers(place.type_id)
            if found.kind is not Kind.PTR:
                continue
            pointee = self._btf.skip_modifiers(found.type_id)
            if pointee.kind not in COMPOSITES or not pointee.name:
                raise InputError(f"The event's value {path!r}: {done}.{field} does not point to a structure.")
            target = self._world.memory.get(address + place.offset, 8)
            if not target:
                target = self.address(SAME_OBJECT.get(pointee.name, pointee.name))
                self._put(address, place, target)
            struct, address, field, done = pointee.name, target, "", pointee.name


def example_fields(struct: str, btf: Btf) -> Iterator[tuple[str, str, EventValue]]:
    """(path, type, value) of what a structure's example object holds, pointers followed; MAX_FIELDS at most.

    Each object is described once, where it is first reached.
    """
    from vm.btf.cdump import type_text

    count = 0
    todo = [("", SAME_OBJECT.get(struct, struct), 0)]
    seen = {todo[0][1]}
    while todo:
        prefix, kind, depth = todo.pop(0)
        for path, value in OBJECTS.get(kind, {}).items():
            if isinstance(value, ObjectRef):
                if value.struct not in seen and depth < MAX_DEPTH:
                    seen.add(value.struct)
                    todo.append((f"{prefix}{path}.", value.struct, depth + 1))
                continue
            count += 1
            if count > MAX_FIELDS:
                return
            field = btf.field(kind.partition(":")[0], path)
            yield prefix + path, type_text(btf, field.type_id), value.text if isinstance(value, UserText) else value
