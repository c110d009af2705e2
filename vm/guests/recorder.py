"""Records events of attached programs: the registers before each instruction between entry and return.

The guest runs at full speed until a program that is to be recorded is entered. From there to its return QEMU logs the
registers before each instruction in the program's pages; other code, such as that of helpers, runs at full speed.
Memory is read at the entry (the context) and at the return (the program's stack, and what else it touched).
"""

from __future__ import annotations

import struct
import time
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from vm.guests.conditions import condition
from vm.guests.guards import guards
from vm.guests.kernel import GuestKernel
from vm.guests.machine import Machine
from vm.guests.map_conditions import map_check
from vm.guests.map_memory import MapMemory, map_id
from vm.guests.stub import Registers, Stub
from vm.guests.tasks import Tasks
from vm.guests.wire import GuestError
from vm.isa import opcodes as o
from vm.kernel import func_ids
from vm.program import Object, Program
from vm.recorded.operands import Decoder
from vm.recorded.touched import touched
from vm.recorded.values import RETURNED, Bytes, RecordedCode, RecordedEvent

DEFAULT_EVENTS: Final = 3
MAX_LOOKED_AT: Final = 2000
"""Entries of a program, but for those in the guest's init, after which it is no longer stopped at."""
LOOKING_SECONDS: Final = 8.0
"""So long after a program's first entry it is no longer stopped at if it was entered more than _OFTEN times. Each stop
takes 2 ms, on a busy machine 20 ms: the workload would not come to its end."""
_OFTEN: Final = 100
MAX_IN_INIT: Final = 4
"""Entries in the guest's init, while it does something for the host, after which they are no longer stopped at until it
is done: init reads and writes for each request, and each of these stops takes as long as any other."""
MAX_STATES: Final = 20_000
"""Of one event."""
EVENT_SECONDS: Final = 5.0
_CTX_BYTES: Final = 256
_MAX_STACK: Final = 16 << 10
_INIT: Final = 1
_RSP, _RDI = 4, 7
_NOTHING: Final = (bytes.fromhex("f30f1efa"), bytes.fromhex("0f1f440000"))  # endbr64; nopl 0(%rax,%rax,1)
_FIRST: Final = 5


@dataclass(frozen=True, slots=True)
class Choice:
    """Which events are recorded.

    events -- maximum for each program
    every  -- only every n-th entry of those that meet the other conditions
    task   -- only of tasks of this name, or with this process id; "": of all, but for the guest's init
    where  -- only events whose context, registers or result, or a map's value at their entry, meet this condition; "":
              all
    """

    events: int = DEFAULT_EVENTS
    every: int = 1
    task: str = ""
    where: str = ""


