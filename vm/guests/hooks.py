"""Attaching by section and type; hooks that need several calls: multi-probes, uprobes, sockets, netlink, struct_ops."""

from __future__ import annotations

import fnmatch
import io
import re
import struct
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from vm.guests import attaching, filters, routes, sockmaps, usdt, xdp_netkit
from vm.guests import linux as l
from vm.guests.attaching import Attacher, How, NotAttached, device, name_of, perf_attr
from vm.guests.wire import Read, Request, Slot
from vm.kernel import types as t
from vm.program import Program

MOST_FUNCTIONS: Final = 512
MOST_BINARY: Final = 8 << 20
_MULTI_RETURN: Final = 1
_SETSOCKOPT: Final = 54
_SOL_SOCKET: Final = 1
_REUSEPORT: Final = 15
_ATTACH_REUSEPORT: Final = 52
_CONTEXT: Final = 65_535
"""Bytes of the context of a syscall program: as many as it can use."""


def _functions(attacher: Attacher, pattern: str) -> list[str]:
    """Functions that can be traced and match libbpf's pattern ("tcp_*"), at most MOST_FUNCTIONS."""
    if "*" not in pattern and "?" not in pattern:
        return [pattern]
    there = attacher.file("/sys/kernel/tracing/available_filter_functions", MOST_BINARY).decode("ascii", "replace")
    wanted = re.compile(fnmatch.translate(pattern))
    found = [name for line in there.splitlines() if (name := line.partition(" ")[0]) and wanted.fullmatch(name)]
    if not found:
        raise NotAttached(f"no function of this kernel that can be traced matches '{pattern}'")
    # A name that stands for several functions is refused.
    return [name for name in dict.fromkeys(found) if found.count(name) == 1][:MOST_FUNCTIONS]


def _kprobe_multi(attacher: Attacher, program: Program, slot: Slot) -> None:
    names = _functions(attacher, name_of(program))
    request, link = Request(), attacher.slot()
    texts = request.place(b"".join(struct.pack("<Q", request.text(name)) for name in names))
    flags = _MULTI_RETURN if program.section.startswith("kret") else 0
    kind = program.expected_attach_type or t.BPF_TRACE_KPROBE_MULTI
    at = request.room(l.ATTR_BYTES)
    attr = l.Attr().u32(8, kind).u32(16, flags).u32(20, len(names)).u64(24, texts).u64(32, 0).u64(40, 0)
    request.write(at, bytes(attr.data))
    request.call(l.BPF, l.LINK_CREATE, at, attr.size, keep=link.number, stop=True, patches=((at, slot),))
    attacher.do(request, f"{len(names)} of its functions at once, which needs Linux 5.18 with fprobe")


def _place(attacher: Attacher, program: Program) -> tuple[str, int]:
    """The binary and the offset in it that a section names: "uprobe//bin/busybox:main+4"."""
    path, _, symbol = name_of(program).rpartition(":")
    found = re.fullmatch(r"([A-Za-z_.$][\w.$]*|0x[0-9a-fA-F]+|\d+)(?:\+(0x[0-9a-fA-F]+|\d+))?", symbol)
    if not path.startswith("/") or found is None:
        raise NotAttached(f'its section "{program.section}" does not name a file and a function of it')
    more = int(found[2] or "0", 0)
    if found[1][0].isdigit():
        return path, int(found[1], 0) + more
    data = attacher.file(path, MOST_BINARY)
    if not data:
        raise NotAttached(f"the guest has no file '{path}': there are /init and /bin/busybox")
    return path, _offset(data, path, found[1]) + more


def _offset(data: bytes, path: str, symbol: str) -> int:
    try:
        elf: Any = ELFFile(io.BytesIO(data))
        for table in (elf.get_section_by_name(name) for name in (".symtab", ".dynsym")):
            for each in (table.get_symbol_by_name(symbol) or ()) if table is not None else ():
                address = each["st_value"]
                for segment in elf.iter_segments():
                    start = segment["p_vaddr"]
                    if segment["p_type"] == "PT_LOAD" and start <= address < start + segment["p_filesz"]:
                        return int(address - start + segment["p_offset"])
    except (ELFError, ValueError, KeyError, OverflowError) as error:
        raise NotAttached(f"'{path}' is no ELF file that can be read: {error}") from None
    raise NotAttached(f"'{path}' has no symbol '{symbol}' (busybox has none at all): name an offset in the file")


