"""Attaching loaded programs in a guest by their sections: bpf_program__attach() of libbpf as system calls."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from vm.guests import linux as l
from vm.guests.kernel import GuestKernel
from vm.guests.machine import Machine
from vm.guests.network import DEVICE, INDEX, LOOPBACK
from vm.guests.slots import map_slot
from vm.guests.wire import Kind, Read, Request, Slot
from vm.kernel import types as t
from vm.program import MapSpec, Program

_PERF_BYTES: Final = 128
_SET_BPF: Final = 0x40042408
_ENABLE: Final = 0x2400
_TYPE_SOFTWARE: Final = 1
_TYPE_TRACEPOINT: Final = 2
_CPU_CLOCK: Final = 0
LOOPBACK_NAME: Final = "lo"
_FIRST: Final = 3000
_SETSOCKOPT: Final = 54
_PIECE: Final = 1 << 20


How = Callable[["Attacher", Program, Slot], None]


class NotAttached(Exception):
    """Why a program is not attached, a sentence."""


@dataclass
class Attacher:
    """Attaches programs of one guest.

    maps      -- of the object, for struct_ops; loaded -- slots of its programs by name
    iterators -- by program, the slots of iterators whose text is to be read
    registered -- struct_ops maps by number: why one could not be registered, "" if it is
    devices   -- by program, the network device that was chosen for it
    pair      -- whether the guest has a pair of network devices; netkit -- whether it has one of those as well
    probes    -- USDT probes that were told of so far
    where     -- by program, the device, route or map that it is attached to
    waiting   -- programs for sockets of a map that are not attached yet
    routes    -- by route, the programs that it has, by kind
    """

    machine: Machine
    kernel: GuestKernel
    maps: tuple[MapSpec, ...] = ()
    loaded: dict[str, Slot] = field(default_factory=dict)
    iterators: dict[str, Slot] = field(default_factory=dict)
    registered: dict[int, str] = field(default_factory=dict)
    devices: Mapping[str, str] = field(default_factory=dict)
    pair: bool = False
    netkit: bool = False
    probes: int = 0
    where: dict[str, str] = field(default_factory=dict)
    waiting: list[Program] = field(default_factory=list)
    routes: dict[str, dict[int, Slot]] = field(default_factory=dict)
    _next: int = _FIRST

    @staticmethod
    def map_slot(number: int) -> Slot:
        """The slot of a map's descriptor, by its place in the object."""
        return map_slot(number)

    def file(self, path: str, most: int) -> bytes:
        """Content of a file of the guest, b"" if it does not exist. NotAttached if it is longer than `most` bytes."""
        request = Request()
        request.call(l.OPEN, request.text(path), l.O_RDONLY, keep=2)
        if self.machine.run(request)[0].failed:
            return b""
        out = bytearray()
        while len(out) <= most:
            request = Request()
            room = request.room(_PIECE)
            request.call(l.READ, Slot(2), room, _PIECE, reads=(Read(room, _PIECE, Kind.RETURNED),))
            piece = self.machine.run(request)[0].data[0]
            if not piece:
                return bytes(out)
            out += piece
        raise NotAttached(f"'{path}' is too long to be read")

    def slot(self) -> Slot:
        """An unused slot."""
        self._next += 1
        return Slot(self._next)

    def text(self, path: str) -> str:
        """Text of a small file of the guest; "" if it does not exist."""
        request = Request()
        room = request.room(4096)
        request.call(l.OPEN, request.text(path), l.O_RDONLY, keep=2, stop=True)
        request.call(l.READ, Slot(2), room, 4096, reads=(Read(room, 4096, Kind.RETURNED),))
        request.call(l.CLOSE, Slot(2))
        results = self.machine.run(request)
        return results[1].data[0].decode("ascii", "replace").strip() if not results[0].failed else ""

    def do(self, request: Request, what: str) -> None:
        """Makes the calls; NotAttached names the first one that fails."""
        for result in self.machine.run(request):
            if result.failed:
                raise NotAttached(f"{what}: the kernel answered {result.value}" if not result.skipped else what)

    def event(
        self, attr: bytes | Callable[[Request], bytes], program: Slot, what: str, cookie: int | None = None
    ) -> None:
        """Open a perf event and put the program on it.

        attr   -- or what makes it of a request that holds its texts
        cookie -- what the program is told (bpf_get_attach_cookie), through a link; Linux 5.15 or newer
        """
        request, slot = Request(), self.slot()
        made = attr if isinstance(attr, bytes) else attr(request)
        at = request.place(made.ljust(_PERF_BYTES, b"\0"))
        request.call(
            l.PERF_EVENT_OPEN, at, 0xFFFF_FFFF_FFFF_FFFF, 0, 0xFFFF_FFFF_FFFF_FFFF, 8, keep=slot.number, stop=True
        )
        if cookie is None:
            request.call(l.IOCTL, slot, _SET_BPF, program, stop=True)
        else:
            attr_ = l.Attr().u32(8, t.BPF_PERF_EVENT).u32(12, 0).u64(16, cookie)
            at, link = request.place(bytes(attr_.data)), self.slot()
            patches = ((at, program), (at + 4, slot))
            request.call(l.BPF, l.LINK_CREATE, at, attr_.size, keep=link.number, stop=True, patches=patches)
        request.call(l.IOCTL, slot, _ENABLE, 0, stop=True)
        self.do(request, what)

    def command(self, number: int, attr: l.Attr, patches: tuple[tuple[int, Slot], ...], what: str) -> Slot:
        """One bpf() command whose result is a descriptor. patches -- (offset in the attribute, slot)."""
        request, slot = Request(), self.slot()
        at = request.place(bytes(attr.data))
        placed = tuple((at + offset, given) for offset, given in patches)
        request.call(l.BPF, number, at, max(attr.size, 16), keep=slot.number, stop=True, patches=placed)
        self.do(request, what)
        return slot


