"""Runs on a given input: every access is checked against the object that its pointer came from."""

from __future__ import annotations

import pytest

from tests.vm.runner.programs import EXIT, XDP, alu, alur, call, ld64, ldx, mov, movr, program, st, stx
from vm.errors import InputError
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.kernel import func_ids as f
from vm.program import MapSpec, Program
from vm.runner.execution import Execution
from vm.runner.inputs import GivenCall, GivenInput, GivenLoad, GivenStart, PacketInput, RunLimits
from vm.runner.interp import interpret

ARRAY, HASH, RINGBUF = 2, 1, 27
VALUES = MapSpec("values", ARRAY, 4, 16, 8)
TABLE = MapSpec("table", HASH, 4, 16, 8)
RECORDS = MapSpec("records", RINGBUF, 0, 0, 4096)
GLOBALS = MapSpec("globals", ARRAY, 4, 8, 1, initial=bytes(8))
CONSTANTS = MapSpec("constants", ARRAY, 4, 8, 1, initial=bytes(range(8)), frozen=True)
LOOKUP = [st(o.W, 10, -4, 1), movr(2, 10), alu(o.ADD, 2, -4), *ld64(1, 0, o.PSEUDO_MAP_FD), call(f.MAP_LOOKUP_ELEM)]
NULL_CHECK = Insn(o.JMP | o.JNE | o.K, 0, 0, 1, 0)
TC = 3
ONE = (1).to_bytes(4, "little")


def run(
    *insns: Insn, given: GivenInput | None = None, maps: tuple[MapSpec, ...] = (), prog_type: int = XDP
) -> Execution:
    p: Program = program(*insns, EXIT, maps=maps, prog_type=prog_type)
    packet = bytes(32) if prog_type in (XDP, TC) else None
    return interpret(p, given or GivenInput(packet=packet), RunLimits())


def fault(done: Execution) -> tuple[int, str]:
    assert done.fault is not None and done.fault.kind == "memory"
    return done.fault.insn_idx, done.fault.message


def test_a_neighbouring_element_is_outside() -> None:
    """The engine itself only knows that there is an element at that address."""
    body = (*LOOKUP, NULL_CHECK, EXIT, ldx(o.DW, 0, 0, 16))
    at, message = fault(run(*body, maps=(VALUES,)))
    assert at == len(body) - 1 and "it ends 8 bytes past the end of a value of values (16 bytes)" in message
    ordinary = interpret(program(*body, EXIT, maps=(VALUES,)), PacketInput(bytes(32)), RunLimits())
    assert ordinary.fault is None


def test_an_element_before_is_outside() -> None:
    assert "it starts 8 bytes before" in fault(run(*LOOKUP, NULL_CHECK, EXIT, ldx(o.DW, 0, 0, -8), maps=(VALUES,)))[1]


def test_arithmetic_keeps_the_object() -> None:
    inside = (*LOOKUP, NULL_CHECK, EXIT, movr(3, 0), mov(4, 8), alur(o.ADD, 3, 4), ldx(o.DW, 0, 3, 0))
    assert run(*inside, maps=(VALUES,)).fault is None
    outside = (*inside[:-1], alu(o.ADD, 3, 8), ldx(o.DW, 0, 3, 0))
    assert fault(run(*outside, maps=(VALUES,)))[0] == len(outside) - 1


def test_a_spilled_pointer_keeps_its_object() -> None:
    body = (*LOOKUP, NULL_CHECK, EXIT, stx(o.DW, 10, -16, 0), mov(0, 0), ldx(o.DW, 3, 10, -16), ldx(o.DW, 0, 3, 16))
    assert fault(run(*body, maps=(VALUES,)))[0] == len(body) - 1


def test_global_data_has_its_own_bounds() -> None:
    assert run(*ld64(1, 0, o.PSEUDO_MAP_VALUE), ldx(o.DW, 0, 1, 0), maps=(GLOBALS, VALUES)).fault is None
    assert "past the end" in fault(run(*ld64(1, 0, o.PSEUDO_MAP_VALUE), ldx(o.DW, 0, 1, 1), maps=(GLOBALS,)))[1]


def test_the_packets_end_belongs_to_the_packet() -> None:
    ends = (ldx(o.W, 2, 1, 4), ldx(o.B, 0, 2, 0))
    assert "past the end of the packet" in fault(run(*ends))[1]
    assert run(ldx(o.W, 2, 1, 4), ldx(o.B, 0, 2, -1)).fault is None


