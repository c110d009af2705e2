"""The steps that led to a value: back from the failing instruction through who wrote it, and what it was made of."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Final

from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.isa.text import insn_text
from vm.namedtuples import NamedTuple
from vm.trace.recorder import Recorder
from vm.trace.records import Cause
from vm.trace.retell import stack_names
from vm.trace.snapshots import FIRST_SLOT, FrameSnapshot, same_value, slot_index, slot_name, value_at
from vm.trace.stored import StoredTrace
from vm.verifier.state import reg_types as t

MAX_CAUSES: Final = 32
_COLLECTED: Final = 64  # before copies are folded
_MAX_SCAN: Final = 20_000  # steps looked at between a value's writer and its reader, for what narrowed it
_MAX_NARROWINGS: Final = 4  # of one value: the last ones

_SIZES: Final = {o.B: 1, o.H: 2, o.W: 4, o.DW: 8}

_MEMORY: Final = {
    t.PTR_TO_CTX: "the context", t.PTR_TO_PACKET: "the packet", t.PTR_TO_PACKET_META: "the packet's metadata",
    t.PTR_TO_MAP_VALUE: "a map value", t.PTR_TO_MAP_KEY: "a map key", t.PTR_TO_MEM: "memory", t.PTR_TO_BUF: "a buffer",
    t.PTR_TO_BTF_ID: "a kernel object", t.PTR_TO_STACK: "the stack", t.PTR_TO_FLOW_KEYS: "the flow keys",
}  # fmt: skip


class _Want(NamedTuple):
    """A slot whose value before step `at` is to be explained."""

    at: int
    frame: int
    idx: int


class Found(NamedTuple):
    """What wrote a value, and what it was made of."""

    kind: str
    why: str
    parts: tuple[tuple[int, int], ...] = ()  # (frame, index) before that step


def causes_of(trace: Recorder, step: int, names: list[str]) -> list[Cause]:
    """The steps that led to what `names` hold before step `step`, oldest first; more than MAX_CAUSES are not needed."""
    # Nearest steps first, so that what is cut off is what lies far back.
    queue: list[tuple[int, _Want]] = []
    for name in names:
        frame, idx = slot_index(name)
        heapq.heappush(queue, (-step, _Want(step, frame, idx)))
    seen: set[tuple[int, int, int]] = set()  # (instruction, frame, index): one round of a loop is enough
    causes: list[Cause] = []
    while queue and len(causes) < _COLLECTED:
        _, want = heapq.heappop(queue)
        name = slot_name(want.frame, want.idx)
        writer = trace.writer_before(want.at, want.frame, want.idx)
        for at in narrowings(trace, want.at, writer, want.frame, want.idx)[:_MAX_NARROWINGS]:
            insn_idx = trace.insn_idx(at.step)
            if (insn_idx, want.frame, want.idx) not in seen:
                seen.add((insn_idx, want.frame, want.idx))
                causes.append(Cause(at.step, insn_idx, name, "branch", at.why))
                other = _compared_with(trace.insns[insn_idx], want, trace.raw_before(at.step))
                if other is not None:
                    heapq.heappush(queue, (-at.step, _Want(at.step, other[0], other[1])))
        insn_idx = trace.insn_idx(writer) if writer >= 0 else -1
        if (insn_idx, want.frame, want.idx) in seen:
            continue
        seen.add((insn_idx, want.frame, want.idx))
        if writer < 0:
            snap = trace.raw_before(want.at)
            value = value_at(snap, want.frame, want.idx)
            text = (
                f"there from the start: {trace.view(value, snap, name).text}" if value is not None else "never written"
            )
            causes.append(Cause(-1, -1, name, "entry", text))
            continue
        found = written(trace, writer, want.frame, want.idx)
        causes.append(Cause(writer, insn_idx, name, found.kind, found.why))
        for frame, idx in found.parts:
            if idx != o.REG_FP:
                heapq.heappush(queue, (-writer, _Want(writer, frame, idx)))
    return sorted(dict.fromkeys(causes))[-_COLLECTED:]


class Narrowing(NamedTuple):
    """A branch that told something about a value."""

    step: int
    why: str


def narrowings(trace: Recorder, at: int, writer: int, frame: int, idx: int) -> list[Narrowing]:
    """Jumps between a value's writer and step `at` that changed its bounds or type, the last first."""
    out: list[Narrowing] = []
    step = at
    for _ in range(_MAX_SCAN):
        if step < 0 or len(out) >= _MAX_NARROWINGS:
            break
        before = trace.before(step)
        if before <= writer or before < 0:
            break
        insn_idx = trace.insn_idx(before)
        if _is_branch(trace.insns[insn_idx]):
            was, now = trace.raw_before(before), trace.raw_before(step)
            old, new = value_at(was, frame, idx), value_at(now, frame, idx)
            if old is not new and old is not None and new is not None and not same_value(old, new):
                name = slot_name(frame, idx)
                taken = step < len(trace) and trace.insn_idx(step) != insn_idx + 1
                way = "taken" if taken else "not taken"
                text = (
                    f"{branch_text(trace.insns, insn_idx)} {way}: {name} is {trace.view(new, now, name).text} from here"
                )
                out.append(Narrowing(before, text))
        step = before
    return out


def branch_text(insns: Sequence[Insn], insn_idx: int) -> str:
    """A conditional jump in the kernel's words, without its target."""
    return insn_text(insns, insn_idx).split(" goto")[0].split(") ", 1)[-1]


def _is_branch(insn: Insn) -> bool:
    return insn.code & 0x07 in (o.JMP, o.JMP32) and o.op(insn.code) not in (o.CALL, o.EXIT, o.JA)


