"""The journal's notes as records: names instead of indices, sentences instead of codes.

`trace` gives the text of values and the names of called functions; no state of a step is read. `after` of a
comparison is StoredTrace.after() of its path and step.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from vm.isa import opcodes as o
from vm.trace.records import Arrival, ChainLink, PrecisionMark, Pruning
from vm.trace.snapshots import FIRST_SLOT, FrameSnapshot, names_in, slot_name
from vm.verifier.domain.scalar import s64
from vm.verifier.journal import (
    GAVE_UP,
    RULE_ASYNC,
    RULE_CALLBACK,
    RULE_DONE,
    RULE_ENDLESS,
    RULE_ITER,
    RULE_MAY_GOTO,
    RULE_OPEN_LOOP,
    WHY_ASYNC_ROUND,
    WHY_CALLBACK_DEPTH,
    WHY_CALLSITE,
    WHY_DEPTHS,
    WHY_FRAMES,
    WHY_ITER_DRAINED,
    WHY_LOCK,
    WHY_PREEMPT,
    WHY_RCU,
    WHY_REFS,
    WHY_SLEEPABLE,
    WHY_SPECULATIVE,
    Comparison,
    Mark,
    Slot,
)
from vm.verifier.state import reg_types as t
from vm.verifier.state.frame import INVALID_SLOT, StackSlot
from vm.verifier.state.reg import RegState

if TYPE_CHECKING:
    from vm.trace.stored import StoredTrace

# rule -> (its name, how states_equal() compares, the meaning of a covered state)
RULES: Final = {
    RULE_DONE: (
        "done", "NOT_EXACT",
        "All paths from the checkpoint on were verified, and it covers the values that they read",
    ),
    RULE_OPEN_LOOP: (
        "open_loop", "RANGE_WITHIN",
        "The checkpoint belongs to a loop that is still being verified, and it covers all values, not only those read",
    ),
    RULE_ITER: (
        "iterator", "RANGE_WITHIN",
        "The iterator's loop has converged: the next iteration starts in a state that the checkpoint covers",
    ),
    RULE_MAY_GOTO: (
        "may_goto", "RANGE_WITHIN",
        "The may_goto loop has converged: the next iteration starts in a state that the checkpoint covers",
    ),
    RULE_CALLBACK: (
        "callback", "RANGE_WITHIN",
        "The callback has converged: the next call starts in a state that the checkpoint covers",
    ),
    RULE_ENDLESS: (
        "endless", "EXACT",
        "The state is identical to the one at the checkpoint: the loop would never end",
    ),
    RULE_ASYNC: ("async", "EXACT", "Calls of an asynchronous callback are not compared"),
}  # fmt: skip

WHYS: Final = {
    WHY_FRAMES: "The number of frames differs",
    WHY_SPECULATIVE: "The checkpoint is on a speculative path, this state is not",
    WHY_LOCK: "Another lock is held",
    WHY_RCU: "One state is in an RCU read section, the other is not",
    WHY_PREEMPT: "Preemption is disabled a different number of times",
    WHY_SLEEPABLE: "One state may sleep, the other may not",
    WHY_CALLSITE: "The frames were called from different places",
    WHY_CALLBACK_DEPTH: "The callback was called more often at the checkpoint",
    WHY_REFS: "The references held differ",
    WHY_ITER_DRAINED: "The iterator has no elements left, so the code after the loop has to be verified",
    WHY_DEPTHS: "The state is the same, but belongs to another iteration of an iterator, may_goto loop or callback",
    WHY_ASYNC_ROUND: "The asynchronous callback was entered a different number of times",
}

# `why` of mark_chain_precision() -> why the exact value matters.
PRECISION_REASONS: Final = {
    "branch": "the value decides which branch is taken",
    "pointer_offset": "the value was added to a pointer",
    "operand": "a value that has to be precise is computed from it",
    "size_argument": "the call reads or writes this many bytes",
    "constant_argument": "the call takes a known constant",
    "flags_argument": "the call takes known flags",
    "null_argument": "a NULL is passed where a pointer may be left out",
    "loop_count": "it is the number of times that the callback is called",
    "tail_call_index": "the index of a tail call was known",
    "result": "the program's return value has to be in a range",
    "callback_result": "the callback's return value has to be in a range",
    "zero_slot": "a zero is stored to the stack, and the slot is recorded as zero",
    "zero_bytes": "zeros are stored to the stack at an unknown offset",
    "null_kptr": "a NULL is stored into a kernel pointer",
    "propagated": "the checkpoint that covers this state relied on the value",
}

_BOUNDS: Final = (
    ("smin", True), ("smax", False), ("umin", True), ("umax", False), ("u32_min", True), ("u32_max", False),
    ("s32_min", True), ("s32_max", False),
)  # fmt: skip


def pruning(trace: StoredTrace, c: Comparison, after: int) -> Pruning:
    """The record of a comparison in which the checkpoint covered the state."""
    word, exact, text = RULES[c.rule]
    compared = []
    for number, (place, old, cur) in enumerate(zip(c.places, c.values, c.arrived, strict=True)):
        frame, idx = place >> 8, place & 0xFF
        name = slot_name(frame, idx)
        snap = _beside(frame, idx, c.below[number]) if number < len(c.below) else ()
        a, b = _text(trace, old, snap, name), _text(trace, cur, snap, name)
        compared.append((name, a, b, _how(old, a == b, exact)))
    return Pruning(c.insn_idx, c.path, after, c.checkpoint, word, exact, text, tuple(compared))


def _how(old: Slot, same: bool, exact: str) -> str:
    """The relation between the checkpoint's value and the one that arrived."""
    reg = old.spilled_ptr if isinstance(old, StackSlot) else old
    if reg is not None and reg.type == t.SCALAR_VALUE and not reg.precise and exact == "NOT_EXACT":
        return "any"
    return "same" if same else "within"


