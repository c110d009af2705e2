"""Runs a whole object in a guest: attaches its programs, runs a workload, and returns their output."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from vm.errors import InputError
from vm.guests import linux as l
from vm.guests.attaching import Attacher, NotAttached
from vm.guests.buffers import PerfBuffer, RingBuffer
from vm.guests.entries import Before, put_entries
from vm.guests.events import Attached, Codes, Content, Ended, Event, Noted, Printed, Record, Recorded, Shell
from vm.guests.hooks import attach, prepare
from vm.guests.jited import jited
from vm.guests.kernel import GuestKernel
from vm.guests.loading import Answer, Load
from vm.guests.machine import Machine
from vm.guests.network import make_pair
from vm.guests.options import lacking
from vm.guests.recorder import Choice, Recorder
from vm.guests.single_runs import Packets, single_runs
from vm.guests.slots import map_slot
from vm.guests.traffic import NETWORK
from vm.guests.wire import SPAWN, GuestError, Kind, Read, Request, Slot
from vm.kernel import types as t
from vm.program import MapSpec, Object, Program
from vm.recorded.values import RecordedCode

# What a workload does, as lines of busybox's shell.
WORKLOADS: Final = {
    "shell": "for i in 1 2 3 4 5; do /bin/busybox true; /bin/busybox ls / >/dev/null; done",
    "files": "for i in 1 2 3 4 5; do echo $i >/tmp/f$i; /bin/busybox wc /tmp/f$i >/dev/null; rm /tmp/f$i; done",
    "network": NETWORK,
    "scheduler": (
        "for i in 1 2 3 4 5 6; do (for j in 1 2 3 4 5; do /bin/busybox usleep 5000; /bin/busybox true; done) & done; "
        "for i in 1 2; do (i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done) & done; wait"
    ),
}
# What needs no network: it takes longer to make than everything else before the first record.
_WITHOUT_NETWORK: Final = frozenset(WORKLOADS[name] for name in ("shell", "files", "scheduler"))
_TRACING: Final = frozenset(
    {
        t.BPF_PROG_TYPE_KPROBE, t.BPF_PROG_TYPE_TRACEPOINT, t.BPF_PROG_TYPE_RAW_TRACEPOINT,
        t.BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE, t.BPF_PROG_TYPE_TRACING, t.BPF_PROG_TYPE_PERF_EVENT,
        t.BPF_PROG_TYPE_LSM, t.BPF_PROG_TYPE_SYSCALL,
    }
)  # fmt: skip
MAX_PRINTED: Final = 1 << 20  # bytes of text that are told, of trace_pipe and of the workload
ENDING_PRINTED: Final = 16 << 20
"""Bytes of text that end a run: of trace_pipe, or of the workload."""
ENDING_CONSOLE: Final = 128 << 10
"""The same of the guest's console, a slow serial port, of which nothing is told."""
MAX_RECORDS: Final = 20_000
MAX_ENTRIES: Final = 256  # of a map
MAX_SHELL: Final = 1000  # characters of a line of shell
_PIPE_PIECE: Final = 1 << 16
_PAUSE: Final = 0.02
_RECORDING_PAUSE: Final = 0.25  # requests of the host are executed by the guest's init, which also triggers programs
_LONGEST_PAUSE: Final = 2.0
RECORDING_SPARE: Final = 10.0
"""Seconds added to the limit of the workload while it is recorded, because it is slower."""
_LAST: Final = 12.0
"""Seconds after its limit within which a workload has to let the guest answer: it may be busy inside the kernel."""
_SETTLE: Final = 0.1  # seconds after the workload in which late records are read
_MAPS_EVERY: Final = 0.5  # seconds between two reads of the maps while the workload runs
_TRACE: Final = Slot(3900)
_CHILD: Final = Slot(3901)
_NULL: Final = Slot(3902)
_SHELL: Final = Slot(3903)
_OUTPUT: Final = Slot(3904)
_KEYED: Final = frozenset(
    {
        t.BPF_MAP_TYPE_HASH, t.BPF_MAP_TYPE_ARRAY, t.BPF_MAP_TYPE_LRU_HASH, t.BPF_MAP_TYPE_PERCPU_HASH,
        t.BPF_MAP_TYPE_PERCPU_ARRAY, t.BPF_MAP_TYPE_LRU_PERCPU_HASH, t.BPF_MAP_TYPE_LPM_TRIE,
    }
)  # fmt: skip
_PER_CPU: Final = frozenset({t.BPF_MAP_TYPE_PERCPU_HASH, t.BPF_MAP_TYPE_PERCPU_ARRAY, t.BPF_MAP_TYPE_LRU_PERCPU_HASH})


