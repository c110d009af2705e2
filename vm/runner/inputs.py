"""Inputs of runs, and their limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from vm.runner.default_values import EventValue

MAX_PACKET: Final = 65_535


@dataclass(frozen=True, slots=True)
class PacketInput:
    """A packet as it is received, beginning with the Ethernet header.

    ingress_ifindex, rx_queue_index -- where it came in (1 is the loopback device, as in BPF_PROG_TEST_RUN)
    mark, priority, cb              -- what a __sk_buff may bring with it; `meta` is XDP metadata before the data
    socket -- for socket filters, the socket they are attached to (vm.runner.sockets.SOCKETS): "packet", "ip",
              "transport", or "test_run" for none, as BPF_PROG_TEST_RUN does
    """

    data: bytes
    ingress_ifindex: int = 1
    rx_queue_index: int = 0
    mark: int = 0
    priority: int = 0
    cb: bytes = b""
    meta: bytes = b""
    socket: str = "packet"


@dataclass(frozen=True, slots=True)
class EventInput:
    """A tracepoint, kprobe or raw tracepoint that fires.

    name   -- "syscalls/sys_enter_openat", "sched/sched_switch", a kernel function's name …;
              "" takes the program's section
    values -- field, register or argument name -> number, text, bytes, or several texts for an array of strings;
              text for a pointer is placed in user memory, for a kernel function's char * in kernel memory.
              "sk.__sk_common.skc_dport" is a field of what an argument points to, "current.pid" (tgid, uid, gid, comm)
              is about the current task. A pointer to a structure that is not named leads to an example object
              (vm/runner/default_values.py); numbers that are not named are 0.
    """

    name: str = ""
    values: Mapping[str, EventValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MemoryInput:
    """Raw instructions: r1 is the address of these bytes, r2 their number."""

    data: bytes


@dataclass(frozen=True, slots=True)
class NoInput:
    """A ctx of zero bytes where the program type has one."""


@dataclass(frozen=True, slots=True)
class GivenCall:
    """What the next call of a helper or kernel function at an instruction gives; the function itself does not run.

    insn   -- index of the call
    result -- r0, unsigned 64 bits
    natural -- it runs as it does without an input: result, object and memory count for nothing
    ends   -- registers (6 to 9) whose objects are gone after the call: released, or moved
    object -- bytes of memory that r0 points to instead of being `result`; None: r0 is `result`
    memory -- argument register (1 to 5) -> bytes that are written where it points to
    """

    insn: int
    result: int = 0
    object: bytes | None = None
    memory: Mapping[int, bytes] = field(default_factory=dict)
    natural: bool = False
    ends: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class GivenLoad:
    """What the next load at an instruction gives, instead of the memory's content: `value`, or an address as above."""

    insn: int
    value: int = 0
    object: bytes | None = None


@dataclass(frozen=True, slots=True)
class GivenStart:
    """A run of a global function instead of the program: its first instruction, and its arguments.

    arguments -- numbers, or the bytes of memory that the argument points to
    """

    insn: int
    arguments: tuple[int | bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class GivenInput:
    """The values of a run by where the program gets them.

    packet  -- as PacketInput.data; None: the program's type has none, or a packet of zeros
    meta    -- as PacketInput.meta
    ctx     -- offset in the context as the program sees it -> bytes there
    maps    -- map name -> entries before the run (key, value); what is not named is as the loader leaves it
    helpers -- results of calls, those of one instruction in the order of its calls
    loads   -- results of loads, likewise
    start   -- a global function that runs instead of the program
    check_stack -- a read of stack bytes that nothing was written to is a fault
    """

    packet: bytes | None = None
    meta: bytes = b""
    ctx: Mapping[int, bytes] = field(default_factory=dict)
    maps: Mapping[str, tuple[tuple[bytes, bytes], ...]] = field(default_factory=dict)
    helpers: tuple[GivenCall, ...] = ()
    loads: tuple[GivenLoad, ...] = ()
    start: GivenStart | None = None
    check_stack: bool = False

    @property
    def surroundings(self) -> PacketInput | None:
        """The packet as an input of its own."""
        return PacketInput(self.packet, meta=self.meta) if self.packet is not None else None


RunInput: TypeAlias = PacketInput | EventInput | MemoryInput | NoInput | GivenInput


@dataclass(frozen=True, slots=True)
class RunLimits:
    """steps -- recorded before recording stops; insns -- executed before the run stops; seconds -- of wall time.

    seed and time_ns make a run repeatable: get_prandom_u32 and the clocks start there.
    """

    steps: int = 100_000
    insns: int = 10_000_000
    seconds: float = 5.0
    seed: int = 1
    time_ns: int = 1_000_000_000_000
    events: int = 10_000
