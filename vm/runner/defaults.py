"""The default input of a program: a packet, or its own event with example values.

The values are examples, not recordings (vm/runner/default_values.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final, NamedTuple

from vm.isa import opcodes as o
from vm.program import Program
from vm.runner.context import ARGS_TYPES, SKB_TYPES, prog_type_name
from vm.runner.default_values import (
    BYTES,
    CALLS,
    COMM,
    NUMBERS,
    PID,
    POINTERS,
    RESULTS,
    SECOND,
    SYSCALL_TYPES,
    TEXT,
    TEXTS,
    UID,
    ZERO,
    EventValue,
)
from vm.runner.events import (
    CURRENT,
    SYSCALLS,
    Parameter,
    Slot,
    family,
    function,
    hook_of,
    record_slots,
    returns,
    wrapped_syscall,
)
from vm.runner.inputs import EventInput, NoInput, PacketInput, RunInput
from vm.runner.packets import from_form

EVENT_TYPES: Final = ARGS_TYPES | {"kprobe", "tracepoint", "perf_event"}
# Fields that are listed for an event at most; further fields of objects have their example values.
MAX_FIELDS: Final = 96
UNKNOWN_ARGUMENTS: Final = 3
CURRENT_TASK: Final = frozenset({"pid", "tgid", "comm", "cred.uid.val", "cred.gid.val"})
"""Fields of the example task_struct that are those of the current task."""

_IPV4: Final = {"src": "192.0.2.1", "dst": "192.0.2.2"}
_IPV6: Final = {"src": "2001:db8::1", "dst": "2001:db8::2"}
_SYN: Final = {"sport": 40_000, "dport": 80, "flags": "S"}
# As forms (vm.runner.packets.from_form).
PACKETS: Final[Mapping[str, Mapping[str, Any]]] = {
    "tcp": {"ip": _IPV4, "tcp": _SYN},
    "udp": {"ip": _IPV4, "udp": {"sport": 40_000, "dport": 53}, "payload": {"text": "hello"}},
    "ipv6": {"ipv6": _IPV6, "tcp": _SYN},
}
# Constants that a program compares with, by the packet they speak of: protocol numbers, and ports and EtherTypes in
# either byte order.
_CONSTANTS: Final = {
    "tcp": frozenset({6, 80, 0x5000, 443, 0xBB01, 8080, 0x901F}),
    "udp": frozenset({17, 53, 0x3500}),
    "ipv6": frozenset({0xDD86, 58}),
}


class EventField(NamedTuple):
    """A value of an event: its name in EventInput.values, its C type, and what it is by default."""

    name: str
    type: str
    value: EventValue


def default_input(program: Program) -> RunInput:
    """What a program is run on by default: a packet for networking programs, the program's own event with its values
    filled in for tracing programs, nothing for the others."""
    kind = prog_type_name(program.prog_type)
    if kind == "xdp" or kind in SKB_TYPES:
        return PacketInput(default_packet(program))
    if kind not in EVENT_TYPES:
        return NoInput()
    return EventInput("", {field.name: field.value for field in event_fields(program)})


def default_packet(program: Program) -> bytes:
    """A TCP SYN, or a packet of another protocol if the program compares more with that one's numbers."""
    compared = {
        insn.imm
        for insn in program.insns
        if insn.code & 7 in (o.JMP, o.JMP32) and not insn.code & o.X and insn.code & 0xF0 not in (o.CALL, o.EXIT, o.JA)
    }
    best = max(_CONSTANTS, key=lambda name: len(compared & _CONSTANTS[name]))
    return _packet(best)


@cache
def _packet(name: str) -> bytes:
    """One of PACKETS. Making one takes longer than verifying a small program."""
    return from_form(PACKETS[name])