@dataclass
class Recorder:
    """Records a guest's programs. programs -- one for each of `codes`; obj -- where they are from, for its maps"""

    machine: Machine
    kernel: GuestKernel
    codes: Sequence[RecordedCode]
    programs: Sequence[Program]
    choice: Choice
    obj: Object | None = None
    _events: list[tuple[RecordedEvent, float]] = field(default_factory=list)
    _again: list[int] = field(default_factory=list)
    _resting: set[int] = field(default_factory=set)

    def start(self) -> None:
        """Stop at the programs' entries from now on."""
        debug = self.machine.debug
        if debug is None:
            raise GuestError("start", "The guest was restored without a debugger.")
        self._entries = {code.functions[0].address: number for number, code in enumerate(self.codes)}
        self._decoders = [Decoder(code.image) for code in self.codes]
        self._guards = [guards(code) for code in self.codes]
        self._jumps = [_tail_calls(program) for program in self.programs]
        self._seen = [0] * len(self.codes)
        self._since = [0.0] * len(self.codes)
        self._admitted = [0] * len(self.codes)
        asked = condition(self.choice.where)
        self._outcome = asked.outcome() if asked is not None else None
        self._asked = asked is not None and self._outcome is None
        self._checks = [
            asked.check(program, self.kernel.btf) if asked is not None else None for program in self.programs
        ]
        held = map_check(self.obj, asked) if asked is not None and self._asked and self.obj is not None else None
        if any(self._checks):
            held = None  # a field of the context goes before a variable of the same name
        number = map_id(self.machine, held.number) if held is not None else 0
        self._held = held
        self._in_init = [0] * len(self.codes)
        self._spared = 0
        self._taken = [0] * len(self.codes)
        self._stub = Stub(debug, time.monotonic() + self.machine.left)
        self._tasks = Tasks(self.kernel, self._stub)
        self._memory = MapMemory(self.kernel, self._stub, held.spec, number) if held is not None else None
        self._stub.stop_at(*self._entries)
        self._armed = set(self._entries)
        self._stub.go()
        self.machine.watch(debug.stub, self._stopped)

    def wait(self, seconds: float) -> None:
        """Lets the guest run for some seconds and records the programs that are entered."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self._stub.stopped(left):
                self._at_stop()

    def _stopped(self) -> None:
        if self._stub.stopped(0):
            self._at_stop()

    def _at_stop(self) -> None:
        """Handles a stop of the guest: records the event if it is wanted, then continues the guest."""
        stub, tasks = self._stub, self._tasks
        state, current = stub.stopped_at(*tasks.pointer)
        number = self._entries.get(state.rip)
        if number is None or state.rip not in self._armed:
            stub.go()
            return
        stack, ctx = (state.regs[_RSP], 8), (state.regs[_RDI], _CTX_BYTES)
        back, context, first, *task = stub.read(stack, ctx, (state.rip, _FIRST), *tasks.pieces(current))
        comm, pid = tasks.told(task)
        if pid == _INIT:
            self._in_init[number] += 1
            self._spared += 1
        else:
            self._seen[number] += 1
            self._since[number] = self._since[number] or time.monotonic()
        if self._wanted(number, comm, pid, state):
            started = time.monotonic()
            at_entry = Bytes(0, state.regs[_RDI], context)
            event, *others = self._record(number, comm, pid, state, int.from_bytes(back, "little"), at_entry)
            kept = self._outcome is None or self._outcome.holds(event) and self._admitted_now(number)
            if kept:
                self._taken[number] += 1
                self._events.append((event, time.monotonic() - started))
            for other in others if kept else ():
                self._seen[other.program] += 1
                self._taken[other.program] += 1
                self._events.append((other, 0.0))
            if self._taken[number] < self.choice.events and (kept or not self._seen_enough(number)):
                self._again.append(state.rip)
            self._arm(*self._again)
            self._again.clear()
        else:
            if self._spared > MAX_IN_INIT:
                self._unarm(state.rip)
                self._resting.add(state.rip)
            elif self._seen_enough(number):
                self._unarm(state.rip)
            self._go_past(state, first)
            return
        stub.go()

    def _go_past(self, state: Registers, first: bytes) -> None:
        """Continues at an entry that has a breakpoint. first -- the code there

        A step would be another stop, after each of which QEMU translates all code again. Programs begin with an
        instruction that does nothing, so it is left out.
        """
        length = next((len(code) for code in _NOTHING if first.startswith(code)), 0)
        if length:
            self._stub.go_from(state._replace(rip=state.rip + length))
        else:
            self._stub.step()  # past the breakpoint
            self._stub.go()

    def _seen_enough(self, number: int) -> bool:
        seen, seconds = self._seen[number], time.monotonic() - self._since[number]
        return seen >= MAX_LOOKED_AT or seen >= _OFTEN and seconds > LOOKING_SECONDS

    def _arm(self, *addresses: int) -> None:
        self._stub.stop_at(*addresses)
        self._armed |= {*addresses}

    def _unarm(self, address: int) -> None:
        self._stub.pass_by(address)
        self._armed.discard(address)

    def _wanted(self, number: int, comm: str, pid: int, state: Registers) -> bool:
        task = self.choice.task
        if task not in (comm, str(pid)) if task else pid == _INIT:
            return False
        if self._asked and not self._met(number, state):
            return False
        return self._outcome is not None or self._admitted_now(number)

    def _admitted_now(self, number: int) -> bool:
        """Counts an entry that meets the conditions; whether it is one in `every`."""
        self._admitted[number] += 1
        return self._admitted[number] % max(1, self.choice.every) == 0

    def _met(self, number: int, state: Registers) -> bool:
        """Whether the context meets the condition, or what a map holds now."""
        if self._held is not None and self._memory is not None:
            asked, address = self._held.check, self._memory.value(self._held.key)
            place = asked.field
            return bool(address) and asked.holds(self._stub.read((address + place.offset, place.size))[0])
        check = self._checks[number]
        if check is None:
            return False
        field, start = check.field, state.regs[_RDI]
        if check.packet is not None:
            start = int.from_bytes(self._stub.read((start + check.packet, 8))[0], "little")
        return check.holds(self._stub.read((start + field.offset, field.size))[0])

    def _returned(self, address: int, stack: int, guarded: Sequence[int]) -> Registers | None:
        """Waits until the guest is at an address, its stack pointer just above `stack`; None if it never is."""
        stub, until = self._stub, time.monotonic() + EVENT_SECONDS
        while True:
            if not stub.stopped(until - time.monotonic()):
                stub.interrupt()
                return None
            state, _ = stub.stopped_at()
            if state.rip == address:
                if stack < state.regs[_RSP] <= stack + _MAX_STACK:
                    return state
                stub.step()
            elif state.rip in self._armed:
                self._unarm(state.rip)  # another program's entry, during an event: that one is not recorded
                self._again.append(state.rip)
            elif state.rip in guarded:
                stub.step()
            stub.go()

    def _record(
        self, number: int, comm: str, pid: int, entry: Registers, back: int, context: Bytes
    ) -> Iterator[RecordedEvent]:
        """Records an event, whose program is about to be entered and will return to the address `back`.

        Other events follow: those of the programs that were entered by tail calls, each of which continues the one
        before.
        """
        stub = self._stub
        others = [n for n in range(len(self.codes)) if n != number] if self._jumps[number] else []
        guarded = [address for n in (number, *others) for address in self._guards[n]]
        self._armed.discard(entry.rip)
        stub.log_on(guarded, [back], [entry.rip])
        after = self._returned(back, entry.regs[_RSP], guarded)
        states = stub.log_off([back, *guarded])
        parts = _parts([self.codes[n] for n in (number, *others)], entry, states)
        for i, (n, own) in enumerate(parts):
            event = self._event((number, *others)[n], comm, pid, entry, after, own, context)
            yield replace(event, continues=i + 1 < len(parts) and not event.cut)
            if event.cut:
                return

    def _event(
        self, number: int, comm: str, pid: int, entry: Registers, after: Registers | None, states: Sequence[Registers],
        context: Bytes,
    ) -> RecordedEvent:  # fmt: skip
        """What a program did among these states; after -- None if it has not returned"""
        offsets, registers, cut, lowest = _own(self.codes[number], entry, states)
        memory = [context]
        if after is None:
            cut = cut or f"the program had not returned after {EVENT_SECONDS:g} seconds"
        elif not cut:
            offsets.append(RETURNED)
            registers += struct.pack("<16Q", *after.regs)
            memory += self._at_end(number, entry, offsets, registers, lowest)
        return RecordedEvent(
            number, comm, pid, offsets, bytes(registers), tuple(each for each in memory if each.data), cut
        )

    def _at_end(
        self, number: int, entry: Registers, offsets: array[int], registers: bytearray, lowest: int
    ) -> Iterator[Bytes]:
        """Memory when the program has returned: its stack, unless that was used again, and what else it touched."""
        top = entry.regs[_RSP]
        low = max(lowest - 512, top - _MAX_STACK)
        pieces = [(low, top - low)] if lowest else []
        program_stack = range(top - _MAX_STACK, top + 8)
        pieces += touched(self._decoders[number], offsets, bytes(registers), program_stack)
        for (address, _), data in zip(pieces, self._stub.read(*pieces), strict=True):
            yield Bytes(len(offsets), address, data)

    def take(self) -> list[tuple[RecordedEvent, float]]:
        """The new events, and the seconds that each took."""
        found, self._events = self._events, []
        return found

    def rest(self) -> None:
        """Records nothing until resume(): the guest's init makes system calls for the host, which run programs."""
        while self._armed:
            self._stub.interrupt()
            if self._stub.stopped_at()[0].rip in self._armed:
                self._at_stop()
                continue
            self._stub.pass_by(*self._armed)
            self._resting |= self._armed
            self._armed = set()
            self._stub.go()

    def resume(self) -> None:
        """Stop at all programs' entries again: those of rest(), and those that init entered too often."""
        self._spared = 0
        if self._resting:
            self._stub.interrupt()
            self._arm(*self._resting)
            self._resting = set()
            self._stub.go()

    def missed(self) -> Iterator[str]:
        """The programs without a recorded event, and why."""
        for number, code in enumerate(self.codes):
            if not self._taken[number]:
                yield f"{code.name} {self._why_none(number)}."

    def _why_none(self, number: int) -> str:
        seen, choice = self._seen[number], self.choice
        if not seen and not self._in_init[number]:
            return "did not run"
        if not seen:
            return "ran only in the init of the virtual machine, which is not recorded"
        if self._asked and self._held is None and self._checks[number] is None:
            return f"ran, but its context has nothing that the condition {choice.where} can be asked of"
        times = f"ran {seen} time{'' if seen == 1 else 's'} while it was watched"
        if self._admitted[number]:
            return f"{times}, and one in {choice.every} is recorded"
        if self._asked or self._outcome is not None:
            return f"{times}, never with {choice.where}" + (f" in a task called {choice.task}" if choice.task else "")
        return f"{times}, never in a task called {choice.task}"