@dataclass
class _Text:
    """Received text. size -- bytes received, of which MAX_PRINTED are kept; rest -- an incomplete line"""

    size: int = 0
    rest: bytes = b""

    def lines(self, data: bytes) -> list[str]:
        """The lines that received data completes."""
        told = self.size <= MAX_PRINTED
        self.size += len(data)
        if not told:
            return []
        *lines, self.rest = (self.rest + data).split(b"\n")
        return [line.decode("utf-8", "replace") for line in lines]


@dataclass
class _Run:
    machine: Machine
    buffers: list[RingBuffer | PerfBuffer] = field(default_factory=list)
    printk: _Text = field(default_factory=lambda: _Text())
    shell: _Text = field(default_factory=lambda: _Text())
    records: int = 0
    lost: int = 0
    status: int | None = None
    # Producer positions at the end of the workload, once it has ended.
    goal: tuple[int, ...] | None = None
    drained: bool = False

    def poll(self) -> list[Event]:
        """The output since the last call."""
        request = Request()
        room, status = request.room(_PIPE_PIECE), request.place(bytes(8))
        request.call(l.READ, _TRACE, room, _PIPE_PIECE, reads=(Read(room, _PIPE_PIECE, Kind.RETURNED),))
        waited = request.call(l.WAIT4, _CHILD, status, 1, 0, reads=(Read(status, 4),))
        room = request.room(_PIPE_PIECE)
        shell = request.call(l.READ, _SHELL, room, _PIPE_PIECE, reads=(Read(room, _PIPE_PIECE, Kind.RETURNED),))
        asked = [(buffer, buffer.ask(request)) for buffer in self.buffers]
        results = self.machine.run(request)
        out: list[Event] = [Printed(text) for text in self.printk.lines(results[0].data[0])]
        out += [Shell(text) for text in self.shell.lines(results[shell].data[0])]
        for buffer, number in asked:
            found, lost = buffer.take(self.machine, results[number].data[0])
            self.lost += lost
            for data in found:
                self.records += 1
                if self.records <= MAX_RECORDS:
                    out.append(Record(buffer.name, data))
        if results[waited].value > 0:
            self.status = struct.unpack("<i", results[waited].data[0])[0] >> 8
        if self.goal is None and results[waited].value != 0:
            self.goal = tuple(int.from_bytes(results[number].data[0], "little") for _, number in asked)
        self.drained = max(len(results[0].data[0]), len(results[shell].data[0])) < _PIPE_PIECE // 2
        return out

    @property
    def over(self) -> bool:
        """Whether the workload has ended and all output up to then was read.

        Programs on functions that the guest's init calls produce output endlessly, so later output is not waited for.
        """
        if self.goal is None or not self.drained:
            return False
        return all(buffer.at >= place for buffer, place in zip(self.buffers, self.goal, strict=True))

    @property
    def stopped(self) -> str:
        """Why the run has to be ended now, a sentence; "": it has not."""
        if max(self.printk.size, self.shell.size) > ENDING_PRINTED:
            return f"More than {ENDING_PRINTED >> 20} MiB of text were printed, so the run was ended."
        if self.machine.heard > ENDING_CONSOLE:
            return f"More than {ENDING_CONSOLE >> 10} KiB of text went to the guest's console, so the run was ended."
        return ""

    @property
    def left_out(self) -> tuple[int, int]:
        """Number of records and bytes of text that were left out."""
        return max(0, self.records - MAX_RECORDS), sum(
            max(0, each.size - MAX_PRINTED) for each in (self.printk, self.shell)
        )


