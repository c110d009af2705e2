"""A recorded event of a real kernel as an Execution: the steps of the program, for the views that a run has.

Where the kernel's machine code is the JIT's own (addresses aside), each BPF instruction is a step. Where it is another
kernel's, the kernel's jited line information tells where the code of each C line begins, and each visit of a line is a
step.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from vm.btf.types import Btf
from vm.errors import InputError
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.kernel.btf import kernel_btf
from vm.recorded.values import SNAPSHOT, RecordedCode, RecordedEvent, Recording, fingerprint
from vm.runner.context import prog_type_name
from vm.runner.execution import Execution, MemoryWrite, RunEvent
from vm.runner.follow import KERNEL_PACKETS, MAX_FOLLOWED, known_states
from vm.runner.place_names import ProgramTypes, RecordedNames
from vm.runner.points import EPILOGUE, Point, load
from vm.runner.recording import BPF_REGS, RBP, Steps
from vm.runner.recording import Recording as RawSteps
from vm.runner.replay_calls import calls
from vm.runner.replay_memory import Memory, by_line
from vm.runner.replay_objects import objects, reached
from vm.runner.replay_structs import HeldStruct, Structs
from vm.runner.results import result_text
from vm.runner.tail_calls import Companion, joined

if TYPE_CHECKING:
    from vm.jit.image import Image
    from vm.rewritten import Rewritten
    from vm.runner.follow import Known
    from vm.trace.follow import WalkPaths

EXACT: Final = "instruction"
BY_LINE: Final = "line"
_REGS: Final = Struct("<16Q")
_NAMED, _NAME = 8, 64  # programs that are named where another one was recorded, and characters of each name
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


def counts(recording: Recording) -> list[int]:
    """How many events each program of a recording has, in the order of its codes."""
    return [sum(1 for _ in _starts(recording, number)) for number in range(len(recording.codes))]


class Event(NamedTuple):
    """An event of a program as a run.

    known   -- what the verifier knew after each step; empty without its walk, or by line
    structs -- what its memory held, by struct
    """

    run: Execution
    known: list[Known | None]
    structs: list[HeldStruct]


class Replay:
    """The events of a program as runs, each made when it is read."""

    def __init__(
        self, recording: Recording, rewritten: Rewritten, image: Image | None, steps: int,
        paths: WalkPaths | None = None, others: Sequence[Companion] = (),
    ) -> None:  # fmt: skip
        """steps -- at most so many in all; paths -- of the verifier's walk; others -- what tail calls may enter

        InputError if the recording has no event of this program, or was made of other instructions.
        """
        name = rewritten.program.name
        number = next((n for n, code in enumerate(recording.codes) if code.name == name), -1)
        starts = list(_starts(recording, number))
        events = [recording.events[i] for i in starts]
        if not events:
            there = list(dict.fromkeys(recording.codes[event.program].name for event in recording.events))
            if not there:
                raise InputError("The recording holds no event.")
            more = f" and {len(there) - _NAMED} more" if len(there) > _NAMED else ""
            told = ", ".join(each[:_NAME] for each in there[:_NAMED])
            raise InputError(f"The recording has no event of {name}; it has events of: {told}{more}.")
        code = recording.codes[number]
        self.matched = match(code, rewritten, image)._replace(events=tuple(events))
        kernel = Btf(recording.types) if recording.types else None
        shared = _Shared(recording, code, self.matched, rewritten, image, kernel)
        self.entered: list[Companion] = []
        """The programs that have steps besides the one that was entered first, by their numbers from 1."""
        self._paths = [paths if shared.exact else None]
        reached = {number: (0, shared)}
        for n, code in enumerate(recording.codes):
            other = next((each for each in others if each.rewritten.program.name == code.name), None)
            if other is None or n == number:
                continue
            with contextlib.suppress(InputError):  # another version of that program: the event ends at the tail call
                found = match(code, other.rewritten, other.image)
                reached[n] = (len(reached), _Shared(recording, code, found, other.rewritten, other.image, kernel))
                self.entered.append(other)
                self._paths.append(other.paths if reached[n][1].exact else None)
        self._events: list[list[_Event]] = []
        self._followed: list[int] = []  # steps of the events before each
        most = steps
        for i in starts:
            self._followed.append(most - steps)
            self._events.append(parts := [])
            frames = _Frames()
            for event, after in _chain(recording.events, i, reached):
                program, facts = reached[event.program]
                parts.append(_Event(facts, event, steps, program, after, frames))
                steps -= len(parts[-1].steps)
                if after is not None:
                    frames = frames.behind(parts[-1])

    @property
    def steps(self) -> int:
        """Of all events."""
        return sum(len(part.steps) for parts in self._events for part in parts)

    def outlines(self) -> list[Execution]:
        """The events without what takes time to find out: calls, memory, names."""
        return [_outline(parts) for parts in self._events]

    def event(self, number: int) -> Event:
        """An event by its number from 0.

        Where the recording holds something about it that cannot be true, it is told as in outlines(), and
        `run.lacking` says why: the other events, and its own steps, are not lost for that.
        """
        parts = self._events[number]
        try:
            return self._told(parts, max(0, MAX_FOLLOWED - self._followed[number]))
        except InputError as error:
            for each in parts:
                each.steps.add({}, {})  # what was found out of some of its parts
            return Event(replace(_outline(parts), lacking=error.message), [], [])

    def _told(self, parts: Sequence[_Event], followed: int) -> Event:
        """All that is known of an event. followed -- steps of it that may be followed in the walks"""
        known: list[Known | None] = []
        if any(self._paths[each.program] is not None for each in parts):
            outline = _outline(parts)
            if len(parts) > 1:  # each step is looked at several times, and is made of two
                outline = replace(outline, steps=list(outline.steps))
            known = list(known_states(self._paths, outline, followed, KERNEL_PACKETS))
        start = 0
        for each in parts:
            paths, end = self._paths[each.program], start + len(each.steps)
            if paths is not None:
                each.name_objects(known[start:end], paths)
            start = end
        run = joined([(each.program, each.execution()) for each in parts])
        return Event(run, known if any(known) else [], list(_held(parts)))

    def events(self) -> Iterator[Event]:
        """The events, in order."""
        return map(self.event, range(len(self._events)))


def _outline(parts: Sequence[_Event]) -> Execution:
    return joined([(each.program, each.outline()) for each in parts])


class _Shared:
    """What all events of a program have in common."""

    def __init__(
        self, recording: Recording, code: RecordedCode, matched: Matched, rewritten: Rewritten, image: Image | None,
        kernel: Btf | None,
    ) -> None:  # fmt: skip
        self.recording, self.code, self.matched, self.rewritten, self.kernel = (
            recording, code, matched, rewritten, kernel,
        )  # fmt: skip
        self.exact = matched.how == EXACT
        self.image = image if self.exact else None
        self.starts = frozenset(accumulate((place.length for place in code.functions), initial=0))
        self.where = {point.x86_off: i for i, point in enumerate(matched.points)}
        self.types = ProgramTypes.of(rewritten.program, kernel)
        self.maps = _maps(recording, rewritten)
        self.structs = Structs(rewritten.program, kernel)


class _Event:
    """One event as steps."""

    def __init__(
        self, shared: _Shared, event: RecordedEvent, most: int, program: int, after: RecordedEvent | None,
        frames: _Frames,
    ) -> None:  # fmt: skip
        """program -- its number; after -- what it continues in; frames -- those of the stack that it begins on"""
        self.shared, self.event, self.program, self.after = shared, event, program, after
        self.code, self.rewritten, self.kernel, self.exact = (
            shared.code, shared.rewritten, shared.kernel, shared.exact,
        )  # fmt: skip
        self.raw, self.states = _passed(event, shared)
        if after is not None:
            self.raw.snapshots[-SNAPSHOT:] = after.registers[:SNAPSHOT]
        self.names = RecordedNames(shared.code, event, shared.rewritten, shared.image, shared.types)
        self.frames = frames
        self.steps = Steps(
            self.raw, {}, self.names, self.names.stack, max(0, most), self.names.field_of,
            callers=frames.callers, ends=frames.bases[-1],
        )  # fmt: skip

    def outline(self) -> Execution:
        """The steps, without calls and memory."""
        return self._told(())

    def name_objects(self, known: Sequence[Known | None], paths: WalkPaths) -> None:
        """Give names to the objects that the verifier knew, by its states after the steps."""
        for each in objects(self.steps, known, paths.trace, self.kernel):
            self.names.add_object(each)

    def execution(self) -> Execution:
        """The steps, with calls and memory."""
        said = list(calls(self.raw, self.rewritten, self.names)) if self.exact else []
        left = self._tail_calls()
        said = [each for each in said if not left or each.step != left[-1].step] + left
        said.sort(key=lambda each: each.step)
        first: dict[int, int] = {}
        for i, each in enumerate(said):
            first.setdefault(each.step, i)
        if self.exact:
            memory = Memory(self.event, self.raw, self.steps, self.rewritten, self.names).by_insn()
        else:
            memory = self._by_line()
        self.steps.add(first, memory)
        return self._told(said)

    def _by_line(self) -> Mapping[int, tuple[MemoryWrite, ...]]:
        """What the steps read and wrote, after the objects that they reached have got their names."""
        memory = by_line(self.code, self.event, self.states, self.steps)
        named = False
        for each in reached(memory, self.names.arguments(), self.kernel or kernel_btf()):
            self.names.add_object(each)
            named = True
        return by_line(self.code, self.event, self.states, self.steps) if named else memory

    @property
    def returns(self) -> bool:
        """Whether the next event is the rest of a program whose subprogram's tail call entered this one."""
        after = self.after
        return after is not None and _begins_behind(_second(self.shared.recording.codes[after.program]), after)

    @property
    def whole(self) -> bool:
        """Whether the last step is the program's return."""
        return not self.event.cut and self.raw.count() == len(self.steps)

    def _tail_calls(self) -> list[RunEvent]:
        found = [RunEvent(step, "tail_call", "to itself") for step, _ in self.raw.tail_calls()]
        codes = self.shared.recording.codes
        if self.returns:
            return found
        if self.event.continues and self.steps and self.raw.count() == len(self.steps):
            name = codes[self.after.program].name if self.after is not None else "another program"
            found.append(RunEvent(len(self.steps) - 1, "tail_call", f"to {name}, which replaces this frame"))
        return found

    def _told(self, said: Sequence[RunEvent]) -> Execution:
        event, regs = self.event, self.raw.snapshots[-SNAPSHOT:]
        r0 = _REGS.unpack(regs)[0] if regs and not event.cut else 0
        program = self.rewritten.program
        kind = prog_type_name(program.prog_type)
        task = f"{event.comm} ({event.pid})" if event.comm else "an unknown task"
        return Execution(
            engine=f"Linux {self.shared.recording.release}",
            r0=r0,
            result=f"{result_text(kind, r0, program.expected_attach_type)}, in {task}",
            packet_out=None,
            maps=self.shared.maps,
            events=tuple(said or self._tail_calls()),
            insns=len(self.steps),
            steps=self.steps,
            steps_cut=bool(event.cut) or self.raw.count() > len(self.steps),
            fault=None,
            regions=self.names.regions(),
        )


