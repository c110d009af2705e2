"""Callbacks and iterators: a path with some iterations stands for any number of iterations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import z3

from vm.bits import U64
from vm.counterexample.contracts import MOV64, map_spec, natural, result_of
from vm.counterexample.map_calls import array_value, keyed
from vm.counterexample.memory import Object, number_of
from vm.counterexample.request import Known, PathStep
from vm.counterexample.state import ARRAYS, KEYED
from vm.counterexample.values import (
    Number,
    Pointer,
    UnsupportedError,
    Value,
    add,
    arithmetic,
    bits,
    boolean,
    choose,
    decided,
    widened,
)
from vm.isa import opcodes as o
from vm.verifier.state import reg_types as t

if TYPE_CHECKING:
    from vm.counterexample.execute import Execution

MAX_LOOPS: Final = 8 << 20
# Arguments of the callback, r1 to r5: a number is the register of the caller that it is copied from.
_CALLBACK_CTX: Final = {"loop": 3, "for_each_map_elem": 3, "find_vma": 4, "user_ringbuf_drain": 3}
# The register in which the callback receives it.
_CTX_REG: Final = {"loop": 2, "for_each_map_elem": 4, "find_vma": 3, "user_ringbuf_drain": 2}


def into_callback(run: Execution, name: str, here: PathStep) -> None:
    """Enters the callback of a helper; here.changed has what the verifier knew about its registers."""
    state = run.state
    depth = len(state.frames) + 1
    arguments: list[Value | None] = []
    caller = _CALLBACK_CTX.get(name, 0)
    for regno in range(1, 6):
        known = here.changed.get((depth, regno))
        if known is None:
            arguments.append(None)
        elif known.type == t.SCALAR_VALUE:
            number = state.fresh(f"argument of the callback of {name}")
            state.ranged(number, known)
            if name == "loop" and regno == 1:
                state.require(z3.ULT(number, bits(arithmetic(o.ALU | o.MOV | o.X, 0, 0, run.number(1), 0))))
            arguments.append(number)
        elif (
            caller
            and known.type & 0xFF in (t.PTR_TO_STACK, t.PTR_TO_MAP_VALUE, t.PTR_TO_MEM, t.PTR_TO_CTX)
            and (regno == _CTX_REG[name])
        ):
            arguments.append(state.regs[caller])
        elif name == "for_each_map_elem" and regno <= 3:
            arguments.append(_element(run, regno, arguments))
        elif known.type & 0xFF == t.PTR_TO_STACK:
            raise UnsupportedError("a callback is given a part of the stack that is not followed")
        else:
            arguments.append(state.pointer(known, f"argument of the callback of {name}"))
    place = len(state.frames), here.insn_idx
    state.entered[place] = state.entered.get(place, 0) + 1
    run.enter(here.insn_idx, arguments, name or "callback")
    for place, known in here.changed.items():
        state.known[place] = known


def _element(run: Execution, regno: int, before: list[Value | None]) -> Value:
    """Arguments that bpf_for_each_map_elem() passes to its callback: the map, a key, the address of the value."""
    state = run.state
    of = run.value(1)
    spec = map_spec(of)
    if spec is None or not isinstance(of, Pointer):
        raise UnsupportedError("a callback for the elements of a map that is not known")
    if regno == 1:
        return of
    if regno == 2:
        key = Object("memory", state.name(f"a key of {of.obj.name}"), 0, spec.key_size, writable=False)
        if spec.map_type in ARRAYS:
            index = state.fresh("index", 32)
            state.require(z3.ULT(index, spec.max_entries))
            key.content.store(0, 4, widened(index))
        return Pointer(key, 0)
    given = before[1]
    assert isinstance(given, Pointer)
    if spec.map_type in ARRAYS:
        return array_value(run, of, spec, number_of(given.obj.load(0, 4)))
    if spec.map_type not in KEYED:
        raise UnsupportedError("a callback for the elements of a map of this type")
    found = keyed(run, of.obj, spec, given)
    assert isinstance(found, Pointer)
    state.require(z3.Not(boolean(found.null)))
    return found._replace(null=False)


def loop(run: Execution, here: PathStep) -> Value:
    """bpf_loop() returns."""
    state = run.state
    count = bits(arithmetic(o.ALU | o.MOV | o.X, 0, 0, run.number(1), 0))
    runs = z3.And(count != 0, z3.ULE(count, MAX_LOOPS), bits(run.number(4)) == 0)
    state.require(runs if state.entered.pop((len(state.frames), here.insn_idx), 0) else z3.Not(runs))
    result = state.fresh("result of bpf_loop()")
    state.require(z3.Or(z3.ULE(result, count), result == -7, result == -22))
    natural(run, here)
    widen(run, here)
    return result


def for_each(run: Execution, here: PathStep) -> Value:
    spec = map_spec(run.value(1))
    if not run.state.entered.pop((len(run.state.frames), here.insn_idx), 0) and spec is not None:
        # Arrays always have elements.
        run.state.require(spec.map_type not in ARRAYS or bits(run.number(4)) != 0)
    result = result_of(run, "for_each_map_elem", "long", run.known_after(here, 0), "bpf_for_each_map_elem()")
    natural(run, here)
    widen(run, here)
    return result


def widen(run: Execution, here: PathStep) -> None:
    """A loop may have more iterations than on this path: numbers whose bounds the verifier widened become unknown."""
    state = run.state
    depth = len(state.frames)
    for (frame, idx), known in here.changed.items():
        was = state.known.get((frame, idx))
        if known.type != t.SCALAR_VALUE or was is None or was.type != t.SCALAR_VALUE or not _wider(known, was):
            continue
        value = state.fresh("value after any number of rounds")
        state.ranged(value, known)
        if idx > o.R10:
            stack, off = state.stacks[frame], -8 * (idx - o.R10) & U64
            old = number_of(stack.load(off, 8))
            stack.content.store(off, 8, value)
        elif 6 <= idx < o.R10:
            regs = state.regs if frame == depth else state.frames[frame].saved
            held = regs[idx]
            old = number_of(held) if held is not None else value
            regs[idx] = value
        else:
            continue
        state.preferences.append(bits(value) == bits(old))


def _wider(now: Known, was: Known) -> bool:
    return now.umin < was.umin or now.umax > was.umax or now.smin < was.smin or now.smax > was.smax


def _iterator(run: Execution) -> tuple[int, int] | None:
    """The iterator that r1 points to: the stack of its frame, and the offset there."""
    value = run.value(1)
    if isinstance(value, Pointer) and value.obj.kind == "stack" and isinstance(value.off, int):
        return id(value.obj), value.off
    return None


def numbers_new(run: Execution, here: PathStep) -> Value:
    """bpf_iter_num_new(it, start, end)."""
    state = run.state
    place = _iterator(run)
    if place is None:
        raise UnsupportedError("an iterator that is not on the stack")
    first, end = (arithmetic(MOV64, 32, 0, run.number(regno), 0) for regno in (2, 3))
    iterators = state.ctx.details.setdefault("iterators", {})
    result = state.fresh("result of bpf_iter_num_new()")
    bad = decided(bits(first) > bits(end))
    state.require(result == z3.If(boolean(bad), z3.BitVecVal(-22, 64), z3.BitVecVal(0, 64)))
    iterators[place] = [None, first, choose(bad, first, end)]
    natural(run, here)
    return result


def numbers_next(run: Execution, here: PathStep) -> Value:
    """The next number; a later one if the walk skipped iterations."""
    state = run.state
    found = state.ctx.details.get("iterators", {}).get(_iterator(run))
    if found is None:
        raise UnsupportedError("an iterator that was not made on this path")
    last, first, end = found
    known = run.known_after(here, 0)
    earlier: Number = first if last is None else add(last, 1)
    number = state.fresh("number of the iterator")
    state.require(bits(number) >= bits(earlier))
    state.preferences.append(bits(number) == bits(earlier))
    done = decided(bits(number) >= bits(end))
    if known is not None:
        # The walk forks at the call: this decides whether there is another number.
        over = known.type == t.SCALAR_VALUE
        state.require(done if over else z3.Not(boolean(done)))
        done = over
        if over:
            state.require(z3.Or(bits(number) == bits(earlier), bits(number) == bits(end)))
    obj = Object("memory", state.name("number of the iterator"), 0, 4, writable=False)
    obj.content.store(0, 4, arithmetic(o.ALU | o.MOV | o.X, 0, 0, number, 0))
    found[0] = number
    natural(run, here)
    return Pointer(obj, 0, done)


def nothing(run: Execution, here: PathStep) -> Value:
    natural(run, here)
    return 0
