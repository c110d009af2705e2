"""Events as programs see them: a tracepoint's record, a function's arguments, by the names the kernel gives them.

Field and parameter names come from the kernel's BTF (struct trace_event_raw_NAME, function prototypes,
btf_trace_NAME); those of system calls from a short table, as BTF has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from vm.errors import InputError
from vm.runner.default_values import POINTERS, USER_POINTERS, EventValue
from vm.runner.inputs import EventInput, NoInput

if TYPE_CHECKING:
    from vm.btf.types import Btf, Param
    from vm.program import Program
    from vm.runner.world import World

RECORD: Final = 512
_COMMON: Final = 8  # struct trace_entry: type, flags, preempt count, pid
_PID: Final = 4
_ID: Final = 8
_ARGS: Final = 16

# Names of the arguments in the format files under tracing/events/syscalls/.
SYSCALLS: Final = {
    "read": ("fd", "buf", "count"),
    "write": ("fd", "buf", "count"),
    "open": ("filename", "flags", "mode"),
    "openat": ("dfd", "filename", "flags", "mode"),
    "openat2": ("dfd", "filename", "how", "usize"),
    "close": ("fd",),
    "execve": ("filename", "argv", "envp"),
    "execveat": ("fd", "filename", "argv", "envp", "flags"),
    "connect": ("fd", "uservaddr", "addrlen"),
    "bind": ("fd", "umyaddr", "addrlen"),
    "accept": ("fd", "upeer_sockaddr", "upeer_addrlen"),
    "accept4": ("fd", "upeer_sockaddr", "upeer_addrlen", "flags"),
    "socket": ("family", "type", "protocol"),
    "sendto": ("fd", "buff", "len", "flags", "addr", "addr_len"),
    "recvfrom": ("fd", "ubuf", "size", "flags", "addr", "addr_len"),
    "kill": ("pid", "sig"),
    "tgkill": ("tgid", "pid", "sig"),
    "clone": ("clone_flags", "newsp", "parent_tidptr", "child_tidptr", "tls"),
    "unlink": ("pathname",),
    "unlinkat": ("dfd", "pathname", "flag"),
    "mkdir": ("pathname", "mode"),
    "mkdirat": ("dfd", "pathname", "mode"),
    "rename": ("oldname", "newname"),
    "chmod": ("filename", "mode"),
    "mmap": ("addr", "len", "prot", "flags", "fd", "off"),
    "ptrace": ("request", "pid", "addr", "data"),
    "setuid": ("uid",),
    "bpf": ("cmd", "uattr", "size"),
    "nanosleep": ("rqtp", "rmtp"),
    "exit_group": ("error_code",),
}


# Events whose record is that of a class (DEFINE_EVENT in include/trace/events/): class -> events.
EVENT_CLASSES: Final[Mapping[str, tuple[str, ...]]] = {
    "sched_wakeup_template": ("sched_waking", "sched_wakeup", "sched_wakeup_new"),
    "sched_process_template": ("sched_process_exit", "sched_process_free", "sched_wait_task"),
    "sched_stat_template": ("sched_stat_wait", "sched_stat_sleep", "sched_stat_iowait", "sched_stat_blocked"),
    "block_rq": ("block_rq_insert", "block_rq_issue", "block_rq_merge", "block_io_start", "block_io_done"),
    "block_rq_completion": ("block_rq_complete", "block_rq_error"),
    "block_bio": ("block_bio_queue", "block_bio_backmerge", "block_bio_frontmerge", "block_getrq"),
    "net_dev_template": ("net_dev_queue", "netif_receive_skb", "netif_rx"),
    "softirq": ("softirq_entry", "softirq_exit", "softirq_raise"),
    "tcp_event_sk": ("tcp_receive_reset", "tcp_destroy_sock", "tcp_rcv_space_adjust"),
    "tcp_event_sk_skb": ("tcp_retransmit_skb",),
    "cpu": ("cpu_idle", "cpu_frequency"),
    "x86_exceptions": ("page_fault_user", "page_fault_kernel"),
}
_CLASS_OF: Final = {event: name for name, events in EVENT_CLASSES.items() for event in events}

CURRENT: Final = "current"
"""What names of values about the current task start with: current.pid, current.comm."""

# Functions through which the kernel enters system calls; their argument is the caller's registers.
_WRAPPERS: Final = ("__x64_sys_", "__ia32_sys_", "sys_")
_SYSCALL_FAMILIES: Final = ("ksyscall", "kretsyscall")
_SYSCALL_EVENTS: Final = ("sys_enter_", "sys_exit_")


class Slot(NamedTuple):
    """A field of a record: where, how many bytes, and what it holds."""

    offset: int
    size: int
    text: bool = False  # a char array
    located: bool = False  # __data_loc: the string lies behind the record
    type: str = "long"  # as C spells it


def hook_name(world: World, given: EventInput | NoInput) -> str:
    """The last part of the event's name, or of the program's section: sched_switch, do_unlinkat."""
    return hook_of(world.program, given.name if isinstance(given, EventInput) else "")


def hook_of(program: Program, name: str = "") -> str:
    """The last part of an event's name, by default of the program's section: sched_switch, do_unlinkat."""
    return (name or program.section).rstrip("/").rsplit("/", 1)[-1].split("+", 1)[0]


def family(program: Program) -> str:
    """How a program is attached: the first part of its section, without ".s" and similar suffixes ("kretprobe")."""
    return program.section.lstrip("?").split("/", 1)[0].split(".", 1)[0]


def returns(program: Program) -> bool:
    """Whether the program runs when a function returns."""
    return family(program) in ("kretprobe", "kretsyscall", "uretprobe", "fexit")


def wrapped_syscall(program: Program, name: str = "") -> str:
    """The system call whose entry function is probed ("execve"), "" if it is another function."""
    hook = hook_of(program, name)
    if family(program) in _SYSCALL_FAMILIES:
        return hook
    return next((hook.removeprefix(each) for each in _WRAPPERS if hook.startswith(each)), "")


def split_values(
    given: EventInput | NoInput,
) -> tuple[dict[str, EventValue], list[tuple[str, str, EventValue]]]:
    """The values of arguments and fields, and those inside objects: (argument, path in what it points to, value).

    Those of the current task are left out.
    """
    plain: dict[str, EventValue] = {}
    inner = []
    for name, value in (given.values if isinstance(given, EventInput) else {}).items():
        top, dot, path = name.partition(".")
        if not dot:
            plain[name] = value
        elif top != CURRENT:
            inner.append((top, path, value))
    return plain, inner


def tracepoint_buffer(world: World, given: EventInput | NoInput) -> int:
    """Address of the record a tracepoint program's ctx points to; InputError for a field it does not have.

    Values by field name; a number written "+16" is an offset of eight bytes.
    """
    record = bytearray(RECORD)
    record[_PID : _PID + 4] = world.pid.to_bytes(4, "little")
    event = hook_name(world, given)
    slots = record_slots(event)
    tail = max((slot.offset + slot.size for slot in slots.values()), default=_COMMON)
    plain, inner = split_values(given)
    for name in POINTERS if isinstance(given, EventInput) else ():
        if name in slots and slots[name].size == 8 and name not in plain:
            plain[name] = world.examples.argument(POINTERS[name])
    for name, path, value in inner:
        if name not in POINTERS or not isinstance(pointer := plain.get(name), int):
            raise InputError(f"The event {event} has no field {name!r} that points to an object.")
        world.examples.set(POINTERS[name], pointer, path, value)
    for name, value in plain.items():
        slot = _slot(event, name, slots)
        if slot.located:
            data = _text(value) + b"\0"
            tail = _write(record, name, tail, data)
            record[slot.offset : slot.offset + 4] = (tail - len(data) | len(data) << 16).to_bytes(4, "little")
        elif slot.text:
            _write(record, name, slot.offset, _text(value)[: slot.size - 1])
        elif isinstance(value, bytes):
            _write(record, name, slot.offset, value)
        elif isinstance(value, str) and slot.size < 8:
            raise InputError(
                f"The field {name!r} of the event {event} is a number of {slot.size} bytes, and {value[:40]!r} is none."
            )
        else:
            _write(record, name, slot.offset, world.event_word(value).to_bytes(8, "little")[: slot.size])
    return world.kernel_bytes("ctx", bytes(record))


def _write(record: bytearray, name: str, at: int, data: bytes) -> int:
    if at + len(data) > len(record):
        raise InputError(f"Field {name!r} of the event does not fit into its {len(record)} bytes.")
    record[at : at + len(data)] = data
    return at + len(data)


def _text(value: EventValue) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _slot(event: str, name: str, slots: Mapping[str, Slot]) -> Slot:
    if name in slots:
        return slots[name]
    if name.startswith("+") and name[1:].isdigit():
        return Slot(int(name[1:]), 8)
    known = ", ".join(slots) or "none that are known; give an offset such as +8"
    raise InputError(f"The event {event} has no field {name!r}; it has {known}.")


def record_slots(event: str) -> dict[str, Slot]:
    """Fields of a tracepoint's record by name, without the common ones."""
    if event.startswith(_SYSCALL_EVENTS):
        return _syscall_slots(event)
    from vm.btf.cdump import type_text
    from vm.btf.types import Kind
    from vm.kernel.btf import kernel_btf

    btf = kernel_btf()
    struct = btf.find(f"trace_event_raw_{_CLASS_OF.get(event, event)}", Kind.STRUCT)
    slots: dict[str, Slot] = {}
    for member in struct.members if struct else ():
        name, size = member.name, btf.size_of(member.type_id)
        if member.bit_off < 8 * _COMMON or not size:
            continue
        located = name.startswith("__data_loc_")
        text = btf.skip_modifiers(member.type_id).kind == Kind.ARRAY and event != "sys_enter"
        kind = "char[]" if located else type_text(btf, member.type_id)
        slots[name.removeprefix("__data_loc_")] = Slot(member.bit_off // 8, size, text, located, kind)
    if event == "sys_enter":
        slots |= {f"arg{i + 1}": Slot(_ARGS + 8 * i, 8) for i in range(6)}
    return slots


def _syscall_slots(event: str) -> dict[str, Slot]:
    slots = {"__syscall_nr": Slot(_ID, 4), "nr": Slot(_ID, 4)}
    if event.startswith("sys_exit_"):
        return slots | {"ret": Slot(_ARGS, 8)}
    names = SYSCALLS.get(event.removeprefix("sys_enter_"), ())
    slots |= {name: Slot(_ARGS + 8 * i, 8) for i, name in enumerate(names)}
    return slots | {f"arg{i + 1}": Slot(_ARGS + 8 * i, 8) for i in range(6)}


class Parameter(NamedTuple):
    """An argument's name and type, and what it points to.

    struct, size -- the structure's name and size ("" and 0 for what is no such pointer)
    pointer      -- whether it is a pointer; text -- whether it is one to characters
    """

    name: str
    struct: str = ""
    size: int = 0
    pointer: bool = False
    text: bool = False
    type: str = ""

    @property
    def user(self) -> bool:
        """Whether it points to user memory, as far as its name shows."""
        return self.pointer and not self.struct and self.name in USER_POINTERS


def function(program: Program, hook: str) -> tuple[tuple[Parameter, ...], str]:
    """Parameters and result type of the kernel function, LSM hook, raw tracepoint or iterator; () if BTF has none."""
    from vm.btf.cdump import type_text
    from vm.btf.types import Kind
    from vm.kernel.btf import kernel_btf

    btf = kernel_btf()
    # A raw tracepoint's own parameters come after the void * of the functions that pass it on.
    names = [(f"bpf_lsm_{hook}", 0), (f"__traceiter_{hook}", 1), (f"__bpf_trace_{hook}", 1), (hook, 0)]
    if family(program) == "iter":
        names.insert(0, (f"bpf_iter_{hook}", 0))
    for name, skipped in names:
        found = btf.find(name, Kind.FUNC)
        if found is not None:
            proto = btf.type(found.type_id)
            return tuple(_parameter(btf, param) for param in proto.params[skipped:]), type_text(btf, proto.type_id)
    return (), ""


def parameters(program: Program, hook: str) -> tuple[Parameter, ...]:
    """Parameters of a kernel function, LSM hook or raw tracepoint; () if BTF does not know it."""
    return function(program, hook)[0]


def _parameter(btf: Btf, param: Param) -> Parameter:
    from vm.btf.cdump import type_text
    from vm.btf.types import COMPOSITES, Kind

    found = btf.skip_modifiers(param.type_id)
    text = type_text(btf, param.type_id)
    if found.kind != Kind.PTR:
        return Parameter(param.name, type=text)
    found = btf.skip_modifiers(found.type_id)
    if found.kind in COMPOSITES:
        return Parameter(param.name, found.name, found.size, True, type=text)
    return Parameter(param.name, pointer=True, text=found.name in ("char", "unsigned char"), type=text)