def _uprobe(attacher: Attacher, program: Program, slot: Slot) -> None:
    path, offset = _place(attacher, program)
    kind = attacher.text("/sys/bus/event_source/devices/uprobe/type")
    if not kind.isdigit():
        raise NotAttached("the kernel has no uprobes")
    returns = program.section.startswith("uret")
    attacher.event(
        lambda request: perf_attr(int(kind), int(returns), struct.pack("<QQ", request.text(path), offset)),
        slot,
        f"a uprobe at offset {offset:#x} of '{path}'",
    )


def _uprobe_multi(attacher: Attacher, program: Program, slot: Slot) -> None:
    path, offset = _place(attacher, program)
    request, link = Request(), attacher.slot()
    flags = _MULTI_RETURN if program.section.startswith("uret") else 0
    kind = program.expected_attach_type or t.BPF_TRACE_UPROBE_MULTI
    at = request.room(l.ATTR_BYTES)
    attr = l.Attr().u32(8, kind).u64(16, request.text(path)).u64(24, request.place(struct.pack("<Q", offset)))
    request.write(at, bytes(attr.u64(32, 0).u64(40, 0).u32(48, 1).u32(52, flags).u32(56, 0).data))
    request.call(l.BPF, l.LINK_CREATE, at, attr.size, keep=link.number, stop=True, patches=((at, slot),))
    attacher.do(request, f"uprobes of '{path}' at once (Linux 6.6 or newer)")


def _of_net(attacher: Attacher, program: Program, slot: Slot) -> None:
    request, space = Request(), attacher.slot()
    request.call(l.OPEN, request.text("/proc/self/ns/net"), l.O_RDONLY, keep=space.number, stop=True)
    attacher.do(request, "the network namespace")
    attr = l.Attr().u32(8, program.expected_attach_type)
    attacher.command(l.LINK_CREATE, attr, ((0, slot), (4, space)), "the network namespace")


def _reuseport(attacher: Attacher, program: Program, slot: Slot) -> None:
    request, sock = Request(), attacher.slot()
    one, value = request.place(struct.pack("<i", 1)), request.place(bytes(8))
    request.call(l.SOCKET, 2, 2, 0, keep=sock.number, stop=True)
    request.call(_SETSOCKOPT, sock, _SOL_SOCKET, _REUSEPORT, one, 4, stop=True)
    address = request.place(struct.pack("<HHI8x", 2, int.from_bytes(struct.pack(">H", 53), "little"), 0))
    request.call(l.BIND, sock, address, 16, stop=True)
    request.call(_SETSOCKOPT, sock, _SOL_SOCKET, _ATTACH_REUSEPORT, value, 4, stop=True, patches=((value, slot),))
    attacher.do(request, "a UDP socket of port 53 with SO_REUSEPORT")


def _netfilter(attacher: Attacher, program: Program, slot: Slot) -> None:
    attr = l.Attr().u32(8, t.BPF_NETFILTER).u32(16, 2).u32(20, 1).u32(24, -128).u32(28, 0)
    attacher.command(l.LINK_CREATE, attr, ((0, slot),), "netfilter's LOCAL_IN hook of IPv4 (Linux 6.4 or newer)")


def _tc(attacher: Attacher, program: Program, slot: Slot) -> None:
    name, index = device(attacher, program)
    if not attacher.kernel.tcx:
        filters.filtered(attacher, program, slot, index)
        return
    where = program.expected_attach_type or t.BPF_TCX_INGRESS
    attr = l.Attr().u32(4, index).u32(8, where).u64(24, 0)
    attacher.command(l.LINK_CREATE, attr, ((0, slot),), f"the device {name}")


def _syscall(attacher: Attacher, program: Program, slot: Slot) -> None:
    """Run the program once, as an application does, with a context of zeros."""
    request = Request()
    context = request.place(bytes(_CONTEXT))
    at = request.place(bytes(l.Attr().u32(40, _CONTEXT).u64(48, context).data))
    read = Read(at, 8)
    request.call(l.BPF, l.PROG_TEST_RUN, at, 72, stop=True, patches=((at, slot),), reads=(read,))
    (result,) = attacher.machine.run(request)
    if result.failed:
        raise NotAttached(f"BPF_PROG_RUN: the kernel answered {result.value}")
    (value,) = struct.unpack_from("<i", result.data[0], 4)
    attacher.where[program.name] = f"BPF_PROG_RUN, once with a context of zeros: it returned {value}"


def _struct_ops(attacher: Attacher, program: Program, slot: Slot) -> None:
    """Register the struct_ops maps that the program is an operation of, once all its programs are loaded."""
    of = [
        number
        for number, spec in enumerate(attacher.maps)
        if spec.map_type == t.BPF_MAP_TYPE_STRUCT_OPS and any(name == program.name for _, name in spec.init_slots)
    ]
    if not of:
        raise NotAttached("no struct_ops map that is registered refers to it")
    for number in of:
        if number not in attacher.registered:
            attacher.registered[number] = _register(attacher, number)
        if attacher.registered[number]:
            raise NotAttached(attacher.registered[number])


