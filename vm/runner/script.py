"""The values of a GivenInput in one run: some are stored before the run, others are used at calls and loads."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from vm.errors import InputError
from vm.runner.inputs import GivenCall, GivenInput, GivenLoad
from vm.runner.maps import Array, ArrayOfMaps, HashOfMaps, Map, Queue, Stack, behaviour
from vm.runner.memory import Window

if TYPE_CHECKING:
    from vm.runner.world import World

MAX_NAMES: Final = 8


class _AtInsn(Protocol):
    @property
    def insn(self) -> int: ...


_Each = TypeVar("_Each", bound=_AtInsn)


def _by_insn(found: Iterable[_Each]) -> dict[int, deque[_Each]]:
    queues: dict[int, deque[_Each]] = defaultdict(deque)
    for each in found:
        queues[each.insn].append(each)
    return queues


class Script:
    """The given values of one run. Those of an instruction are used in order; after the last it works as usual."""

    def __init__(self, given: GivenInput) -> None:
        self.given = given
        self._calls = _by_insn(given.helpers)
        self._loads = _by_insn(given.loads)
        self._ctx = {off + i: byte for off, data in given.ctx.items() for i, byte in enumerate(data)}

    def prepare(self, world: World) -> None:
        """Context and maps. InputError for a map that is not there, or an entry it cannot hold."""
        if world.packet is None and self._ctx:
            area = world.memory.area_at(world.context.address)
            room = area.bounds(world.context.address)[1] - world.context.address if area is not None else 0
            if max(self._ctx) >= room:
                raise InputError(f"Input: ctx has {room} bytes; there is no byte {max(self._ctx)}.")
            for off, byte in self._ctx.items():
                world.memory.write(world.context.address + off, bytes((byte,)))
        for name, entries in self.given.maps.items():
            each = next((each for each in world.maps if each.name == name), None)
            if each is None:
                known = ", ".join(each.name for each in world.maps[:MAX_NAMES]) or "no map"
                raise InputError(f"Input: the program has no map {name[:40]!r}; it has {known}.")
            for key, value in entries:
                _put(world, each, key, value)

    def window(self, kernel: Window) -> Window:
        """The context whose structure is not in memory: given bytes before the kernel's."""
        ctx = self._ctx
        if not ctx:
            return kernel

        def load(off: int, width: int) -> int:
            if not all(off + i in ctx for i in range(width)):
                return kernel.load(off, width)
            kernel.load(off, width)  # whether there is such a field
            return int.from_bytes(bytes(ctx[off + i] for i in range(width)), "little")

        def store(off: int, width: int, value: int) -> None:
            kernel.store(off, width, value)
            for i in range(width):
                if off + i in ctx:
                    ctx[off + i] = value >> 8 * i & 0xFF

        return Window(kernel.name, kernel.start, kernel.size, load, store)

    def call(self, insn: int) -> GivenCall | None:
        """The next given result of the call at `insn`."""
        waiting = self._calls.get(insn)
        return waiting.popleft() if waiting else None

    def load(self, insn: int) -> GivenLoad | None:
        """The next given result of the load at `insn`."""
        waiting = self._loads.get(insn)
        return waiting.popleft() if waiting else None


def _put(world: World, each: Map, key: bytes, value: bytes) -> None:
    """An entry as user space writes it."""
    spec = each.spec
    if isinstance(each, ArrayOfMaps | HashOfMaps) and spec.inner is not None:
        if len(key) != spec.key_size or value:
            raise InputError(f'Input: map {each.name} has keys of {spec.key_size} bytes, and new maps as values: "".')
        if behaviour(spec.inner.map_type).percpu_footprint(spec.inner):
            raise InputError(f"Input: map {each.name} holds maps per CPU, of which none can be put in here.")
        inner = behaviour(spec.inner.map_type)(spec.inner, len(world.places.by_address), world.places)
        if each.hold(key, inner):
            raise InputError(f"Input: map {each.name} does not take the key {key.hex()}.")
        return
    if len(key) != spec.key_size or len(value) != spec.value_size:
        raise InputError(
            f"Input: map {each.name} has keys of {spec.key_size} and values of {spec.value_size} bytes; "
            f"an entry has {len(key)} and {len(value)}."
        )
    if spec.frozen:
        raise InputError(f"Input: map {each.name} is read-only: its content is the program's.")
    if isinstance(each, Queue | Stack):
        error = each.push(value, 0)
    elif isinstance(each, Array) and spec.initial is not None:
        each.memory.write(each.values, value)
        error = 0
    else:
        error = each.update(key, value, 0)
    if error:
        raise InputError(f"Input: map {each.name} does not take the key {key.hex()} (error {error}).")