def _tail_calls(program: Program) -> bool:
    """Whether it has tail calls."""
    calls = (insn for insn in program.insns if insn.code == o.JMP | o.CALL and not insn.src_reg)
    return any(insn.imm == func_ids.TAIL_CALL for insn in calls)


def _parts(
    codes: Sequence[RecordedCode], entry: Registers, states: Sequence[Registers]
) -> list[tuple[int, list[Registers]]]:
    """The states of the program that was entered, and of those that tail calls entered, in order: number in `codes`,
    states.

    A tail call jumps behind the target's prologue. A program that is entered at its beginning in the meantime is run by
    a helper or an interrupt, and is no part of this event. A program that calls itself goes on in its own part.
    """
    parts: list[tuple[int, list[Registers]]] = [(0, [])]
    top, inside = entry.regs[_RSP], 0  # stack pointer at an entry that is not over
    for state in states:
        stack = state.regs[_RSP]
        if not top - _MAX_STACK <= stack <= top:
            continue
        if inside and stack > inside:
            inside = 0
        number = next((n for n, code in enumerate(codes) if code.offset(state.rip) is not None), None)
        if number is None:
            continue
        if state.rip == codes[number].functions[0].address and parts[-1][1] and stack < top:
            inside = inside or stack
        if not inside and number != parts[-1][0]:
            parts.append((number, []))
        parts[-1][1].append(state)
    return parts


