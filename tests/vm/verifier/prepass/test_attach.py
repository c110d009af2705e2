"""Where programs may be attached, and which kernel functions can be called or traced at all."""

from __future__ import annotations

import pytest

from vm.asm import assemble
from vm.btf.types import Kind
from vm.elf.sections import section_def
from vm.errors import InputError
from vm.isa import opcodes as op
from vm.isa.insn import Insn
from vm.kernel import types as k
from vm.kernel.btf import kernel_btf
from vm.pipeline.bpf_check import verify
from vm.program import Program
from vm.trace.records import Verification

RETURN = assemble("r0 = 0\nexit\n").programs[0].insns


def attached(section: str) -> Verification:
    known = section_def(section)
    assert known is not None
    name = section.partition("/")[2]
    return verify(Program("p", section, known.prog_type, RETURN, (), known.attach_type, attach_btf_name=name))


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("fentry/_printk", "The function _printk with variable args is unsupported.\n"),
        ("fentry", "Tracing programs must provide btf_id\n"),
        ("freplace/do_exit", "Cannot replace kernel functions\n"),
        ("freplace", "Tracing programs must provide btf_id\n"),
        ("lsm/verify_prog", "points to wrong type name bpf_lsm_verify_prog\n"),
        ("lsm/inode_getsecurity", "points to disabled hook bpf_lsm_inode_getsecurity\n"),
    ],
)
def test_what_cannot_be_attached(section: str, words: str) -> None:
    found = attached(section)
    assert (found.verdict, found.errno) == ("reject", -22)
    assert words in found.log


def test_what_can() -> None:
    assert attached("fentry/do_exit").verdict == "accept"
    assert attached("lsm/file_open").verdict == "accept"


def test_types_this_kernel_lacks() -> None:
    with pytest.raises(InputError, match="no programs of type BPF_PROG_TYPE_LIRC_MODE2"):
        verify(Program("p", "lirc_mode2", k.BPF_PROG_TYPE_LIRC_MODE2, RETURN))


def calls(*called: Insn) -> Verification:
    return verify(Program("p", "tc", k.BPF_PROG_TYPE_SCHED_CLS, (*called, *RETURN)))


def kfunc(btf_id: int, off: int = 0) -> Insn:
    return Insn(op.JMP | op.CALL, 0, op.PSEUDO_KFUNC_CALL, off, btf_id)


def test_calls_of_kernel_functions() -> None:
    printk = kernel_btf().find("_printk")
    assert printk is not None
    assert "The function _printk with variable args is unsupported.\n" in calls(kfunc(printk.id)).log
    module = calls(kfunc(printk.id, 1))
    assert module.errno == -71
    assert "kfunc offset > 0 without fd_array is invalid\nfailed to find BTF for kernel function\n" in module.log


def test_no_more_than_256_kernel_functions() -> None:
    btf = kernel_btf()
    ids = []
    for found in btf.of_kind(Kind.FUNC):
        proto = btf.type(found.type_id)
        if not proto.params and not proto.type_id:
            ids.append(found.id)
        if len(ids) == 257:
            break
    said = calls(*(kfunc(i) for i in ids))
    assert (said.errno, "too many different kernel function calls\n" in said.log) == (-7, True)
    assert "too many" not in calls(*(kfunc(i) for i in ids[:256]), kfunc(ids[0])).log


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("fentry/no_such_function", "Linux 6.12 has no function 'no_such_function' to attach to"),
        ("lsm/nothing", "Linux 6.12 has no LSM hook 'nothing' to attach to"),
        ("fentry", "names nothing to attach to"),
        ("freplace/do_exit", "a freplace program needs the loaded program it replaces a function of"),
        ("struct_ops/init", "said by a variable, which only C can have"),
    ],
)
def test_assembly_that_cannot_be_loaded(section: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        assemble("r0 = 0\nexit\n", prog_type=section)