def _register(attacher: Attacher, number: int) -> str:
    """Why a struct_ops map is not registered; "": it is (bpf_map__attach_struct_ops)."""
    spec, where = attacher.maps[number], attacher.map_slot(number)
    request = Request()
    data = request.place(spec.initial or b"")
    patches = []
    for offset, name in spec.init_slots:
        if name not in attacher.loaded:
            return f"'{name}' of the same struct_ops map was not loaded"
        patches.append((data + offset, attacher.loaded[str(name)]))
    at = request.place(bytes(l.ATTR_BYTES))
    request.write(at, bytes(l.Attr().u64(8, request.place(bytes(4))).u64(16, data).u64(24, 0).data))
    request.call(l.BPF, l.MAP_UPDATE_ELEM, at, 32, stop=True, patches=((at, where), *patches))
    if spec.map_flags & t.BPF_F_LINK:
        link = attacher.slot()
        at = request.place(bytes(l.Attr().u32(8, t.BPF_STRUCT_OPS).u64(16, 0).data))
        request.call(l.BPF, l.LINK_CREATE, at, 48, keep=link.number, stop=True, patches=((at, where),))
    for result in attacher.machine.run(request):
        if result.failed:
            return f"the kernel did not register '{spec.full_name}': it answered {result.value}"
    return ""


def _reason(text: str) -> How:
    def refuse(attacher: Attacher, program: Program, slot: Slot) -> None:
        raise NotAttached(text)

    return refuse


SECTIONS: Final[dict[str, How]] = {
    **attaching.SECTIONS,
    **dict.fromkeys(("tc", "tcx", "classifier"), _tc),
    **dict.fromkeys(("xdp", "xdp.frags"), xdp_netkit.xdp),
    "netkit": xdp_netkit.netkit,
    **dict.fromkeys(("kprobe.multi", "kretprobe.multi", "kprobe.session"), _kprobe_multi),
    **dict.fromkeys(("uprobe", "uretprobe", "uprobe.s", "uretprobe.s"), _uprobe),
    **dict.fromkeys(
        ("uprobe.multi", "uretprobe.multi", "uprobe.multi.s", "uretprobe.multi.s", "uprobe.session"), _uprobe_multi
    ),
    **dict.fromkeys(("usdt", "usdt.s"), usdt.usdt),
}
TYPES: Final[dict[int, How]] = {
    **attaching.TYPES,
    t.BPF_PROG_TYPE_SK_LOOKUP: _of_net,
    t.BPF_PROG_TYPE_FLOW_DISSECTOR: _of_net,
    t.BPF_PROG_TYPE_SK_REUSEPORT: _reuseport,
    t.BPF_PROG_TYPE_NETFILTER: _netfilter,
    t.BPF_PROG_TYPE_STRUCT_OPS: _struct_ops,
    t.BPF_PROG_TYPE_SK_SKB: sockmaps.sockmap,
    t.BPF_PROG_TYPE_SK_MSG: sockmaps.sockmap,
    t.BPF_PROG_TYPE_SYSCALL: _syscall,
    t.BPF_PROG_TYPE_EXT: attaching.by_btf,
    t.BPF_PROG_TYPE_SCHED_ACT: filters.action,
    t.BPF_PROG_TYPE_LWT_IN: routes.lightweight,
    t.BPF_PROG_TYPE_LWT_OUT: routes.lightweight,
    t.BPF_PROG_TYPE_LWT_XMIT: routes.lightweight,
    t.BPF_PROG_TYPE_LWT_SEG6LOCAL: routes.segment,
    t.BPF_PROG_TYPE_LIRC_MODE2: _reason("the guest has no infrared receiver"),
}


def how(program: Program) -> How:
    """The function that attaches a program, by its section, else by its type. NotAttached if there is none."""
    found = SECTIONS.get(program.section.partition("/")[0]) or TYPES.get(program.prog_type)
    if found is None:
        raise NotAttached("programs of this type are not attached in a guest")
    return found


def attach(attacher: Attacher, program: Program, slot: Slot) -> None:
    """Attach a loaded program; NotAttached says why it cannot be."""
    how(program)(attacher, program, slot)


def prepare(attacher: Attacher, programs: Sequence[Program]) -> None:
    """What the loaded programs of an object need before the first one is attached."""
    with suppress(NotAttached):  # what lacks it is told why when it is attached
        sockmaps.connect(attacher, programs)
