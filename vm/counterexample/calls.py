"""Calls in a symbolic run: what helpers and kernel functions may return and write, as their contracts say."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import z3

from vm.bits import U64
from vm.counterexample.contracts import ZERO_OR_ERROR, helper_of, proto_of, result_of, size_of
from vm.counterexample.loops import for_each, into_callback, loop, nothing, numbers_new, numbers_next, widen
from vm.counterexample.map_calls import delete, lookup, update
from vm.counterexample.memory import MAX_VARIABLE, Object
from vm.counterexample.packet_calls import adjust_head, adjust_tail, load_bytes, new_packet, pull_data
from vm.counterexample.request import PathStep
from vm.counterexample.state import Call
from vm.counterexample.values import Number, Pointer, UnsupportedError, Value, arithmetic, bits, boolean, comparison
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.kernel.helpers import helper
from vm.runner.proto_args import Shape, shapes_of
from vm.verifier.state import reg_types as t

if TYPE_CHECKING:
    from vm.counterexample.execute import Execution

WRITABLE_KINDS: Final = ("stack", "value", "memory", "packet")
# Helpers that fill their output buffer with zeros when they fail.
ZERO_ON_ERROR: Final = frozenset({"probe_read", "probe_read_kernel", "probe_read_user", "copy_from_user"})
STRINGS: Final = frozenset({"probe_read_str", "probe_read_kernel_str", "probe_read_user_str"})
# Helpers after which content, start and end of the packet are unknown.
MOVES_PACKET: Final = frozenset({
    "skb_change_tail", "skb_change_head", "skb_adjust_room", "skb_vlan_push", "skb_vlan_pop", "skb_change_proto",
    "xdp_adjust_meta", "clone_redirect",
})  # fmt: skip
WRITES_PACKET: Final = frozenset({"skb_store_bytes", "l3_csum_replace", "l4_csum_replace", "xdp_store_bytes"})
NATURAL: Final = frozenset({
    "spin_lock", "spin_unlock", "ringbuf_submit", "ringbuf_discard", "ringbuf_output", "perf_event_output",
    "trace_printk", "trace_vprintk", "redirect", "redirect_map",
}) | MOVES_PACKET | WRITES_PACKET  # fmt: skip


def call(run: Execution, insn: Insn, here: PathStep, following: PathStep) -> None:
    """A helper, a kernel function, or a global function that is verified by itself."""
    state = run.state
    name = helper_of(insn)
    if following.depth > here.depth:
        into_callback(run, name, here)
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
        widen(run, here)
    _release(run, here)


def _release(run: Execution, here: PathStep) -> None:
    """Invalidates pointers to an object that the call released, or to a packet that it moved."""
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
    """Whether a pointer that a call invalidates is unusable. One into an XDP packet is not: the packet is not moved."""
    return held.obj.kind in ("kernel", "memory", "gone") or (held.obj.kind == "packet" and run.request.kind != "xdp")


def _gone(held: Pointer) -> Pointer:
    return held._replace(obj=Object("gone", f"{held.obj.name}, which is gone", 0, 0))


def _most(run: Execution, shape: Shape, size: Number) -> int:
    """The verifier's upper bound of a size that is not constant."""
    if isinstance(size, int):
        return size
    known = run.state.known.get((len(run.state.frames), shape.size_reg))
    if known is None or known.umax > MAX_VARIABLE:
        raise UnsupportedError("a helper writes more bytes than are followed, or nobody knows how many")
    return known.umax


def _any(run: Execution, insn: Insn, name: str, here: PathStep) -> Value:
    """A call whose result and written bytes are free inputs, limited by its contract."""
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
        result = result_of(run, name, declared.ret if declared is not None else "", known, what)
    made.result = result
    if proto is not None:
        for shape in shapes_of(name, proto):
            if shape.write or not shape.read:
                _written(run, name, shape, made, result)
    else:
        _escape(run)
    if name in MOVES_PACKET:
        new_packet(run)
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
    """Makes the content unknown of all writable memory that arguments of a function without a model point to."""
    for regno in range(1, 6):
        value = run.state.regs[regno]
        if isinstance(value, Pointer) and value.obj.kind in WRITABLE_KINDS and value.obj.writable:
            _forget(run, value)


def _forget(run: Execution, value: Pointer) -> None:
    obj = value.obj
    if obj.kind == "stack" and isinstance(value.off, int):
        # Spilled pointers are kept. Stack bytes below the address of the pointer cannot be reached.
        for at in [at for at, (held, _) in obj.content.known.items() if not isinstance(held, Pointer)]:
            if at >= value.off:
                obj.content.known[at] = run.state.fresh("written by a call"), 0
        for off in range(value.off - (1 << 64), 0):
            obj.written.add(off)
    else:
        obj.content.forget(run.state.name(obj.name))


def _global_function(run: Execution, here: PathStep) -> Value:
    """A global function, which is verified separately for all arguments: its result is unknown."""
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


EXACT: Final[dict[str, Callable[[Execution, PathStep], Value]]] = {
    "map_lookup_elem": lookup,
    "map_update_elem": update,
    "map_delete_elem": delete,
    "skb_load_bytes": load_bytes,
    "xdp_adjust_head": adjust_head,
    "xdp_adjust_tail": adjust_tail,
    "skb_pull_data": pull_data,
    "loop": loop,
    "for_each_map_elem": for_each,
}
KERNEL_FUNCTIONS: Final[dict[str, Callable[[Execution, PathStep], Value]]] = {
    "bpf_iter_num_new": numbers_new,
    "bpf_iter_num_next": numbers_next,
    "bpf_iter_num_destroy": nothing,
    "bpf_rcu_read_lock": nothing,
    "bpf_rcu_read_unlock": nothing,
    "bpf_preempt_disable": nothing,
    "bpf_preempt_enable": nothing,
}
