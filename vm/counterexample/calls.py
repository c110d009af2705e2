"""Calls in a symbolic run: what helpers and kernel functions may return and write, as their contracts say."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import z3

from vm.bits import S32_MAX, U32, U64
from vm.counterexample.memory import MAX_VARIABLE, Object, number_of
from vm.counterexample.request import Known, PathStep
from vm.counterexample.state import ARRAYS, KEYED, OF_MAPS, Call, Frame, Lookup
from vm.counterexample.values import (
    Condition,
    Number,
    Pointer,
    UnsupportedError,
    Value,
    add,
    arithmetic,
    bits,
    boolean,
    choose,
    comparison,
    decided,
    settled,
    widened,
)
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.kernel.func_ids import NAMES
from vm.kernel.helper_facts import FuncProto
from vm.kernel.helpers import helper, helper_proto
from vm.program import MapSpec
from vm.runner.layout import round8
from vm.runner.proto_args import Shape, fixed_size, shapes_of
from vm.verifier.state import reg_types as t

if TYPE_CHECKING:
    from vm.counterexample.execute import Execution

MAX_ERRNO: Final = 4095
WRITABLE_KINDS: Final = ("stack", "value", "memory", "packet")
EFAULT: Final = 14
INT_MAX: Final = S32_MAX
MAX_LOOPS: Final = 8 << 20
XDP_FRAME: Final = 40
XDP_HEADROOM: Final = 256
ETH_HLEN: Final = 14
_MOV64: Final = o.ALU64 | o.MOV | o.X

# Helpers that return 0 or a negative error.
ZERO_OR_ERROR: Final = frozenset({
    "probe_read", "probe_read_kernel", "probe_read_user", "copy_from_user", "get_current_comm", "perf_event_output",
    "ringbuf_output", "map_update_elem", "map_delete_elem", "map_push_elem", "map_pop_elem", "map_peek_elem",
    "skb_load_bytes", "skb_load_bytes_relative", "skb_store_bytes", "xdp_adjust_head", "xdp_adjust_tail",
    "xdp_adjust_meta", "skb_pull_data", "skb_change_tail", "skb_change_head", "skb_change_proto", "skb_change_type",
    "skb_adjust_room", "skb_vlan_push", "skb_vlan_pop", "l3_csum_replace", "l4_csum_replace", "xdp_load_bytes",
    "xdp_store_bytes", "dynptr_from_mem", "dynptr_read", "dynptr_write",
})  # fmt: skip
# Those that leave zeros in their memory when they fail.
ZERO_ON_ERROR: Final = frozenset({"probe_read", "probe_read_kernel", "probe_read_user", "copy_from_user"})
STRINGS: Final = frozenset({"probe_read_str", "probe_read_kernel_str", "probe_read_user_str"})
# Those that change the packet so that its content, start and end are others afterwards.
MOVES_PACKET: Final = frozenset({
    "skb_change_tail", "skb_change_head", "skb_adjust_room", "skb_vlan_push", "skb_vlan_pop", "skb_change_proto",
    "xdp_adjust_meta", "clone_redirect",
})  # fmt: skip
WRITES_PACKET: Final = frozenset({"skb_store_bytes", "l3_csum_replace", "l4_csum_replace", "xdp_store_bytes"})
NATURAL: Final = frozenset({
    "spin_lock", "spin_unlock", "ringbuf_submit", "ringbuf_discard", "ringbuf_output", "perf_event_output",
    "trace_printk", "trace_vprintk", "redirect", "redirect_map",
}) | MOVES_PACKET | WRITES_PACKET  # fmt: skip
_UNSIGNED: Final = frozenset({"__u32", "u32", "unsigned int"})
_SIGNED: Final = frozenset({"long", "int"})


def helper_of(insn: Insn) -> str:
    """Name of the helper a call instruction calls, without bpf_."""
    return NAMES[insn.imm] if insn.src_reg == 0 and 0 < insn.imm < len(NAMES) else ""


def proto_of(run: Execution, insn: Insn) -> FuncProto | None:
    """The helper's prototype for the program."""
    request = run.request
    if insn.src_reg:
        return None
    return helper_proto(request.prog_type, request.attach_type, insn.imm, hook=request.attach_name)