def arrival(trace: StoredTrace, c: Comparison, after: int) -> Arrival:
    """The record of a comparison in which the checkpoint did not cover the state."""
    word, exact, _ = RULES[c.rule]
    name = slot_name(c.frame, c.slot) if c.slot >= 0 else ""
    text = WHYS[c.why] if c.slot < 0 else f"{name}: {difference(trace, c, name)}"
    if c.rule == RULE_ENDLESS:
        text = f"The checkpoint is on this very path and could only prove an endless loop, which this is not. {text}"
    return Arrival(c.insn_idx, c.path, after, c.checkpoint, word, exact, name, text)


def _beside(frame: int, idx: int, below: Slot) -> tuple[FrameSnapshot, ...]:
    """Frames of which only one stack slot is known: the one below slot `idx`."""
    if not isinstance(below, StackSlot):
        return ()
    stack = [INVALID_SLOT] * (idx - FIRST_SLOT + 1) + [below]
    return (FrameSnapshot(frame, [], stack, []),) * (frame + 1)


def _text(trace: StoredTrace, value: Slot, snap: tuple[FrameSnapshot, ...], name: str) -> str:
    if value is None or not (any(value.slot_type) if isinstance(value, StackSlot) else value.type != t.NOT_INIT):
        return "nothing"
    return trace.view(value, snap, name).text


def difference(trace: StoredTrace, c: Comparison, name: str) -> str:
    """Why the checkpoint's value does not cover the one that arrived."""
    old, cur = c.old, c.cur
    exact = RULES[c.rule][1] == "EXACT"
    if isinstance(old, StackSlot) and isinstance(cur, StackSlot):
        if old.is_spill() and cur.is_spill():
            return regs_differ(trace, old.spilled_ptr, cur.spilled_ptr, name, exact)
        if old.slot_type != cur.slot_type:
            return f"the checkpoint has {trace.view(old, (), name).text}, here it is {trace.view(cur, (), name).text}"
        return "the dynptr or iterator differs"
    if isinstance(old, RegState) and isinstance(cur, RegState):
        return regs_differ(trace, old, cur, name, exact)
    return "the checkpoint has a value, here there is none"


