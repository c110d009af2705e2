"""How a value of a log came to be, as far as the text tells: who wrote it, and what changed it since."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from vm.explain.history import Event, History
from vm.logs.printed import view
from vm.logs.stored import text_of
from vm.trace.blocks import Block, Heading, read_block
from vm.trace.history import Accesses, NotHereError, Sparse, Way
from vm.trace.records import RegView
from vm.trace.snapshots import slot_name

_MAX_EVENTS: Final = 24
EMPTY: Final[Mapping[int, frozenset[int]]] = MappingProxyType({})


class LogWalk:
    """The blocks of a log's steps, as Way reads them."""

    insns: Final = ()

    def __init__(self, sparse: Sparse, touched: Mapping[int, frozenset[int]]) -> None:
        self._sparse = sparse
        self.touched = touched

    def block_count(self) -> int:
        return len(self._sparse.heads)

    def head(self, number: int) -> Heading:
        return self._sparse.heads[number]

    def columns(self, number: int) -> Block:
        head = self.head(number)
        return read_block(head, self._sparse.read(head.offset, head.length))

    def number_of(self, step: int) -> int:
        """IndexError where there is no such step."""
        for number, head in enumerate(self._sparse.heads):
            if head.first <= step < head.first + head.steps:
                return number
        raise IndexError(step)


def log_history(
    sparse: Sparse,
    step: int,
    frame: int,
    idx: int,
    *,
    before: bool = False,
    touched: Mapping[int, frozenset[int]] = EMPTY,
) -> tuple[History, Accesses]:
    """What is known of a slot at a step of a log. touched: as of Blocks. NotHereError, IndexError, TraceError."""
    way = Way(LogWalk(sparse, touched), step)
    key = frame << 8 | idx
    value: RegView | None = None
    writer, events, cut = -1, [], False
    later: list[tuple[int, int, RegView | None]] = []  # (step, writer, value from then on), the last first
    try:
        for piece in way.back():
            for change in reversed(way.changes(piece, key)):
                if before and change.step >= step:
                    continue
                later.append((change.step, change.writer, _value(way.block(piece.number), change.row)))
                if change.writer in (change.step, -1) or len(later) >= _MAX_EVENTS:
                    break
            else:
                if piece.start >= 0:
                    found = way.started(piece, key)
                    if found is not None:
                        block = way.block(piece.number)
                        later.append((block.starts.push_step[piece.start], found.writer, _value(block, found.row)))
                        if found.writer < 0:
                            break
                continue
            break
    except NotHereError:
        cut = True
    if later:
        value, writer = later[0][2], later[0][1]
    name = slot_name(frame, idx)
    later.reverse()
    for number, (at, by, now) in enumerate(later):
        was = later[number - 1][2] if number else None
        wrote = by == at
        if not wrote and (was is None or now is None or was.text == now.text):
            continue
        insn = -1
        if at >= 0:
            block = way.block(way.trace.number_of(at))
            insn = block.insn[at - block.first]
        events.append(Event(at, insn, name, "written" if wrote else "narrowed", "", (), None if wrote else was, now))
    if value is not None:
        value = value._replace(written_at=writer)
    return History(name, value, writer, tuple(events), False, cut or writer < 0), way.accesses(frame, idx)


def _value(block: Block, row: int) -> RegView | None:
    return view(text_of(block, row)) if row else None
