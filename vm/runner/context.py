"""What a program's r1 points to: the kernel's structures in memory, and the UAPI view of them.

A rewritten program reads the kernel's structures (struct xdp_buff, sk_buff, pt_regs …). A program that was not
rewritten reads struct xdp_md and __sk_buff, which are not in memory: `uapi_window` computes their fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from vm.errors import InputError, NotEmulated
from vm.runner.default_values import EventValue
from vm.runner.events import (
    SYSCALLS,
    Parameter,
    hook_name,
    parameters,
    returns,
    split_values,
    tracepoint_buffer,
    wrapped_syscall,
)
from vm.runner.inputs import EventInput, GivenInput, MemoryInput, NoInput, PacketInput
from vm.runner.layout import PT_REGS, SIZES
from vm.runner.memory import CTX_WINDOW, AccessError, Window
from vm.runner.packet import SkbPacket, XdpPacket

if TYPE_CHECKING:
    from vm.runner.world import World

PROG_TYPES: Final = (
    "unspec", "socket_filter", "kprobe", "sched_cls", "sched_act", "tracepoint", "xdp", "perf_event", "cgroup_skb",
    "cgroup_sock", "lwt_in", "lwt_out", "lwt_xmit", "sock_ops", "sk_skb", "cgroup_device", "sk_msg",
    "raw_tracepoint", "cgroup_sock_addr", "lwt_seg6local", "lirc_mode2", "sk_reuseport", "flow_dissector",
    "cgroup_sysctl", "raw_tracepoint_writable", "cgroup_sockopt", "tracing", "struct_ops", "ext", "lsm",
    "sk_lookup", "syscall", "netfilter",
)  # fmt: skip

SKB_TYPES: Final = frozenset({"socket_filter", "sched_cls", "sched_act", "cgroup_skb", "lwt_in", "lwt_out",
                              "lwt_xmit", "lwt_seg6local"})  # fmt: skip
ARGS_TYPES: Final = frozenset({"raw_tracepoint", "raw_tracepoint_writable", "tracing", "lsm"})


def prog_type_name(prog_type: int) -> str:
    """The program type's name in bpftool."""
    return PROG_TYPES[prog_type] if 0 <= prog_type < len(PROG_TYPES) else f"type {prog_type}"


NO_QUEUE_MAPPING: Final = 0xFFFF
GIVEN_CTX: Final = 512
"""Bytes of a context whose kernel structure is not emulated, in a run whose input says what lies in it."""


class Context(NamedTuple):
    """address -- what r1 holds; packet -- the packet it is about, if any."""

    address: int
    packet: XdpPacket | SkbPacket | None = None


def build_context(world: World) -> Context:
    """The kernel's structures for this program type and input; InputError if they do not fit together."""
    kind, given = world.kind, world.input
    assert not isinstance(given, GivenInput)  # World.begin() takes it apart
    if isinstance(given, MemoryInput):
        return Context(world.user_bytes("memory", given.data))
    if kind == "xdp":
        return _packet_context(world, XdpPacket)
    if kind in SKB_TYPES:
        return _packet_context(world, SkbPacket)
    if isinstance(given, PacketInput):
        raise InputError(
            f"A program of type {kind} is not run on a packet; it wants an event. Choose an event as the input, "
            "or leave the choice to the program."
        )
    if kind == "kprobe":
        return Context(_pt_regs(world, given))
    if kind == "tracepoint":
        return Context(tracepoint_buffer(world, given))
    if kind in ARGS_TYPES:
        return Context(_arguments(world, given))
    if kind == "perf_event" and world.script is None:
        return Context(_perf_event(world, given))
    if kind in ("syscall", "unspec"):
        return Context(world.kernel_bytes("ctx", bytes(256)))
    if world.script is not None:
        return Context(world.kernel_bytes("ctx", bytes(GIVEN_CTX)))
    raise NotEmulated(f"running {kind} programs", kind="program type", name=kind)


def _packet_context(world: World, make: type[XdpPacket] | type[SkbPacket]) -> Context:
    given = world.input
    if isinstance(given, NoInput):
        given = PacketInput(bytes(64))
    if not isinstance(given, PacketInput):
        raise InputError(
            f"A {world.kind} program wants a packet, not an event. Choose a packet as the input, "
            "or leave the choice to the program."
        )
    packet = make(world, given)
    return Context(packet.address, packet)


ARGUMENT_REGS: Final = ("di", "si", "dx", "cx", "r8", "r9")


