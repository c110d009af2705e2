"""Records events of attached programs: the registers before each instruction between entry and return.

The guest runs at full speed until a program that is to be recorded is entered. From there to its return QEMU executes
one instruction at a time and logs the registers before each one in the area of modules, where BPF programs are. Memory
is read at the entry (the context) and at the return (the program's stack, and what else it touched).
"""

from __future__ import annotations

import struct
import time
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from vm.guests.conditions import condition
from vm.guests.kernel import GuestKernel
from vm.guests.machine import Machine
from vm.guests.stub import Registers, Stub
from vm.guests.wire import GuestError
from vm.program import Program
from vm.recorded.operands import Decoder
from vm.recorded.touched import touched
from vm.recorded.values import RETURNED, Bytes, RecordedCode, RecordedEvent

DEFAULT_EVENTS: Final = 3
MAX_LOOKED_AT: Final = 2000
"""Entries of a program, but for those in the guest's init, after which it is no longer stopped at."""
MAX_IN_INIT: Final = 16
"""Entries in the guest's init, while it does something for the host, after which they are no longer stopped at. Such an
entry takes about a millisecond."""
MAX_STATES: Final = 20_000
"""Of one event."""
EVENT_SECONDS: Final = 5.0
_CTX_BYTES: Final = 256
_MAX_STACK: Final = 16 << 10
_INIT: Final = 1
_RSP, _RDI = 4, 7


@dataclass(frozen=True, slots=True)
class Choice:
    """Which events are recorded.

    events -- maximum for each program
    every  -- only every n-th entry of those that meet the other conditions
    task   -- only of tasks of this name, or with this process id; "": of all, but for the guest's init
    where  -- only events whose context meets this condition; "": all
    """

    events: int = DEFAULT_EVENTS
    every: int = 1
    task: str = ""
    where: str = ""


