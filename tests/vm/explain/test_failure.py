"""What is said of a refusal: category, register, what was proven and needed, and the steps that led there."""

from __future__ import annotations

import re

from vm.asm import assemble
from vm.explain.failure import hottest
from vm.pipeline.bpf_check import verify
from vm.trace.recorder import Recorder
from vm.trace.records import Cause, Failure
from vm.verifier.env import VerifyOptions


def refused(text: str, prog_type: str = "xdp") -> Failure:
    (program,) = assemble(f".type {prog_type}\n{text}", name="t").programs
    failure = verify(program, VerifyOptions(2)).failure
    assert failure is not None
    return failure


def told(failure: Failure) -> list[tuple[int, str, str]]:
    return [(c.insn_idx, c.name, c.kind) for c in failure.causes]


def test_a_packet_access_beyond_what_was_checked() -> None:
    failure = refused(
        """
        r2 = *(u32 *)(r1 + 0)
        r3 = *(u32 *)(r1 + 4)
        r4 = r2
        r4 += 14
        if r4 > r3 goto out
        r0 = *(u8 *)(r2 + 23)
        out:
        r0 = 2
        exit
        """
    )
    assert failure.category == "Memory Safety"
    assert failure.reg == "r2"
    assert failure.proven is not None
    assert (failure.proven.kind, failure.proven.range, failure.proven.written_at) == ("packet", 14, 0)
    assert "14 bytes from the start of the packet are proven readable" in failure.proven_text
    assert "data + 24 <= data_end" in failure.needed
    assert "proven readable: 14 bytes" in failure.needed
    assert told(failure) == [(0, "r2", "load"), (4, "r2", "branch"), (5, "r2", "failed")]
    assert failure.causes[1].why == "if r4 > r3 not taken: r2 is pkt(r=14) from here"


def test_a_pointer_that_may_be_null_through_a_spill() -> None:
    failure = refused(
        """
        .map m hash 4 8 16
        r1 = 0
        *(u32 *)(r10 - 4) = r1
        r2 = r10
        r2 += -4
        r1 = map[m] ll
        call bpf_map_lookup_elem
        *(u64 *)(r10 - 16) = r0
        r6 = *(u64 *)(r10 - 16)
        r1 = *(u64 *)(r6 + 0)
        r0 = 0
        exit
        """
    )
    assert failure.category == "Register Type Safety"
    assert failure.reg == "r6"
    assert "or NULL" in failure.proven_text
    assert "not NULL" in failure.needed
    assert told(failure) == [(6, "r0", "call"), (8, "r6", "fill"), (9, "r6", "failed")]
    assert failure.causes[1].why.endswith("; by way of fp-16 (stored from r0)")
    assert "bpf_map_lookup_elem()" in failure.causes[0].why


def test_a_value_through_a_call_and_its_argument() -> None:
    failure = refused(
        """
        r6 = r1
        r1 = 0
        call callee
        r1 = *(u32 *)(r0 + 0)
        r0 = 0
        exit
        callee:
        r0 = r1
        r0 += 8
        exit
        """
    )
    assert failure.reg == "r0"
    assert told(failure) == [
        (1, "r1", "value"), (6, "1:r0", "move"), (7, "1:r0", "arithmetic"), (8, "r0", "call"), (3, "r0", "failed"),
    ]  # fmt: skip
    assert failure.causes[1].why.endswith("; by way of 1:r1 (argument 1 of the function called here)")
    assert [c.step for c in failure.causes] == sorted(c.step for c in failure.causes)


def test_in_a_callee_the_register_is_the_callee_s() -> None:
    failure = refused(
        """
        call callee
        exit
        callee:
        r0 = r9
        exit
        """
    )
    assert failure.message == "R9 !read_ok"
    assert failure.reg == "1:r9"
    assert failure.proven is None
    assert failure.proven_text == "1:r9 holds nothing here"


def test_a_register_a_call_cleared() -> None:
    failure = refused("call 7\nr0 = r1\nexit")
    assert told(failure) == [(0, "r1", "clobbered"), (1, "r1", "failed")]


