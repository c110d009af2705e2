"""A recorded event of a real kernel as an Execution: the steps of the program, for the views that a run has.

Where the kernel's machine code is the JIT's own (addresses aside), each BPF instruction is a step. Where it is another
kernel's, the kernel's jited line information tells where the code of each C line begins, and each visit of a line is a
step.
"""

from __future__ import annotations

from itertools import accumulate
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from vm.errors import InputError
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.recorded.values import SNAPSHOT, RecordedCode, RecordedEvent, Recording, fingerprint
from vm.runner.execution import Execution, RunEvent
from vm.runner.place_names import RecordedNames
from vm.runner.points import EPILOGUE, Point, load
from vm.runner.recording import BPF_REGS, RBP, Steps
from vm.runner.recording import Recording as RawSteps
from vm.runner.replay_calls import calls
from vm.runner.replay_memory import Memory, by_line

if TYPE_CHECKING:
    from vm.jit.image import Image
    from vm.rewritten import Rewritten

EXACT: Final = "instruction"
BY_LINE: Final = "line"
_REGS: Final = Struct("<16Q")
_NOTHING: Final = Insn(o.ALU64 | o.MOV | o.X, 0, 0, 0, 0)


class Matched(NamedTuple):
    """How the kernel's machine code is matched with the program: EXACT, one step an instruction; BY_LINE.

    points -- where steps begin; events -- those of the program
    """

    how: str
    points: tuple[Point, ...]
    events: tuple[RecordedEvent, ...] = ()


def same_code(code: RecordedCode, image: Image) -> bool:
    """Whether a kernel's machine code is the JIT's, addresses aside."""
    if tuple(place.length for place in code.functions) != image.func_lens:
        return False
    theirs, ours = bytearray(code.image), bytearray(image.code)
    for reloc in image.relocs:
        theirs[reloc.offset : reloc.offset + reloc.size] = bytes(reloc.size)
        ours[reloc.offset : reloc.offset + reloc.size] = bytes(reloc.size)
    return theirs == ours


def match(code: RecordedCode, rewritten: Rewritten, image: Image | None) -> Matched:
    """Where the program's steps begin in the kernel's code. InputError if it is another program's, or tells nothing."""
    if code.fingerprint != fingerprint(rewritten.program):
        raise InputError(
            f"The recording was made of another {code.name}: its instructions are not those of this source. "
            "Open the recording again, or record this program."
        )
    if image is not None and same_code(code, image):
        return Matched(EXACT, load(rewritten, image, 0).points)
    if not code.lines:
        raise InputError(
            f"The machine code of {code.name} in the recorded kernel is not the one made here, and it comes without "
            "line information, so that its instructions cannot be told apart."
        )
    points = [Point(off, off, slot, True, _NOTHING, 0, slot) for off, slot in code.lines]
    points[-1] = points[-1]._replace(leaves=EPILOGUE)
    return Matched(BY_LINE, tuple(points))


def replay(
    recording: Recording, rewritten: Rewritten, image: Image | None, steps: int
) -> tuple[Matched, list[Execution]]:
    """The events of a program, an Execution each; at most so many steps in all.

    InputError if the recording has none of this program, or was made of other instructions.
    """
    name = rewritten.program.name
    number = next((n for n, code in enumerate(recording.codes) if code.name == name), -1)
    events = [event for event in recording.events if event.program == number]
    if not events:
        there = ", ".join(dict.fromkeys(recording.codes[event.program].name for event in recording.events))
        raise InputError(f"The recording has no event of {name}; it has events of: {there or 'no program'}.")
    code = recording.codes[number]
    matched = match(code, rewritten, image)._replace(events=tuple(events))
    done: list[Execution] = []
    for event in events:
        done.append(_execution(recording, code, event, matched, rewritten, image, steps))
        steps -= len(done[-1].steps)
    return matched, done