def regs_differ(trace: StoredTrace, old: RegState, cur: RegState, name: str, exact: bool) -> str:
    """The first difference because of which `old` does not cover `cur`."""
    if old.type != cur.type:
        return f"the checkpoint has {_reg(trace, old, name)}, here it is {_reg(trace, cur, name)}"
    if old.is_const() and cur.is_const() and old.scalar.smin != cur.scalar.smin:
        return f"the checkpoint has {old.scalar.smin}, here it is {cur.scalar.smin}"
    for bound, lower in _BOUNDS:
        a, b = getattr(old.scalar, bound), getattr(cur.scalar, bound)
        if a != b and (exact or (a > b if lower else a < b)):
            return f"the checkpoint allows {bound}={a}, here it is {bound}={b}"
    a_off, b_off = old.scalar.var_off, cur.scalar.var_off
    if a_off.value != b_off.value or a_off.mask != b_off.mask:
        return (
            f"the checkpoint's bits ({a_off.value:#x}; {a_off.mask:#x}) do not cover "
            f"({b_off.value:#x}; {b_off.mask:#x})"
        )
    if old.off != cur.off:
        return f"the checkpoint is at offset {old.off}, here it is {cur.off}"
    if t.type_is_pkt_pointer(old.type) and old.range != cur.range:
        return f"{old.range} bytes of packet were proven readable at the checkpoint, here {cur.range}"
    if old.ref_obj_id != cur.ref_obj_id or old.id != cur.id:
        return "the values are related differently than at the checkpoint (their ids differ)"
    return f"the checkpoint has {_reg(trace, old, name)}, here it is {_reg(trace, cur, name)}"


def _reg(trace: StoredTrace, reg: RegState, name: str) -> str:
    return trace.view(reg, (), name).text or "nothing"


def precision(trace: StoredTrace, mark: Mark, chain: Iterable[tuple[int, int, int, int]], step: int) -> PrecisionMark:
    """The record of one call of mark_chain_precision(). chain: Journal.chain()'s; step: step_of_mark()."""
    links = [
        ChainLink(-1 if idx == GAVE_UP else idx, frame, names_in(frame, regs, slots))
        for idx, frame, regs, slots in chain
    ]
    names = names_in(mark.frame, mark.regs, mark.slots)
    text = PRECISION_REASONS[mark.why]
    callee = trace.called(mark.insn_idx)
    if callee and mark.why.endswith(("argument", "count", "index")) and names:
        text = f"argument {names[0][-1]} of {callee}: {text}"
    return PrecisionMark(step, mark.insn_idx, mark.path, names, mark.why, text, tuple(links))


def step_of_mark(trace: StoredTrace, mark: Mark) -> int:
    """The step that a mark belongs to: where a path was pruned, the one before."""
    return trace.after(mark.path, mark.step) if mark.why == "propagated" else mark.step


def stack_names(snap: tuple[FrameSnapshot, ...], frame: int, regno: int, off: int, size: int) -> list[str]:
    """Slots that an access of `size` bytes at regno + off reaches, if regno is known to point into a stack."""
    reg = snap[frame].regs[regno]
    if reg.type != t.PTR_TO_STACK or reg.scalar.var_off.mask:
        return []
    start = s64(reg.scalar.var_off.value) + reg.off + off
    if not -o.MAX_BPF_STACK <= start < 0:
        return []
    first, last = (-start - 1) // 8, (-(start + size - 1) - 1) // 8
    return [slot_name(reg.frameno, FIRST_SLOT + spi) for spi in range(first, max(last, 0) - 1, -1)]
