"""The steps of a run as blocks of columns: what is kept of a run, and read at any step afterwards.

A block holds the steps [first, first + count) of one run. It begins with the registers before its first step and with
what the steps shortly before it stored, so that a reader needs no other block. All integers are little-endian:

    header     magic "BSM2", number of bytes that follow, 7 counts (Heading), CRC-32 of the body and the counts
    per step   insn_idx i32, x86_off i32, event i32, frameno u8, registers that changed u16 (bits),
               what the verifier knew: step i32 (-1: nothing), before u8 (bit 0; bit 1: wrong), frame u8,
               registers outside u16 (bits)
    registers  those before the first step (none at the start of a run), then those that changed, in order: u64
    stores     step i32, address u64, length u16, number of the name u32, by u8 (BY), bytes missing u16; then the bytes,
               then the names, each with a NUL

Registers are the 16 of the machine, of which r0-r10 are eleven; of the interpreter they are r0-r10 themselves.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterator, Sequence
from struct import Struct
from typing import Final, NamedTuple

from vm.runner.execution import BY_CALL, LOADED, STORED, X86_REGS, MemoryWrite, RunStep
from vm.runner.follow import Known
from vm.runner.recording import BPF_REGS

STEPS_IN_BLOCK: Final = 4096
RECENT: Final = 1024
"""Steps before a block whose stores it repeats."""
MAGIC: Final = 0x324D5342  # "BSM2"
_HEADER: Final = Struct("<10I")
_COUNTS: Final = Struct("<8I")
_BPF_COUNT: Final = 11
_COLUMNS: Final = "iiiBHiBBH"  # per step, as above
_STORES: Final = "iQHIBH"  # per store, as above
_BY: Final = (STORED, LOADED, BY_CALL)


class BlockError(Exception):
    """The bytes are no block, or one that is damaged."""


class Heading(NamedTuple):
    """The counts of a block. machine: whether the registers are those of the machine."""

    first: int
    steps: int
    machine: int
    values: int
    stores: int
    stored_bytes: int
    name_bytes: int


class StoredSteps(NamedTuple):
    """The steps of a block.

    first   -- number of the first one
    before  -- the step before it, with its registers only; None at the start of the run
    stores  -- (step, write) of the last RECENT steps before the block, and of its own, in order
    known   -- what the verifier knew after each step
    """

    first: int
    before: RunStep | None
    steps: list[RunStep]
    stores: list[tuple[int, MemoryWrite]]
    known: list[Known | None]


def blocks(steps: Sequence[RunStep], known: Iterator[Known | None]) -> Iterator[tuple[range, bytes]]:
    """The blocks of a run, in order, each with the numbers of its steps.

    known -- what the verifier knew after each step; nothing of those after its end
    """
    recent: list[tuple[int, MemoryWrite]] = []
    before: RunStep | None = None
    for first in range(0, len(steps), STEPS_IN_BLOCK):
        part = [steps[i] for i in range(first, min(first + STEPS_IN_BLOCK, len(steps)))]
        last = first + len(part)
        yield range(first, last), _encoded(first, before, part, recent, [next(known, None) for _ in part])
        recent += [(i, write) for i, step in enumerate(part, first) for write in step.writes]
        recent = [(i, write) for i, write in recent if i >= last - RECENT]
        before = part[-1]


def _registers(step: RunStep) -> tuple[int, ...]:
    return step.x86 or step.regs


def _encoded(
    first: int,
    before: RunStep | None,
    steps: Sequence[RunStep],
    recent: Sequence[tuple[int, MemoryWrite]],
    known: Sequence[Known | None],
) -> bytes:
    columns = [array(code) for code in _COLUMNS]
    values = array("Q", _registers(before) if before is not None else ())
    old = tuple(values)
    for step, about in zip(steps, known, strict=True):
        now = _registers(step)
        changed = 0
        for i, value in enumerate(now):
            if not old or value != old[i]:
                changed |= 1 << i
                values.append(value)
        old = now
        row = (
            step.insn_idx, step.x86_off, step.event, step.frameno, changed,
            about.step if about is not None else -1,
            about.before | about.wrong << 1 if about is not None else 0,
            about.frame if about is not None else 0,
            sum(1 << int(name[1:]) for name in about.outside) if about is not None else 0,
        )  # fmt: skip
        for column, item in zip(columns, row, strict=True):
            column.append(item)
    stores = [*recent, *((i, write) for i, step in enumerate(steps, first) for write in step.writes)]
    names = {name: n for n, name in enumerate(dict.fromkeys(write.name for _, write in stores))}
    data = b"".join(write.data for _, write in stores)
    text = "".join(f"{name}\0" for name in names).encode("utf-8", "replace")
    columns += [
        values,
        array("i", (i for i, _ in stores)),
        array("Q", (write.address for _, write in stores)),
        array("H", (len(write.data) for _, write in stores)),
        array("I", (names[write.name] for _, write in stores)),
        array("B", (_BY.index(write.by) for _, write in stores)),
        array("H", (write.missing for _, write in stores)),
    ]
    body = b"".join([*(column.tobytes() for column in columns), data, text])
    counts = Heading(first, len(steps), bool(steps[0].x86), len(values), len(stores), len(data), len(text))
    about_body = (len(body), *counts)
    return _HEADER.pack(MAGIC, *about_body, zlib.crc32(_COUNTS.pack(*about_body), zlib.crc32(body))) + body


def read_block(data: bytes) -> StoredSteps:
    """The steps of a block. BlockError where the bytes are not those that were written."""
    if len(data) < _HEADER.size:
        raise BlockError("it ends in the middle of a header")
    magic, length, *counts, crc = _HEADER.unpack_from(data)
    body = data[_HEADER.size :]
    if magic != MAGIC or length != len(body) or crc != zlib.crc32(_COUNTS.pack(length, *counts), zlib.crc32(body)):
        raise BlockError("it is damaged: its checksum is wrong")
    head = Heading(*counts)
    at = 0

    def column(code: str, count: int) -> array[int]:
        nonlocal at
        found = array(code)
        size = found.itemsize * count
        found.frombytes(body[at : at + size])
        at += size
        return found

    per_step = [column(code, head.steps) for code in _COLUMNS]
    values = column("Q", head.values)
    per_store = [column(code, head.stores) for code in _STORES]
    stored = body[at : at + head.stored_bytes]
    names = body[at + head.stored_bytes :].decode().split("\0")
    stores: list[tuple[int, MemoryWrite]] = []
    at = 0
    for i, address, size, name, by, missing in zip(*per_store, strict=True):
        stores.append((i, MemoryWrite(address, stored[at : at + size], names[name], _BY[by], missing)))
        at += size
    before, steps = _steps(head, per_step, values, stores)
    return StoredSteps(head.first, before, steps, stores, [_known(*row) for row in zip(*per_step[5:], strict=True)])


def visits(data: bytes) -> tuple[array[int], array[int]]:
    """(insn_idx, frameno) of each step of a block that was just made."""
    steps = Heading(*_HEADER.unpack_from(data)[2:-1]).steps
    insn, frameno = array("i"), array("B")
    at = _HEADER.size
    insn.frombytes(data[at : at + 4 * steps])
    at += 12 * steps  # behind insn_idx, x86_off and event
    frameno.frombytes(data[at : at + steps])
    return insn, frameno


def _steps(
    head: Heading, per_step: list[array[int]], values: array[int], stores: list[tuple[int, MemoryWrite]]
) -> tuple[RunStep | None, list[RunStep]]:
    """(the step before the block, its steps)."""
    count = len(X86_REGS) if head.machine else _BPF_COUNT
    now = [0] * count
    at = 0
    before: RunStep | None = None
    if head.first:
        now = list(values[:count])
        at = count
        before = RunStep(-1, -1, *_both(now, head.machine))
    writes: dict[int, list[MemoryWrite]] = {}
    for i, write in stores:
        writes.setdefault(i, []).append(write)
    steps: list[RunStep] = []
    insn, x86_off, event, frameno, changed = per_step[:5]
    for k in range(head.steps):
        bits = changed[k]
        for r in range(count):
            if bits >> r & 1:
                now[r] = values[at]
                at += 1
        regs, x86 = _both(now, head.machine)
        steps.append(
            RunStep(insn[k], x86_off[k], regs, x86, tuple(writes.get(head.first + k, ())), event[k], frameno[k])
        )
    return before, steps


def _both(now: Sequence[int], machine: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """r0-r10 and the machine's registers, from either."""
    return (tuple(now[r] for r in BPF_REGS), tuple(now)) if machine else (tuple(now), ())


def _known(step: int, before: int, frame: int, outside: int) -> Known | None:
    if step < 0:
        return None
    names = tuple(f"r{n}" for n in range(_BPF_COUNT) if outside >> n & 1)
    return Known(step, bool(before & 1), frame, names, bool(before & 2))
