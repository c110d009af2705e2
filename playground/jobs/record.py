"""All messages of a run: a file of frames, with an index in memory.

The file is written while sockets read it. Only the index is in memory: 800 entries for a walk of 200,000 steps.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from playground.jobs.frames import (
    BLOCK,
    HEADER,
    MESSAGE,
    OUTLINE,
    PART,
    PROGRAM,
    REASONS,
    STEPS,
    Frame,
    FrameError,
    inflate,
    read_header,
)

CHUNK = 256  # steps in one `steps` message; the first of each stage is sent unasked
WINDOW = 1024  # most steps one `window` message may ask for, and items one `part` message
KEPT = (MESSAGE, STEPS, BLOCK, PROGRAM, PART, OUTLINE, REASONS)
NUMBERED = (STEPS, BLOCK, PART, OUTLINE)
"""Kinds of frames with consecutive steps, or items of a list."""
HEAD_BYTES = 64
"""Length of the beginning of a block that contains its heading."""
MOST_ENTRIES = 200_000
"""Largest number of messages of one run; each has an index entry in memory."""


class Entry(NamedTuple):
    """Position of a frame in the file, with the range of its steps or items of a list, if it has any."""

    kind: int
    offset: int
    length: int
    raw: int
    stage: str
    run: int
    first: int
    to: int

    @property
    def is_steps(self) -> bool:
        return self.kind in (STEPS, BLOCK)

    @property
    def unasked(self) -> bool:
        """Whether the frame is sent without a request: messages, and the first chunk of a stage's steps."""
        return self.kind == MESSAGE or (self.kind == STEPS and self.first == 0 and self.run == 0)


class Record:
    """A file of frames with one writer and any number of readers."""

    def __init__(self, path: Path, handle: int, size: int = 0) -> None:
        self.path = path
        self.entries: list[Entry] = []
        self.size = size
        self._handle = handle
        self._chunks: dict[tuple[str, int], list[Entry]] = {}
        self._firsts: dict[tuple[str, int], list[int]] = {}

    @classmethod
    def create(cls, path: Path) -> Record:
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        return cls(path, os.open(path, flags, 0o600))

    @classmethod
    def open(cls, path: Path) -> Record:
        """A finished record. FileNotFoundError, or FrameError when the file is damaged."""
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        record = cls(path, handle)
        try:
            end = os.fstat(handle).st_size
            while record.size < end:
                header = read_header(os.pread(handle, HEADER.size, record.size).ljust(HEADER.size, b"\xff"))
                if record.size + HEADER.size + header.length > end:
                    raise FrameError("a record ends in the middle of a frame")
                if header.kind not in KEPT:
                    raise FrameError("a record holds what no run says")
                stage = header.stage if header.kind in NUMBERED else ""
                record._check(stage, header.run, header.first)
                record._add(header.kind, header.length, header.raw, stage, header.run, header.first, header.to)
        except FrameError:
            record.close()
            raise
        return record

    def append(self, frame: Frame) -> None:
        """Write a frame at the end. OSError when the disk is full; FrameError when steps do not follow each other."""
        stage = frame.stage if frame.kind in NUMBERED else ""
        self._check(stage, frame.run, frame.first)
        if len(self.entries) >= MOST_ENTRIES:
            raise FrameError(f"more than {MOST_ENTRIES} messages in one run")
        data = frame.encoded()
        written = 0
        while written < len(data):
            written += os.pwrite(self._handle, data[written:], self.size + written)
        self._add(frame.kind, len(frame.payload), frame.raw, stage, frame.run, frame.first, frame.to)

    def _check(self, stage: str, run: int, first: int) -> None:
        if stage and first != self.total(stage, run):
            raise FrameError(f"steps of {stage} from {first} after {self.total(stage, run)}")

    def _add(self, kind: int, length: int, raw: int, stage: str, run: int, first: int, to: int) -> None:
        entry = Entry(kind, self.size + HEADER.size, length, raw, stage, run, first, to)
        self.entries.append(entry)
        if stage:
            self._chunks.setdefault((stage, run), []).append(entry)
            self._firsts.setdefault((stage, run), []).append(first)
        self.size += HEADER.size + length

    def text(self, entry: Entry) -> str:
        """The JSON of a message, as it is sent."""
        return inflate(os.pread(self._handle, entry.length, entry.offset), entry.raw)

    def data(self, entry: Entry) -> bytes:
        """The payload of a block."""
        return os.pread(self._handle, entry.length, entry.offset)

    def program(self) -> str:
        """The JSON that a worker needs to read the blocks; "" if the run has none yet."""
        return self._only(PROGRAM)

    def reasons(self) -> str:
        """The JSON from which a worker makes the lists of frames.LAZY; "" if the run has none yet."""
        return self._only(REASONS)

    def _only(self, kind: int) -> str:
        found = next((entry for entry in self.entries if entry.kind == kind), None)
        return self.text(found) if found is not None else ""

    def frame(self, place: int) -> Frame:
        """The message at `place`, as it was appended."""
        entry = self.entries[place]
        return Frame(entry.kind, entry.stage, entry.run, entry.first, entry.to, entry.raw, self.data(entry))

    def total(self, stage: str, run: int = 0) -> int:
        """The number of steps of `stage` (of its run number `run`), or items of a list, so far."""
        chunks = self._chunks.get((stage, run))
        return chunks[-1].to if chunks else 0

    def window(self, stage: str, run: int, first: int, to: int) -> Iterator[Entry]:
        """The chunks or blocks with steps [first, to) of a stage, or the parts with items of a list, so far."""
        chunks = self._chunks.get((stage, run), [])
        start = max(0, bisect_right(self._firsts.get((stage, run), []), first) - 1)
        for entry in chunks[start:]:
            if entry.first >= to:
                break
            if entry.to > first:
                yield entry

    def blocks(self, stage: str, run: int = 0) -> list[Entry]:
        """All blocks of a stage's steps so far."""
        return [entry for entry in self._chunks.get((stage, run), []) if entry.kind == BLOCK]

    def head(self, entry: Entry) -> bytes:
        """The beginning of a block, with its heading."""
        return os.pread(self._handle, min(entry.length, HEAD_BYTES), entry.offset)

    def sync(self) -> None:
        os.fsync(self._handle)

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