def name_of(program: Program) -> str:
    """The part of a section name after its first slash. NotAttached if it is empty."""
    name = program.section.partition("/")[2]
    if not name:
        raise NotAttached(f'its section "{program.section}" names nothing to attach to')
    return name


def perf_attr(kind: int, config: int, extra: bytes = b"", *, flags: int = 0, period: int = 0) -> bytes:
    """struct perf_event_attr up to config2; `flags` are its bit fields."""
    head = struct.pack("<IIQQQQQII", kind, _PERF_BYTES, config, period, 0, 0, flags, 0, 0)
    return head + extra


def _kprobe(attacher: Attacher, program: Program, slot: Slot, *, returns: bool = False, symbol: str = "") -> None:
    name, _, offset = (symbol or name_of(program)).partition("+")
    kind = attacher.text("/sys/bus/event_source/devices/kprobe/type")
    if not kind.isdigit():
        raise NotAttached("the kernel has no kprobes")
    what = f"a kprobe on '{name}'"
    try:
        attacher.event(
            lambda request: perf_attr(
                int(kind), int(returns), struct.pack("<QQ", request.text(name), int(offset or "0", 0))
            ),
            slot,
            what,
        )
    except NotAttached:
        if attacher.kernel.address(name) is not None:
            raise
        raise NotAttached(f"{what}: {no_function(attacher.kernel, program.section, name)}") from None


def no_function(kernel: GuestKernel, section: str, name: str) -> str:
    """That a kernel has no function of a name, and which of its functions, or sections, may be meant."""
    said = f"{kernel.name} has no function of this name."
    prefix, call = section.partition("/")[0], name.removeprefix("sys_")
    wrapped = f"__x64_sys_{call}"
    if kernel.address(wrapped) is not None:
        form = "kretsyscall" if "ret" in prefix else "ksyscall"
        forms = f'SEC("{prefix}/{wrapped}"), or SEC("{form}/{call}"), which finds it on each kernel'
        return f"{said} On x86-64 this system call is {wrapped}: write {forms}."
    near = kernel.like(name)
    return said + (f" There {'is' if len(near) == 1 else 'are'} {', '.join(near)}." if near else "")


def _kretprobe(attacher: Attacher, program: Program, slot: Slot) -> None:
    _kprobe(attacher, program, slot, returns=True)


def _ksyscall(attacher: Attacher, program: Program, slot: Slot) -> None:
    returns = program.section.startswith("kret")
    _kprobe(attacher, program, slot, returns=returns, symbol=f"__x64_sys_{name_of(program)}")


def _tracepoint(attacher: Attacher, program: Program, slot: Slot) -> None:
    name = name_of(program)
    number = attacher.text(f"/sys/kernel/tracing/events/{name}/id")
    if not number.isdigit():
        raise NotAttached(f"the kernel has no tracepoint '{name}'")
    attacher.event(perf_attr(_TYPE_TRACEPOINT, int(number), period=1), slot, f"the tracepoint '{name}'")


def _raw_tracepoint(attacher: Attacher, program: Program, slot: Slot) -> None:
    request, link = Request(), attacher.slot()
    name = name_of(program)
    at = request.room(l.ATTR_BYTES)
    request.write(at, bytes(l.Attr().u64(0, request.text(name)).data))
    request.call(l.BPF, l.RAW_TRACEPOINT_OPEN, at, 16, keep=link.number, stop=True, patches=((at + 8, slot),))
    attacher.do(request, f"the raw tracepoint '{name}'")


