"""Answers requests about an earlier run: a window of its walk, its log, parts of its lists. Called in a worker only."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

from playground.jobs.frames import DAMAGED
from playground.present import printed
from playground.present.machine import run_window
from playground.present.reasons import list_job
from playground.present.seek import outline_messages, seek, touched_message
from playground.present.walk import CHUNK, FIRST_STEPS, WalkEncoder, cut_log
from vm import pipeline
from vm.caps import Caps
from vm.pipeline import BuildOptions, Source
from vm.program import Program
from vm.runner.stored import BlockError
from vm.seek.outline import Outliner
from vm.trace.blocks import HEADER_SIZE, InMemory, TraceError, read_block, read_heading
from vm.trace.stored import StoredTrace

# Entries of the log that are kept at either end of a long walk; the page shows some thousand lines of each.
KEEP_LOG: Final = 20_000
MAX_BLOCKS: Final = 8
KEPT_PROGRAMS: Final = 4


def program_message(
    source: Source, build: BuildOptions, compiled: bytes | None, name: str, caps: Caps
) -> dict[str, Any]:
    """The program in the form that window_job() needs besides the blocks. compiled: the object from clang, for C."""
    kind, data = ("elf", compiled) if compiled is not None else (source.kind, source.data)
    return {
        "type": "program",
        "kind": kind,
        "data": base64.b64encode(data).decode(),
        "prog_type": build.prog_type,
        "untyped": build.untyped,
        "guess": build.guess,
        "name": name,
        "object": source.name,
        "caps": sorted(caps),
    }


class Blocks:
    """Storage of a growing walk that yields messages with its new blocks."""

    def __init__(self) -> None:
        self._kept = InMemory()
        self._told = 0
        self._outliner = Outliner()

    def append(self, data: bytes) -> None:
        self._kept.append(data)

    def read(self, offset: int, length: int) -> bytes:
        return self._kept.read(offset, length)

    def take(self, encoder: WalkEncoder, *, last: bool = False) -> Iterator[dict[str, Any]]:
        """Messages with the new blocks, their outlines, and the first chunk of steps after the first block.

        last -- the walk has ended, and there will be no more blocks
        """
        while self._told < len(self._kept.parts):
            data = self._kept.parts[self._told]
            head = read_heading(data[:HEADER_SIZE], 0)
            end = head.first + head.steps
            yield {"type": "block", "stage": "verify", "from": head.first, "to": end, "data": data}
            if self._told == 0 and head.steps:
                yield encoder.chunk(0, end, FIRST_STEPS)
            self._told += 1
            block = read_block(head, data[HEADER_SIZE:])
            yield touched_message(block)
            self._outliner.add(block)
            yield from outline_messages(self._outliner, "verify")
        if last:
            yield from outline_messages(self._outliner, "verify", last=True)


@lru_cache(maxsize=KEPT_PROGRAMS)
def _program(kind: str, data: str, prog_type: str, untyped: str, guess: bool, name: str, obj: str) -> Program:
    source = Source(kind, base64.b64decode(data), obj)
    loaded = pipeline.load(source, BuildOptions(prog_type=prog_type, untyped=untyped, guess=guess))
    return pipeline.choose(loaded, name)


def asked_program(text: str, name: str = "") -> tuple[Program, Caps]:
    """The program of a program_message() (JSON), and the user's capabilities.

    name -- of another program of its object; InputError if there is none
    """
    about = json.loads(text)
    about["name"] = name or about["name"]
    program = _program(*(about[field] for field in ("kind", "data", "prog_type", "untyped", "guess", "name", "object")))
    return program, frozenset(about["caps"])


def log_job(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The log of a walk that was too long to write it during the walk: the program is verified again."""
    program, caps = asked_program(request["program"])
    verification, _ = pipeline.verify(program, record=False, caps=caps, keep_log=KEEP_LOG)
    log, cut, lines = cut_log(verification.log, list(verification.log_lines))
    yield {"type": "log", "log": log, "log_cut": cut, "log_steps": lines}


def window_job(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The chunks with steps [from, to) of the given blocks; an error message if they are damaged."""
    try:
        yield from run_window(request) if request.get("stage") == "run" else _chunks(request)
    except (TraceError, BlockError) as error:
        yield {"type": "error", "code": DAMAGED, "message": f"What was stored of these steps cannot be read: {error}."}


def _chunks(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if json.loads(request["program"])["kind"] == "log":
        parts = [base64.b64decode(block) for block in request["blocks"][:MAX_BLOCKS]]
        yield from printed.chunks(parts, request["from"], request["to"], request["total"])
        return
    program, caps = asked_program(request["program"])
    blocks = [base64.b64decode(block) for block in request["blocks"][:MAX_BLOCKS]]
    trace = open_trace(program, blocks, caps)
    encoder = WalkEncoder(program, trace)
    first = max(request["from"] // CHUNK * CHUNK, trace.first)
    for start in range(first, min(request["to"], len(trace)), CHUNK):
        yield encoder.chunk(start, request["total"])


def part_job(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The `part` messages with items [from, to) of a list of reasons.py."""
    yield from list_job(request, asked_program)


def seek_job(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The answer to a search in the given outlines and blocks; an error message if they are damaged."""
    yield from seek(request, lambda: asked_program(request["program"]), open_trace)


def open_trace(program: Program, blocks: list[bytes], caps: Caps) -> StoredTrace:
    """A trace that has only these blocks; TraceError if they are not valid blocks."""
    storage = InMemory()
    trace = pipeline.stored_trace(program, storage, caps=caps)
    at = 0
    for data in blocks:
        storage.append(data)
        trace.add_block(read_heading(data[:HEADER_SIZE], at))
        at += len(data)
    return trace