def test_the_context_has_given_bytes() -> None:
    given = GivenInput(packet=bytes(32), ctx={12: (7).to_bytes(4, "little")})
    assert run(ldx(o.W, 0, 1, 12), given=given).r0 == 7
    assert run(ldx(o.W, 0, 1, 16), given=given).r0 == 0
    assert "no such field" in fault(run(ldx(o.DW, 0, 1, 12), given=GivenInput(packet=bytes(32), ctx={12: bytes(8)})))[1]


def test_maps_have_given_entries() -> None:
    value = b"\x05" * 16
    for spec in (VALUES, TABLE):
        done = run(
            *LOOKUP, NULL_CHECK, EXIT, ldx(o.B, 0, 0, 15), maps=(spec,),
            given=GivenInput(packet=bytes(32), maps={spec.name: ((ONE, value),)}),
        )  # fmt: skip
        assert done.fault is None and done.r0 == 5


@pytest.mark.parametrize("kind", [12, 13])
def test_maps_of_maps_hold_new_maps(kind: int) -> None:
    outer = MapSpec("outer", kind, 4, 4, 8, inner=VALUES)
    again = (movr(1, 0), movr(2, 10), alu(o.ADD, 2, -4), call(f.MAP_LOOKUP_ELEM), NULL_CHECK, EXIT, ldx(o.DW, 0, 0, 16))
    given = GivenInput(packet=bytes(32), maps={"outer": ((ONE, b""),)})
    body = (*LOOKUP, NULL_CHECK, EXIT, *again)
    assert "past the end of a value of values (16 bytes)" in fault(run(*body, maps=(outer,), given=given))[1]
    assert run(*body, maps=(outer,)).fault is None
    with pytest.raises(InputError, match="new maps"):
        run(*body, maps=(outer,), given=GivenInput(packet=bytes(32), maps={"outer": ((ONE, bytes(4)),)}))
    with pytest.raises(InputError, match="does not take"):
        wrong = {"outer": tuple((bytes((i, 0, 0, 1)), b"") for i in range(9))}
        run(*body, maps=(outer,), given=GivenInput(packet=bytes(32), maps=wrong))


@pytest.mark.parametrize(
    ("maps", "named"),
    [
        ({"other": ((ONE, bytes(16)),)}, "no map 'other'"),
        ({"values": ((bytes(3), bytes(16)),)}, "keys of 4"),
        ({"values": (((9).to_bytes(4, "little"), bytes(16)),)}, "does not take"),
        ({"constants": ((bytes(4), bytes(8)),)}, "read-only"),
    ],
)
def test_entries_a_map_cannot_have_are_refused(maps: dict[str, tuple[tuple[bytes, bytes], ...]], named: str) -> None:
    with pytest.raises(InputError, match=named):
        run(mov(0, 0), maps=(VALUES, CONSTANTS), given=GivenInput(packet=bytes(32), maps=maps))


def test_a_call_gives_what_is_given_in_order() -> None:
    body = (call(f.GET_PRANDOM_U32), movr(6, 0), call(f.GET_PRANDOM_U32), alur(o.ADD, 0, 6))
    assert run(*body, given=GivenInput(packet=bytes(32), helpers=(GivenCall(0, 5), GivenCall(2, 7)))).r0 == 12
    # A loop would ask again: what is not given is what it always is.
    assert run(*body, given=GivenInput(packet=bytes(32), helpers=(GivenCall(0, 5),))).r0 != 12


def test_a_call_writes_what_is_given() -> None:
    body = (
        movr(1, 10), alu(o.ADD, 1, -8), mov(2, 8), mov(3, 0), call(f.PROBE_READ_KERNEL), ldx(o.DW, 0, 10, -8),
    )  # fmt: skip
    given = GivenInput(helpers=(GivenCall(4, 0, memory={1: b"\x09" + bytes(7)}),))
    assert run(*body, given=given, prog_type=2).r0 == 9


def test_a_helpers_arguments_are_checked_before_it_runs() -> None:
    body = (movr(1, 10), alu(o.ADD, 1, -8), mov(2, 9), mov(3, 0), call(f.PROBE_READ_KERNEL))
    at, message = fault(run(*body, prog_type=2))
    assert at == 4 and "write of 9 bytes" in message and "past the end of the stack" in message


