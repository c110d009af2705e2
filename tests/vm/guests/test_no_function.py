"""What is said of a kprobe on a function that the kernel does not have."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

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
