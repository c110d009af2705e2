"""Values of maps in the memory of a stopped guest: where the kernel keeps them, by its own types."""

from __future__ import annotations

import struct
from typing import Final

from vm.bits import U32, U64
from vm.guests import linux as l
from vm.guests.kernel import GuestKernel
from vm.guests.machine import Machine
from vm.guests.slots import map_slot
from vm.guests.stub import Stub
from vm.guests.wire import GuestError, Read, Request
from vm.kernel import types as t
from vm.program import MapSpec

_INFO_BYTES: Final = 64
_INIT: Final = 1
_POINTER: Final = 8
_MOST_FILES: Final = 4096
_MOST_TASKS: Final = 64
_MOST_ELEMENTS: Final = 64
"""Of a bucket of a hash."""
_BUCKET: Final = 16
"""Bytes of struct bucket (kernel/bpf/hashtab.c): the list's head and a lock."""
_PER_CPU: Final = frozenset({t.BPF_MAP_TYPE_PERCPU_ARRAY, t.BPF_MAP_TYPE_PERCPU_HASH, t.BPF_MAP_TYPE_LRU_PERCPU_HASH})
_ARRAYS: Final = frozenset({t.BPF_MAP_TYPE_ARRAY, t.BPF_MAP_TYPE_PERCPU_ARRAY})
_GOLDEN: Final = 0xDEADBEEF


def map_id(machine: Machine, number: int) -> int:
    """The kernel's id of a map of the object that is loaded. GuestError if it does not tell it."""
    request = Request()
    at = request.place(bytes(_INFO_BYTES))
    attr = request.place(bytes(l.Attr().u32(4, _INFO_BYTES).u64(8, at).data))
    patches = ((attr, map_slot(number)),)
    request.call(l.BPF, l.OBJ_GET_INFO_BY_FD, attr, 16, patches=patches, reads=(Read(at, 8),))
    result = machine.run(request)[0]
    if result.failed:
        raise GuestError("protocol", f"The kernel does not tell about the map ({result.value}).")
    return int(struct.unpack("<II", result.data[0])[1])