@dataclass
class Recorder:
    """Records a guest's programs. programs -- one for each of `codes`"""

    machine: Machine
    kernel: GuestKernel
    codes: Sequence[RecordedCode]
    programs: Sequence[Program]
    choice: Choice
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
        self._seen = [0] * len(self.codes)
        self._admitted = [0] * len(self.codes)
        asked = condition(self.choice.where)
        self._asked = asked is not None
        self._checks = [
            asked.check(program, self.kernel.btf) if asked is not None else None for program in self.programs
        ]
        self._in_init = [0] * len(self.codes)
        self._spared = 0
        self._taken = [0] * len(self.codes)
        self._stub = Stub(debug, time.monotonic() + self.machine.left)
        self._tasks = _Tasks(self.kernel, self._stub)
        for address in self._entries:
            self._stub.stop_at(address)
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
        stub = self._stub
        state = stub.registers()
        number = self._entries.get(state.rip)
        if number is None or state.rip not in self._armed:
            stub.go()
            return
        comm, pid = self._tasks.current()
        if pid == _INIT:
            self._in_init[number] += 1
            self._spared += 1
        else:
            self._seen[number] += 1
        if self._wanted(number, comm, pid, state):
            self._unarm(state.rip)
            started = time.monotonic()
            event = self._record(number, comm, pid, state)
            self._taken[number] += 1
            self._events.append((event, time.monotonic() - started))
            if self._taken[number] < self.choice.events:
                self._arm(state.rip)
        else:
            if self._spared > MAX_IN_INIT:
                self._unarm(state.rip)
                self._resting.add(state.rip)
            elif self._seen[number] >= MAX_LOOKED_AT:
                self._unarm(state.rip)
            stub.step()  # QEMU continues past it in spite of a breakpoint
        stub.go()

    def _arm(self, address: int) -> None:
        self._stub.stop_at(address)
        self._armed.add(address)

    def _unarm(self, address: int) -> None:
        self._stub.pass_by(address)
        self._armed.discard(address)

    def _wanted(self, number: int, comm: str, pid: int, state: Registers) -> bool:
        task = self.choice.task
        if task not in (comm, str(pid)) if task else pid == _INIT:
            return False
        if self._asked and not self._met(number, state):
            return False
        self._admitted[number] += 1
        return self._admitted[number] % max(1, self.choice.every) == 0

    def _met(self, number: int, state: Registers) -> bool:
        """Whether the context meets the condition."""
        check = self._checks[number]
        if check is None:
            return False
        field, start = check.field, state.regs[_RDI]
        if check.packet is not None:
            start = int.from_bytes(self._stub.read(start + check.packet, 8), "little")
        return check.holds(self._stub.read(start + field.offset, field.size))

    def _return_address(self, state: Registers) -> int:
        data = self._stub.read(state.regs[_RSP], 8)
        return int.from_bytes(data, "little") if len(data) == 8 else 0

    def _run_to(self, address: int, stack: int) -> Registers | None:
        """Runs the guest until it is at an address, its stack pointer just above `stack`; None if it never is."""
        stub, until = self._stub, time.monotonic() + EVENT_SECONDS
        stub.stop_at(address)
        try:
            while True:
                stub.go()
                if not stub.stopped(until - time.monotonic()):
                    stub.interrupt()
                    return None
                state = stub.registers()
                if state.rip == address and stack < state.regs[_RSP] <= stack + _MAX_STACK:
                    return state
                self._elsewhere(state)
        finally:
            stub.pass_by(address)

    def _elsewhere(self, state: Registers) -> None:
        """Stopped at another program's entry, during an event: that one is not recorded."""
        if state.rip in self._armed:
            self._unarm(state.rip)
            self._again.append(state.rip)

    def _record(self, number: int, comm: str, pid: int, entry: Registers) -> RecordedEvent:
        stub, code = self._stub, self.codes[number]
        back = self._return_address(entry)
        memory = [Bytes(0, entry.regs[_RDI], stub.read(entry.regs[_RDI], _CTX_BYTES))]
        stub.log_on()
        after = self._run_to(back, entry.regs[_RSP])
        states = stub.log_off()
        offsets, registers, cut, lowest = _own(code, entry, states)
        if after is None:
            cut = cut or f"the program had not returned after {EVENT_SECONDS:g} seconds"
        elif not cut:
            offsets.append(RETURNED)
            registers += struct.pack("<16Q", *after.regs)
        if after is not None and not cut:
            memory += self._at_end(number, entry, offsets, registers, lowest)
        for address in self._again:
            self._arm(address)
        self._again.clear()
        return RecordedEvent(
            number, comm, pid, offsets, bytes(registers), tuple(each for each in memory if each.data), cut
        )

    def _at_end(
        self, number: int, entry: Registers, offsets: array[int], registers: bytearray, lowest: int
    ) -> Iterator[Bytes]:
        """Memory when the program has returned: its stack, unless that was used again, and what else it touched."""
        stub, top = self._stub, entry.regs[_RSP]
        low = max(lowest - 512, top - _MAX_STACK)
        if lowest:
            yield Bytes(len(offsets), low, stub.read(low, top - low))
        program_stack = range(top - _MAX_STACK, top + 8)
        for address, size in touched(self._decoders[number], offsets, bytes(registers), program_stack):
            yield Bytes(len(offsets), address, stub.read(address, size))

    def take(self) -> list[tuple[RecordedEvent, float]]:
        """The new events, and the seconds that each took."""
        found, self._events = self._events, []
        return found

    def rest(self) -> None:
        """Records nothing until resume(): the guest's init makes system calls for the host, which run programs."""
        while self._armed:
            self._stub.interrupt()
            if self._stub.registers().rip in self._armed:
                self._at_stop()
                continue
            for address in self._armed:
                self._stub.pass_by(address)
            self._resting |= self._armed
            self._armed = set()
            self._stub.go()

    def resume(self) -> None:
        """Stop at all programs' entries again: those of rest(), and those that init entered too often."""
        self._spared = 0
        if self._resting:
            self._stub.interrupt()
            for address in self._resting:
                self._arm(address)
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
        if self._asked and self._checks[number] is None:
            return f"ran, but its context has nothing that the condition {choice.where} can be asked of"
        times = f"ran {seen} time{'' if seen == 1 else 's'} while it was watched"
        if self._admitted[number]:
            return f"{times}, and one in {choice.every} is recorded"
        if self._asked:
            return f"{times}, never with {choice.where}" + (f" in a task called {choice.task}" if choice.task else "")
        return f"{times}, never in a task called {choice.task}"


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


class _Tasks:
    """The task that runs on the guest's only processor."""

    def __init__(self, kernel: GuestKernel, stub: Stub) -> None:
        self._stub = stub
        base = kernel.address("__per_cpu_offset")
        current = kernel.address("pcpu_hot") or kernel.address("current_task")
        self._at = self._u64(base) + (current or 0) if base is not None and current is not None else 0
        try:
            self._pid = kernel.btf.offset_of("task_struct", "tgid")
            self._comm = kernel.btf.offset_of("task_struct", "comm")
        except KeyError:
            self._at = 0

    def _u64(self, address: int) -> int:
        return int.from_bytes(self._stub.read(address, 8), "little")

    def current(self) -> tuple[str, int]:
        """Its name and process id; ("", 0) where they are not known."""
        if not self._at:
            return "", 0
        task = self._u64(self._at & 0xFFFF_FFFF_FFFF_FFFF)
        comm = self._stub.read(task + self._comm, 16).split(b"\0")[0]
        return comm.decode("utf-8", "replace"), int.from_bytes(self._stub.read(task + self._pid, 4), "little")
