"""What is said of a program that a kernel does not take: of a kprobe on a function that is not there, of a log."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from vm.guests import running
from vm.guests.attaching import no_function
from vm.guests.kernel import GuestKernel
from vm.guests.states import State


def test_a_function_that_the_kernel_does_not_have_is_said_with_what_it_has() -> None:
    symbols = "\n".join(
        (
            "ffffffff81000010 T __x64_sys_execve", "ffffffff81000020 t __do_sys_execve", "ffffffff81000030 T vfs_read",
            "ffffffff81000040 t __pfx_vfs_read", "ffffffff81000050 T vfs_readv", "ffffffff81000060 d vfs_read_data",
        )
    )  # fmt: skip
    state = SimpleNamespace(release="6.12.117", symbols=symbols)
    kernel = GuestKernel(cast(State, state))
    said = no_function(kernel, "kprobe/sys_execve", "sys_execve")
    assert 'SEC("kprobe/__x64_sys_execve")' in said and 'SEC("ksyscall/execve")' in said
    assert 'SEC("kretsyscall/execve")' in no_function(kernel, "kretprobe/sys_execve", "sys_execve")
    said = no_function(kernel, "kprobe/vfs_rea", "vfs_rea")
    assert said == "Linux 6.12.117 has no function of this name. There are vfs_read, vfs_readv."
    assert no_function(kernel, "kprobe/x", "nothing.like+it").endswith("of this name.")


def test_the_reason_is_the_line_before_the_statistics() -> None:
    log = b"0: (db) r0 = 1\nBPF_STX uses reserved fields\nverification time 11 usec\nstack depth 0\n"
    assert running._last(log + b"processed 0 insns\n") == "the verifier rejected it: BPF_STX uses reserved fields"
    assert running._last(b"processed 0 insns\nstack depth 0+8\n") == "the kernel refused it"