def _execution(
    recording: Recording, code: RecordedCode, event: RecordedEvent, matched: Matched, rewritten: Rewritten,
    image: Image | None, most: int,
) -> Execution:  # fmt: skip
    raw, states = _passed(event, matched, frozenset(accumulate((place.length for place in code.functions), initial=0)))
    names = RecordedNames(code, event, rewritten, image if matched.how == EXACT else None)
    regs = raw.snapshots[-SNAPSHOT:]
    r0 = _REGS.unpack(regs)[0] if regs and not event.cut else 0
    said = list(calls(raw, rewritten, names)) if matched.how == EXACT else []
    said += [RunEvent(step, "tail_call", "to another program") for step, _ in raw.tail_calls()]
    said.sort(key=lambda each: each.step)
    first: dict[int, int] = {}
    for i, each in enumerate(said):
        first.setdefault(each.step, i)
    stack = names.stack
    taken = Steps(raw, first, names, stack, max(0, most))
    if matched.how == EXACT:
        taken.add(Memory(event, raw, taken, rewritten, names).by_insn())
    else:
        taken.add(by_line(code, event, states, taken))
    task = f"{event.comm} ({event.pid})" if event.comm else "an unknown task"
    return Execution(
        engine=f"Linux {recording.release}",
        r0=r0,
        result=f"{_signed(r0)}, in {task}",
        packet_out=None,
        maps=_maps(recording, rewritten),
        events=tuple(said),
        insns=len(taken),
        steps=taken,
        steps_cut=bool(event.cut) or raw.count() > len(taken),
        fault=None,
        regions=names.regions(),
    )


def _passed(event: RecordedEvent, matched: Matched, starts: frozenset[int]) -> tuple[RawSteps, list[int]]:
    """The states at points, as the machine records them, and their numbers. starts -- offsets of functions"""
    states: list[int] = []
    raw = RawSteps(matched.points)
    where = {point.x86_off: i for i, point in enumerate(matched.points)}
    last = 0
    for k, offset in enumerate(event.offsets):
        i = where.get(offset)
        if i is None:
            continue
        raw.ids.append(i)
        states.append(k)
        at = _framed(event, k) if matched.how == BY_LINE and offset in starts else k
        raw.snapshots += event.registers[SNAPSHOT * at : SNAPSHOT * (at + 1)]
        old = _fetched(matched.points[i].insn, event, k)
        if old is not None:
            raw.old[len(raw.ids) - 1] = old
        last = k
    raw.snapshots += _end(event, last)
    raw.finish()
    return raw, states


def _framed(event: RecordedEvent, k: int) -> int:
    """The state at which a function that begins at state k has its frame: what precedes it is no instruction's code."""
    fp = _fp(event, k)
    return next((j for j in range(k + 1, len(event.offsets)) if _fp(event, j) != fp), k)


def _fp(event: RecordedEvent, k: int) -> bytes:
    return event.registers[SNAPSHOT * k + 8 * RBP : SNAPSHOT * k + 8 * RBP + 8]


def _fetched(insn: Insn, event: RecordedEvent, k: int) -> int | None:
    """What was in memory before an atomic instruction at a state, if a register has it afterwards."""
    if insn.code & 7 != o.STX or insn.code & 0xE0 != o.ATOMIC or not insn.imm & o.FETCH:
        return None
    regno = 0 if insn.imm == o.CMPXCHG else insn.src_reg
    after = next((j for j in range(k + 1, len(event.offsets)) if event.offsets[j] != event.offsets[k]), -1)
    if after < 0:
        return None
    return int(_REGS.unpack_from(event.registers, SNAPSHOT * after)[BPF_REGS[regno]])


def _end(event: RecordedEvent, last: int) -> bytes:
    """The registers that the last step left, before the caller's are restored."""
    found = last
    for k in range(last, len(event.offsets)):
        if _fp(event, k) == _fp(event, last):
            found = k
    end = len(event.offsets) - 1
    rax = event.registers[SNAPSHOT * end : SNAPSHOT * end + 8]
    return rax + event.registers[SNAPSHOT * found + 8 : SNAPSHOT * (found + 1)]


def _maps(recording: Recording, rewritten: Rewritten) -> dict[str, tuple[tuple[bytes, bytes], ...]]:
    held = {each.name: each.entries for each in recording.maps}
    return {(m.full_name or m.name): held.get(m.full_name or m.name, ()) for m in rewritten.program.maps}


def _signed(value: int) -> int:
    low = value & 0xFFFFFFFF
    return low - (1 << 32) if low >> 31 else low
