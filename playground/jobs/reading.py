"""Reading stored runs: windows of steps, values, searches, parts of lists and logs, mostly by workers."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import time
import weakref
from collections.abc import Callable, Iterable
from itertools import chain, islice, repeat
from typing import TYPE_CHECKING, Any

from playground.jobs.frames import (
    BLOCK,
    DAMAGED,
    LAZY,
    LOG,
    MESSAGE,
    OUTLINES,
    PARTS,
    SEEK,
    SHORT,
    TOUCHED,
    WANTED,
    WINDOW,
    FrameError,
)
from playground.jobs.queue import Busy
from playground.jobs.record import Entry
from playground.jobs.run import FINISHED, Run
from playground.jobs.store import Store

if TYPE_CHECKING:
    from playground.jobs.broker import Broker
    from playground.jobs.pool import Pool

log = logging.getLogger("playground.service")
READ_PARTS = 8
"""Largest number of chunks or blocks for one window: a window of a walk is in two blocks, or in five chunks."""
READ_BYTES = 8 << 20
"""Largest number of bytes of blocks that a worker gets for one window."""
FIRST_BYTES = 1 << 19
"""Approximate bytes of blocks that a worker gets with a question about one value; it can request more."""
ROUNDS = 4
"""How many times a worker gets blocks for one question."""
SEEK_MS = 250
"""Milliseconds after which a search in states stops; the client can continue it."""
SEEK_BLOCKS = (1, 8, 32)
"""Blocks that a worker gets in each round of a search in states; the last number is repeated."""
VALUES = ("change", "condition")
"""Kinds of stops that require reading states."""


class Unreadable(Exception):
    """Stored steps cannot be read; the message is a sentence for the user."""


def _around(entries: list[Entry], step: int) -> list[int]:
    """Numbers of the first block, of that with a step and of its neighbours, up to FIRST_BYTES in total."""
    own = next((n for n, entry in enumerate(entries) if entry.first <= step < entry.to), None)
    if own is None:
        return []
    # The first block is short, and what a value was made of is often there from the start.
    found, room = sorted({0, own}), FIRST_BYTES - entries[own].length
    for away in range(1, READ_PARTS):
        for n in (own - away, own + away):
            if 0 < n < len(entries) and entries[n].length <= room:
                found.append(n)
                room -= entries[n].length
    return sorted(found)


def _run_part(entries: list[Entry], step: int) -> list[Entry]:
    """The block of a run with a step, and the block before it."""
    own = next((n for n, entry in enumerate(entries) if entry.first <= step < entry.to), None)
    return [] if own is None else entries[max(0, own - 1) : own + 1]


class Reader:
    """Reads the records of runs; what only workers can read, a worker reads.

    on_damage -- is told of a run whose record is damaged, and why
    """

    def __init__(self, pool: Pool | Broker, store: Store, on_damage: Callable[[Run, str], None]) -> None:
        self.pool = pool
        self.store = store
        self._on_damage = on_damage
        self._reading: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()

    def turn(self, reader: str) -> asyncio.Lock:
        """Held while a reader's request is carried out."""
        return self._reading.setdefault(reader, asyncio.Lock())

    async def steps(self, run: Run, stage: str, number: int, first: int, to: int, reader: str = "") -> list[str]:
        """The `steps` messages with steps [first, to) of a run's stage, as far as they exist.

        A worker reads steps that are stored as blocks of a trace, one window at a time per `reader` (an address).
        Unreadable.
        """
        try:
            entries = list(islice(run.record.window(stage, number, first, to), READ_PARTS))
            if not any(entry.kind == BLOCK for entry in entries):
                return [run.record.text(entry) for entry in entries]
        except FrameError as error:
            raise self.damaged(run, str(error)) from None
        except OSError as error:
            raise self._unread(error) from None
        async with self.turn(reader):
            try:
                request = self._window(run, entries)
            except FrameError as error:
                raise self.damaged(run, str(error)) from None
            except OSError as error:
                raise self._unread(error) from None
            total = run.record.total(stage, number)
            return await self._read(
                run, {**request, "stage": stage, "run": number, "from": first, "to": to, "total": total}
            )

    async def ask(self, run: Run, kind: str, question: dict[str, Any], reader: str = "") -> list[str]:
        """The answer to a question about one step of a run: VALUE or FACTS.

        A worker gets the headings of all blocks of the walk and the blocks around the step, and can request others.
        Unreadable, Busy.
        """
        record = run.record
        walk = record.blocks("verify")
        touched = list(islice(record.window(TOUCHED, 0, 0, record.total(TOUCHED)), len(walk)))
        ran = record.blocks("run", question.get("run", 0))
        of_run = question.get("stage") == "run"
        near = _around(walk, question["step"] if not of_run else 0)
        async with self.turn(f"{kind} {reader}"):
            for round_ in range(ROUNDS):
                try:
                    request = {
                        "kind": kind, "program": record.program(), "more": round_ + 1 < ROUNDS,
                        "heads": [base64.b64encode(record.head(entry)).decode() for entry in walk],
                        "touched": [base64.b64encode(record.data(entry)).decode() for entry in touched],
                        "blocks": {n: base64.b64encode(record.data(walk[n])).decode() for n in near},
                        "runs": [
                            base64.b64encode(record.data(entry)).decode()
                            for entry in _run_part(ran, question["step"] if of_run else 0)
                        ],
                        "ask": {**question, "total": record.total("run", question.get("run", 0))},
                    }  # fmt: skip
                except (FrameError, OSError) as error:
                    raise self.damaged(run, str(error)) from None
                texts = await self._read(run, request)
                wanted = json.loads(texts[0]) if texts and texts[0].startswith(f'{{"type":"{WANTED}"') else None
                if wanted is None:
                    return texts
                near = sorted({*near, *(n for n in wanted["blocks"][:READ_PARTS] if n < len(walk))})
                if sum(walk[n].length for n in near) > READ_BYTES:
                    break
        raise Unreadable("This lies too far from the step to be looked at.")

    async def seek(
        self,
        run: Run,
        stage: str,
        number: int,
        start: int,
        direction: int,
        stops: list[dict[str, Any]],
        reader: str = "",
    ) -> dict[str, Any]:
        """The `found` message of a search, without its id; one search at a time per `reader` (an address).

        A worker searches in the outlines of the steps, or in their blocks if a stop is about values: the nearest blocks
        first, until SEEK_MS have passed. Unreadable, Busy.
        """
        async with self.turn(reader):
            backwards, began = direction < 0, time.monotonic()
            values = any(stop["kind"] in VALUES for stop in stops)
            total = run.record.total(OUTLINES[stage], number)
            first, end = (0, min(start, total)) if backwards else (start + 1, total)
            request = {"kind": SEEK, "stage": stage, "stops": stops, "backwards": backwards}
            try:
                outlines = self._encoded(run, run.record.window(OUTLINES[stage], number, 0, total))
                program = run.record.program()
            except (FrameError, OSError) as error:
                raise self.damaged(run, str(error)) from None
            for count in chain(SEEK_BLOCKS, repeat(SEEK_BLOCKS[-1])):
                blocks: list[str] = []
                low, high = first, end
                if values and first < end:
                    try:
                        low, high, blocks = self._batch(run, stage, number, (first, end), backwards, count)
                    except (FrameError, OSError) as error:
                        raise self.damaged(run, str(error)) from None
                given = {"program": program, "outlines": outlines, "blocks": blocks, "first": low, "end": high}
                answer = json.loads((await self._read(run, {**request, **given}))[0])
                first, end = (first, low) if backwards else (high, end)
                more = values and first < end
                if answer["step"] is not None or not more or time.monotonic() - began > SEEK_MS / 1000:
                    break
            return {**answer, "at": low if backwards else max(high - 1, start), "more": more}

    def _batch(
        self, run: Run, stage: str, number: int, span: tuple[int, int], backwards: bool, count: int
    ) -> tuple[int, int, list[str]]:
        """(first, end) of the part of a span in the first `count` blocks of the search, and these blocks."""
        entries = [entry for entry in run.record.window(stage, number, *span) if entry.kind == BLOCK]
        taken: list[Entry] = []
        for entry in islice(reversed(entries) if backwards else entries, count):
            if taken and sum(each.length for each in taken) + entry.length > READ_BYTES:
                break
            taken.append(entry)
        if not taken:
            raise FrameError("there are no blocks of these steps")
        first, end = max(span[0], min(each.first for each in taken)), min(span[1], max(each.to for each in taken))
        return first, end, self._encoded(run, taken)

    @staticmethod
    def _encoded(run: Run, entries: Iterable[Entry]) -> list[str]:
        """Payloads for a worker, in order of their steps. Unreadable if they are too long."""
        taken = sorted(entries, key=lambda entry: entry.first)
        if sum(entry.length for entry in taken) > READ_BYTES:
            raise Unreadable("This run is too long to be searched.")
        return [base64.b64encode(run.record.data(entry)).decode() for entry in taken]

    async def part(self, run: Run, name: str, first: int, to: int, reader: str = "") -> list[str]:
        """The `part` messages with items [first, to) of a list of a run, as far as they exist.

        A worker makes items of LAZY, one list at a time per `reader` (an address). Unreadable, Busy.
        """
        try:
            numbers = run.record.reasons() if name in LAZY else ""
            program = run.record.program() if numbers else ""
            if not numbers:
                return [run.record.text(entry) for entry in run.record.window(name, 0, first, to)]
        except FrameError as error:
            raise self.damaged(run, str(error)) from None
        except OSError as error:
            raise self._unread(error) from None

        request = {"kind": PARTS, "program": program, "numbers": numbers, "list": name, "from": first, "to": to}
        async with self.turn(f"{PARTS} {reader}"):
            return await self._read(run, request)

    async def log(self, run: Run, reader: str = "") -> list[str]:
        """The `log` message of a run whose walk was too long to write its log; none before its verdict.

        The program is verified again, therefore this waits for a worker like a run. Unreadable, Busy.
        """
        try:
            program = run.record.program()
        except FrameError as error:
            raise self.damaged(run, str(error)) from None
        except OSError as error:
            raise self._unread(error) from None
        if not program:
            return []
        async with self.turn(f"{LOG} {reader}"):
            return await self._read(run, {"kind": LOG, "program": program})

    @staticmethod
    def _unread(error: OSError) -> Unreadable:
        log.error("a run could not be read: %s", error)
        return Unreadable("The server could not read this; try again later.")

    def close(self, read: Run) -> None:
        """Remove the record of a read or of a run that is not wanted."""
        self.store.discard(read.record)
        read.record.close()

    @staticmethod
    def _window(run: Run, entries: list[Entry]) -> dict[str, Any]:
        """The request with which a worker reads these entries. FrameError, OSError, Unreadable."""
        program = run.record.program()
        # Steps of the machine are readable without the program: a run that was not verified has none here.
        if any(entry.kind != BLOCK for entry in entries) or (not program and entries[0].stage == "verify"):
            raise FrameError("blocks of no program")
        if sum(entry.length for entry in entries) > READ_BYTES:
            raise Unreadable("The states of these steps are too large to be shown.")
        blocks = [base64.b64encode(run.record.data(entry)).decode() for entry in entries]
        return {"kind": WINDOW, "program": program, "blocks": blocks}

    async def _read(self, run: Run, request: dict[str, Any]) -> list[str]:
        """The messages of a worker that executes a request about an earlier run. Unreadable, Busy."""
        try:
            read = Run(request["kind"], request, self.store.begin("read"))
        except OSError as error:
            raise self._unread(error) from None
        read.ahead = request["kind"] in SHORT
        try:
            self.pool.submit(read)
            while True:
                change = read.change()
                if read.state == FINISHED:
                    break
                await change.wait()
            return self._answer(run, read)
        except Busy:
            read.finish()
            raise
        finally:
            if read.state == FINISHED:
                self.close(read)
            else:  # the client has left
                read.on_finish = self.close
                self.pool.cancel(read)

    def _answer(self, run: Run, read: Run) -> list[str]:
        said = [read.record.frame(n) for n, entry in enumerate(read.record.entries) if entry.kind == MESSAGE]
        try:
            if read.good:
                return [frame.text() for frame in said[:-1]]  # without `done`
            failed = said[0].value() if len(said) > 1 else {}
            if failed.get("code") == DAMAGED:
                raise self.damaged(run, str(failed.get("message")))
        except (FrameError, OSError) as error:  # what a worker said of a run, not the run
            log.error("a worker's answer cannot be read: %s", error)
        raise Unreadable("This part of the run could not be read; try again.")

    def damaged(self, run: Run, why: str) -> Unreadable:
        """What to raise for a damaged record, which is removed."""
        self._on_damage(run, why)
        return Unreadable("What the server stored of these steps is damaged. Press Run again.")
