"""Structs in the memory of a recorded event, field by field: the context, map values, records and kernel objects.

A field's value is what an instruction or call read or wrote there last; of the context also what it held at the entry,
and of all what was read of the memory when the program had returned. Other fields are not recorded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from vm.btf.cdump import type_text
from vm.btf.rows import Row, rows, value_text
from vm.errors import InputError
from vm.kernel import types as k
from vm.recorded.context_fields import AS_TOLD, ContextFields
from vm.runner.execution import BY_CALL, LOADED, STORED

if TYPE_CHECKING:
    from vm.btf.rows import Span
    from vm.btf.types import Btf
    from vm.program import Program
    from vm.recorded.values import RecordedEvent
    from vm.runner.place_names import RecordedNames
    from vm.runner.recording import Steps
    from vm.runner.replay_objects import Typed

MAX_STRUCTS: Final = 32
"""Of one event."""
MAX_ACCESSES: Final = 4000
"""Of one event, whose values are told."""
AT_ENTRY: Final = "entry"
AT_RETURN: Final = "return"
HOW: Final = {STORED: "write", LOADED: "read", BY_CALL: "call"}
"""By MemoryWrite.by."""
_ARGUMENT: Final = 8
_HIDDEN: Final = {k.BPF_PROG_TYPE_TRACEPOINT: 8}
"""Bytes at the beginning of a context that are the kernel's own, and are not what the struct says."""


class Held(NamedTuple):
    """What a row holds from a step on.

    step -- -1 at the entry; how -- one of HOW, AT_ENTRY, AT_RETURN; text -- "" where nothing is known
    """

    row: int
    step: int
    how: str
    text: str


class HeldStruct(NamedTuple):
    """A struct in memory. steps -- of the event that were looked at"""

    name: str
    type: str
    address: int
    size: int
    rows: tuple[Row, ...]
    held: tuple[Held, ...]
    steps: int


class _Access(NamedTuple):
    step: int
    how: str
    address: int
    size: int
    data: bytes


class _Layout:
    """The rows of a type."""

    def __init__(self, btf: Btf, found: Sequence[Row]) -> None:
        self.btf, self.rows = btf, tuple(found)
        self._at: dict[Span, list[int]] = {}

    def at(self, span: Span) -> list[int]:
        """Numbers of the rows with a value that some bytes are part of."""
        found = self._at.get(span)
        if found is None:
            start, size = span
            found = self._at[span] = [
                n for n, row in enumerate(self.rows)
                if not row.holds and row.offset < start + size and start < row.offset + row.size
            ]  # fmt: skip
        return found