def test_bounds_say_which_jumps_gave_them() -> None:
    failure = refused(
        """
        .map m array 4 16 1
        r6 = *(u32 *)(r1 + 0)
        r6 = *(u32 *)(r1 + 16)
        r1 = 0
        *(u32 *)(r10 - 4) = r1
        r2 = r10
        r2 += -4
        r1 = map[m] ll
        call bpf_map_lookup_elem
        if r0 == 0 goto out
        if r6 > 20 goto out
        r0 += r6
        r1 = *(u8 *)(r0 + 0)
        out:
        r0 = 0
        exit
        """
    )
    assert failure.reg == "r0"
    assert failure.needed == "an offset from 0 to 15 for 1 byte out of 16; here it is 20"
    assert "between 0 and 20" in failure.proven_text
    kinds = told(failure)
    assert (1, "r6", "load") in kinds
    assert (10, "r6", "branch") in kinds
    assert (0, "r6", "load") not in kinds  # written over before it mattered
    assert (11, "r0", "arithmetic") in kinds


def test_a_leak_tells_where_it_was_taken_and_lost() -> None:
    failure = refused(
        """
        .map ring ringbuf 0 0 4096
        r1 = map[ring] ll
        r2 = 8
        r3 = 0
        call bpf_ringbuf_reserve
        if r0 == 0 goto out
        r6 = r0
        r0 = 0
        r6 = 1
        out:
        r0 = 0
        exit
        """
    )
    assert failure.category == "Resource Lifetime Safety"
    assert [(c.insn_idx, c.kind, c.name) for c in failure.causes] == [
        (4, "acquired", "r0"), (8, "clobbered", "r6"), (10, "failed", ""),
    ]  # fmt: skip
    assert "bpf_ringbuf_reserve()" in failure.causes[0].why


def test_the_size_of_a_memory_argument_is_told_too() -> None:
    failure = refused(
        """
        r6 = *(u32 *)(r1 + 16)
        r6 &= 63
        r6 += 1
        r1 = r10
        r1 += -16
        r2 = r6
        r3 = r10
        r3 += -16
        call 4
        r0 = 0
        exit
        """,
        "kprobe",
    )
    assert failure.category == "Memory Safety"
    assert failure.reg == "r1"
    assert "from -512 to" in failure.needed
    names = {c.name for c in failure.causes}
    assert {"r1", "r2", "r6"} <= names


def test_a_loop_without_end_names_the_state_it_met_again() -> None:
    failure = refused("r0 = 0\nloop:\nif r0 == 1 goto out\ngoto loop\nout:\nexit")
    assert failure.category == "Program Structure"
    assert [c.kind for c in failure.causes] == ["checkpoint", "failed"]
    assert failure.message.startswith("infinite loop detected")


def test_a_limit_is_no_fault_of_a_register() -> None:
    failure = refused(
        """
        *(u64 *)(r10 - 512) = 0
        call f
        exit
        f:
        *(u64 *)(r10 - 512) = 0
        r0 = 0
        exit
        """
    )
    assert failure.category == "Limits"
    assert failure.needed.endswith("active at once; here 512 of function 0 + 512 of function 1")
    assert (failure.insn_idx, failure.reg) == (1, "")


def test_a_jump_that_leads_out_names_its_instruction() -> None:
    failure = refused("r0 = 0\ngoto +9\nexit")
    assert failure.category == "Program Structure"
    assert failure.insn_idx == 1
    assert failure.step == -1


def test_without_a_record_category_and_need_are_told_all_the_same() -> None:
    (program,) = assemble(".type xdp\nr0 = r3\nexit", name="t").programs
    failure = verify(program, VerifyOptions(0, record=False)).failure
    assert failure is not None
    assert failure.category == "Register Type Safety"
    assert failure.reg == "r3"
    assert failure.causes == ()


def test_causes_are_few_and_in_order() -> None:
    lines = [f"r{2 + i % 4} += r{3 + i % 4}" for i in range(200)]
    loads = "\n".join(f"r{n} = *(u32 *)(r1 + 16)" for n in range(2, 7))
    failure = refused(loads + "\n" + "\n".join(lines) + "\nr2 = *(u8 *)(r2 + 0)\nr0 = 0\nexit")
    assert len(failure.causes) == 32
    steps = [c.step for c in failure.causes]
    assert steps == sorted(steps)
    assert failure.causes[-1] == Cause(205, 205, "r2", "failed", failure.needed)
    assert all(re.search(r"\S", c.why) for c in failure.causes)


def test_a_walk_that_is_too_long_names_the_loop() -> None:
    (program,) = assemble(".type xdp\nr1 = 0\nagain:\nr1 += 1\nif r1 < 90 goto again\nr0 = 0\nexit", name="t").programs
    trace = verify(program, VerifyOptions(0)).trace
    assert isinstance(trace, Recorder)
    (hot,) = hottest(trace)
    assert (hot.kind, hot.insn_idx, hot.step) == ("loop", 2, 2)
    assert hot.why == "this jump back was walked 90 times"
