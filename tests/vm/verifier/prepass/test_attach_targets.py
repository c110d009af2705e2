"""What the kernel says of hooks programs cannot have. Asked of a running 6.12, as were 12,528 others."""

from __future__ import annotations

import pytest

from vm.elf.sections import section_def
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.pipeline.bpf_check import verify
from vm.program import Program

RETURN_0 = (Insn(o.ALU64 | o.MOV | o.K, 0), Insn(o.JMP | o.EXIT))


def said(section: str) -> tuple[int, str]:
    found = section_def(section)
    assert found is not None
    program = Program(
        "p",
        section,
        found.prog_type,
        RETURN_0,
        expected_attach_type=found.expected_attach_type,
        prog_flags=found.prog_flags,
        attach_btf_name=section.partition("/")[2],
    )
    verification = verify(program)
    return verification.errno, verification.message


@pytest.mark.parametrize(
    "section, errno, message",
    [
        ("fentry/do_unlinkat", 0, ""),
        ("fexit/tnum_range", -22, "The function tnum_range return type STRUCT is unsupported."),
        ("fentry/release_pages", -22, "The function release_pages arg0 type UNION is unsupported."),
        ("fentry/alloc_workqueue", -22, "The function alloc_workqueue with variable args is unsupported."),
        ("fentry/bpf_trace_run12", -22, "The function bpf_trace_run12 has 13 arguments. Too many."),
        ("fentry.s/__ia32_sys_ppoll", -22, "__ia32_sys_ppoll is not sleepable"),
        ("fmod_ret/__ia32_sys_ppoll", -22, "__ia32_sys_ppoll() is not modifiable"),
        ("fmod_ret/security_file_open", 0, ""),
        ("fentry/__rcu_read_lock", -22, ""),
        ("fexit/do_exit", -22, "Attaching fexit/fmod_ret to __noreturn functions is rejected."),
        ("lsm/init", -22, "attach_btf_id 59877 points to wrong type name bpf_lsm_init"),
        ("lsm_cgroup/is_trusted", -22, "attach_btf_id 34845 points to wrong type name bpf_lsm_is_trusted"),
        ("lsm.s/verify_prog", -22, "bpf_lsm_verify_prog is not sleepable"),
        ("lsm/getprocattr", -22, "attach_btf_id 35029 points to disabled hook bpf_lsm_getprocattr"),
    ],
)
def test_what_the_kernel_says(section: str, errno: int, message: str) -> None:
    assert said(section) == (errno, message)
