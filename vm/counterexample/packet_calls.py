"""Packet helpers in symbolic execution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import z3

from vm.bits import S32_MAX, U64
from vm.counterexample.contracts import MOV64, natural, result_of
from vm.counterexample.memory import MAX_VARIABLE, Object
from vm.counterexample.request import PathStep
from vm.counterexample.values import (
    Pointer,
    UnsupportedError,
    Value,
    add,
    arithmetic,
    bits,
    boolean,
    choose,
    decided,
    settled,
)
from vm.isa import opcodes as o
from vm.kernel.errno import EFAULT

if TYPE_CHECKING:
    from vm.counterexample.execute import Execution

INT_MAX: Final = S32_MAX
XDP_FRAME: Final = 40
XDP_HEADROOM: Final = 256
ETH_HLEN: Final = 14


def load_bytes(run: Execution, here: PathStep) -> Value:
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
    natural(run, here)
    return choose(inside, 0, -EFAULT & U64)


def adjust_head(run: Execution, here: PathStep) -> Value:
    state = run.state
    if state.packet is None:
        raise UnsupportedError("the packet is moved in a program without one")
    delta = arithmetic(MOV64, 32, 0, run.number(2), 0)
    at, end = add(state.start, delta), state.end
    lowest = -(XDP_HEADROOM - XDP_FRAME)
    ok = decided(z3.And(bits(at) >= lowest + bits(state.metadata()), bits(at) <= bits(end) - ETH_HLEN))
    state.start = choose(ok, at, state.start)
    state.packet.low = settled(bits(state.start) - state.metadata())
    natural(run, here)
    return choose(ok, 0, -22 & U64)


def adjust_tail(run: Execution, here: PathStep) -> Value:
    state = run.state
    if state.packet is None:
        raise UnsupportedError("the packet is cut in a program without one")
    delta = arithmetic(MOV64, 32, 0, run.number(2), 0)
    end = add(state.end, delta)
    result = result_of(run, "xdp_adjust_tail", "long", run.known_after(here, 0), "bpf_xdp_adjust_tail()")
    state.require(z3.Implies(result == 0, bits(end) - bits(state.start) >= ETH_HLEN))
    state.end = choose(decided(result == 0), end, state.end)
    state.packet.high = state.end
    natural(run, here, result, may_fail=True)
    return result


def pull_data(run: Execution, here: PathStep) -> Value:
    state = run.state
    if state.packet is None:
        raise UnsupportedError("packet data is pulled in a program without a packet")
    size = arithmetic(o.ALU | o.MOV | o.X, 0, 0, run.number(2), 0)
    result = result_of(run, "skb_pull_data", "long", run.known_after(here, 0), "bpf_skb_pull_data()")
    state.require(z3.Implies(result == 0, z3.ULE(bits(size), bits(state.end) - bits(state.start))))
    state.preferences.append((result == 0) == z3.ULE(bits(size), bits(state.end) - bits(state.start)))
    natural(run, here, result, may_fail=True)
    return result


def new_packet(run: Execution) -> None:
    """Makes content, length and address of the packet unknown."""
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