class Structs:
    """The structs of the events of a program."""

    def __init__(self, program: Program, kernel: Btf | None) -> None:
        """kernel -- types of the recorded kernel, where they are not those of the emulated one"""
        self._program = program
        self._context = ContextFields(program, kernel)
        self._layouts: dict[tuple[int, int, tuple[Span, ...]], _Layout] = {}

    def of(self, event: RecordedEvent, steps: Steps, names: RecordedNames, whole: bool) -> list[HeldStruct]:
        """Those of an event, the context first, then in the order of their first use.

        whole -- whether the event's last step is its return
        """
        accesses, followed = _accesses(steps)
        found: list[tuple[int, HeldStruct]] = []
        for each in names.typed():
            used = [access for access in accesses if _within(access, each.address, each.size)]
            ended = _at_return(event, each) if whole and followed == len(steps) else []
            spans = tuple(sorted({_span(access, each) for access in (*used, *ended)}))
            if not spans:
                continue
            layout = self._layout(each.btf, each.type_id, spans)
            first = used[0].step if used else followed
            found.append((first, _told(each, layout, [*used, *ended], followed)))
            if len(found) >= MAX_STRUCTS:
                break
        found.sort(key=lambda each: each[0])
        return [*self._ctx(event, names.ctx, accesses, followed), *(each for _, each in found)]

    def _layout(self, btf: Btf, type_id: int, spans: tuple[Span, ...]) -> _Layout:
        key = id(btf), type_id, spans
        if key not in self._layouts:
            self._layouts[key] = _Layout(btf, rows(btf, type_id, spans))
        return self._layouts[key]

    def _ctx(self, event: RecordedEvent, ctx: int, accesses: Sequence[_Access], followed: int) -> Iterator[HeldStruct]:
        """The context, as a struct or as the arguments of the hook."""
        from vm.runner.replay_objects import Typed

        if not ctx:
            return
        declared = self._context.struct()
        if declared is not None:
            btf, type_id = declared
            size = btf.size_of(type_id)
        else:
            btf, arguments = self._context.arguments()
            type_id, size = 0, _ARGUMENT * len(arguments)
        if not size:
            return
        used = [access for access in accesses if _within(access, ctx, size)]
        entry = list(self._at_entry(event, ctx, size))
        about = Typed("ctx", ctx, size, btf, type_id)
        if declared is not None:
            layout = self._layout(btf, type_id, tuple(sorted({_span(access, about) for access in (*entry, *used)})))
        else:
            layout = _Layout(btf, [
                Row(0, each.name, _text(btf, each.type_id), _ARGUMENT * n, each.size, each.type_id)
                for n, each in enumerate(arguments)
            ])  # fmt: skip
        yield _told(about, layout, [*entry, *used], followed)

    def _at_entry(self, event: RecordedEvent, ctx: int, size: int) -> Iterator[_Access]:
        """The context's bytes before the first step, where they are what the program sees."""
        if self._program.prog_type not in AS_TOLD:
            return
        hidden = _HIDDEN.get(self._program.prog_type, 0)
        for each in event.memory:
            if each.state == 0 and each.address == ctx and hidden < min(size, len(each.data)):
                data = each.data[hidden:size]
                yield _Access(-1, AT_ENTRY, ctx + hidden, len(data), data)


def _accesses(steps: Steps) -> tuple[list[_Access], int]:
    """What the steps read and wrote, and how many steps that is of."""
    found: list[_Access] = []
    for i in range(len(steps)):
        if len(found) >= MAX_ACCESSES:
            return found, i
        for each in steps.moved(i):
            found.append(_Access(i, HOW[each.by], each.address, each.missing or len(each.data), each.data))
    return found, len(steps)


def _at_return(event: RecordedEvent, struct: Typed) -> list[_Access]:
    """What was read of a struct when the program had returned."""
    end = len(event.offsets)
    return [
        _Access(end, AT_RETURN, piece.address, len(piece.data), piece.data)
        for piece in event.memory
        if piece.state == end and piece.address < struct.address + struct.size
        and struct.address < piece.address + len(piece.data)
    ]  # fmt: skip


def _within(access: _Access, address: int, size: int) -> bool:
    return access.address < address + size and address < access.address + access.size


def _span(access: _Access, struct: Typed) -> Span:
    """The part of a struct that an access is of."""
    start = max(access.address, struct.address)
    end = min(access.address + access.size, struct.address + struct.size)
    return start - struct.address, end - start


def _told(struct: Typed, layout: _Layout, accesses: Sequence[_Access], steps: int) -> HeldStruct:
    known: dict[int, int] = {}
    held: list[Held] = []
    last: dict[int, str] = {}
    for access in accesses:
        span = _span(access, struct)
        inside = access.address - struct.address
        for n in range(span[0], sum(span)):
            if access.data:
                known[n] = access.data[n - inside]
            else:
                known.pop(n, None)
        for row in layout.at(span):
            text = value_text(layout.btf, layout.rows[row], known)
            if access.how != AT_RETURN or last.get(row) != text:
                last[row] = text
                held.append(Held(row, min(access.step, steps - 1), access.how, text))
    spelled = _text(layout.btf, struct.type_id)
    return HeldStruct(struct.name, spelled, struct.address, struct.size, layout.rows, tuple(held), steps)


def _text(btf: Btf, type_id: int) -> str:
    try:
        return type_text(btf, type_id) if type_id else ""
    except InputError:
        return ""