def event_fields(program: Program) -> tuple[EventField, ...]:
    """The values of a program's event with their defaults, those of the current task first."""
    kind = prog_type_name(program.prog_type)
    if kind == "tracepoint":
        own = _record(hook_of(program))
    elif kind == "perf_event":
        own = iter(
            (EventField("sample_period", "__u64", 1_000_000), EventField("ip", "unsigned long", 0x5555_5555_5000))
        )
    elif kind == "kprobe":
        own = _probe(program)
    else:
        own = _traced(program)
    task = (
        EventField(f"{CURRENT}.comm", "char[16]", COMM),
        EventField(f"{CURRENT}.pid", "pid_t", PID),
        EventField(f"{CURRENT}.tgid", "pid_t", PID),
        EventField(f"{CURRENT}.uid", "uid_t", UID),
        EventField(f"{CURRENT}.gid", "gid_t", UID),
    )
    return (*task, *own)[:MAX_FIELDS]


def _value(call: str, name: str, *, text: bool = False) -> EventValue:
    """The example value of an argument or field by its name; `call` is the function or event it is of."""
    known = CALLS.get(call, {}).get(name)
    if known is not None:
        return known
    if text or (name in TEXTS and name not in NUMBERS):
        return TEXTS.get(name, TEXT)
    if name in BYTES:
        return BYTES[name]
    return NUMBERS.get(name, 0 if name in ZERO else 1)


def _syscall(call: str) -> Iterator[EventField]:
    """Arguments of a system call."""
    for name in SYSCALLS.get(call, ()):
        kind = SYSCALL_TYPES.get(name, "long")
        yield EventField(name, kind, _value(call, name, text=kind.endswith("char *")))


def _record(event: str) -> Iterator[EventField]:
    """Fields of a tracepoint's record."""
    if event.startswith("sys_enter_"):
        yield from _syscall(event.removeprefix("sys_enter_"))
        return
    if event.startswith("sys_exit_"):
        yield EventField("ret", "long", RESULTS.get(event.removeprefix("sys_exit_"), 0))
        return
    for name, slot in record_slots(event).items():
        if name in POINTERS and slot.size == 8:
            yield from _object(name, POINTERS[name], POINTERS[name])
        elif not slot.type.endswith("*"):
            yield EventField(name, slot.type, _record_value(event, name, slot))


def _record_value(event: str, name: str, slot: Slot) -> EventValue:
    if name in BYTES and slot.text:
        return BYTES[name][: slot.size]
    if slot.text and not slot.type.startswith("char"):
        return bytes(slot.size)  # an array of numbers
    return _value(event, name, text=slot.text or slot.located)


def _probe(program: Program) -> Iterator[EventField]:
    """Arguments or result of a probed function."""
    hook, syscall = hook_of(program), wrapped_syscall(program)
    if returns(program):
        yield EventField("ret", "long", RESULTS.get(syscall or hook, 0))
        return
    if syscall:
        yield from _syscall(syscall)
        return
    known = function(program, hook)[0] if family(program) not in ("uprobe", "usdt") else ()
    if known:
        yield from _arguments(hook, known)
        return
    for number in range(1, UNKNOWN_ARGUMENTS + 1):
        yield EventField(f"arg{number}", "unsigned long", TEXT if number == 1 else number)


def _traced(program: Program) -> Iterator[EventField]:
    """Arguments, and the result where there is one, of a traced function, LSM hook, raw tracepoint or iterator."""
    hook = hook_of(program)
    known, result = function(program, hook)
    yield from _arguments(hook, known)
    if returns(program):
        yield EventField("ret", result or "long", RESULTS.get(hook, 0))


def _arguments(hook: str, known: tuple[Parameter, ...]) -> Iterator[EventField]:
    seen: set[str] = set()
    for param in known:
        if param.struct:
            again = param.struct in seen
            seen.add(param.struct)
            yield from _object(
                param.name, param.struct, SECOND.get(param.struct, param.struct) if again else param.struct
            )
        elif param.text or param.name in BYTES:
            yield EventField(param.name, param.type, _value(hook, param.name, text=param.text))
        elif not param.pointer:
            yield EventField(param.name, param.type, _value(hook, param.name))


def _object(name: str, struct: str, kind: str) -> Iterator[EventField]:
    """Fields of what an argument points to."""
    from vm.kernel.btf import kernel_btf
    from vm.runner.objects import example_fields

    for path, type_text, value in example_fields(kind, kernel_btf()):
        if kind == "task_struct" and path in CURRENT_TASK:
            continue  # said by the values of the current task
        yield EventField(f"{name}.{path}", type_text, value)