# Registers a system call's arguments are in; the fourth differs from a function's.
SYSCALL_REGS: Final = ("di", "si", "dx", "r10", "r8", "r9")


def _pt_regs(world: World, given: EventInput | NoInput) -> int:
    """struct pt_regs of a probed function: values by register ("di"), "arg1".."arg6", parameter name, or "ret".

    The entry function of a system call gets the caller's registers; names of its arguments are about those.
    """
    program, hook = world.program, hook_name(world, given)
    regs, caller = bytearray(SIZES["pt_regs"]), bytearray(SIZES["pt_regs"])
    syscall = wrapped_syscall(program, hook)
    plain, inner = split_values(given)
    known = parameters(program, hook)[: len(ARGUMENT_REGS)]
    objects: dict[str, tuple[str, int]] = {}
    if isinstance(given, EventInput) and not syscall and not returns(program):
        for reg, param in zip(ARGUMENT_REGS, known, strict=False):
            if param.pointer and (param.name not in plain):
                address = _object(world, param)
                objects[param.name] = param.struct, address
                _set(regs, reg, address)
    arguments = SYSCALLS.get(syscall, ())
    for name, value in plain.items():
        if name in arguments:
            _set(caller, SYSCALL_REGS[arguments.index(name)], world.event_word(value))
            continue
        reg = _register(name, known, arguments)
        _set(regs, reg, _word(world, value, known, name, syscall=bool(syscall)))
    _set_fields(world, objects, inner)
    if arguments:
        address = world.kernel_bytes("registers of the caller", bytes(caller))
        if not int.from_bytes(regs[8 * PT_REGS.index("di") :][:8], "little"):
            _set(regs, "di", address)
    return world.kernel_bytes("ctx", bytes(regs))


def _set(regs: bytearray, reg: str, value: int) -> None:
    at = 8 * PT_REGS.index(reg)
    regs[at : at + 8] = value.to_bytes(8, "little")


def _word(world: World, value: EventValue, known: tuple[Parameter, ...], name: str, *, syscall: bool = False) -> int:
    """An argument's value as a 64-bit word. Text is placed in kernel memory if the function expects it there.

    InputError for text if the argument is no pointer.
    """
    param = next((each for each in known if each.name == name), None)
    if isinstance(value, str) and param is not None and not param.pointer and not syscall:
        raise InputError(
            f"The argument {name!r} is of type {param.type}: it takes a number, and {value[:40]!r} is none."
        )
    kernel = param is not None and param.text and not param.user and not syscall
    return world.event_word(value, kernel=kernel)


def _set_fields(world: World, objects: dict[str, tuple[str, int]], inner: list[tuple[str, str, EventValue]]) -> None:
    """Values inside the objects that arguments point to."""
    for name, path, value in inner:
        struct, address = objects.get(name, ("", 0))
        if not struct:
            known = ", ".join(each for each, (struct, _) in objects.items() if struct) or "none"
            raise InputError(f"The event has no argument {name!r} that points to an object; it has {known}.")
        world.examples.set(struct, address, path, value)


def _register(name: str, known: tuple[Parameter, ...], arguments: tuple[str, ...]) -> str:
    reg = name.lower()
    if reg.startswith("arg") and reg[3:].isdigit() and 1 <= int(reg[3:]) <= len(ARGUMENT_REGS):
        return ARGUMENT_REGS[int(reg[3:]) - 1]
    if reg in ("ret", "rc", "retval"):
        return "ax"
    if reg in PT_REGS:
        return reg
    if reg[:1] in ("r", "e") and reg[1:] in PT_REGS:
        return reg[1:]
    names = tuple(param.name for param in known)
    if name in names:
        return ARGUMENT_REGS[names.index(name)]
    said = f"parameters ({', '.join(arguments or names)}), " if arguments or names else ""
    raise InputError(
        f"A kprobe has no value {name!r}; name {said}registers (di, si, dx, cx, r8, r9, ax …), arg1 to arg6, or ret."
    )


MAX_ARGUMENTS: Final = 12
MAX_OBJECT: Final = 16 << 10
SCALAR_BYTES: Final = 64
"""Bytes behind a pointer to no structure."""