class MapMemory:
    """A map in a guest's memory. The guest is stopped when it is made, and when it is read."""

    def __init__(self, kernel: GuestKernel, stub: Stub, spec: MapSpec, number: int) -> None:
        """number -- the map's id. GuestError if it is not found."""
        self._btf, self._kernel, self._stub, self._spec = kernel.btf, kernel, stub, spec
        try:
            self._map = self._found(number)
            self._offset = self._word(kernel.address("__per_cpu_offset") or 0) if spec.map_type in _PER_CPU else 0
        except KeyError as missing:
            raise GuestError("protocol", f"The kernel's types do not tell where its maps are: {missing}.") from None

    def value(self, key: bytes) -> int:
        """The address of the value of a key, 0 if the map has none."""
        try:
            return self._element(key) if self._spec.map_type in _ARRAYS else self._looked_up(key)
        except KeyError:
            return 0

    # -- the map --------------------------------------------------------------------------------------

    def _found(self, number: int) -> int:
        """The address of the struct bpf_map with an id, from the files of init."""
        files = self._word(self._init_task() + self._at("task_struct", "files"))
        table = self._word(files + self._at("files_struct", "fdt"))
        count = min(self._long(table + self._at("fdtable", "max_fds")), _MOST_FILES)
        first = self._word(table + self._at("fdtable", "fd"))
        (data,) = self._stub.read((first, _POINTER * count))
        held = [each for (each,) in struct.iter_unpack("<Q", data[: len(data) // 8 * 8]) if each]
        place, kind = self._at("file", "private_data"), self._at("file", "f_op")
        operations = self._kernel.address("bpf_map_fops")
        told = self._stub.read(*((file + at, _POINTER) for file in held for at in (kind, place)))
        maps = [
            _int(private)
            for f_op, private in zip(told[::2], told[1::2], strict=True)
            if operations is None or _int(f_op) == operations
        ]
        ids = self._stub.read(*((each + self._at("bpf_map", "id"), 4) for each in maps))
        for address, data in zip(maps, ids, strict=True):
            if len(data) == 4 and _int(data) == number:
                return address
        raise GuestError("protocol", "A map that a condition names was not found in the memory of the guest.")

    def _init_task(self) -> int:
        """The address of the task of the guest's init."""
        tasks, tgid = self._at("task_struct", "tasks"), self._at("task_struct", "tgid")
        task = self._kernel.address("init_task") or 0
        for _ in range(_MOST_TASKS):
            task = (self._word(task + tasks) - tasks) & U64
            if self._long(task + tgid) == _INIT:
                return task
        raise GuestError("protocol", "The init of the guest was not found in its memory.")

    # -- values ---------------------------------------------------------------------------------------

    def _element(self, key: bytes) -> int:
        index = _int(key)
        values = self._map + self._at("bpf_array", "value")
        if self._spec.map_type in _PER_CPU:
            return self._of_cpu(self._word(self._map + self._at("bpf_array", "pptrs") + _POINTER * index))
        return values + index * self._long(self._map + self._at("bpf_array", "elem_size"))

    def _looked_up(self, key: bytes) -> int:
        """The value of a key in a hash table: its bucket is a list whose end has an odd address."""
        at = self._at
        seed = self._long(self._map + at("bpf_htab", "hashrnd"))
        buckets = self._word(self._map + at("bpf_htab", "buckets"))
        count = self._long(self._map + at("bpf_htab", "n_buckets"))
        element = self._word(buckets + _BUCKET * (jhash(key, seed) & max(count - 1, 0)))
        keyed, rounded = at("htab_elem", "key"), -(-len(key) // 8) * 8
        for _ in range(_MOST_ELEMENTS):
            if not element or element & 1:
                return 0
            following, held = self._stub.read((element, _POINTER), (element + keyed, len(key)))
            if held == key:
                value = element + keyed + rounded
                return self._behind(element + keyed, value) if self._spec.map_type in _PER_CPU else value
            element = _int(following)
        return 0

    def _behind(self, key: int, value: int) -> int:
        """The value of an element of a per-CPU hash, whose pointer stands where the value would; older kernels (5.10)
        put it right behind the key, at whatever address that is.
        """
        for place in (value, key + self._spec.key_size):
            address = self._of_cpu(self._word(place))
            if address and len(self._stub.read((address, 1))[0]) == 1:
                return address
        return 0

    def _of_cpu(self, pointer: int) -> int:
        """The address that a per-CPU pointer has on the guest's only processor."""
        return (pointer + self._offset) & U64 if pointer else 0

    # -- memory ---------------------------------------------------------------------------------------

    def _at(self, struct_name: str, field: str) -> int:
        return self._btf.offset_of(struct_name, field)

    def _word(self, address: int) -> int:
        return _int(self._stub.read((address, _POINTER))[0])

    def _long(self, address: int) -> int:
        return _int(self._stub.read((address, 4))[0])


def _int(data: bytes) -> int:
    return int.from_bytes(data, "little")


def jhash(key: bytes, seed: int) -> int:
    """Bob Jenkins' hash lookup3 (public domain), which the kernel's hash tables use."""
    a = b = c = (_GOLDEN + len(key) + seed) & U32
    while len(key) > 12:
        x, y, z = struct.unpack_from("<III", key)
        a, b, c = _mixed((a + x) & U32, (b + y) & U32, (c + z) & U32)
        key = key[12:]
    if not key:
        return c
    x, y, z = struct.unpack("<III", key.ljust(12, b"\0"))
    return _final((a + x) & U32, (b + y) & U32, (c + z) & U32)


def _turned(value: int, bits: int) -> int:
    return (value << bits | value >> (32 - bits)) & U32


def _mixed(a: int, b: int, c: int) -> tuple[int, int, int]:
    for bits in (4, 6, 8, 16, 19, 4):
        a = ((a - c) & U32) ^ _turned(c, bits)
        c = (c + b) & U32
        a, b, c = b, c, a
    return a, b, c


def _final(a: int, b: int, c: int) -> int:
    for bits in (14, 11, 25, 16, 4, 14, 24):
        c = ((c ^ b) - _turned(b, bits)) & U32
        a, b, c = b, c, a
    return b
