"""The surroundings of a program: memory, maps, packet or event, clock, random numbers, output.

Both engines run against one World, so helpers and maps behave the same for both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Final

from vm.bits import U64
from vm.errors import InputError, LimitError
from vm.program import MapSpec, Program
from vm.runner.context import Context, build_context, prog_type_name, uapi_window
from vm.runner.default_values import COMM, PID, UID, EventValue
from vm.runner.event_names import check_event
from vm.runner.events import CURRENT
from vm.runner.execution import RunEvent
from vm.runner.inputs import EventInput, GivenInput, NoInput, RunInput, RunLimits
from vm.runner.layout import OFFSETS, SIZES
from vm.runner.maps import Map, Places, ProgArray, check_spec, footprints, make_maps, with_inner
from vm.runner.memory import (
    CODE_BASE,
    CTX_WINDOW,
    OBJECTS_BASE,
    PACKET_BASE,
    PAGE,
    PERCPU_BASE,
    STACK_BASE,
    USER_BASE,
    AccessError,
    Area,
    Heap,
    Memory,
)
from vm.runner.packet import PACKET_SIZE, SkbPacket, XdpPacket
from vm.runner.results import result_text
from vm.runner.script import Script
from vm.runner.symbols import KernelSymbols

if TYPE_CHECKING:
    from vm.btf.types import Btf
    from vm.runner.objects import ExampleObjects

STACK_SIZE: Final = 80 * PAGE
USER_SIZE: Final = 64 * PAGE
PERCPU_HEADER: Final = 256 * PAGE
MAX_EVENT_BYTES: Final = 4 << 20
HZ: Final = 250
INITIAL_JIFFIES: Final = (1 << 32) - 300 * HZ
_OBJECTS: Final = 64 * PAGE


@dataclass(frozen=True, slots=True)
class CurrentTask:
    """The task in which the program runs, for bpf_get_current_pid_tgid() and similar helpers."""

    pid: int = PID
    tgid: int = PID
    uid: int = UID
    gid: int = UID
    comm: str = COMM


def current_task(given: RunInput) -> CurrentTask:
    """The current task of an event: the example one, with the event's values current.pid … put in."""
    values: dict[str, EventValue] = {}
    for name, value in (given.values if isinstance(given, EventInput) else {}).items():
        top, dot, field = name.partition(".")
        if top == CURRENT and dot:
            values[field] = value
    known = {each.name: each.type for each in fields(CurrentTask)}
    for name, value in values.items():
        if name not in known:
            raise InputError(f"The event has no value {CURRENT}.{name}; of the current task it has {', '.join(known)}.")
        if isinstance(value, int) != (name != "comm") or not isinstance(value, (int, str)):
            raise InputError(
                f"The event's value {CURRENT}.{name} has to be {'text' if name == 'comm' else 'a number'}."
            )
        if isinstance(value, int):
            values[name] = value & 0xFFFFFFFF
    return replace(CurrentTask(), **values)  # type: ignore[arg-type]


