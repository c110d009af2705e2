"""What is known after a step: what was printed, and of the rest what the instruction cannot have changed.

Kernels since 5.17 print only what an instruction was seen to change, and a few things change unseen: ranges of packet
pointers at a comparison, values with a shared id, bytes of the stack that a call reads or writes. These are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from vm.isa import opcodes as o
from vm.kernel.helpers import helper
from vm.logs.decode import Decoded
from vm.logs.values import State, Step
from vm.trace.snapshots import FIRST_SLOT, slot_index
from vm.verifier.prepass.classify import helper_changes_pkt_data

Frame = dict[int, tuple[str, int]]
"""Index of a register or slot (snapshots.slot_index) -> (text, the step that wrote it, -1: not known).

The text is "" where a step wrote something that is not printed.
"""

CALL: Final = o.JMP | o.CALL
EXIT: Final = o.JMP | o.EXIT
SLOTS: Final = 64
_SIZES: Final = {o.B: 1, o.H: 2, o.W: 4, o.DW: 8}
_STACK: Final = re.compile(r"fp(?:\[(\d{1,2})\])?(-?\d{1,5})?(?:,call_-?\d{1,5})?$")
_REFERENCE: Final = re.compile(r"ref_obj_id=(\d{1,9})")
_PACKET: Final = ("pkt(", "pkt_meta(")


def after(frames: list[Frame], step: Step, what: Decoded) -> list[Frame]:
    """The frames after a step, from those it found."""
    new = frames[: step.frame + 1]  # a frame is never changed, another one takes its place
    cls = step.code & 7
    if step.code == CALL:
        _called(new, step, what)
    elif step.code == EXIT:
        if step.frame:
            del new[step.frame :]
            _written(new, step.frame - 1, range(6), step.number)
    elif cls in (o.JMP, o.JMP32):
        _compared(new)
    elif cls in (o.ST, o.STX):
        _stored(new, step, what)
    if what.writes >= 0 and step.code != CALL:
        _written(new, step.frame, (what.writes,), step.number)
    if not what.insns and step.code not in (CALL, EXIT):
        _forget_slots(new)  # an instruction whose words are not understood
    shown = step.after
    if shown is not None:
        del new[shown.frame + 1 :]
        while len(new) <= shown.frame:
            new.append({})
        found = frames[shown.frame] if shown.frame < len(frames) else {}
        new[shown.frame] = printed(new[shown.frame], shown, found, step)
    return new


def printed(base: Frame, state: State, found: Frame | None = None, step: Step | None = None) -> Frame:
    """A frame with a printed state: what it prints, and of the rest what it leaves.

    base -- the frame without it; found -- as the step found it
    """
    new: Frame = {} if state.whole else dict(base)
    for value in state.values:
        _, idx = slot_index(value.name)
        if not 0 <= idx < FIRST_SLOT + SLOTS:
            continue
        was = found.get(idx) if found is not None else None
        same = was is not None and was[0] == value.text
        if step is not None and _may_write(step, idx):
            # A call keeps r1-r5 where its helper is known to leave them alone.
            writer = was[1] if same and was is not None else step.number
        else:
            writer = base[idx][1] if idx in base else -1
        new[idx] = (value.text, writer)
    return new


def _may_write(step: Step, idx: int) -> bool:
    """Whether an instruction can have written a slot, or a register that its words do not name."""
    if idx < FIRST_SLOT:
        return step.code == CALL and 0 < idx < 6
    return step.code & 7 in (o.ST, o.STX) or step.code in (CALL, EXIT)


def _written(frames: list[Frame], number: int, names: Iterable[int], step: int) -> None:
    frame = frames[number] = dict(frames[number])
    for idx in names:
        frame[idx] = ("", step)


def _called(frames: list[Frame], step: Step, what: Decoded) -> None:
    frame = frames[step.frame]
    insn = what.insns[0] if what.insns and what.insns[0].src_reg == 0 else None
    known = helper(insn.imm) if insn is not None else None
    most = min(len(known.params), 5) if known is not None else 5
    arguments = [frame.get(idx, ("", -1))[0] for idx in range(1, most + 1)]
    if any(not text or text.startswith("fp") for text in arguments):
        _forget_slots(frames)
    if insn is None or helper_changes_pkt_data(insn.imm):
        _forget(frames, lambda text: text.startswith(_PACKET))
    given = {found[1] for text in arguments for found in _REFERENCE.finditer(text)}
    if given:
        _forget(frames, lambda text: any(found[1] in given for found in _REFERENCE.finditer(text)))
    _written(frames, step.frame, range(6), step.number)


def _compared(frames: list[Frame]) -> None:
    _forget(frames, lambda text: text.startswith(_PACKET) or "or_null" in text or "id=" in text)


def _stored(frames: list[Frame], step: Step, what: Decoded) -> None:
    frame = frames[step.frame]
    if not what.insns:
        return
    insn = what.insns[0]
    size = _SIZES.get(insn.code & 0x18, 8)
    base = frame.get(insn.dst_reg, ("", -1))[0] if insn.dst_reg != o.REG_FP else "fp0"
    found = _STACK.match(base)
    if found is not None and found[2] is not None:
        number = int(found[1]) if found[1] is not None else step.frame
        first = int(found[2]) + insn.off
        if number < len(frames):
            slots = [FIRST_SLOT + (-off - 1) // 8 for off in (first, first + size - 1) if -8 * SLOTS <= off < 0]
            _written(frames, number, slots, step.number)
    elif not base or base.startswith("fp"):
        _forget_slots(frames)


def _forget_slots(frames: list[Frame]) -> None:
    for number, frame in enumerate(frames):
        if any(idx >= FIRST_SLOT for idx in frame):
            frames[number] = {idx: value for idx, value in frame.items() if idx < FIRST_SLOT}


def _forget(frames: list[Frame], which: Callable[[str], bool]) -> None:
    """What is not known any more; who wrote it is."""
    for number, frame in enumerate(frames):
        gone = [idx for idx, (text, _) in frame.items() if text and which(text)]
        if gone:
            frames[number] = {**frame, **{idx: ("", frame[idx][1]) for idx in gone}}
