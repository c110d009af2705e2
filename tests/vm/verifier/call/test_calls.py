"""Helper calls, calls of the program's own functions and callbacks."""

from __future__ import annotations

import pytest

from vm.asm import assemble
from vm.kernel import types as k
from vm.kernel.helpers import protos
from vm.pipeline.bpf_check import verify
from vm.verifier.call.arg_types import COMPATIBLE_REG_TYPES, base_arg
from vm.verifier.call.map_compat import FUNCS_OF_MAP, MAPS_OF_FUNC
from vm.verifier.env import VerifyOptions

RINGBUF = """
.type tracepoint
.map events ringbuf 0 0 4096
r1 = events ll
r2 = 16
r3 = 0
call bpf_ringbuf_reserve
"""


def said(text: str, *, privileged: bool = True) -> tuple[str, str]:
    head = "" if ".type" in text else ".type xdp\n"
    (program,) = assemble(head + text, name="t").programs
    result = verify(program, VerifyOptions(privileged=privileged))
    return result.verdict, result.message.rstrip("\n")


def test_every_argument_type_in_use_has_its_registers() -> None:
    used = {base_arg(x) for proto in protos() for x in proto.arg_types}
    assert used - set(COMPATIBLE_REG_TYPES) == {k.ARG_DONTCARE, k.ARG_ANYTHING}


def test_maps_and_helpers_agree_on_each_other() -> None:
    for func, maps in MAPS_OF_FUNC.items():
        for map_type in maps:
            assert map_type not in FUNCS_OF_MAP or func in FUNCS_OF_MAP[map_type], (func, map_type)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("call 9999\nexit", "invalid func unknown#9999"),
        ("call bpf_get_current_pid_tgid\nr0 = 0\nexit", None),
        ("call bpf_skb_load_bytes\nexit", "program of this type cannot use helper bpf_skb_load_bytes#26"),
        ("r1 = 0\ncall bpf_map_lookup_elem\nr0 = 0\nexit", "R1 type=scalar expected=map_ptr"),
        (
            ".map m array 4 8 1\nr1 = m ll\ncall bpf_map_lookup_elem\nr0 = 0\nexit",
            "R2 !read_ok",
        ),
        (
            ".map m array 4 8 1\nr1 = m ll\nr2 = r10\nr2 += -2\ncall bpf_map_lookup_elem\nr0 = 0\nexit",
            "invalid indirect access to stack R2 off=-2 size=4",
        ),
        (
            ".map m queue 0 8 4\n*(u64 *)(r10 - 8) = 0\nr1 = m ll\nr2 = r10\nr2 += -8\nr3 = r2\nr4 = 0\n"
            "call bpf_map_update_elem\nr0 = 0\nexit",
            "invalid zero-sized read",
        ),
        (
            ".map m array 4 8 1\n*(u32 *)(r10 - 4) = 0\nr1 = m ll\nr2 = r10\nr2 += -4\n"
            "call bpf_map_lookup_elem\nr1 = *(u64 *)(r0 + 0)\nr0 = 0\nexit",
            "R0 invalid mem access 'map_value_or_null'",
        ),
        (
            ".map m perf_event_array 4 4 4\n*(u32 *)(r10 - 4) = 0\nr1 = m ll\nr2 = r10\nr2 += -4\n"
            "call bpf_map_lookup_elem\nr0 = 0\nexit",
            "cannot pass map_type 4 into func bpf_map_lookup_elem#1",
        ),
        ("call bpf_ktime_get_ns\nr0 = r1\nexit", "R1 !read_ok"),
        ("r6 = *(u32 *)(r1 + 0)\nr2 = -4\ncall bpf_xdp_adjust_head\nr0 = *(u8 *)(r6 + 0)\nexit",
         "R6 invalid mem access 'scalar'"),
        ("call twice\nr0 = r1\nexit\ntwice: r0 = 2\nexit", "R1 !read_ok"),
        ("call f\nr0 = 0\nexit\nf: r0 = r10\nexit", "cannot return stack pointer to the caller"),
        ("r1 = 4\nr2 = &each ll\nr3 = 0\nr4 = 0\ncall bpf_loop\nr0 = 0\nexit\neach: r0 = 2\nexit",
         "At callback return the register R0 has smin=2 smax=2 should have been in [0, 1]"),
    ],
)  # fmt: skip
def test_refusals(text: str, message: str | None) -> None:
    verdict, words = said(text)
    assert verdict == ("reject" if message else "accept")
    assert words == (message or "") or words.endswith(message or "")