def run(
    machine: Machine,
    kernel: GuestKernel,
    obj: Object,
    shell: str,
    seconds: float,
    packets: Packets | None = None,
    choice: Choice | None = None,
    before: Before | None = None,
) -> Iterator[list[Event]]:
    """Attaches all programs that libbpf loads by default, runs a line of shell, and yields output as it arrives.

    seconds -- how long the workload may run
    packets -- a program and the packets for it, run first by BPF_PROG_TEST_RUN with separate maps
    choice  -- which events are recorded; the machine was restored for debugging
    before  -- entries that are written to maps, and devices that programs are attached to
    InputError if there is no program or an entry is refused; GuestError if the guest is lost.
    """
    programs = [program for program in obj.programs if program.autoload]
    if not programs:
        raise InputError("There is no program to attach.")
    if packets is not None:
        for received in single_runs(machine, kernel, obj, packets, before):
            yield [received]
    one = _Run(machine)
    attacher = Attacher(machine, kernel, tuple(obj.maps), devices=before.devices if before is not None else {})
    loaded = _loaded(one, attacher, obj, programs, shell, before)
    attached = 0
    codes: list[RecordedCode] = []
    watched: list[Program] = []
    for program, (slot, said) in zip(programs, loaded, strict=True):
        why = "" if said.verdict == "accept" else _refused(kernel, program, said)
        if not why:
            try:
                if choice is not None:
                    codes.append(jited(machine, program, slot))
                    watched.append(program)
                attach(attacher, program, slot)
            except NotAttached as error:
                why = str(error)
        attached += not why
        yield [Attached(program.name, not why, why, "" if why else attacher.where.get(program.name, ""))]
    if not attached:
        yield [Ended(0, None)]
        return
    for name, slot in attacher.iterators.items():
        yield list(_iterated(machine, name, slot))
    maps = _Maps(machine, obj)
    if choice is None:
        _start(machine, shell)
        yield from _watched(one, maps, seconds)
    else:
        recorder = Recorder(machine, kernel, codes, watched, choice, obj)
        yield [Codes(tuple(codes))]
        recorder.start()
        _start(machine, shell)
        yield from _recorded(one, recorder, seconds)
    yield maps.changed()
    yield [Ended(one.lost, one.status, one.left_out, one.stopped)]


def _loaded(
    one: _Run, attacher: Attacher, obj: Object, programs: list[Program], shell: str, before: Before | None
) -> list[tuple[Slot, Answer]]:
    """Loads the programs and prepares what they are attached to: of each its slot and what the kernel said."""
    machine = one.machine
    load = Load(machine, attacher.kernel, obj, programs[0])
    if shell not in _WITHOUT_NETWORK or any(each.prog_type not in _TRACING for each in programs):
        attacher.pair = make_pair(machine)
    _open_streams(machine)
    loaded = load.together(programs)
    if load.mapped:
        _open_buffers(one, obj, attacher)
        if before is not None:
            put_entries(machine, obj, before)
    attacher.loaded |= {
        program.name: slot for program, (slot, said) in zip(programs, loaded, strict=True) if said.verdict == "accept"
    }
    prepare(attacher, programs)
    return loaded


class _End:
    """When a run ends: after a number of seconds, or when its workload has ended and late records were read."""

    def __init__(self, one: _Run, seconds: float) -> None:
        self._one = one
        self._until = time.monotonic() + seconds
        self._settled = 0.0

    @property
    def late(self) -> bool:
        return time.monotonic() >= self._until

    @property
    def reached(self) -> bool:
        """To be asked after each poll."""
        now = time.monotonic()
        if not self._settled and self._one.goal is not None:
            self._settled = now
        return bool(self._one.stopped) or (self._one.over and now > self._settled + _SETTLE)


def _watched(one: _Run, maps: _Maps, seconds: float) -> Iterator[list[Event]]:
    """The output of a workload that runs at full speed, and from time to time the maps that changed."""
    end, looked = _End(one, seconds), time.monotonic()
    one.machine.limit(min(one.machine.left, seconds + _LAST))
    while not end.late:
        yield one.poll()
        if end.reached:
            break
        if time.monotonic() > looked + _MAPS_EVERY:
            yield maps.changed()
            looked = time.monotonic()
        time.sleep(_PAUSE)


def _recorded(one: _Run, recorder: Recorder, seconds: float) -> Iterator[list[Event]]:
    """The output of a workload that is recorded, and what was recorded."""
    recorder.resume()
    recorder.wait(_RECORDING_PAUSE)
    end = _End(one, seconds + RECORDING_SPARE)
    while not end.late:
        asked = time.monotonic()
        yield one.poll()
        recorder.resume()
        # Programs that run in init are not recorded while it answers: that has to be the smaller part of the time.
        rest = min(_LONGEST_PAUSE, max(_RECORDING_PAUSE, 3 * (time.monotonic() - asked)))
        yield _taken(recorder)
        if end.reached:
            break
        recorder.wait(rest)
        yield _taken(recorder)
    recorder.rest()
    yield [*_taken(recorder), *(Noted(text) for text in recorder.missed())]


def _taken(recorder: Recorder) -> list[Event]:
    return [Recorded(*each) for each in recorder.take()]


class _Maps:
    """The maps of an object; finds those that changed."""

    def __init__(self, machine: Machine, obj: Object) -> None:
        self._machine = machine
        self._told: dict[int, Content] = {}
        self._specs = [
            (number, spec) for number, spec in enumerate(obj.maps)
            if spec.map_type in _KEYED and not spec.full_name.startswith((".rodata", ".kconfig"))
        ]  # fmt: skip

    def changed(self) -> list[Event]:
        """The contents of the maps that changed since the last call."""
        out: list[Event] = []
        for number, spec in self._specs:
            found = _content(self._machine, spec, map_slot(number))
            if self._told.get(number) != found:
                self._told[number] = found
                out.append(found)
        return out