def test_a_load_gives_what_is_given() -> None:
    body = (ldx(o.DW, 2, 1, 0), ldx(o.DW, 0, 2, 8))
    given = GivenInput(loads=(GivenLoad(0, object=bytes(8) + (3).to_bytes(8, "little")),))
    assert run(*body, given=given, prog_type=2).r0 == 3
    body = (ldx(o.DW, 2, 1, 0), ldx(o.DW, 0, 2, 16))
    assert "past the end of the object (16 bytes)" in fault(run(*body, given=given, prog_type=2))[1]


def test_stack_bytes_nothing_was_written_to() -> None:
    body = (st(o.B, 10, -8, 1), ldx(o.H, 0, 10, -8))
    assert run(*body).fault is None
    at, message = fault(run(*body, given=GivenInput(packet=bytes(32), check_stack=True)))
    assert at == 1 and "nothing was written to fp-7" in message


def test_a_function_that_runs_again_has_a_new_stack() -> None:
    again = Insn(o.JMP | o.CALL, 0, o.PSEUDO_CALL, 0, 2)
    body = (
        Insn(o.JMP | o.CALL, 0, o.PSEUDO_CALL, 0, 3), mov(1, 0), again, EXIT,  # main
        Insn(o.JMP | o.JEQ | o.K, 1, 0, 2, 0), st(o.DW, 10, -8, 1), EXIT, ldx(o.DW, 0, 10, -8),
    )  # fmt: skip
    given = GivenInput(packet=bytes(32), check_stack=True)
    body = (body[0]._replace(imm=3), body[1], body[2]._replace(imm=1), *body[3:])
    assert fault(run(*body, given=given))[0] == 7


def test_a_record_may_not_be_used_after_it_was_submitted() -> None:
    body = (
        *ld64(1, 0, o.PSEUDO_MAP_FD), mov(2, 8), mov(3, 0), call(f.RINGBUF_RESERVE), NULL_CHECK, EXIT,
        movr(6, 0), movr(1, 0), mov(2, 0), call(f.RINGBUF_SUBMIT), ldx(o.DW, 0, 6, 0),
    )  # fmt: skip
    at, message = fault(run(*body, maps=(RECORDS,)))
    assert at == len(body) - 1 and "bpf_ringbuf_submit() released" in message


def test_a_packet_pointer_may_not_be_used_after_the_packet_moved() -> None:
    body = (
        movr(6, 1), ldx(o.W, 7, 1, 76), ldx(o.B, 0, 7, 0), mov(2, 20), call(f.SKB_PULL_DATA), ldx(o.B, 0, 7, 0),
    )  # fmt: skip
    at, message = fault(run(*body, prog_type=TC))
    assert at == 5 and "taken before bpf_skb_pull_data()" in message
    assert run(*body[:-1], ldx(o.W, 7, 6, 76), ldx(o.B, 0, 7, 0), prog_type=TC).fault is None


def test_what_a_call_ends_is_gone() -> None:
    body = (call(f.GET_PRANDOM_U32), movr(6, 0), call(f.GET_PRANDOM_U32), ldx(o.DW, 0, 6, 0))
    calls = (GivenCall(0, object=bytes(8)), GivenCall(2, 0))
    assert run(*body, given=GivenInput(packet=bytes(32), helpers=calls)).fault is None
    calls = (calls[0], GivenCall(2, natural=True, ends=(6,)))
    at, message = fault(run(*body, given=GivenInput(packet=bytes(32), helpers=calls)))
    assert at == 3 and "gone since the call at instruction 2" in message


def test_a_read_only_map_may_not_be_written() -> None:
    assert "read-only" in fault(run(*ld64(1, 0, o.PSEUDO_MAP_VALUE), st(o.B, 1, 0, 1), maps=(CONSTANTS,)))[1]


def test_a_function_runs_by_itself() -> None:
    body = (mov(0, 0), EXIT, ldx(o.W, 0, 1, 0), alur(o.ADD, 0, 2))
    given = GivenInput(packet=bytes(32), start=GivenStart(2, ((4).to_bytes(4, "little"), 3)))
    assert run(*body, given=given).r0 == 7
    assert (
        "past the end of the object"
        in fault(run(*body, given=GivenInput(packet=bytes(32), start=GivenStart(2, (b"\0\0", 3)))))[1]
    )


def test_a_context_that_is_not_emulated_holds_what_is_given() -> None:
    given = GivenInput(ctx={8: (9).to_bytes(4, "little")})
    assert run(ldx(o.W, 0, 1, 8), given=given, prog_type=18).r0 == 9  # cgroup_sock_addr