def _arguments(world: World, given: EventInput | NoInput) -> int:
    """u64 args[] of a raw tracepoint or traced function: by parameter name, "arg1" …, or "ret" behind them."""
    plain, inner = split_values(given)
    known = parameters(world.program, hook_name(world, given))[:MAX_ARGUMENTS]
    names = tuple(param.name for param in known)
    addresses = [_object(world, param) if param.name not in plain else 0 for param in known]
    args = addresses + [0] * (MAX_ARGUMENTS - len(known))
    count = len(names)
    for name, value in plain.items():
        index = _argument(name, names, count)
        args[index] = _word(world, value, known, name)
        count = max(count, index + 1) if name != "ret" else count
    _set_fields(world, {p.name: (p.struct, at) for p, at in zip(known, addresses, strict=True) if at}, inner)
    # A trampoline stores the function's address and the number of arguments before them.
    words = (0, count, *args)
    return world.kernel_bytes("ctx", b"".join(word.to_bytes(8, "little") for word in words)) + 16


def _object(world: World, param: Parameter) -> int:
    """The object of a pointer argument without a value: an example, or, without an event, the current task or zeros."""
    if isinstance(world.input, EventInput):
        if param.struct:
            return world.examples.argument(param.struct)
        return world.kernel_bytes(param.name, bytes(SCALAR_BYTES)) if param.pointer else 0
    if param.struct == "task_struct":
        return world.task_address()
    size = min(param.size, MAX_OBJECT)
    return world.kernel_bytes(param.struct or param.name, bytes(size)) if size else 0


def _argument(name: str, names: tuple[str, ...], count: int) -> int:
    if name in names:
        return names.index(name)
    if name == "ret":
        return count
    if name.startswith("arg") and name[3:].isdigit() and 1 <= int(name[3:]) <= MAX_ARGUMENTS:
        return int(name[3:]) - 1
    known = ", ".join(names) or f"none that are known; say arg1 to arg{MAX_ARGUMENTS}"
    raise InputError(f"The event has no argument {name!r}; it has {known}.")


SAMPLE: Final = {"sample_period": 8, "addr": 184}
"""Fields of struct bpf_perf_event_data by their offsets in struct perf_sample_data."""


def _perf_event(world: World, given: EventInput | NoInput) -> int:
    """struct bpf_perf_event_data_kern: pointers to registers, sample data, event."""
    sample = bytearray(256)
    if isinstance(given, EventInput):
        for name, at in SAMPLE.items():
            if isinstance(value := given.values.get(name), int):
                sample[at : at + 8] = world.event_word(value).to_bytes(8, "little")
        given = EventInput(given.name, {name: v for name, v in given.values.items() if name not in SAMPLE})
    regs = _pt_regs(world, given)
    data = world.kernel_bytes("sample data", bytes(sample))
    event = world.kernel_bytes("event", bytes(2048))
    return world.kernel_bytes("event data", b"".join(p.to_bytes(8, "little") for p in (regs, data, event)))


# -- the UAPI view ------------------------------------------------------------------------------------


class Field(NamedTuple):
    """A field of a UAPI ctx: its size there, and where the kernel keeps it.

    path   -- struct.field steps from the ctx; all but the last are pointers to follow
    width  -- bytes of the kernel's field; 8 with `pointer` gives a whole address even for a 4-byte load
    """

    name: str
    size: int
    path: tuple[str, ...]
    width: int
    pointer: bool = False
    writable: bool = False
    shift: int = 0
    mask: int = 0
    flag: bool = False


XDP_MD: Final[dict[int, Field]] = {
    0: Field("data", 4, ("xdp_buff.data",), 8, pointer=True),
    4: Field("data_end", 4, ("xdp_buff.data_end",), 8, pointer=True),
    8: Field("data_meta", 4, ("xdp_buff.data_meta",), 8, pointer=True),
    12: Field("ingress_ifindex", 4, ("xdp_buff.rxq", "xdp_rxq_info.dev", "net_device.ifindex"), 4),
    16: Field("rx_queue_index", 4, ("xdp_buff.rxq", "xdp_rxq_info.queue_index"), 4),
    20: Field("egress_ifindex", 4, ("xdp_buff.txq", "xdp_txq_info.dev", "net_device.ifindex"), 4),
}