def by_btf(attacher: Attacher, program: Program, slot: Slot) -> None:
    """Attach a program to the function or hook that it was loaded for."""
    what = f"'{program.attach_btf_name}'"
    attacher.command(l.RAW_TRACEPOINT_OPEN, l.Attr().u64(0, 0).u64(8, 0), ((8, slot),), what)


def _iterator(attacher: Attacher, program: Program, slot: Slot) -> None:
    attr = l.Attr().u32(8, t.BPF_TRACE_ITER)
    link = attacher.command(l.LINK_CREATE, attr, ((0, slot),), "the iterator")
    attacher.iterators[program.name] = attacher.command(l.ITER_CREATE, l.Attr(), ((0, link),), "the iterator")


def _timed(attacher: Attacher, program: Program, slot: Slot) -> None:
    attacher.event(perf_attr(_TYPE_SOFTWARE, _CPU_CLOCK, flags=1 << 10, period=99), slot, "a CPU clock of 99 Hz")


def loopback_up(attacher: Attacher) -> None:
    """Bring the loopback device up."""
    request = Request()
    request.call(l.SOCKET, 2, 2, 0, keep=2, stop=True)
    request.call(
        l.IOCTL, Slot(2), 0x8914, request.place(b"lo".ljust(16, b"\0") + struct.pack("<H", 0x41).ljust(24, b"\0"))
    )
    request.call(l.CLOSE, Slot(2))
    attacher.do(request, "the loopback device")


def device(attacher: Attacher, program: Program) -> tuple[str, int]:
    """(name, index) of the network device that a program is attached to: the chosen one, else that of the veth pair,
    else the loopback device. NotAttached if the chosen one does not exist."""
    chosen = attacher.devices.get(program.name, DEVICE if attacher.pair else LOOPBACK_NAME)
    if chosen == DEVICE and not attacher.pair:
        raise NotAttached(f"the guest has no {DEVICE}: its image has no veth module")
    if chosen != DEVICE:
        loopback_up(attacher)
    attacher.where[program.name] = chosen
    return (DEVICE, INDEX) if chosen == DEVICE else (LOOPBACK_NAME, LOOPBACK)


def _cgroup(attacher: Attacher, program: Program, slot: Slot) -> None:
    request, group = Request(), attacher.slot()
    request.call(l.OPEN, request.text("/sys/fs/cgroup"), l.O_RDONLY, keep=group.number, stop=True)
    at = request.place(bytes(l.Attr().u32(8, program.expected_attach_type).data))
    request.call(l.BPF, l.PROG_ATTACH, at, 16, stop=True, patches=((at, group), (at + 4, slot)))
    attacher.do(request, "the root cgroup")


def _socket(attacher: Attacher, program: Program, slot: Slot) -> None:
    loopback_up(attacher)
    request, packets = Request(), attacher.slot()
    request.call(l.SOCKET, 17, 3, 0x0300, keep=packets.number, stop=True)
    value = request.place(bytes(8))
    request.call(_SETSOCKOPT, packets, 1, 50, value, 4, stop=True, patches=((value, slot),))
    attacher.do(request, "a packet socket")


SECTIONS: Final[dict[str, How]] = {
    "kprobe": _kprobe, "kretprobe": _kretprobe, "ksyscall": _ksyscall, "kretsyscall": _ksyscall,
    "tracepoint": _tracepoint, "tp": _tracepoint, "raw_tp": _raw_tracepoint, "raw_tracepoint": _raw_tracepoint,
    "raw_tp.w": _raw_tracepoint, "raw_tracepoint.w": _raw_tracepoint, "lsm_cgroup": _cgroup,
    "iter": _iterator, "iter.s": _iterator, "perf_event": _timed, "socket": _socket,
}  # fmt: skip
TYPES: Final[dict[int, How]] = {
    t.BPF_PROG_TYPE_TRACING: by_btf,
    t.BPF_PROG_TYPE_LSM: by_btf,
    t.BPF_PROG_TYPE_CGROUP_DEVICE: _cgroup,
    t.BPF_PROG_TYPE_CGROUP_SKB: _cgroup,
    t.BPF_PROG_TYPE_CGROUP_SOCK: _cgroup,
    t.BPF_PROG_TYPE_CGROUP_SOCK_ADDR: _cgroup,
    t.BPF_PROG_TYPE_CGROUP_SYSCTL: _cgroup,
    t.BPF_PROG_TYPE_CGROUP_SOCKOPT: _cgroup,
    t.BPF_PROG_TYPE_SOCK_OPS: _cgroup,
}
