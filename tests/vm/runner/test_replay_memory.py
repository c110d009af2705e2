"""Memory in a recording: what loads read, what calls wrote, and that nothing is said that was not recorded."""

from __future__ import annotations

from array import array
from dataclasses import replace
from pathlib import Path
from struct import pack_into

import pytest

from vm import pipeline
from vm.recorded.format import decode
from vm.recorded.operands import CALL, LOAD, STORE, UPDATE, Decoder, operands
from vm.recorded.touched import MOST_BYTES, MOST_PIECES, touched
from vm.recorded.values import SNAPSHOT, Recording
from vm.runner.execution import BY_CALL, LOADED, STORED, Execution, MemoryWrite

EXAMPLES = Path(__file__).parents[3] / "examples"
STACK = range(0xFFFF_8880_0000_0000, 0xFFFF_8880_0000_4000)


@pytest.fixture(scope="module")
def execs() -> Recording:
    return decode((EXAMPLES / "trace_execs.rec").read_bytes())


@pytest.fixture(scope="module")
def connects() -> Recording:
    return decode((EXAMPLES / "trace_connects.rec").read_bytes())


def first(recording: Recording, name: str) -> tuple[str, Execution]:
    how, run, _ = next(pipeline.stepped(recording, name))
    return how, run


def told(run: Execution, by: str) -> list[MemoryWrite]:
    return [write for step in run.steps for write in step.writes if write.by == by]


def test_a_call_wrote_what_memory_held_at_the_end(execs: Recording) -> None:
    _, run = first(execs, "on_exec")
    comm = execs.events[0].comm.encode().ljust(16, b"\0")
    assert MemoryWrite(told(run, BY_CALL)[0].address, comm, "record of events+8", BY_CALL) in told(run, BY_CALL)


def test_what_was_not_read_is_missing_and_not_guessed(execs: Recording) -> None:
    event = execs.events[0]
    bare = replace(execs, events=(replace(event, memory=event.memory[:1]),))
    _, run = first(bare, "on_exec")
    found = told(run, BY_CALL)
    assert (found[0].name, found[0].data, found[0].missing) == ("record of events+8", b"", 16)
    assert all(write.missing and not write.data for write in found)


def test_a_load_is_what_the_register_held_afterwards(connects: Recording) -> None:
    _, run = first(connects, "on_connect")
    loads = [(step, write) for step in run.steps for write in step.writes if write.by == LOADED]
    assert len(loads) == 4
    for step, write in loads:
        assert int.from_bytes(write.data, "little") in step.regs
    assert {write.name for _, write in loads} == {
        "ctx+0 sk", "sock+0 __sk_common.skc_daddr", "sock+12 __sk_common.skc_dport", "fp-4",
    }  # fmt: skip


def test_fields_of_the_context_and_of_map_values_have_their_names(execs: Recording) -> None:
    assert "ctx+16 old_pid" in {write.name for write in told(first(execs, "on_exec")[1], LOADED)}
    opens = decode((EXAMPLES / "trace_opens.rec").read_bytes())
    names = {write.name for write in told(first(opens, "on_open")[1], LOADED)}
    assert "ctx+0 file" in names and {name for name in names if name.startswith("file+")}


def test_a_stack_that_was_used_again_is_not_believed(connects: Recording) -> None:
    event = connects.events[0]
    at_end = [each for each in event.memory if each.state]
    other = tuple(each._replace(data=b"\xee" * len(each.data)) for each in at_end)
    spoilt = replace(connects, events=(replace(event, memory=(event.memory[0], *other)),))
    _, run = first(spoilt, "on_connect")
    assert not [write for write in told(run, BY_CALL) if b"\xee" in write.data]
    assert [w.data for w in told(run, STORED)] == [w.data for w in told(first(connects, "on_connect")[1], STORED)]


def test_other_machine_code_has_its_own_loads_and_stores(execs: Recording) -> None:
    (code,) = execs.codes
    how, run = first(replace(execs, codes=(replace(code, image=b"\xcc" + code.image[1:]),)), "on_exec")
    _, exact = first(execs, "on_exec")
    assert how == "line"
    assert {(w.address, w.data) for w in told(run, STORED)} == {(w.address, w.data) for w in told(exact, STORED)}
    assert {(w.address, w.data) for w in told(run, LOADED)} == {(w.address, w.data) for w in told(exact, LOADED)}


def test_operands_of_machine_code() -> None:
    codes = {
        "48 8b 7b 10": (LOAD, 3, 16, 8, 7),  # mov rdi, [rbx+0x10]
        "41 89 7d fc": (STORE, 13, -4, 4, 7),  # mov [r13-4], edi
        "0f b7 70 0c": (LOAD, 0, 12, 2, 6),  # movzx esi, word [rax+12]
        "c7 45 f8 05 00 00 00": (STORE, 5, -8, 4, -1),  # mov dword [rbp-8], 5
        "f0 48 01 38": (UPDATE, 0, 0, 8, 7),  # lock add [rax], rdi
        "48 8d 45 f8": None,  # lea rax, [rbp-8]
        "65 48 8b 04 25 00 00 00 00": None,  # mov rax, gs:[0]
    }
    for text, wanted in codes.items():
        found = operands(bytes.fromhex(text.replace(" ", "")), [0]).get(0)
        got = found and (found.kind, found.base, found.disp, found.size, found.register)
        assert got == wanted, text
    assert operands(bytes.fromhex("e800000000"), [0])[0].kind == CALL
    assert operands(b"\x06\x06", [0, 1]) == {}


def test_what_is_read_at_the_end_is_bounded() -> None:
    code = bytes.fromhex("488b7b10")
    registers = bytearray(200 * SNAPSHOT)
    for state in range(200):
        pack_into("<Q", registers, SNAPSHOT * state + 3 * 8, 0xFFFF_8881_0000_0000 + 4096 * state)
    found = touched(Decoder(code), array("i", [0] * 200), bytes(registers), STACK)
    assert len(found) == MOST_PIECES and sum(size for _, size in found) <= MOST_BYTES
    assert found[0] == (0xFFFF_8881_0000_0010, 8)
    for state in range(200):  # addresses of users, and of the stack, are left out
        pack_into("<Q", registers, SNAPSHOT * state + 3 * 8, STACK.start + 8 if state % 2 else 0x1000)
    assert touched(Decoder(code), array("i", [0] * 200), bytes(registers), STACK) == []