def call(run: Execution, insn: Insn, here: PathStep, following: PathStep) -> None:
    """A helper, a kernel function, or a global function that is verified by itself."""
    state = run.state
    name = helper_of(insn)
    if following.depth > here.depth:
        _into_callback(run, name, here)
        return
    handler = EXACT.get(name)
    kernel = run.request.kernel_names.get(here.insn_idx, "") if insn.src_reg == o.PSEUDO_KFUNC_CALL else ""
    if insn.src_reg == o.PSEUDO_CALL:
        result = _global_function(run, here)
    elif kernel in KERNEL_FUNCTIONS:
        result = KERNEL_FUNCTIONS[kernel](run, here)
    elif handler is not None:
        result = handler(run, here)
    else:
        result = _any(run, insn, name or kernel, here)
    state.regs[0] = result
    state.regs[1:6] = [None] * 5
    if kernel:
        _widen(run, here)
    _release(run, here)


def _release(run: Execution, here: PathStep) -> None:
    """Pointers that the call made invalid: what they point to was released, or moved with the packet."""
    state = run.state
    depth = len(state.frames)
    for (frame, idx), known in here.changed.items():
        if known.type != t.SCALAR_VALUE:
            continue
        if idx > o.R10:
            stack, off = state.stacks[frame], -8 * (idx - o.R10) & U64
            held: Value | None = stack.load(off, 8)
            if isinstance(held, Pointer) and _ends(run, held):
                stack.content.store(off, 8, _gone(held))
        elif 6 <= idx < o.R10:
            regs = state.regs if frame == depth else state.frames[frame].saved
            held = regs[idx]
            if isinstance(held, Pointer) and _ends(run, held):
                regs[idx] = _gone(held)
                if frame == depth and state.calls and state.calls[-1].insn == here.insn_idx:
                    state.calls[-1].ends.append(idx)


def _ends(run: Execution, held: Pointer) -> bool:
    """An XDP packet stays where it is: a pointer into it is as good as its offset."""
    return held.obj.kind in ("kernel", "memory", "gone") or (held.obj.kind == "packet" and run.request.kind != "xdp")


def _gone(held: Pointer) -> Pointer:
    return held._replace(obj=Object("gone", f"{held.obj.name}, which is gone", 0, 0))


def map_spec(value: Value | None) -> MapSpec | None:
    """The map a register holds."""
    if isinstance(value, Pointer) and value.obj.kind == "map":
        spec: MapSpec = value.obj.details["spec"]
        return spec
    return None


def map_sizes(run: Execution) -> tuple[int, int]:
    """Sizes of key and value of the map a call is about."""
    for regno in (1, 2):
        spec = map_spec(run.state.regs[regno])
        if spec is not None:
            return spec.key_size, spec.value_size
    return 0, 0


def size_of(run: Execution, shape: Shape) -> Number:
    """How much of its memory a helper touches."""
    if not shape.size_reg:
        return fixed_size(shape, map_sizes(run))
    size = run.number(shape.size_reg)
    return arithmetic(o.ALU | o.MOV | o.X, 0, 0, size, 0) if shape.narrow else size


def _most(run: Execution, shape: Shape, size: Number) -> int:
    """The verifier's bound of a size that is not known."""
    if isinstance(size, int):
        return size
    known = run.state.known.get((len(run.state.frames), shape.size_reg))
    if known is None or known.umax > MAX_VARIABLE:
        raise UnsupportedError("a helper writes more bytes than are followed, or nobody knows how many")
    return known.umax


def _result(run: Execution, name: str, ret: str, known: Known | None, what: str) -> Value:
    """A number a call returns."""
    state = run.state
    value = state.fresh(f"result of {what}")
    if known is not None and known.type == t.SCALAR_VALUE:
        state.ranged(value, known)
    if name in ZERO_OR_ERROR:
        state.require(z3.Or(value == 0, z3.And(value < 0, value >= -MAX_ERRNO)))
    elif ret in _UNSIGNED:
        state.require(z3.ULE(value, U32))
    elif ret in _SIGNED:
        state.require(z3.And(value >= -MAX_ERRNO, value <= S32_MAX))
    return value


