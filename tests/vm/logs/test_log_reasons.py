"""What is said of a posted log beside the kernel's words: only what the text carries."""

from __future__ import annotations

import re

import pytest

from tests.vm.logs.cuts import logs
from vm.logs.answer import read_log
from vm.logs.explain import GENERAL, RULES
from vm.logs.told import record
from vm.logs.values import NO_REASON, Reason
from vm.verifier.rules.catalogue import all_rules


def whole(log: str) -> str:
    """With the summary, that counts the instructions printed."""
    count = len(re.findall(r"^\d+: \(", log, re.MULTILINE))
    limits = "max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0"
    return f"{log}processed {count} insns (limit 1000000) {limits}\n"


def told(log: str) -> Reason:
    return read_log([whole(log)]).program.reason


def test_the_tables_name_rules() -> None:
    assert {*RULES, *GENERAL} <= {rule.name for rule in all_rules()}
    assert not RULES.keys() & GENERAL.keys()


def test_most_recorded_rejections_are_explained() -> None:
    found = [read_log([log]).program.reason for _, log, _ in logs()]
    assert sum(bool(reason.what) for reason in found) > 0.85 * len(found)
    for reason in found:
        assert reason.what == "" or re.match(r"(?:[A-Z]|r\d|bpf_)[^{}]*\.$", reason.what), reason
        assert not reason.needed.endswith("."), reason
        assert "  " not in reason.what + reason.needed
        assert "None" not in reason.what + reason.needed


@pytest.mark.parametrize(
    ("log", "what", "needed"),
    [
        (  # an index that is compared with bytes, as if they were elements
            "0: R1=ctx(off=0,imm=0) R10=fp0\n"
            "7: (25) if r1 > 0x13 goto pc+8        ; R1_w=scalar(umax=19)\n"
            "8: (67) r1 <<= 2                      ; R1_w=scalar(umax=76)\n"
            "9: (0f) r2 += r1                      ; R2_w=map_value(off=0,ks=4,vs=20,umax=76,var_off=(0x0; 0x7c))\n"
            "10: (63) *(u32 *)(r2 +0) = r1\n"
            "invalid access to map value, value_size=20 off=76 size=4\n"
            "R2 max value is outside of the allowed memory range\n",
            ("writes 4 bytes", "bytes 76 to 79, and it has 20 bytes.", "at instruction 7 (if r1 > 0x13 goto pc+8)"),
            "an index below 5",
        ),
        (
            "6: (71) r4 = *(u8 *)(r1 -1)\n"
            "invalid access to packet, off=65535 size=1, R1(id=0,off=65535,r=65535)\n"
            "R1 offset is outside of the packet\n",
            ("at offset 65,535 from the packet's start", "count only within the first 65,535 bytes"),
            "a bound on how far the pointer is moved",
        ),
        (
            "48: (b7) r5 = 0\n49: (85) call bpf_csum_diff#28\n"
            "invalid access to packet, off=34 size=64, R3(id=0,off=34,r=42)\nR3 offset is outside of the packet\n",
            ("bpf_csum_diff() may access 64 bytes at offset 34 from the packet's start", "the first 42 bytes", "98"),
            "data + 98 > data_end",
        ),
        (
            "0: (79) r1 = *(u64 *)(r1 +112)\n1: (69) r2 = *(u16 *)(r1 +182)\nR1 invalid mem access 'inv'\n",
            ("reads 2 bytes", "loaded from the context by instruction 0"),
            "bpf_probe_read_kernel()",
        ),
        (
            "0: (bf) r6 = r1\n1: (69) r1 = *(u16 *)(r2 +178)\nR2 !read_ok\n",
            ("reads r2", "one argument"),
            "PT_REGS_PARM",
        ),
        (  # a call is between: r2 may have been written before it
            "0: (b7) r2 = 1\n1: (85) call bpf_ktime_get_ns#5\n2: (bf) r0 = r2\nR2 !read_ok\n",
            ("after the call at instruction 1",),
            "r6 to r9",
        ),
        (  # without its beginning nothing is known of what was written
            "7: (b7) r0 = 0\n8: (bf) r0 = r2\nR2 !read_ok\n",
            ("nothing has written on this path",),
            "",
        ),
        (
            "22: (b7) r0 = 1\n23: (67) r0 <<= 1\n24: (95) exit\n"
            "At program exit the register R0 has value (0x2; 0x0) should have been in (0x0; 0x1)\n",
            ("return 0 or 1", "the result is 2"),
            "0 or 1 on every path",
        ),
        (
            "5: (85) call bpf_get_current_task#35          ; R0_w=scalar()\n6: (bf) r2 = r0                       ; "
            "R2=scalar()\n"
            "7: (85) call bpf_task_storage_get#156\nR2 type=scalar expected=ptr_, trusted_ptr_, rcu_ptr_\n",
            ("Argument 2 of bpf_task_storage_get()", "bpf_get_current_task() at instruction 5"),
            "bpf_get_current_task_btf()",
        ),
        (
            "3: (85) call bpf_map_lookup_elem#1\n4: (79) r1 = *(u64 *)(r0 +0)\nR0 invalid mem access "
            "'map_value_or_null'\n",
            ("r0 may be NULL", "bpf_map_lookup_elem() at instruction 3"),
            "NULL",
        ),
    ],
    ids=["index", "far", "packet", "context", "argument", "call", "cut", "result", "task", "null"],
)
def test_reasons(log: str, what: tuple[str, ...], needed: str) -> None:
    reason = told(log)
    for each in what:
        assert each in reason.what
    assert needed in reason.needed