def _starts(recording: Recording, number: int) -> Iterator[int]:
    """Indices of a program's events, without those that continue one of its own, or are the rest of one."""
    events = recording.events
    second = _second(recording.codes[number]) if number >= 0 else -1
    first = -1  # program of the first event of what is continued
    for i, event in enumerate(events):
        if i == 0 or not events[i - 1].continues:
            first = event.program
        elif event.program == number and (number == first or _begins_behind(second, event)):
            continue
        if event.program == number:
            yield i


def _second(code: RecordedCode) -> int:
    """Offset of the second instruction's code, -1 if it is not known.

    The first one's begins with the prologue, behind which a tail call enters.
    """
    return min((offset for offset, slot in code.lines if slot > 0), default=-1)


def _begins_behind(second: int, event: RecordedEvent) -> bool:
    """Whether an event begins in the middle of its program: what its subprogram's tail call entered returned to it."""
    return second >= 0 and bool(event.offsets) and event.offsets[0] >= second


def _chain(
    events: Sequence[RecordedEvent], i: int, reached: Mapping[int, object]
) -> Iterator[tuple[RecordedEvent, RecordedEvent | None]]:
    """An event and those that continue it, each with the one that follows, as far as their programs are reached."""
    while True:
        event = events[i]
        after = events[i + 1] if event.continues and i + 1 < len(events) else None
        if after is None or not after.registers:
            yield event, None
            return
        yield event, after
        if after.program not in reached:
            return
        i += 1