def _own(code: RecordedCode, entry: Registers, states: Sequence[Registers]) -> tuple[array[int], bytearray, str, int]:
    """The states inside the program: offsets, registers, why there are no more of them, and the lowest stack pointer.

    What else runs in the meantime is left out: other programs that a helper or an interrupt runs, on this stack or on
    another one, and this one, should an interrupt enter it again. An instruction before which the processor was
    interrupted is logged again when the interrupt handler has returned: the second state is left out too. Where that
    was the return, the handler has used the program's stack, and the lowest stack pointer is 0.
    """
    last: Registers | None = None
    offsets, registers = array("i"), bytearray()
    lowest = top = entry.regs[_RSP]
    start = code.functions[0].address
    again = 0  # stack pointer at a second entry that is not over
    used = False
    for state in states:
        offset, stack = code.offset(state.rip), state.regs[_RSP]
        if offset is None or not top - _MAX_STACK <= stack <= top:
            continue
        if again and stack > again:
            again = 0
        if state.rip == start and len(offsets) and stack < top:
            again = again or stack
        if again:
            continue
        if state == last:
            used = stack == top
            continue
        used = False
        last = state
        if len(offsets) >= MAX_STATES:
            return offsets, registers, f"only its first {MAX_STATES:,} machine instructions are recorded", lowest
        offsets.append(offset)
        registers += struct.pack("<16Q", *state.regs)
        lowest = min(lowest, stack)
    return offsets, registers, "", 0 if used else lowest