@pytest.mark.parametrize(
    ("message", "what", "needed"),
    [
        ("invalid func unknown#195896080", "where a CO-RE relocation failed", "bpf_core_field_exists()"),
        ("invalid func unknown#2001000003", "a map that was not created", "the map created"),
        ("invalid func unknown#2002000001", "(kfunc) that the running kernel does not have", "bpf_ksym_exists()"),
        ("unknown opcode 8d", "calls a function through a register", "by its name"),
        ("R1 type=scalar expected=ctx", "it has to be the context", "the context as the program was given it"),
        ("R1 type=inv expected=map_ptr", "it has to be a map", "&map"),
        ("R1 type=scalar expected=ptr_, trusted_ptr_, rcu_ptr_", "is a number", "bpf_get_current_task_btf()"),
        (
            "**Error**: `R2 invalid mem access 'map_value_or_null'` on 5.15, why?",
            "r2 may be NULL",
            "a comparison of r2 with NULL",
        ),
        ("invalid func unknown#158", "no helper number 158", "a newer kernel"),
        ("R2 invalid mem access 'trusted_ptr_or_null_'", "r2 may be NULL", "a comparison of r2 with NULL"),
        (
            "R1 type=rcu_ptr_or_null_ expected=ptr_, trusted_ptr_, rcu_ptr_",
            "is an RCU-protected pointer to a kernel object or NULL",
            "a comparison of r1 with NULL before the call",
        ),
        (
            "At program exit the register R0 has value (0x7b; 0x0) should have been 0 or 1",
            "has to return 0 or 1; on this path the result is 123.",
            "0 or 1 on every path",
        ),
        (
            "misaligned stack access off (0x0; 0x0)+0+-63 size 8",
            "8 bytes at fp-63, which is not a multiple of 8",
            "alig",
        ),
        ("misaligned value access off (0x0; 0xff)+0+3 size 4", "is not known to be a multiple of 4", "aligned(4)"),
        ("combined stack size of 7 calls is 544. Too large", "of 7 functions need 544 bytes of stack", "__always_inl"),
        (
            "failed to resolve CO-RE relocation <byte_off> [9] struct open_how.flags (0:0 @ offset 0)",
            "types for struct open_how.flags, as the program declares it",
            "bpf_core_field_exists()",
        ),
    ],
)
def test_reasons_of_a_message_alone(message: str, what: str, needed: str) -> None:
    reason = read_log([f"{message}\n"]).program.reason
    assert what in reason.what
    assert needed in reason.needed


def test_a_pointer_that_was_stored_as_null() -> None:
    log = (
        " R0=inv(id=0) R6=inv(id=0) R10=fp0 fp-8=mmmmmmmm fp-16=00000000\n"
        "7: (79) r9 = *(u64 *)(r10 -16)\n"
        "8: (71) r1 = *(u8 *)(r9 +23)\n"
        "R9 invalid mem access 'inv'\n"
    )
    assert "by instruction 7 (r9 = *(u64 *)(r10 -16)), where 0 was stored: it is NULL" in told(log).what
    for other in ("fp-16=0000mmmm", "fp-16=inv(id=0)"):
        assert "NULL" not in told(log.replace("fp-16=00000000", other)).what
    for between in ("7: (7b) *(u64 *)(r10 -16) = r6\n8: ", "7: (85) call bpf_ktime_get_ns#5\n8: "):
        late = log.replace("8: (71)", "9: (71)").replace("7: ", between)
        assert "NULL" not in told(late).what


def test_a_value_is_not_told_over_an_instruction_that_changed_it() -> None:
    log = (
        "0: (b7) r2 = 0                        ; R2_w=0\n"
        "1: (79) r2 = *(u64 *)(r6 +0)\n"
        "2: (79) r1 = *(u64 *)(r2 +0)\n"
        "R2 invalid mem access 'scalar'\n"
    )
    assert "NULL" not in told(log).what
    assert "is NULL on this path" in told(log.replace("1: (79) r2 = *(u64 *)(r6 +0)\n", "1: (b7) r3 = 0\n")).what


def test_where_the_instruction_is_not_known_none_is_described() -> None:
    log = "0: (b7) r0 = 0                        ; R0_w=0\nR3 invalid mem access 'scalar'\n"
    program = read_log([whole(log)]).program
    assert program.insn is None
    assert "nstruction" not in program.reason.what
    assert told("some text\n") == NO_REASON


def test_the_report_has_both() -> None:
    log = "0: (79) r1 = *(u64 *)(r1 +112)\n1: (69) r2 = *(u16 *)(r1 +182)\nR1 invalid mem access 'inv'\n"
    found = record("x", read_log([whole(log)]))
    assert found["explanation"].startswith("Instruction 1 reads 2 bytes")
    assert found["needed"].startswith("memory of the kernel copied")
    assert record("x", read_log([whole("0: (b7) r0 = 0\n1: (95) exit\n")]))["explanation"] is None