class World:
    """One run's surroundings.

    programs -- the one that runs, then those a tail call can reach; kind is the first one's type ("xdp")
    maps     -- all the object's, where maps of maps refer to them
    """

    def __init__(self, programs: Sequence[Program], limits: RunLimits, maps: Sequence[MapSpec] = ()) -> None:
        program = programs[0]
        self.program = program
        self.kind = prog_type_name(program.prog_type)
        self.limits = limits
        self.memory = Memory()
        specs = list(program.maps)
        specs += [spec for other in programs[1:] for spec in other.maps if spec not in specs]
        specs = with_inner(specs, maps)
        for spec in specs:
            check_spec(spec)
        heap, percpu = footprints(specs)
        self.heap = Heap(self.memory, heap + _OBJECTS)
        self.percpu = self.memory.map("per-CPU area", PERCPU_BASE, percpu + PERCPU_HEADER)
        self.percpu.top = PERCPU_HEADER
        self.objects = self.memory.map("objects", OBJECTS_BASE, _OBJECTS)
        self.packets = self.memory.map("packet", PACKET_BASE, PACKET_SIZE)
        self.user = self.memory.map("user memory", USER_BASE, USER_SIZE)
        self.stack = self.memory.map("stack", STACK_BASE, STACK_SIZE)
        self.symbols = KernelSymbols(self.memory, self.percpu)
        self.places = Places(self.heap, self.percpu)
        self.maps: list[Map] = make_maps(specs, self.places, maps)
        for each in self.maps:
            each.has_lock = _has_lock(program.btf, each.spec.btf_value_type_id)
        self.progs: dict[int, str] = {}
        self.passing = False
        self._fill_prog_arrays(tuple(other.name for other in programs[1:]))
        self._rng = limits.seed & U64 or 1
        self._time = limits.time_ns
        self._passing: list[Area] = []
        self.input: RunInput = NoInput()
        self.script: Script | None = None
        self.current = CurrentTask()
        self.context = Context(0)
        self.packet: XdpPacket | SkbPacket | None = None
        self._reset()

    def _reset(self) -> None:
        self.events: list[RunEvent] = []
        self._event_bytes = 0
        self.step = 0
        self.insns = 0
        self.task = 0
        self._examples: ExampleObjects | None = None
        self.scratch: dict[str, int] = {}
        self.memory.window = None
        self.passing = False

    def begin(self, given: RunInput) -> None:
        """Begin a run: maps, clock and random numbers continue, everything else is initialised."""
        for area in self._passing:
            self.memory.drop(area)
        self._passing.clear()
        for arena in (self.objects, self.user, self.packets, self.stack):
            arena.view[: arena.top] = bytes(arena.top)
            arena.top = 0
            arena.free.clear()
        self.stack.top = self.stack.size  # always all of it: who knows how deep the program went
        self._reset()
        if isinstance(given, EventInput):
            check_event(self.program, given)
        self.symbols.reset(self.jiffies())
        self.script = Script(given) if isinstance(given, GivenInput) else None
        if isinstance(given, GivenInput):
            given = given.surroundings or NoInput()
        self.input = given
        self.current = current_task(given)
        self.passing = True
        self.context = build_context(self)
        self.packet = self.context.packet
        if self.script is not None:
            self.script.prepare(self)

    @property
    def pid(self) -> int:
        """Of the current task."""
        return self.current.pid

    @property
    def examples(self) -> ExampleObjects:
        """The example objects of this run."""
        if self._examples is None:
            from vm.runner.objects import ExampleObjects

            self._examples = ExampleObjects(self)
        return self._examples

    # -- memory -----------------------------------------------------------------------------------

    def kernel_bytes(self, name: str, data: bytes, *, writable: bool = True) -> int:
        """Puts `data` on the heap as a region of its own; its address."""
        address = self.objects.alloc(len(data), 64) if self.passing else self.heap.alloc(len(data), 64)
        if address is None:
            raise LimitError("The run needs more kernel objects than it has room for.", "memory")
        self.memory.write(address, data)
        self.region(name, address, len(data), writable=writable, one=f"the {name}")
        return address

    def region(self, name: str, address: int, size: int, *, writable: bool = True, one: str = "") -> Area:
        """Names memory that lasts as long as the run (or the maps, before the first one)."""
        area = self.memory.add(name, address, size, writable=writable, one=one)
        if self.passing:
            self._passing.append(area)
        return area

    def user_bytes(self, name: str, data: bytes) -> int:
        """Puts `data` into user memory."""
        address = self.user.alloc(len(data) + 8)
        if address is None:
            raise LimitError(f"User memory in a run holds {USER_SIZE >> 10} KiB; the input needs more.", "memory")
        self.memory.write(address, data)
        self.region(name, address, len(data), one=f"the {name}")
        return address

    def event_word(self, value: EventValue, *, kernel: bool = False) -> int:
        """An event's value as a 64-bit word: numbers as they are, else an address in user memory.

        Text is a string there, several strings an array of pointers to them with a null pointer behind.
        kernel -- the string is in kernel memory instead
        """
        if isinstance(value, int):
            return value & U64
        if isinstance(value, tuple):
            words = [*(self.event_word(each) for each in value), 0]
            return self.user_bytes("array of user strings", b"".join(word.to_bytes(8, "little") for word in words))
        data = value.encode() + b"\0" if isinstance(value, str) else value
        return self.kernel_bytes("string", data) if kernel else self.user_bytes("user string", data)

    def scratch_bytes(self, name: str, size: int) -> int:
        """Kernel memory a helper may use again and again under one name."""
        at = self.scratch.get(name)
        if at is None:
            at = self.scratch[name] = self.kernel_bytes(name, bytes(size))
        return at

    def use_uapi(self) -> int:
        """Gives the program the UAPI view of its ctx; what r1 then holds."""
        if self.packet is None:
            return self.context.address
        window = uapi_window(self, self.packet)
        self.memory.window = window if self.script is None else self.script.window(window)
        return CTX_WINDOW

    def ctx_is(self, address: int) -> bool:
        """Whether a helper's ctx argument is this run's."""
        return address == self.context.address or (self.memory.window is not None and address == CTX_WINDOW)

    def task_address(self) -> int:
        """struct task_struct of the current task; in a run on an event the other fields have example values too."""
        if not self.task:
            cred = self.kernel_bytes("cred", bytes(SIZES["cred"]), writable=False)
            task = self.kernel_bytes("task_struct", bytes(SIZES["task_struct"]), writable=False)
            self.task = task
            for name in ("cred", "real_cred"):
                self.memory.put(task + OFFSETS[f"task_struct.{name}"], 8, cred)
            if isinstance(self.input, EventInput):
                self.examples.address("task_struct")
                cred = self.memory.get(task + OFFSETS["task_struct.cred"], 8)
            current = self.current
            self.memory.put(cred + OFFSETS["cred.uid"], 4, current.uid)
            self.memory.put(cred + OFFSETS["cred.gid"], 4, current.gid)
            self.memory.put(task + OFFSETS["task_struct.pid"], 4, current.pid)
            self.memory.put(task + OFFSETS["task_struct.tgid"], 4, current.tgid)
            self.memory.write(task + OFFSETS["task_struct.comm"], current.comm.encode()[:15].ljust(16, b"\0"))
        return self.task

    def kernel_symbol(self, name: str) -> int:
        """The value of a register into which a program loads the address of a kernel variable or function."""
        address = self.symbols.address(name)
        self.symbols.tick(self.jiffies())
        return address

    def jiffies(self) -> int:
        """The kernel's jiffies, which start five minutes before the 32-bit counter wraps."""
        return INITIAL_JIFFIES + self._time * HZ // 1_000_000_000

    def maps_of(self, program: Program) -> list[Map]:
        """A program's maps by its own numbers."""
        if program is self.program:
            return self.maps
        return [next(each for each in self.maps if each.spec == spec) for spec in program.maps]

    # -- maps -------------------------------------------------------------------------------------

    def map_at(self, address: int) -> Map:
        """The map whose struct bpf_map is at `address`."""
        found = self.places.by_address.get(address)
        if found is None:
            raise AccessError(f"a helper was given {address:#x} as a map, and no map is there", address)
        return found

    def _fill_prog_arrays(self, siblings: tuple[str, ...]) -> None:
        names = {self.program.name: 1} | {name: i + 2 for i, name in enumerate(siblings)}
        wanted = (target for each in self.maps for _, target in each.spec.init_slots if isinstance(target, str))
        for name in wanted:
            names.setdefault(name, len(names) + 1)
        addresses = {}
        for name, number in names.items():
            address = self.kernel_bytes(f"bpf_prog {name}", bytes(SIZES["bpf_prog"]), writable=False)
            self.memory.put(address + OFFSETS["bpf_prog.bpf_func"], 8, CODE_BASE + (number << 24))
            self.memory.put(address + OFFSETS["bpf_prog.type"], 4, self.program.prog_type)
            self.progs[address] = name
            addresses[name] = address
        for each in self.maps:
            if isinstance(each, ProgArray):
                for slot, target in each.spec.init_slots:
                    if isinstance(target, str) and target in addresses:
                        each.put(slot, addresses[target], names[target])

    def packet_out(self) -> bytes | None:
        """The packet as the program left it; None without one, or where its descriptor was written over."""
        try:
            return self.packet.out() if self.packet is not None else None
        except AccessError:
            return None

    def map_contents(self) -> Mapping[str, tuple[tuple[bytes, bytes], ...]]:
        """Every map's entries, by name; two maps with the same name are distinguished by their index."""
        found: dict[str, tuple[tuple[bytes, bytes], ...]] = {}
        for each in self.maps:
            name = each.name if each.name not in found else f"{each.name}#{each.index}"
            try:
                found[name] = each.entries()
            except (AccessError, KeyError):  # a program nobody verified wrote over the map's own pointers
                found[name] = ()
        return found

    # -- time and chance --------------------------------------------------------------------------

    def now(self) -> int:
        """Nanoseconds since boot: starts at limits.time_ns, every reading a microsecond later than the last."""
        self._time += 1000
        self.symbols.tick(self.jiffies())
        return self._time

    def random_u32(self) -> int:
        """xorshift64*: the same numbers for the same seed."""
        x = self._rng
        x ^= x >> 12
        x ^= (x << 25) & U64
        x ^= x >> 27
        self._rng = x
        return (x * 0x2545F4914F6CDD1D >> 32) & 0xFFFFFFFF

    # -- events -----------------------------------------------------------------------------------

    def say(self, kind: str, text: str, data: bytes = b"") -> None:
        """Record output of a helper; beyond the limit there is one message that output is missing."""
        self._event_bytes += len(data) + len(text)
        if len(self.events) > self.limits.events or self._event_bytes > MAX_EVENT_BYTES:
            return
        if len(self.events) == self.limits.events:
            kind, text, data = "printk", "… more events were said than are kept", b""
        self.events.append(RunEvent(self.step, kind, text, data))

    def result(self, r0: int) -> str:
        """r0 as the hook reads it."""
        return result_text(self.kind, r0, self.program.expected_attach_type)


def _has_lock(btf: Btf | None, type_id: int) -> bool:
    """Whether a map's value type has a struct bpf_spin_lock as a member."""
    if btf is None or not type_id:
        return False
    value = btf.skip_modifiers(type_id)
    return any(btf.skip_modifiers(member.type_id).name == "bpf_spin_lock" for member in value.members)