def _any(run: Execution, insn: Insn, name: str, here: PathStep) -> Value:
    """A call whose result and writes the input decides, within its contract."""
    state = run.state
    known = run.known_after(here, 0)
    what = name or f"instruction {here.insn_idx}"
    proto = proto_of(run, insn)
    made = Call(here.insn_idx, natural=name in NATURAL, may_fail=name in NATURAL and name in ZERO_OR_ERROR)
    if known is not None and known.type not in (t.SCALAR_VALUE, t.NOT_INIT):
        result: Value = state.pointer(known, f"result of {what}")
        assert isinstance(result, Pointer)
        made.obj = result.obj
        if name == "ringbuf_reserve":
            made.natural = True
    else:
        declared = helper(insn.imm) if insn.src_reg == 0 else None
        result = _result(run, name, declared.ret if declared is not None else "", known, what)
    made.result = result
    if proto is not None:
        for shape in shapes_of(name, proto):
            if shape.write or not shape.read:
                _written(run, name, shape, made, result)
    else:
        _escape(run)
    if name in MOVES_PACKET:
        _new_packet(run)
    elif name in WRITES_PACKET and state.packet is not None:
        state.packet.content.forget(state.name("packet"))
    state.calls.append(made)
    if name in STRINGS and not isinstance(result, Pointer):
        size = arithmetic(o.ALU | o.MOV | o.X, 0, 0, run.number(2), 0)
        state.require(z3.Or(bits(result) < 0, z3.ULE(bits(result), bits(size))))
    return result


def _written(run: Execution, name: str, shape: Shape, made: Call, result: Value) -> None:
    target = run.value(shape.regno)
    if not isinstance(target, Pointer):
        return
    size = size_of(run, shape)
    most = _most(run, shape, size)
    if most > 4 * MAX_VARIABLE:
        target.obj.content.forget(run.state.name(target.obj.name))
        target.obj.wrote(target.off, most)
        return
    data = run.state.fresh_bytes(f"written by {name}", most)
    if name in ZERO_ON_ERROR and not isinstance(result, Pointer):
        failed = boolean(comparison(o.JNE, result, 0, 64))
        data = [z3.If(failed, z3.BitVecVal(0, 8), byte) for byte in data]
    target.obj.put(target.off, size, most, data)
    run.state.wrote_element(target.obj)
    made.memory[shape.regno] = data
    made.sizes[shape.regno] = size


def _escape(run: Execution) -> None:
    """A function nothing is known of was given pointers: what they point to may be anything now."""
    for regno in range(1, 6):
        value = run.state.regs[regno]
        if isinstance(value, Pointer) and value.obj.kind in WRITABLE_KINDS and value.obj.writable:
            _forget(run, value)


def _forget(run: Execution, value: Pointer) -> None:
    obj = value.obj
    if obj.kind == "stack" and isinstance(value.off, int):
        # Spilled pointers of the frame stay where they are: only what lies from here to the top can be reached.
        for at in [at for at, (held, _) in obj.content.known.items() if not isinstance(held, Pointer)]:
            if at >= value.off:
                obj.content.known[at] = run.state.fresh("written by a call"), 0
        for off in range(value.off - (1 << 64), 0):
            obj.written.add(off)
    else:
        obj.content.forget(run.state.name(obj.name))


def _global_function(run: Execution, here: PathStep) -> Value:
    """A function that was verified for all arguments: what it returns is its own affair."""
    state = run.state
    _escape(run)
    for obj in {id(each): each for each in state.elements}.values():
        obj.content.forget(state.name(obj.name))
    for content in state._arrays.values():
        content.forget(state.name("values"))
    known = run.known_after(here, 0)
    value = state.fresh("result of a function")
    if known is not None and known.type == t.SCALAR_VALUE:
        state.ranged(value, known)
    return value


# -- maps -------------------------------------------------------------------------------------------------


def _natural(run: Execution, here: PathStep, result: Value = 0, *, may_fail: bool = False) -> None:
    run.state.calls.append(Call(here.insn_idx, result=result, natural=True, may_fail=may_fail))


