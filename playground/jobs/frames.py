"""Frames: the format of protocol messages between a worker, the spool file and its readers.

A frame is a header and a payload: zlib-compressed JSON, or the bytes of a trace's block. The header contains what the
web process needs without opening the payload: whether the frame has steps, of which stage, and their range.
"""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any, BinaryIO, NamedTuple

HEADER = struct.Struct("<IIBBIII")
"""Length of the payload, length of the JSON in it, kind, stage, number of the run, first step, step after the last."""

READY, MESSAGE, STEPS, END, BLOCK, PROGRAM, PART, OUTLINE, REASONS = 1, 2, 3, 4, 5, 6, 7, 8, 9
# BLOCK: steps as a block of the trace (vm/trace/blocks.py), which only a worker can read.
# PROGRAM: JSON with the program, which a worker needs to read the blocks; not sent to clients.
# OUTLINE: which instructions steps visited (vm/seek/outline.py), for searches; only a worker can read it.
# REASONS: JSON from which a worker makes the parts of LAZY; not sent to clients.
# PART: a `part` message, sent on request; the stage in its header is the name of the list.
WINDOW, LOG, VALUE, FACTS, SEEK, PARTS = "window", "walk_log", "value", "facts", "seek", "parts"
STATES, ROUNDS = "states", "rounds"
"""The kinds of requests for parts of an earlier run: steps, a long walk's log, a value, facts, a search, a list, two
states that were compared, the rounds of a loop."""
SHORT = frozenset({WINDOW, VALUE, FACTS, SEEK, PARTS, STATES, ROUNDS})
"""Those that take no longer than it takes to look at a few thousand steps: they do not wait for runs."""
WANTED = "wanted"
"""Type of a worker's message that requests further blocks of the walk."""
UPLOAD = "upload."
"""An upload's name in the worker's folder is this, and its id."""
PATIENCE = "patience"
"""Key of a request: the factor by which the limit of CPU time is multiplied."""
CONTENTS, REWRITTEN, FIXES, COUNTEREXAMPLE, MATRIX = "contents", "rewritten", "fixes", "counterexample", "matrix"
REAL = "real"
SETUP = "setup"
RECORD = "record"
BINARIES = "binaries"
PROFILE, ADVICE, SETTINGS, COMPARE = "profile", "advice", "settings", "compare"
GRAPH = "graph"
REDUCE = "reduce"
"""The kinds of requests for an analysis of a program."""
DAMAGED = "damaged"
"""The code of the error message that answers such a request when the steps cannot be read."""
STAGES = ("", "compile", "load", "verify", "jit", "run")
LISTS = ("insns", "listing", "log", "paths", "prunings", "arrivals", "precision", "holdings", "tree")
"""Lists of which a stage's message may hold only the beginning (playground/present/parts.py)."""
LAZY = ("paths", "prunings", "arrivals", "precision", "holdings")
"""Lists whose items are made when a client asks for them (playground/present/reasons.py)."""
OUTLINES = {"verify": "verify_outline", "run": "run_outline"}
"""The stage in the header of an OUTLINE, by the stage that it is about."""
TOUCHED = "verify_touched"
"""The stage in the header of an OUTLINE that tells which slots change in a block of the walk (vm/trace/history.py)."""
NAMES = (*STAGES, *LISTS, *OUTLINES.values(), TOUCHED)
PAYLOAD_BYTES = 64 << 20
JSON_BYTES = 64 << 20


class FrameError(Exception):
    """The data is not a frame: the worker that sent it is no longer trusted."""


class Frame(NamedTuple):
    """kind is one of the above; steps are [first, to) of `stage` in run number `run`. raw: length when inflated.

    For a PART, `stage` is the list, and [first, to) are items of it.
    """

    kind: int
    stage: str
    run: int
    first: int
    to: int
    raw: int
    payload: bytes

    def encoded(self) -> bytes:
        stage = NAMES.index(self.stage)
        head = HEADER.pack(len(self.payload), self.raw, self.kind, stage, self.run, self.first, self.to)
        return head + self.payload

    def text(self) -> str:
        return inflate(self.payload, self.raw)

    def value(self) -> dict[str, Any]:
        """The JSON object in the payload; FrameError if it is not a JSON object."""
        try:
            value = json.loads(self.text())
        except (ValueError, RecursionError) as error:
            raise FrameError(f"a payload is not JSON: {error}") from None
        if not isinstance(value, dict):
            raise FrameError("a payload is not an object")
        return value


def pack(kind: int, message: dict[str, Any]) -> Frame:
    """A frame of `message`, which must have stage, from and steps for STEPS, and list, from and items for PART."""
    data = json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
    if len(data) > JSON_BYTES:
        raise FrameError(f"a {message.get('type')} message has {len(data)} bytes")
    stage, run, first, to = "", 0, 0, 0
    if kind == STEPS:
        stage, run, first = message["stage"], message.get("run", 0), message["from"]
        to = first + len(message["steps"])
    elif kind == PART:
        stage, first = message["list"], message["from"]
        to = first + len(message["items"])
    return Frame(kind, stage, run, first, to, len(data), zlib.compress(data, 1))


def pack_block(message: dict[str, Any]) -> Frame:
    """A frame of a `block` message: stage, run, from, to and data."""
    data: bytes = message["data"]
    return Frame(BLOCK, message["stage"], message.get("run", 0), message["from"], message["to"], len(data), data)


def pack_outline(message: dict[str, Any]) -> Frame:
    """A frame of an `outline` or `touched` message: stage, run, from, to and data."""
    data: bytes = message["data"]
    name = TOUCHED if message["type"] == "touched" else OUTLINES[message["stage"]]
    return Frame(OUTLINE, name, message.get("run", 0), message["from"], message["to"], len(data), data)


def inflate(payload: bytes, raw: int) -> str:
    """The JSON text; FrameError unless it has exactly `raw` bytes. Decompresses no more than that."""
    opened = zlib.decompressobj()
    try:
        data = opened.decompress(payload, raw + 1)
    except zlib.error as error:
        raise FrameError(f"a payload is no zlib data: {error}") from None
    if len(data) != raw or not opened.eof or opened.unused_data:
        raise FrameError("a payload has another length than its header says")
    return data.decode("utf-8", "replace")


class Header(NamedTuple):
    length: int
    raw: int
    kind: int
    stage: str
    run: int
    first: int
    to: int


def read_header(data: bytes) -> Header:
    length, raw, kind, stage, run, first, to = HEADER.unpack(data)
    if length > PAYLOAD_BYTES or raw > JSON_BYTES or not READY <= kind <= REASONS or stage >= len(NAMES) or to < first:
        raise FrameError("a header holds what no frame has")
    name = NAMES[stage]
    if kind in (STEPS, BLOCK) and (not stage or name not in STAGES):
        raise FrameError("steps of no stage")
    if kind == PART and name not in LISTS:
        raise FrameError("a part of no list")
    if kind == OUTLINE and name not in (*OUTLINES.values(), TOUCHED):
        raise FrameError("an outline of no stage")
    return Header(length, raw, kind, name, run, first, to)


def read_frame(stream: BinaryIO) -> Frame | None:
    """The next frame, or None at the end of the stream."""
    head = stream.read(HEADER.size)
    if not head:
        return None
    if len(head) < HEADER.size:
        raise FrameError("a stream ends in the middle of a header")
    header = read_header(head)
    payload = stream.read(header.length)
    if len(payload) < header.length:
        raise FrameError("a stream ends in the middle of a frame")
    return Frame(header.kind, header.stage, header.run, header.first, header.to, header.raw, payload)