def _skb_fields() -> dict[int, Field]:
    skb = "sk_buff."
    table = {
        0: Field("len", 4, (skb + "len",), 4),
        4: Field("pkt_type", 4, (skb + "pkt_type",), 1, mask=7),
        8: Field("mark", 4, (skb + "mark",), 4, writable=True),
        12: Field("queue_mapping", 4, (skb + "queue_mapping",), 2, writable=True),
        16: Field("protocol", 4, (skb + "protocol",), 2),
        20: Field("vlan_present", 4, (skb + "vlan_all",), 4, flag=True),
        24: Field("vlan_tci", 4, (skb + "vlan_tci",), 2),
        28: Field("vlan_proto", 4, (skb + "vlan_proto",), 2),
        32: Field("priority", 4, (skb + "priority",), 4, writable=True),
        36: Field("ingress_ifindex", 4, (skb + "skb_iif",), 4),
        40: Field("ifindex", 4, (skb + "dev", "net_device.ifindex"), 4),
        44: Field("tc_index", 4, (skb + "tc_index",), 2, writable=True),
        68: Field("hash", 4, (skb + "hash",), 4),
        72: Field("tc_classid", 4, ("skb_cb.tc_classid",), 2, writable=True),
        76: Field("data", 4, (skb + "data",), 8, pointer=True),
        80: Field("data_end", 4, ("skb_cb.data_end",), 8, pointer=True),
        84: Field("napi_id", 4, (skb + "napi_id",), 4),
        88: Field("family", 4, (skb + "sk", "sock_common.skc_family"), 2),
        92: Field("remote_ip4", 4, (skb + "sk", "sock_common.skc_daddr"), 4),
        96: Field("local_ip4", 4, (skb + "sk", "sock_common.skc_rcv_saddr"), 4),
        132: Field("remote_port", 4, (skb + "sk", "sock_common.skc_dport"), 2, shift=16),
        136: Field("local_port", 4, (skb + "sk", "sock_common.skc_num"), 2),
        140: Field("data_meta", 4, ("skb_cb.data_meta",), 8, pointer=True),
        152: Field("tstamp", 8, (skb + "tstamp",), 8, writable=True),
        160: Field("wire_len", 4, ("skb_cb.pkt_len",), 4),
        164: Field("gso_segs", 4, ("shared_info", "skb_shared_info.gso_segs"), 2),
        168: Field("sk", 8, (skb + "sk",), 8, pointer=True),
        176: Field("gso_size", 4, ("shared_info", "skb_shared_info.gso_size"), 2),
        180: Field("tstamp_type", 1, (skb + "tstamp_type",), 1, mask=3),
        184: Field("hwtstamp", 8, ("shared_info", "skb_shared_info.hwtstamps"), 8),
    }
    for i in range(5):
        table[48 + 4 * i] = Field(f"cb[{i}]", 4, (f"skb_cb.data+{4 * i}",), 4, writable=True)
    for i in range(4):
        table[100 + 4 * i] = Field(f"remote_ip6[{i}]", 4, (skb + "sk", f"sock_common.skc_v6_daddr+{4 * i}"), 4)
        table[116 + 4 * i] = Field(f"local_ip6[{i}]", 4, (skb + "sk", f"sock_common.skc_v6_rcv_saddr+{4 * i}"), 4)
    return table


SK_BUFF: Final[dict[int, Field]] = _skb_fields()
_UAPI: Final = {"xdp": ("xdp_md", 24, XDP_MD), "skb": ("__sk_buff", 192, SK_BUFF)}


def uapi_window(world: World, packet: XdpPacket | SkbPacket) -> Window:
    """struct xdp_md or __sk_buff, computed from the kernel's structures."""
    name, size, fields = _UAPI[packet.uapi]

    def covering(off: int, width: int) -> tuple[int, Field]:
        for start in (off, off & -4, off & -8):
            field = fields.get(start)
            if field is not None and off + width <= start + field.size:
                return start, field
        if packet.uapi == "skb" and off >= 48 and off + width <= 68 and off % width == 0:
            return 48, Field("cb", 20, ("skb_cb.data",), 20, writable=True)
        raise AccessError(f"access of {width} bytes at {name}+{off}: no such field of struct {name}", CTX_WINDOW + off)

    def load(off: int, width: int) -> int:
        start, field = covering(off, width)
        if field.size == 20:
            return world.memory.get(packet.field(field.path) + off - start, width)
        value = world.memory.get(packet.field(field.path), field.width) << field.shift
        if field.mask:
            value &= field.mask
        if field.flag:
            value = int(value != 0)
        if field.pointer:
            return value
        return value >> 8 * (off - start) & ((1 << 8 * width) - 1)

    def store(off: int, width: int, value: int) -> None:
        start, field = covering(off, width)
        if not field.writable:
            raise AccessError(f"write to {name}+{off}: {field.name} is read-only", CTX_WINDOW + off)
        if field.name == "queue_mapping" and value & ((1 << 8 * width) - 1) >= NO_QUEUE_MAPPING:
            return
        if field.size == 20:
            world.memory.put(packet.field(field.path) + off - start, width, value)
        else:
            world.memory.put(packet.field(field.path), field.width, value)

    return Window("ctx", CTX_WINDOW, size, load, store)
