"""The state of symbolic execution: registers, frames, objects, and the constraints of the path."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import z3

from vm.counterexample.memory import Bytes, Object
from vm.counterexample.request import Known, Request
from vm.counterexample.values import Condition, Number, Pointer, Value, boolean, decided
from vm.kernel import types as k
from vm.program import MapSpec
from vm.verifier.state import reg_types as t

STACK: Final = 512
MAX_PACKET: Final = 65_535
SMALL_PACKET: Final = 1514
ETH_HLEN: Final = 14
MAX_META: Final = 252
PLAIN_BYTES: Final = 256
# Program types whose packet data starts at the Ethernet header; for other skb types it starts after it.
AT_MAC: Final = frozenset({"xdp", "sched_cls", "sched_act", "socket_filter"})
PACKET_TYPES: Final = frozenset({"socket_filter", "sched_cls", "sched_act", "cgroup_skb", "lwt_in", "lwt_out",
                                 "lwt_xmit", "lwt_seg6local", "xdp"})  # fmt: skip
ARRAYS: Final = frozenset({k.BPF_MAP_TYPE_ARRAY, k.BPF_MAP_TYPE_PERCPU_ARRAY})
PER_CPU: Final = frozenset({
    k.BPF_MAP_TYPE_PERCPU_ARRAY, k.BPF_MAP_TYPE_PERCPU_HASH, k.BPF_MAP_TYPE_LRU_PERCPU_HASH,
})  # fmt: skip
OF_MAPS: Final = frozenset({k.BPF_MAP_TYPE_ARRAY_OF_MAPS, k.BPF_MAP_TYPE_HASH_OF_MAPS})
KEYED: Final = frozenset({
    k.BPF_MAP_TYPE_HASH, k.BPF_MAP_TYPE_PERCPU_HASH, k.BPF_MAP_TYPE_LRU_HASH, k.BPF_MAP_TYPE_LRU_PERCPU_HASH,
    k.BPF_MAP_TYPE_LPM_TRIE,
})  # fmt: skip


@dataclass(slots=True)
class Call:
    """A call whose result is an input.

    result -- its number, or a pointer to obj
    natural -- the checked run executes the call; may_fail: only if the result is 0, else it gets this result
    ends    -- registers whose objects are released by it
    """

    insn: int
    result: Value = 0
    obj: Object | None = None
    natural: bool = False
    may_fail: bool = False
    memory: dict[int, list[Any]] = field(default_factory=dict)
    sizes: dict[int, Number] = field(default_factory=dict)
    ends: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Load:
    """A load whose result is an input."""

    insn: int
    result: Value
    obj: Object | None = None


@dataclass(slots=True)
class Lookup:
    """A lookup in a hash map before the program changed it: whether the entry exists is an input."""

    spec: MapSpec
    key: list[Any]
    obj: Object
    null: Condition


@dataclass(slots=True)
class Frame:
    """A called frame: the registers of the caller, the return instruction, and the callback, if it is one."""

    saved: list[Value | None]
    back: int
    depth: int
    callback: str = ""


class State:
    """constraints -- conditions under which the path is taken
    definitions -- of auxiliary variables: without them the constraints allow too much
    preferences -- conditions that make an input simple; they are dropped if they cannot be satisfied
    partial -- why an "unsat" result does not prove that the access is safe ("": it does prove it)."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.insns = request.insns
        self.regs: list[Value | None] = [None] * 12
        self.frames: list[Frame] = []
        self.constraints: list[Any] = []
        self.definitions: list[Any] = []
        self.preferences: list[Any] = []
        self.calls: list[Call] = []
        self.loads: list[Load] = []
        self.lookups: list[Lookup] = []
        self.outer: list[Lookup] = []  # of maps of maps
        self.elements: list[Object] = []  # values of hash maps that were looked up
        self.known: dict[tuple[int, int], Known] = {(0, idx): each for idx, each in request.entry.items()}
        self.partial = ""
        self.starts: list[tuple[Bytes, bytes]] = []  # initial content from the object
        self.entered: dict[tuple[int, int], int] = {}  # (frame, call) -> iterations of its callback on this path
        self.changes: dict[int, int] = {}  # map object -> how often its entries were changed
        self._count = 0
        self._maps: dict[int, Object] = {}
        self._arrays: dict[int, Bytes] = {}
        self._globals: dict[int, Object] = {}
        self.stacks = [self._stack(0)]
        self.ctx = Object("ctx", "ctx", 0, self._ctx_size())
        self.packet: Object | None = None
        self.start: Number = 0
        self.end: Number = 0
        self.meta: Any = None
        self.total: Any = None
        self.shortest: Any = None  # that a packet has an Ethernet header
        if request.kind in PACKET_TYPES:
            self._make_packet()
        self.regs[10] = Pointer(self.stacks[0], 0)
        self.arguments: list[Value | None] = []

    def _ctx_size(self) -> int:
        from vm.counterexample.contexts import size_of

        return size_of(self.request.kind)

    def _make_packet(self) -> None:
        """Creates the packet, whose length is an input; the program sees it from `start` to `end`."""
        length = self.fresh("packet length")
        before = 0 if self.request.kind in AT_MAC else ETH_HLEN
        self.total = length
        self.packet = Object("packet", "packet", -before & ((1 << 64) - 1), length - before)
        self.start, self.end = 0, length - before
        self.shortest = z3.UGE(length, ETH_HLEN)
        self.constraints.append(self.shortest)
        self.require(z3.And(z3.UGE(length, before), z3.ULE(length, MAX_PACKET)))
        self.preferences.append(z3.ULE(length, SMALL_PACKET))
        self.preferences.append(z3.ULE(length, 128))

    def metadata(self) -> Any:
        """Bytes of metadata before an XDP packet."""
        assert self.packet is not None
        if self.meta is None:
            self.meta = self.fresh("metadata length")
            self.require(z3.And(z3.ULE(self.meta, MAX_META if self.request.kind == "xdp" else 0), self.meta & 3 == 0))
            self.preferences.append(self.meta == 0)
            self.packet.low = -self.meta
        return self.meta

    # -- making ---------------------------------------------------------------------------------------

    def name(self, what: str) -> str:
        self._count += 1
        return f"{what} {self._count}"

    def fresh(self, what: str, width: int = 64) -> Any:
        return z3.BitVec(self.name(what), width)

    def fresh_bytes(self, what: str, count: int) -> list[Any]:
        base = self.name(what)
        return [z3.BitVec(f"{base}[{i}]", 8) for i in range(count)]

    def maybe(self, what: str) -> Any:
        return z3.Bool(self.name(what))

    def _stack(self, depth: int) -> Object:
        stack = Object("stack", self.name(f"stack {depth}"), (1 << 64) - STACK, 0)
        stack.written = set()
        return stack

    def new_stack(self, depth: int) -> Object:
        del self.stacks[depth:]
        self.stacks.append(self._stack(depth))
        return self.stacks[depth]

    def require(self, condition: Condition) -> None:
        condition = decided(condition)
        if condition is not True:
            self.constraints.append(boolean(condition))

    def ranged(self, value: Number, known: Known) -> None:
        """Constrains a new number to the bounds that the verifier had for it."""
        if isinstance(value, int):
            return
        if known.umin:
            self.require(z3.UGE(value, known.umin))
        if known.umax != (1 << 64) - 1:
            self.require(z3.ULE(value, known.umax))
        if known.smin != -(1 << 63):
            self.require(value >= known.smin)
        if known.smax != (1 << 63) - 1:
            self.require(value <= known.smax)
        if known.mask != (1 << 64) - 1:
            self.require(value & (~known.mask & ((1 << 64) - 1)) == known.value)

    # -- maps -----------------------------------------------------------------------------------------

    def map(self, index: int) -> Object:
        """The map object that helpers take as an argument."""
        if index not in self._maps:
            spec = self.request.maps[index]
            found = Object("map", spec.full_name or spec.name, 0, 248, writable=False)
            found.details["spec"] = spec
            self._maps[index] = found
        return self._maps[index]

    def plain_content(self) -> list[Any]:
        """Preferences: bytes that the path does not read are 0."""
        found = [] if self.packet is None else [self.packet.content.zeros(0, PLAIN_BYTES)]
        for content, data in self.starts:
            found += [content.first_byte(at) == byte for at, byte in enumerate(data)]
        for content, size in [*self._content(), *((each.obj.content, each.spec.value_size) for each in self.lookups)]:
            found.append(content.zeros(0, min(size, PLAIN_BYTES)))
        return found

    def contents(self) -> list[Bytes]:
        """The bytes that are inputs: of the packet, map values and context."""
        found = [self.ctx.content, *(content for content, _ in self._content())]
        found += [each.obj.content for each in self.lookups]
        return found if self.packet is None else [self.packet.content, *found]

    def _content(self) -> list[tuple[Bytes, int]]:
        """Values of arrays except global data, whose content comes from the object."""
        return [
            (of.details["content"], of.details["spec"].value_size)
            for of in self._maps.values()
            if "content" in of.details and of.details["spec"].initial is None
        ]

    def named_maps(self) -> list[Object]:
        """The maps of the program that the path uses."""
        return list(self._maps.values())

    @property
    def at_mac(self) -> bool:
        """Whether the packet data of the program starts at the Ethernet header."""
        return self.request.kind in AT_MAC

    def inner_map(self, spec: MapSpec) -> Object:
        """An inner map of a map of maps."""
        found = Object("map", self.name(f"inner map {spec.name}"), 0, 248, writable=False)
        found.details["spec"] = spec
        found.details["inner"] = True
        return found

    def global_data(self, index: int) -> Object:
        """The only value of a map of global data."""
        if index not in self._globals:
            spec = self.request.maps[index]
            self.map(index).details["global"] = True
            content = self.array_content(self.map(index))
            name = spec.full_name or spec.name
            found = Object("value", name, 0, spec.value_size, content=content, writable=not spec.frozen)
            found.details["map"] = self.map(index)
            self._globals[index] = found
        return self._globals[index]

    def array_content(self, of: Object) -> Bytes:
        """All values of an array, each a multiple of eight bytes long."""
        content = self._arrays.get(id(of))
        if content is None:
            spec = of.details["spec"]
            content = self._arrays[id(of)] = Bytes(f"values of {of.name}")
            if spec.initial is not None and spec.frozen:
                for i, byte in enumerate(spec.initial[: spec.value_size]):
                    content.known[i] = byte, 0
            elif spec.initial is not None:
                first = spec.initial[: spec.value_size][:PLAIN_BYTES]
                self.starts.append((content, first))
            of.details["content"] = content
        return content

    def changed(self, of: Object) -> None:
        """Entries of a hash map were written or deleted; it is unknown which."""
        self.changes[id(of)] = self.changes.get(id(of), 0) + 1
        for each in self.elements:
            if each.details["map"] is of:
                each.content.forget(self.name(each.name))

    def wrote_element(self, obj: Object) -> None:
        """A map value was written: other lookups in the same map may have returned the same entry."""
        if obj.kind != "value" or obj not in self.elements:
            return
        for each in self.elements:
            if each is not obj and each.details["map"] is obj.details["map"] and not self._differ(each, obj):
                each.content.forget(self.name(each.name))

    @staticmethod
    def _differ(a: Object, b: Object) -> bool:
        one, other = a.details["key"], b.details["key"]
        return any(z3.is_bv_value(x) and z3.is_bv_value(y) and not x.eq(y) for x, y in zip(one, other, strict=True))

    # -- pointers the verifier knows of ---------------------------------------------------------------

    def pointer(self, known: Known, what: str) -> Pointer:
        """A pointer of the type that the verifier tracked."""
        base = known.type & t.BPF_BASE_TYPE_MASK
        packet = self.packet
        if packet is not None and base == t.PTR_TO_PACKET:
            return Pointer(packet, self.start)
        if packet is not None and base == t.PTR_TO_PACKET_END:
            return Pointer(packet, self.end)
        if packet is not None and base == t.PTR_TO_PACKET_META:
            return Pointer(packet, -self.metadata())
        if base == t.PTR_TO_CTX:
            return Pointer(self.ctx, 0)
        null: Condition = self.maybe(f"{what} is NULL") if known.type & t.PTR_MAYBE_NULL else False
        if base == t.CONST_PTR_TO_MAP and 0 <= known.map_ptr < len(self.request.maps):
            spec = self.request.maps[known.map_ptr]
            if known.inner_map and spec.inner is not None:
                return Pointer(self.inner_map(spec.inner), 0, null)
            return Pointer(self.map(known.map_ptr), 0, null)
        kind = "kernel" if base in KERNEL_TYPES else "memory"
        writable = not known.type & t.MEM_RDONLY
        return Pointer(Object(kind, self.name(what), 0, known.size, writable=writable), 0, null)


KERNEL_TYPES: Final = frozenset({
    t.PTR_TO_BTF_ID, t.PTR_TO_SOCKET, t.PTR_TO_SOCK_COMMON, t.PTR_TO_TCP_SOCK, t.PTR_TO_XDP_SOCK,
})  # fmt: skip
