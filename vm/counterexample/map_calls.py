"""Map helpers in symbolic execution: an array is one object, and so is each entry of a hash map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import z3

from vm.counterexample.contracts import map_spec, natural, result_of
from vm.counterexample.memory import MAX_VARIABLE, Object, number_of
from vm.counterexample.request import PathStep
from vm.counterexample.state import ARRAYS, KEYED, OF_MAPS, Lookup
from vm.counterexample.values import (
    Number,
    Pointer,
    UnsupportedError,
    Value,
    add,
    arithmetic,
    boolean,
    comparison,
    decided,
)
from vm.isa import opcodes as o
from vm.program import MapSpec
from vm.runner.layout import round8

if TYPE_CHECKING:
    from vm.counterexample.execute import Execution


def lookup(run: Execution, here: PathStep) -> Value:
    state = run.state
    of, key = run.value(1), run.value(2)
    spec = map_spec(of)
    known = run.known_after(here, 0)
    if spec is None or not isinstance(of, Pointer) or not isinstance(key, Pointer):
        raise UnsupportedError("a lookup in a map that is not known")
    natural(run, here)
    if spec.map_type in ARRAYS:
        return array_value(run, of, spec, number_of(key.obj.load(key.off, 4)))
    if spec.map_type in OF_MAPS and spec.inner is not None:
        held, null = state.inner_map(spec.inner), state.maybe(f"no entry in {of.obj.name}")
        if not of.obj.details.get("inner"):
            data = [key.obj.content.byte(key.obj.at(add(key.off, i))) for i in range(spec.key_size)]
            held.details["map"] = of.obj
            state.outer.append(Lookup(spec, data, held, null))
        return Pointer(held, 0, null)
    if spec.map_type not in KEYED:
        if known is None:
            raise UnsupportedError("a lookup in a map of a type that is not followed")
        return state.pointer(known, f"value of {of.obj.name}")
    return keyed(run, of.obj, spec, key)


def array_value(run: Execution, of: Pointer, spec: MapSpec, index: Number) -> Pointer:
    """Address of the value of an array at an index; NULL if the index is too large."""
    state = run.state
    origin = arithmetic(o.ALU64 | o.MUL | o.K, 0, index, round8(spec.value_size), 0)
    content = state.array_content(of.obj)
    name = f"a value of {of.obj.name}"
    obj = Object("value", name, 0, spec.value_size, content=content, origin=origin, writable=not spec.frozen)
    obj.details.update(map=of.obj, index=index)
    of.obj.details.setdefault("indices", []).append(index)
    return Pointer(obj, 0, comparison(o.JGE, index, spec.max_entries, 64))


def keyed(run: Execution, of: Object, spec: MapSpec, key: Pointer) -> Value:
    state = run.state
    data = [key.obj.content.byte(key.obj.at(add(key.off, i))) for i in range(spec.key_size)]
    data = [z3.simplify(byte) for byte in data]
    epoch = state.changes.get(id(of), 0)
    for each in state.elements:
        if (
            each.details["map"] is of
            and each.details["epoch"] == epoch
            and all(a.eq(b) for a, b in zip(each.details["key"], data, strict=True))
        ):
            return Pointer(each, 0, each.details["null"])
    obj = Object("value", state.name(f"a value of {of.name}"), 0, spec.value_size)
    null = state.maybe(f"no entry in {of.name}")
    obj.details.update(map=of, key=data, epoch=epoch, null=null)
    if epoch == 0 and not of.details.get("inner"):
        for other in state.lookups:
            if other.obj.details["map"] is of:
                state.preferences.append(z3.Or([a != b for a, b in zip(other.key, data, strict=True)]))
        state.lookups.append(Lookup(spec, data, obj, null))
    state.elements.append(obj)
    return Pointer(obj, 0, null)


def update(run: Execution, here: PathStep) -> Value:
    state = run.state
    of, key, value = run.value(1), run.value(2), run.value(3)
    spec = map_spec(of)
    if spec is None or not isinstance(of, Pointer):
        raise UnsupportedError("an update of a map that is not known")
    result = result_of(run, "map_update_elem", "long", run.known_after(here, 0), "bpf_map_update_elem()")
    state.preferences.append(result == 0)
    natural(run, here, result, may_fail=True)
    if spec.map_type in ARRAYS and isinstance(key, Pointer) and isinstance(value, Pointer):
        index = number_of(key.obj.load(key.off, 4))
        done = decided(z3.And(result == 0, boolean(comparison(o.JLT, index, spec.max_entries, 64))))
        if spec.value_size > 4 * MAX_VARIABLE:
            state.array_content(of.obj).forget(state.name(of.obj.name))
            return result
        data = [value.obj.content.byte(value.obj.at(add(value.off, i))) for i in range(spec.value_size)]
        origin = arithmetic(o.ALU64 | o.MUL | o.K, 0, index, round8(spec.value_size), 0)
        element = Object("value", "element", 0, spec.value_size, content=state.array_content(of.obj), origin=origin)
        element.put(0, spec.value_size, spec.value_size, data, done)
        of.obj.details.setdefault("indices", []).append(index)
        return result
    state.changed(of.obj)
    if spec.map_type in KEYED and isinstance(key, Pointer) and isinstance(value, Pointer):
        _updated(run, of.obj, spec, key, value, result)
    return result


def _updated(run: Execution, of: Object, spec: MapSpec, key: Pointer, value: Pointer, result: Any) -> None:
    """The entry of a hash map after a successful update."""
    state = run.state
    if spec.value_size > 4 * MAX_VARIABLE:
        return
    made = keyed(run, of, spec, key)
    assert isinstance(made, Pointer)
    data = [value.obj.content.byte(value.obj.at(add(value.off, i))) for i in range(spec.value_size)]
    made.obj.put(0, spec.value_size, spec.value_size, data, decided(result == 0))
    state.require(z3.Implies(result == 0, z3.Not(made.obj.details["null"])))


def delete(run: Execution, here: PathStep) -> Value:
    of = run.value(1)
    result = result_of(run, "map_delete_elem", "long", run.known_after(here, 0), "bpf_map_delete_elem()")
    natural(run, here, result, may_fail=True)
    if isinstance(of, Pointer):
        run.state.changed(of.obj)
    return result