class _Frames(NamedTuple):
    """The stack on which a part of an event begins.

    callers -- frame pointers of the frames below that of its first step
    bases   -- numbers of the frames that programs began in: of those whose subprograms made a tail call, and its own
    """

    callers: tuple[int, ...] = ()
    bases: tuple[int, ...] = (0,)

    def behind(self, part: _Event) -> _Frames:
        """The same behind a part. A tail call replaces the frame that it is made in, be it a subprogram's."""
        if part.returns:
            callers = self.callers[:-1]
            return _Frames(callers, tuple(each for each in self.bases[:-1] if each <= len(callers)) or (0,))
        callers = part.steps.callers()
        within = len(callers) > self.bases[-1]
        return _Frames(callers, (*self.bases, len(callers)) if within else self.bases)


def _held(parts: Sequence[_Event]) -> Iterator[HeldStruct]:
    """The structs of an event's parts, by steps of the event: one that several parts used is one."""
    found: dict[tuple[str, int], HeldStruct] = {}
    start = 0
    for n, part in enumerate(parts):
        for each in part.shared.structs.of(part.event, part.steps, part.names, part.whole and n == len(parts) - 1):
            moved = tuple(held._replace(step=max(held.step, 0) + start) for held in each.held) if n else each.held
            before = found.get((each.name, each.address))
            name, steps = each.name, each.steps + start
            if before is not None and before.rows == each.rows:
                found[name, each.address] = before._replace(held=before.held + moved, steps=steps)
                continue
            if before is not None:
                name = f"{name} in {part.rewritten.program.name}"
            found[name, each.address] = each._replace(name=name, held=moved, steps=steps)
        start += len(part.steps)
    yield from found.values()