def _lookup(run: Execution, here: PathStep) -> Value:
    state = run.state
    of, key = run.value(1), run.value(2)
    spec = map_spec(of)
    known = run.known_after(here, 0)
    if spec is None or not isinstance(of, Pointer) or not isinstance(key, Pointer):
        raise UnsupportedError("a lookup in a map that is not known")
    _natural(run, here)
    if spec.map_type in ARRAYS:
        return _array_value(run, of, spec, number_of(key.obj.load(key.off, 4)))
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
    return _keyed(run, of.obj, spec, key)


def _array_value(run: Execution, of: Pointer, spec: MapSpec, index: Number) -> Pointer:
    """The value of an array at an index; NULL behind its end."""
    state = run.state
    origin = arithmetic(o.ALU64 | o.MUL | o.K, 0, index, round8(spec.value_size), 0)
    content = state.array_content(of.obj)
    name = f"a value of {of.obj.name}"
    obj = Object("value", name, 0, spec.value_size, content=content, origin=origin, writable=not spec.frozen)
    obj.details.update(map=of.obj, index=index)
    of.obj.details.setdefault("indices", []).append(index)
    return Pointer(obj, 0, comparison(o.JGE, index, spec.max_entries, 64))


def _keyed(run: Execution, of: Object, spec: MapSpec, key: Pointer) -> Value:
    state = run.state
    data = [key.obj.content.byte(key.obj.at(add(key.off, i))) for i in range(spec.key_size)]
    data = [z3.simplify(byte) for byte in data]
    epoch = state.changes.get(id(of), 0)
    for each in state.elements:
        if each.details["map"] is of and each.details["epoch"] == epoch and all(
            a.eq(b) for a, b in zip(each.details["key"], data, strict=True)
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


def _update(run: Execution, here: PathStep) -> Value:
    state = run.state
    of, key, value = run.value(1), run.value(2), run.value(3)
    spec = map_spec(of)
    if spec is None or not isinstance(of, Pointer):
        raise UnsupportedError("an update of a map that is not known")
    result = _result(run, "map_update_elem", "long", run.known_after(here, 0), "bpf_map_update_elem()")
    state.preferences.append(result == 0)
    _natural(run, here, result, may_fail=True)
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
    """The entry that a keyed map has after an update that worked."""
    state = run.state
    if spec.value_size > 4 * MAX_VARIABLE:
        return
    made = _keyed(run, of, spec, key)
    assert isinstance(made, Pointer)
    data = [value.obj.content.byte(value.obj.at(add(value.off, i))) for i in range(spec.value_size)]
    made.obj.put(0, spec.value_size, spec.value_size, data, decided(result == 0))
    state.require(z3.Implies(result == 0, z3.Not(made.obj.details["null"])))


def _delete(run: Execution, here: PathStep) -> Value:
    of = run.value(1)
    result = _result(run, "map_delete_elem", "long", run.known_after(here, 0), "bpf_map_delete_elem()")
    _natural(run, here, result, may_fail=True)
    if isinstance(of, Pointer):
        run.state.changed(of.obj)
    return result


# -- packets ----------------------------------------------------------------------------------------------


def _load_bytes(run: Execution, here: PathStep) -> Value:
    state = run.state
    if state.packet is None:
        raise UnsupportedError("packet bytes in a program without a packet")
    off = arithmetic(o.ALU | o.MOV | o.X, 0, 0, run.number(2), 0)
    size = arithmetic(o.ALU | o.MOV | o.X, 0, 0, run.number(4), 0)
    target = run.value(3)
    if not isinstance(target, Pointer):
        raise UnsupportedError("packet bytes are loaded to an unknown address")
    known = state.known.get((len(state.frames), 4))
    most = size if isinstance(size, int) else known.umax if known is not None else U64
    if most > MAX_VARIABLE:
        raise UnsupportedError("a helper writes more packet bytes than are followed")
    length = bits(state.end) - bits(state.start)
    inside = decided(z3.And(z3.ULE(bits(off), INT_MAX), z3.ULE(bits(off) + bits(size), length)))
    at = add(state.start, off)
    data = [
        z3.If(boolean(inside), state.packet.content.byte(state.packet.at(add(at, i))), z3.BitVecVal(0, 8))
        for i in range(most)
    ]
    target.obj.put(target.off, size, most, data)
    state.wrote_element(target.obj)
    _natural(run, here)
    return choose(inside, 0, -EFAULT & U64)


def _adjust_head(run: Execution, here: PathStep) -> Value:
    state = run.state
    if state.packet is None:
        raise UnsupportedError("the packet is moved in a program without one")
    delta = arithmetic(_MOV64, 32, 0, run.number(2), 0)
    at, end = add(state.start, delta), state.end
    lowest = -(XDP_HEADROOM - XDP_FRAME)
    ok = decided(z3.And(bits(at) >= lowest + bits(state.metadata()), bits(at) <= bits(end) - ETH_HLEN))
    state.start = choose(ok, at, state.start)
    state.packet.low = settled(bits(state.start) - state.metadata())
    _natural(run, here)
    return choose(ok, 0, -22 & U64)


def _adjust_tail(run: Execution, here: PathStep) -> Value:
    state = run.state
    if state.packet is None:
        raise UnsupportedError("the packet is cut in a program without one")
    delta = arithmetic(_MOV64, 32, 0, run.number(2), 0)
    end = add(state.end, delta)
    result = _result(run, "xdp_adjust_tail", "long", run.known_after(here, 0), "bpf_xdp_adjust_tail()")
    state.require(z3.Implies(result == 0, bits(end) - bits(state.start) >= ETH_HLEN))
    state.end = choose(decided(result == 0), end, state.end)
    state.packet.high = state.end
    _natural(run, here, result, may_fail=True)
    return result


def _pull_data(run: Execution, here: PathStep) -> Value:
    state = run.state
    if state.packet is None:
        raise UnsupportedError("packet data is pulled in a program without a packet")
    size = arithmetic(o.ALU | o.MOV | o.X, 0, 0, run.number(2), 0)
    result = _result(run, "skb_pull_data", "long", run.known_after(here, 0), "bpf_skb_pull_data()")
    state.require(z3.Implies(result == 0, z3.ULE(bits(size), bits(state.end) - bits(state.start))))
    state.preferences.append((result == 0) == z3.ULE(bits(size), bits(state.end) - bits(state.start)))
    _natural(run, here, result, may_fail=True)
    return result


def _new_packet(run: Execution) -> None:
    """Nothing of the packet is as it was."""
    state = run.state
    if state.packet is None:
        return
    length = state.fresh("packet length")
    state.require(z3.ULE(length, 0xFFFF))
    old = state.packet
    made = Object("packet", state.name("packet"), 0, length)
    made.details["later"] = True
    state.preferences.append(bits(length) == bits(state.end) - bits(state.start))
    state.packet, state.start, state.end = made, 0, length
    made.details["first"] = old


# -- callbacks and iterators ------------------------------------------------------------------------------

# Registers of a call that the callback gets, as its own r1 to r5: a number is the caller's register.
_CALLBACK_CTX: Final = {"loop": 3, "for_each_map_elem": 3, "find_vma": 4, "user_ringbuf_drain": 3}
# Its own register that the callback gets it in.
_CTX_REG: Final = {"loop": 2, "for_each_map_elem": 4, "find_vma": 3, "user_ringbuf_drain": 2}


def _into_callback(run: Execution, name: str, here: PathStep) -> None:
    """The walk goes into a helper's callback; here.changed has what the verifier knew of its registers."""
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
        elif caller and known.type & 0xFF in (t.PTR_TO_STACK, t.PTR_TO_MAP_VALUE, t.PTR_TO_MEM, t.PTR_TO_CTX) and (
            regno == _CTX_REG[name]
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
    """What bpf_for_each_map_elem() gives its callback: the map, a key, and the address of the value."""
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
        return _array_value(run, of, spec, number_of(given.obj.load(0, 4)))
    if spec.map_type not in KEYED:
        raise UnsupportedError("a callback for the elements of a map of this type")
    found = _keyed(run, of.obj, spec, given)
    assert isinstance(found, Pointer)
    state.require(z3.Not(boolean(found.null)))
    return found._replace(null=False)


def callback_returned(run: Execution, frame: Frame, result: Value | None) -> None:
    """The callback is over; the call will be visited again."""


def _loop(run: Execution, here: PathStep) -> Value:
    """bpf_loop() is over."""
    state = run.state
    count = bits(arithmetic(o.ALU | o.MOV | o.X, 0, 0, run.number(1), 0))
    runs = z3.And(count != 0, z3.ULE(count, MAX_LOOPS), bits(run.number(4)) == 0)
    state.require(runs if state.entered.pop((len(state.frames), here.insn_idx), 0) else z3.Not(runs))
    result = state.fresh("result of bpf_loop()")
    state.require(z3.Or(z3.ULE(result, count), result == -7, result == -22))
    _natural(run, here)
    _widen(run, here)
    return result


def _for_each(run: Execution, here: PathStep) -> Value:
    spec = map_spec(run.value(1))
    if not run.state.entered.pop((len(run.state.frames), here.insn_idx), 0) and spec is not None:
        # Arrays always have elements.
        run.state.require(spec.map_type not in ARRAYS or bits(run.number(4)) != 0)
    result = _result(run, "for_each_map_elem", "long", run.known_after(here, 0), "bpf_for_each_map_elem()")
    _natural(run, here)
    _widen(run, here)
    return result


def _widen(run: Execution, here: PathStep) -> None:
    """A loop may have gone round more often than on this path: numbers that the verifier forgot are any again."""
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
    """Which iterator r1 points to: its frame's stack and where it lies there."""
    value = run.value(1)
    if isinstance(value, Pointer) and value.obj.kind == "stack" and isinstance(value.off, int):
        return id(value.obj), value.off
    return None


def _numbers_new(run: Execution, here: PathStep) -> Value:
    """bpf_iter_num_new(it, start, end)."""
    state = run.state
    place = _iterator(run)
    if place is None:
        raise UnsupportedError("an iterator that is not on the stack")
    first, end = (arithmetic(_MOV64, 32, 0, run.number(regno), 0) for regno in (2, 3))
    iterators = state.ctx.details.setdefault("iterators", {})
    result = state.fresh("result of bpf_iter_num_new()")
    bad = decided(bits(first) > bits(end))
    state.require(result == z3.If(boolean(bad), z3.BitVecVal(-22, 64), z3.BitVecVal(0, 64)))
    iterators[place] = [None, first, choose(bad, first, end)]
    _natural(run, here)
    return result


def _numbers_next(run: Execution, here: PathStep) -> Value:
    """The number after the last one; on rounds that the walk left out, a later one."""
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
        # The walk forks at the call: here it is decided whether there is another number.
        over = known.type == t.SCALAR_VALUE
        state.require(done if over else z3.Not(boolean(done)))
        done = over
        if over:
            state.require(z3.Or(bits(number) == bits(earlier), bits(number) == bits(end)))
    obj = Object("memory", state.name("number of the iterator"), 0, 4, writable=False)
    obj.content.store(0, 4, arithmetic(o.ALU | o.MOV | o.X, 0, 0, number, 0))
    found[0] = number
    _natural(run, here)
    return Pointer(obj, 0, done)


def _nothing(run: Execution, here: PathStep) -> Value:
    _natural(run, here)
    return 0


EXACT: Final[dict[str, Callable[[Execution, PathStep], Value]]] = {
    "map_lookup_elem": _lookup,
    "map_update_elem": _update,
    "map_delete_elem": _delete,
    "skb_load_bytes": _load_bytes,
    "xdp_adjust_head": _adjust_head,
    "xdp_adjust_tail": _adjust_tail,
    "skb_pull_data": _pull_data,
    "loop": _loop,
    "for_each_map_elem": _for_each,
}
KERNEL_FUNCTIONS: Final[dict[str, Callable[[Execution, PathStep], Value]]] = {
    "bpf_iter_num_new": _numbers_new,
    "bpf_iter_num_next": _numbers_next,
    "bpf_iter_num_destroy": _nothing,
    "bpf_rcu_read_lock": _nothing,
    "bpf_rcu_read_unlock": _nothing,
    "bpf_preempt_disable": _nothing,
    "bpf_preempt_enable": _nothing,
}
__all__ = ["Condition", "call", "callback_returned", "helper_of", "map_sizes", "proto_of", "size_of"]
