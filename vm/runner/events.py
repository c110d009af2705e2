"""Tracepoint buffers: the record a tracepoint program's ctx points to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vm.errors import InputError
from vm.runner.inputs import EventInput, NoInput

if TYPE_CHECKING:
    from vm.runner.world import World

# struct syscall_trace_enter / _exit after the common 8 bytes of struct trace_entry.
_SYSCALL_ARGS: Final = 16
RECORD: Final = 256


def tracepoint_buffer(world: World, given: EventInput | NoInput) -> int:
    """Address of the record.

    Values by name: "nr", "ret", "arg1" … for system calls, or "+OFFSET" with up to eight bytes.
    """
    record = bytearray(RECORD)
    record[4:8] = (4242).to_bytes(4, "little")  # common_pid
    values = given.values if isinstance(given, EventInput) else {}
    name = (given.name if isinstance(given, EventInput) else "") or world.program.section
    syscall = "sys_enter" in name or "sys_exit" in name
    place = 0
    for field, value in values.items():
        at, size = _where(field, syscall, place)
        if field != "nr":
            place += 1
        data = value if isinstance(value, bytes) else world.event_word(value).to_bytes(8, "little")[:size]
        if at + len(data) > RECORD:
            raise InputError(f"Field {field!r} of the event lies past its {RECORD} bytes.")
        record[at : at + len(data)] = data
    return world.kernel_bytes("ctx", bytes(record))


def _where(field: str, syscall: bool, place: int) -> tuple[int, int]:
    if field.startswith("+") and field[1:].isdigit():
        return int(field[1:]), 8
    if field in ("nr", "__syscall_nr", "id"):
        return 8, 8
    if field == "ret":
        return _SYSCALL_ARGS, 8
    if field.startswith("arg") and field[3:].isdigit():
        return _SYSCALL_ARGS + 8 * (int(field[3:]) - 1), 8
    if syscall:
        return _SYSCALL_ARGS + 8 * place, 8
    return 8 + 8 * place, 8