def _passed(event: RecordedEvent, shared: _Shared) -> tuple[RawSteps, list[int]]:
    """The states at points, as the machine records them, and their numbers."""
    states: list[int] = []
    matched, where, starts = shared.matched, shared.where, shared.starts
    raw = RawSteps(matched.points)
    last = 0
    for k, offset in enumerate(event.offsets):
        i = where.get(offset)
        if i is None:
            continue
        raw.ids.append(i)
        states.append(k)
        at = _framed(event, k) if matched.how == BY_LINE and offset in starts else k
        raw.snapshots += event.registers[SNAPSHOT * at : SNAPSHOT * (at + 1)]
        old = _fetched(matched.points[i].insn, event, k, where)
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


def _fetched(insn: Insn, event: RecordedEvent, k: int, points: Mapping[int, int]) -> int | None:
    """What was in memory before an atomic instruction at a state, if a register has it afterwards.

    points -- by offset; some of these instructions are loops of several machine instructions
    """
    if insn.code & 7 != o.STX or insn.code & 0xE0 != o.ATOMIC or not insn.imm & o.FETCH:
        return None
    regno = 0 if insn.imm == o.CMPXCHG else insn.src_reg
    offsets = event.offsets
    after = next((j for j in range(k + 1, len(offsets)) if offsets[j] != offsets[k] and offsets[j] in points), -1)
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