def test_what_is_reserved_is_to_be_submitted() -> None:
    submit = "if r0 == 0 goto out\n*(u64 *)(r0 + 0) = 1\nr1 = r0\nr2 = 0\ncall bpf_ringbuf_submit\n"
    end = "out: r0 = 0\nexit\n"
    assert said(RINGBUF + submit + end) == ("accept", "")
    lost = said(RINGBUF + "if r0 == 0 goto out\n" + end)
    assert lost == ("reject", "Unreleased reference id=2 alloc_insn=4")
    beyond = said(RINGBUF + submit.replace("r0 + 0", "r0 + 16") + end)
    assert beyond[0] == "reject"
    assert "invalid access to memory, mem_size=16 off=16 size=8" in beyond[1] or "R0 min value" in beyond[1]
    twice = said(RINGBUF + submit + "r1 = r0\nr2 = 0\ncall bpf_ringbuf_submit\n" + end)
    assert twice == ("reject", "R0 !read_ok")


def test_a_callee_keeps_its_callers_registers() -> None:
    assert said("r6 = 3\ncall f\nr0 = r6\nexit\nf: r6 = 1\nr0 = r6\nexit") == ("accept", "")


def test_a_callee_writes_its_callers_stack() -> None:
    text = "r1 = r10\nr1 += -8\ncall f\nr0 = *(u64 *)(r10 - 8)\nexit\nf: *(u64 *)(r1 + 0) = 5\nr0 = 0\nexit"
    assert said(text) == ("accept", "")


def test_bpf_loop_ends() -> None:
    text = "r1 = 100\nr2 = &each ll\nr3 = 0\nr4 = 0\ncall bpf_loop\nr0 = 0\nexit\neach: r0 = 0\nexit"
    assert said(text) == ("accept", "")


def test_gpl_only_helpers() -> None:
    text = ".type kprobe\n.license MIT\nr1 = r10\nr1 += -8\nr2 = 8\nr3 = 0\ncall bpf_probe_read_kernel\nr0 = 0\nexit"
    assert said(text) == ("reject", "cannot call GPL-restricted function from non-GPL compatible program")
    assert said(text.replace("MIT", "GPL")) == ("accept", "")


def test_unprivileged_programs_do_not_leak_addresses() -> None:
    text = (
        ".type socket\n.map m array 4 8 1\n*(u32 *)(r10 - 4) = 0\nr1 = m ll\nr2 = r10\nr2 += -4\nr3 = r10\nr3 += -16\n"
    )
    text += "*(u64 *)(r10 - 16) = r10\nr4 = 0\ncall bpf_map_update_elem\nr0 = 0\nexit"
    assert said(text)[0] == "accept"
    assert said(text, privileged=False) == ("reject", "invalid indirect read from stack R3 off -16+0 size 8")


def test_a_kernel_object_is_memory_to_read_where_a_helper_takes_memory() -> None:
    """Also compiled, where a constant tuple has no identity of its own."""
    task = ".type tp_btf/task_newtask\nr1 = *(u64 *)(r1 + 0)\n"
    read = "r2 = r1\nr1 = r10\nr1 += -16\nr3 = r2\nr2 = 8\ncall 113\nr0 = 0\nexit"
    assert said(task + read)[0] == "accept"
    write = "r2 = 8\nr3 = r1\ncall 113\nr0 = 0\nexit"
    assert said(task + write) == (
        "reject", "bpf_probe_read_kernel() may write into memory pointed by R1 type=trusted_ptr_",
    )  # fmt: skip
