"""What is said of rejections whose cause is not in the message, as the text shows it."""

from __future__ import annotations

from typing import Any

import pytest

from vm.logs.answer import read_log
from vm.logs.told import record

CASES: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "a packet pointer that a cast to 32 bits makes a number of": (
        (
            " R1=imm2,min_value=2,max_value=2 R5=pkt_end R9=pkt(id=0,off=0,r=0) R10=fp",
            "411: (b7) r1 = 1",
            "412: (67) r9 <<= 32",
            "413: (77) r9 >>= 32",
            "414: (73) *(u8 *)(r9 +0) = r1",
            "R9 invalid mem access 'inv'",
        ),
        {"explanation": "a pointer into the packet until instruction 412", "needed": "32-bit type"},
    ),
    "the context's address in a variable, copied and moved": (
        (
            "27: (79) r1 = *(u64 *)(r6 +128)",
            "28: (15) if r1 == 0x1 goto pc+5",
            " R0=inv R1=inv R6=ctx R7=inv R10=fp",
            "29: (bf) r1 = r6",
            "30: (07) r1 += 96",
            "31: (79) r3 = *(u64 *)(r1 +0)",
            "R1 invalid mem access 'inv'",
        ),
        {"explanation": "the context until instruction 30", "needed": "ctx->member in one expression"},
    ),
    "a summary between back quotes": (
        ("` processed 1000001 insns (limit 1000000) max_states_per_insn 2 total_states 4 peak_states 2 mark_read 1`",),
        {"explanation": "The summary counts more instructions", "verdict": "reject"},
    ),
    "a message between quotes": (
        ('It says "R1 min value is negative, either use unsigned index or do a if (index >=0) check.", why?',),
        {"message": "R1 min value is negative, either use unsigned index or do a if (index >=0) check."},
    ),
    "arithmetic of which the instruction is not there": (
        ("math between map_value pointer and register with unbounded min value is not allowed",),
        {"explanation": "is added to a pointer to a map value"},
    ),
    "a map where an element was meant": (
        (
            "10: (18) r1 = 0x9000000135452e00      ; R1_w=map_ptr(ks=4,vs=4)",
            "12: (61) r2 = *(u32 *)(r1 +0)",
            "cannot access ptr member ops with moff 0 in struct bpf_map with off 0 size 4",
        ),
        {"explanation": "reads the map itself"},
    ),
    "a helper for some functions of the kernel only": (
        ("15: (85) call bpf_d_path#147", "helper call is not allowed in probe"),
        {"explanation": "bpf_d_path() may be called only by programs that are attached to certain"},
    ),
    "a helper that lockdown takes away": (
        ("8: (85) call bpf_probe_read#4", "program of this type cannot use helper bpf_probe_read#4"),
        {"explanation": "locked down", "needed": "bpf_probe_read_kernel()"},
    ),
    "a descriptor that is no map's": (
        ("func#0 @0", "fd 0 is not pointing to valid bpf_map"),
        {"explanation": "belongs to no map"},
    ),
    "a kfunc that the kernel does not have": (
        ("15: <invalid kfunc call>", "kfunc 'f' is referenced but wasn't resolved"),
        {"explanation": "does not have", "needed": "bpf_ksym_exists()"},
    ),
    "a region that is left open": (
        ("1073: (95) exit", "bpf_rcu_read_unlock is missing"),
        {"explanation": "between bpf_rcu_read_lock()"},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_cause_is_told(name: str) -> None:
    lines, wanted = CASES[name]
    told: dict[str, Any] = record("", read_log(["\n".join((*lines, ""))]))
    for field, words in wanted.items():
        assert words in (told[field] or ""), told


def test_a_newer_kernel_than_the_words_allow_is_somebody_elses() -> None:
    text = (
        " R0=inv(id=0) R2_w=inv(id=0,umax_value=4294967295,var_off=(0x0; 0xffffffff)) R10=fp0\n"
        "R2 unbounded memory access, use 'var &= const' or 'if (var < const)'\n"
        "I have the same with\n# uname -r\n{}\n"
    )
    assert record("", read_log([text.format("6.0.12-100.fc35.x86_64")]))["kernel"]["named"] is None
    assert record("", read_log([text.format("5.10.0-13-amd64")]))["kernel"]["named"] == "5.10.0-13-amd64"
