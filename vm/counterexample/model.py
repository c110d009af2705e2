"""Converts the solver's model to an input of a run."""

from __future__ import annotations

from typing import Any, Final

import z3

from vm.bits import U64
from vm.counterexample.execute import Execution
from vm.counterexample.memory import Bytes, Object
from vm.counterexample.state import Call, State
from vm.counterexample.values import Number, Pointer, Value, bits, boolean
from vm.program import MapSpec
from vm.runner.given import MAX_ENTRIES, MAX_OBJECT
from vm.runner.inputs import MAX_PACKET, GivenCall, GivenInput, GivenLoad, GivenStart
from vm.runner.layout import round8

MAX_EVALUATED: Final = 4096
NO_SIZE: Final = 8


class Reader:
    """Reads values of a model; unconstrained ones are 0."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def number(self, value: Number) -> int:
        if isinstance(value, int):
            return value
        return int(self._model.eval(value, model_completion=True).as_long())

    def truth(self, condition: Any) -> bool:
        if isinstance(condition, bool):
            return condition
        return bool(z3.is_true(self._model.eval(boolean(condition), model_completion=True)))

    def content(self, of: Bytes, start: int, count: int) -> bytes:
        """The initial content of `count` bytes."""
        found = {at: self.number(z3.ZeroExt(56, byte)) for at, byte in of.first.items()}
        array = of.initial
        value = self._model.eval(array, model_completion=True)
        while z3.is_store(value):
            at = value.arg(1).as_long()
            found.setdefault(at, value.arg(2).as_long())
            value = value.arg(0)
        if z3.is_K(value):
            rest = value.arg(0).as_long()
            return bytes(found.get((start + i) & U64, rest) for i in range(count))
        return bytes(
            self.number(z3.ZeroExt(56, of.first_byte((start + i) & U64))) for i in range(min(count, MAX_EVALUATED))
        ).ljust(count, b"\0")


def input_of(run: Execution, model: Any) -> GivenInput:
    """The input that a model describes."""
    state, read = run.state, Reader(model)
    return GivenInput(
        packet=_packet(state, read),
        meta=_meta(state, read),
        ctx=_ctx(state, read),
        maps=_maps(state, read),
        helpers=_calls(state, read),
        loads=tuple(_load(read, each.insn, each.result, each.obj) for each in state.loads),
        start=_start(run, read),
        check_stack=run.request.check_stack,
    )


def _first_packet(state: State) -> Object | None:
    packet = state.packet
    while packet is not None and "first" in packet.details:
        packet = packet.details["first"]
    return packet


def _packet(state: State, read: Reader) -> bytes | None:
    packet = _first_packet(state)
    if packet is None:
        return None
    length = min(read.number(state.total), MAX_PACKET)
    before = 0 if state.at_mac else 14
    return read.content(packet.content, -before, length)


def _meta(state: State, read: Reader) -> bytes:
    packet = _first_packet(state)
    if packet is None or state.meta is None:
        return b""
    length = read.number(state.meta)
    return read.content(packet.content, -length, length)


def _ctx(state: State, read: Reader) -> dict[int, bytes]:
    found = {}
    for off, size in sorted(state.ctx.details.get("reads", ())):
        found[off] = read.content(state.ctx.content, off, size)
    return found


def _maps(state: State, read: Reader) -> dict[str, tuple[tuple[bytes, bytes], ...]]:
    found: dict[str, dict[bytes, bytes]] = {}
    for of in state.named_maps():
        spec: MapSpec = of.details["spec"]
        if "content" not in of.details or spec.frozen:
            continue
        indices = {read.number(index) for index in of.details.get("indices", ())}
        if of.details.get("global"):
            indices.add(0)
        for index in sorted(indices)[:MAX_ENTRIES]:
            if index < spec.max_entries:
                value = read.content(of.details["content"], index * round8(spec.value_size), spec.value_size)
                found.setdefault(of.name, {})[index.to_bytes(4, "little")] = value
    for each in state.lookups:
        if not read.truth(each.null):
            key = bytes(read.number(z3.ZeroExt(56, byte)) for byte in each.key)
            value = read.content(each.obj.content, 0, each.spec.value_size)
            found.setdefault(each.obj.details["map"].name, {}).setdefault(key, value)
    for each in state.outer:
        if not read.truth(each.null):
            key = bytes(read.number(z3.ZeroExt(56, byte)) for byte in each.key)
            found.setdefault(each.obj.details["map"].name, {})[key] = b""
    return {name: tuple(entries.items()) for name, entries in found.items()}


def _object(read: Reader, value: Value, obj: Object | None) -> bytes | None:
    """The bytes that a result points to; None if it is a number or NULL."""
    if obj is None or not isinstance(value, Pointer) or read.truth(value.null):
        return None
    size = obj.high if isinstance(obj.high, int) and 0 < obj.high <= MAX_OBJECT else NO_SIZE
    if 0 in obj.content.known and obj.content.known[0][1] == 0 and not isinstance(obj.content.known[0][0], Pointer):
        # A number that was stored when the object was created.
        return read.number(obj.content.known[0][0]).to_bytes(8, "little")[:size]
    return read.content(obj.content, 0, size)


def _load(read: Reader, insn: int, result: Value, obj: Object | None) -> GivenLoad:
    number = 0 if isinstance(result, Pointer) else read.number(result)
    return GivenLoad(insn, number, _object(read, result, obj))


def _calls(state: State, read: Reader) -> tuple[GivenCall, ...]:
    given: list[GivenCall] = []
    for each in state.calls:
        given += _call(read, each)
    decided = {each.insn for each in given if not each.natural or each.ends}
    return tuple(each for each in given if each.insn in decided)


def _call(read: Reader, each: Call) -> list[GivenCall]:
    null = isinstance(each.result, Pointer) and read.truth(each.result.null)
    failed = each.may_fail and not isinstance(each.result, Pointer) and read.number(each.result) != 0
    if each.natural and not failed and not (null and each.obj is not None):
        return [GivenCall(each.insn, natural=True, ends=tuple(each.ends))]
    memory = {
        regno: bytes(read.number(z3.ZeroExt(56, byte)) for byte in data[: read.number(each.sizes[regno])])
        for regno, data in each.memory.items()
    }
    result = 0 if isinstance(each.result, Pointer) else read.number(each.result)
    pointed = _object(read, each.result, each.obj)
    made = GivenCall(each.insn, result, pointed, memory, ends=tuple(each.ends))
    return [made]


def _start(run: Execution, read: Reader) -> GivenStart | None:
    first = run.request.steps[0].insn_idx
    if not first:
        return None
    arguments: list[int | bytes] = []
    for value in run.state.arguments:
        if isinstance(value, Pointer):
            pointed = _object(read, value, value.obj) if value.obj.kind != "ctx" else None
            arguments.append(pointed if pointed is not None else 0)
        else:
            arguments.append(read.number(value) if value is not None else 0)
    return GivenStart(first, tuple(arguments))


__all__ = ["Reader", "bits", "input_of"]