def _refused(kernel: GuestKernel, program: Program, said: Answer) -> str:
    """Why a program was not loaded."""
    if said.verdict == "error":
        return lacking(kernel, program.prog_type) or said.why
    return said.why or _last(said.log)


# What the kernel's log ends with after the reason, also where a program is rejected (print_verification_stats()).
_STATISTICS: Final = ("processed ", "stack depth ", "verification time ")


def _last(log: bytes) -> str:
    lines = [line for line in log.decode("utf-8", "replace").splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith(_STATISTICS)]
    return f"the verifier rejected it: {lines[-1]}" if lines else "the kernel refused it"


def _open_streams(machine: Machine) -> None:
    request = Request()
    request.call(l.OPEN, request.text("/sys/kernel/tracing/trace_pipe"), l.O_NONBLOCK, keep=_TRACE.number)
    request.call(l.OPEN, request.text("/dev/null"), l.O_RDWR, keep=_NULL.number)
    fifo = request.text("/output")
    request.call(l.MKNOD, fifo, 0o010600, 0)
    request.call(l.OPEN, fifo, l.O_RDWR | l.O_NONBLOCK, keep=_SHELL.number)
    request.call(l.OPEN, fifo, l.O_WRONLY, keep=_OUTPUT.number)
    request.call(l.CLOCK_SETTIME, 0, request.place(struct.pack("<QQ", int(time.time()), 0)))
    machine.run(request)


def _open_buffers(one: _Run, obj: Object, attacher: Attacher) -> None:
    for number, spec in enumerate(obj.maps):
        slot = map_slot(number)
        if spec.map_type == t.BPF_MAP_TYPE_RINGBUF:
            one.buffers.append(RingBuffer.open(one.machine, spec.full_name, slot, spec.max_entries))
        elif spec.map_type == t.BPF_MAP_TYPE_PERF_EVENT_ARRAY:
            one.buffers.append(PerfBuffer.open(one.machine, spec.full_name, slot, attacher.slot()))


def _iterated(machine: Machine, name: str, slot: Slot) -> Iterator[Record]:
    for _ in range(16):
        request = Request()
        room = request.room(_PIPE_PIECE)
        request.call(l.READ, slot, room, _PIPE_PIECE, reads=(Read(room, _PIPE_PIECE, Kind.RETURNED),))
        data = machine.run(request)[0].data[0]
        if not data:
            return
        yield Record(name, data)


def _start(machine: Machine, shell: str) -> None:
    request = Request()
    words = [request.text(word) for word in ("/bin/sh", "-c", shell)]
    argv = request.place(struct.pack("<4Q", *words, 0))
    envp = request.place(struct.pack("<2Q", request.text("PATH=/bin"), 0))
    request.call(SPAWN, words[0], argv, envp, _NULL, _OUTPUT, _OUTPUT, keep=_CHILD.number)
    if machine.run(request)[0].failed:
        raise GuestError("protocol", "The workload could not be started.")


def _content(machine: Machine, spec: MapSpec, slot: Slot) -> Content:
    """The entries of a map in the kernel's order, at most MAX_ENTRIES."""
    size = -(-spec.value_size // 8) * 8 if spec.map_type in _PER_CPU else spec.value_size
    request = Request()
    keys = [request.room(spec.key_size) for _ in range(MAX_ENTRIES + 1)]
    values = [request.room(size) for _ in range(MAX_ENTRIES)]
    before = 0
    for key, value in zip(keys, values, strict=False):
        at = request.place(bytes(l.Attr().u64(8, before).u64(16, key).data))
        request.call(
            l.BPF, l.MAP_GET_NEXT_KEY, at, 24, stop=True, patches=((at, slot),), reads=(Read(key, spec.key_size),)
        )
        at = request.place(bytes(l.Attr().u64(8, key).u64(16, value).data))
        request.call(l.BPF, l.MAP_LOOKUP_ELEM, at, 32, patches=((at, slot),), reads=(Read(value, size),))
        before = key
    at = request.place(bytes(l.Attr().u64(8, before).u64(16, keys[-1]).data))
    request.call(l.BPF, l.MAP_GET_NEXT_KEY, at, 24, patches=((at, slot),))
    results = machine.run(request)
    pairs = zip(results[:-1:2], results[1:-1:2], strict=True)
    found = tuple((k.data[0], v.data[0]) for k, v in pairs if not k.failed and not v.failed)
    return Content(spec, found, whole=results[-1].failed)