def _compared_with(insn: Insn, want: _Want, snap: tuple[FrameSnapshot, ...]) -> tuple[int, int] | None:
    """The other register of a comparison that narrowed a value, if it is no constant."""
    if o.src(insn.code) != o.X or want.frame != len(snap) - 1:
        return None
    other = insn.src_reg if want.idx == insn.dst_reg else insn.dst_reg
    return (want.frame, other) if want.idx in (insn.dst_reg, insn.src_reg) and other != want.idx else None


def written(trace: StoredTrace, step: int, frame: int, idx: int, *, words: bool = True) -> Found:
    """How step `step` wrote a slot, and from what. words: whether the value it wrote is said in `why`."""
    insn_idx = trace.insn_idx(step)
    insn = trace.insns[insn_idx]
    cls = insn.code & 0x07
    snap = trace.raw_before(step)
    here = len(snap) - 1
    if cls in (o.ALU, o.ALU64):
        return _arithmetic(trace, step, insn, here, words)
    if cls == o.LDX:
        return _load(trace, step, insn, snap, here, words)
    if cls == o.LD:
        return _wide(trace, step, insn, here, idx, words)
    if cls in (o.ST, o.STX):
        return _store(trace, insn, here, idx)
    if o.op(insn.code) == o.EXIT:
        if idx == 0:
            return Found("call", "returned by the function that ends here", ((here, 0),))
        return Found("clobbered", "the function that ends here left it so")
    return _call(trace, step, insn, here, frame, idx, words)


def _now(trace: StoredTrace, step: int, frame: int, idx: int, words: bool) -> str:
    if not words:
        return ""
    snap = trace.raw(step)
    value = value_at(snap, frame, idx)
    name = slot_name(frame, idx)
    return trace.view(value, snap, name).text if value is not None else "nothing"


def _arithmetic(trace: StoredTrace, step: int, insn: Insn, here: int, words: bool) -> Found:
    text = _now(trace, step, here, insn.dst_reg, words)
    operation = o.op(insn.code)
    by_reg = o.src(insn.code) == o.X and operation not in (o.NEG, o.END)
    dst, src = (here, insn.dst_reg), (here, insn.src_reg)
    if operation == o.MOV:
        if by_reg:
            return Found("move", f"copied from r{insn.src_reg}: {text}", (src,))
        return Found("value", f"set to {insn.imm}")
    return Found("arithmetic", f"computed: {text}", (dst, src) if by_reg and src != dst else (dst,))


def _load(trace: StoredTrace, step: int, insn: Insn, snap: tuple[FrameSnapshot, ...], here: int, words: bool) -> Found:
    text = _now(trace, step, here, insn.dst_reg, words)
    size = _SIZES.get(insn.code & 0x18, 8)
    stack = stack_names(snap, here, insn.src_reg, insn.off, size)
    if stack:
        return Found("fill", f"loaded from {', '.join(stack)}: {text}", tuple(slot_index(name) for name in stack))
    base = t.base_type(snap[here].regs[insn.src_reg].type)
    where = _MEMORY.get(base, "memory")
    pointer = base in (t.PTR_TO_BTF_ID, t.PTR_TO_MAP_VALUE, t.PTR_TO_MEM)
    parts = ((here, insn.src_reg),) if pointer and _is_pointer(trace, step, here, insn.dst_reg) else ()
    return Found("load", f"{size} bytes loaded from {where} at offset {insn.off}: {text}", parts)


def _is_pointer(trace: StoredTrace, step: int, frame: int, idx: int) -> bool:
    value = trace.raw(step)[frame].regs[idx]
    return value.type not in (t.NOT_INIT, t.SCALAR_VALUE)


def _wide(trace: StoredTrace, step: int, insn: Insn, here: int, idx: int, words: bool) -> Found:
    if o.mode(insn.code) == o.IMM:
        return Found("value", f"set to {_now(trace, step, here, insn.dst_reg, words)}")
    if idx == 0:
        return Found("load", "loaded from the packet")
    return Found("clobbered", "r1-r5 hold nothing after a load from the packet")


def _store(trace: StoredTrace, insn: Insn, here: int, idx: int) -> Found:
    if idx < FIRST_SLOT:
        return Found("load", "the old value of an atomic operation")
    if insn.code & 0x07 == o.STX and o.mode(insn.code) == o.MEM:
        return Found("spill", f"stored from r{insn.src_reg}", ((here, insn.src_reg),))
    if insn.code & 0x07 == o.ST:
        return Found("value", f"set to {insn.imm}")
    return Found("arithmetic", f"changed by an atomic operation with r{insn.src_reg}", ((here, insn.src_reg),))


def _call(trace: StoredTrace, step: int, insn: Insn, here: int, frame: int, idx: int, words: bool) -> Found:
    """What a call does to a slot: the callee's arguments, the result, and what does not survive."""
    callee = trace.called(trace.insn_idx(step))
    who = f"{callee}()" if callee else "the function called"
    if frame > here:
        if insn.src_reg == o.PSEUDO_CALL and not callee:
            return Found("argument", f"argument {idx} of the function called here", ((here, idx),))
        return Found("argument", f"argument {idx} that {who} calls its callback with")
    if idx == 0:
        return Found("call", f"returned by {who}: {_now(trace, step, frame, idx, words)}")
    if idx < 6:
        return Found("clobbered", f"r1-r5 hold nothing after a call ({who})")
    if idx >= FIRST_SLOT:
        if value_at(trace.raw(step), frame, idx) is None:
            return Found("clobbered", f"{who} leaves nothing in it", ((frame, idx),))
        return Found("call", f"written by {who}: {_now(trace, step, frame, idx, words)}")
    return Found(
        "clobbered", f"{who} makes it invalid: {_now(trace, step, frame, idx, words)} from here", ((frame, idx),)
    )
