"""A walk's trace as blocks: the same in memory and in a file, by the block and as a whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vm.asm import assemble
from vm.pipeline.bpf_check import Walk, stored_trace
from vm.program import Program
from vm.trace.blocks import HEADER_SIZE, InFile, InMemory, TraceError, read_block, read_heading
from vm.trace.recorder import Recorder
from vm.trace.snapshots import live_slots
from vm.trace.stored import StoredTrace, writer_in
from vm.verifier.env import VerifyOptions

LOOP = """.type xdp
    r6 = r1
    r7 = 0
    call 7
    r8 = r0
loop:
    *(u64 *)(r10 - 8) = r7
    if r8 > 100 goto skip
    r8 += 1
skip:
    r3 = *(u64 *)(r10 - 8)
    r7 += 1
    if r7 < 2000 goto loop
    r0 = 0
    exit
"""


def assembled(text: str) -> Program:
    (program,) = assemble(text, name="t").programs
    return program


def walked(program: Program, storage: InMemory | InFile) -> Recorder:
    walk = Walk(program, VerifyOptions(log_level=0), storage)
    for _ in walk.advance():
        pass
    assert walk.result().verdict == "accept"
    assert walk.recorder is not None
    walk.recorder.flush()
    return walk.recorder


def opened(program: Program, blocks: list[bytes]) -> StoredTrace:
    storage = InMemory()
    trace = stored_trace(program, storage)
    at = 0
    for data in blocks:
        storage.append(data)
        trace.add_block(read_heading(data[:HEADER_SIZE], at))
        at += len(data)
    return trace


def told(trace: StoredTrace, i: int) -> object:
    """All that is known of a step: its instruction, state with writers, and what it changed and read."""
    snap = trace.raw(i)
    state = {name: repr(trace.view(value, snap, name)) for name, value in live_slots(snap).items()}
    writers = [[writer_in(snap, frame, idx) for idx in range(12)] for frame in range(len(snap))]
    return trace.insn_idx(i), trace.path_of(i), trace.before(i), state, writers, trace.changes(i), trace.reads(i)


def test_any_one_block_tells_its_steps_as_the_recorder_does() -> None:
    program = assembled(LOOP)
    storage = InMemory()
    recorder = walked(program, storage)
    assert len(recorder) > 10_000
    assert len(storage.parts) >= 4
    for data in storage.parts:
        trace = opened(program, [data])
        for i in range(trace.first, len(trace), 97):
            assert told(trace, i) == told(recorder, i), i


def test_a_trace_in_a_file_reads_while_it_grows_and_after_its_writer_is_gone(tmp_path: Path) -> None:
    program = assembled(LOOP)
    kept = walked(program, InMemory())
    handle = os.open(tmp_path / "trace", os.O_RDWR | os.O_CREAT)
    walk = Walk(program, VerifyOptions(log_level=0), InFile(handle))
    pauses = walk.advance()
    for _ in range(6):
        next(pauses)
    grown = os.fstat(handle).st_size
    assert grown > 0
    read = os.open(tmp_path / "trace", os.O_RDONLY)
    trace = stored_trace(program, InFile(read))
    trace.add_block(read_heading(os.pread(read, HEADER_SIZE, 0), 0))
    assert told(trace, 255) == told(kept, 255)
    for _ in pauses:
        pass
    assert walk.recorder is not None
    walk.recorder.flush()
    os.close(handle)
    at = 0
    trace = stored_trace(program, InFile(read))
    while at < os.fstat(read).st_size:
        head = read_heading(os.pread(read, HEADER_SIZE, at), at)
        trace.add_block(head)
        at = head.offset + head.length
    assert len(trace) == len(kept)
    assert told(trace, len(trace) - 1) == told(kept, len(kept) - 1)
    os.close(read)


def test_a_million_steps_take_a_bounded_number_of_bytes_each() -> None:
    storage = InMemory()
    recorder = walked(assembled(LOOP), storage)
    assert sum(map(len, storage.parts)) / len(recorder) < 100


@pytest.mark.parametrize("damage", [b"", b"\0" * HEADER_SIZE, b"BSB3"])
def test_what_is_no_block_is_said_to_be_none(damage: bytes) -> None:
    with pytest.raises(TraceError):
        read_heading(damage, 0)


def test_a_block_that_is_cut_off_is_said_to_be_damaged() -> None:
    storage = InMemory()
    walked(assembled(LOOP), storage)
    data = storage.parts[0]
    head = read_heading(data[:HEADER_SIZE], 0)
    for length in (0, 100, head.length - head.row_bytes - 1):
        with pytest.raises(TraceError):
            read_block(head, data[HEADER_SIZE : HEADER_SIZE + length])
