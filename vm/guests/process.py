"""Starts QEMU: its command line, and our ends of the sockets of port and console."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from vm.guests.confined import command as confined
from vm.guests.confined import tied
from vm.guests.images import qemu
from vm.guests.wire import GuestError
from vm.sandbox.layers import Limits

KVM_VARIABLE: Final = "BPFSCOPE_GUEST_KVM"
MEMORY_MIB: Final = 512
# Without KASLR: it can place the kernel's own code within MODULE_AREA, which is logged while a program is recorded.
BOOT_LINE: Final = "console=ttyS0 quiet panic=-1 mitigations=off nokaslr"
_SANDBOX: Final = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"
# QEMU beside the guest's memory: translated code (tb-size) and what it allocates itself.
_OVERHEAD_MIB: Final = 640
MODULE_AREA: Final = "0xffffffffa0000000+0x5f000000"
_PIPE_BYTES: Final = 1 << 20


class Debug(NamedTuple):
    """What a guest is recorded through: QEMU's gdb stub, and the end of a pipe from which its log is read."""

    stub: socket.socket
    log: int


class Ends(NamedTuple):
    """The handles of a running QEMU.

    pid   -- of QEMU
    stop  -- kill it and wait until it is gone; what it wrote to standard error
    debug -- if it was asked for
    """

    port: socket.socket
    console: socket.socket
    pid: int
    stop: Callable[[], str]
    debug: Debug | None = None


def accelerator() -> str:
    """tcg, or kvm if BPFSCOPE_GUEST_KVM is "yes".

    KVM is not detected, because on some machines /dev/kvm can be opened but guests never run.
    """
    return "kvm" if os.environ.get(KVM_VARIABLE) == "yes" else "tcg,tb-size=96"


def arguments(vmlinuz: Path, initrd: Path, port: int, console: int) -> list[str]:
    """QEMU's command line: no disk, no network card, no monitor; `port` and `console` are descriptors of sockets.

    A saved guest can only be restored by a QEMU with the same machine.
    """
    accel = accelerator()
    return [
        qemu() or "",
        *("-accel", accel, "-cpu", "host" if accel == "kvm" else "max", "-smp", "1", "-m", f"{MEMORY_MIB}M"),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-kernel", str(vmlinuz), "-initrd", str(initrd), "-append", BOOT_LINE),
        *("-chardev", f"socket,id=console,fd={console}", "-serial", "chardev:console"),
        *("-device", "virtio-serial-pci", "-chardev", f"socket,id=port,fd={port}"),
        *("-device", "virtserialport,chardev=port,name=job"),
    ]


def boot(vmlinuz: Path, initrd: Path, extra: Sequence[str], fds: Sequence[int]) -> Ends:
    """Boot a kernel of ours, to save it. extra -- more of QEMU's arguments; fds -- descriptors these name."""
    return _start(vmlinuz, initrd, lambda argv: tied([*argv, *extra]), fds)


def restore(folder: Path, seconds: float, *, debug: bool = False) -> Ends:
    """Restores the saved guest of a folder, confined and limited to this many seconds of CPU time.

    debug -- with a gdb stub and a log, which has no effect until the stub is used
    """
    vmlinuz, initrd = folder / "vmlinuz", folder / "initrd"
    try:
        state = os.open(folder / "state", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise GuestError("start", f"The saved guest is gone: {error.strerror}.") from None
    memory = (MEMORY_MIB + _OVERHEAD_MIB) << 20
    limits = Limits(cpu=int(seconds) + 5, memory=memory, file_size=0, processes=None, stack=None)

    stack = contextlib.ExitStack()
    stack.callback(os.close, state)
    extra: list[str] = []
    fds = [state]
    given: Debug | None = None
    if debug:
        given, extra, more = _debugged(stack)
        fds += more

    def held(argv: list[str]) -> list[str]:
        argv = [*argv, *extra, "-incoming", f"fd:{state}", "-sandbox", _SANDBOX]
        return confined(argv, [str(vmlinuz.resolve()), str(folder)], limits)

    try:
        with stack:
            return _start(vmlinuz, initrd, held, fds)._replace(debug=given)
    except BaseException:
        if given is not None:
            close_debug(given)
        raise


def _debugged(stack: contextlib.ExitStack) -> tuple[Debug, list[str], list[int]]:
    """Our ends, QEMU's arguments and descriptors; `stack` closes the latter."""
    ours, theirs = socket.socketpair()
    stack.callback(theirs.close)
    log, written = os.pipe()
    stack.callback(os.close, written)
    with contextlib.suppress(OSError):
        fcntl.fcntl(written, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    # Only what runs in the area of modules is logged, where the kernel puts BPF programs.
    where = ["-D", f"/proc/self/fd/{written}", "-dfilter", MODULE_AREA]
    stub = ["-chardev", f"socket,id=gdb,fd={theirs.fileno()}", "-gdb", "chardev:gdb"]
    # Each time the guest goes on QEMU would ask for an event descriptor, and complain that it may have no more.
    stub += ["-global", "virtio-serial-pci.ioeventfd=off"]
    return Debug(ours, log), [*stub, *where], [theirs.fileno(), written]


def close_debug(debug: Debug) -> None:
    """Close both of its ends."""
    debug.stub.close()
    with contextlib.suppress(OSError):
        os.close(debug.log)


def _start(vmlinuz: Path, initrd: Path, held: Callable[[list[str]], list[str]], fds: Sequence[int]) -> Ends:
    ours, port = socket.socketpair()
    serial, console = socket.socketpair()
    said, complaints = os.pipe()
    os.set_blocking(complaints, False)  # what does not fit is lost: QEMU must not wait until somebody reads it
    try:
        argv = held(arguments(vmlinuz, initrd, port.fileno(), console.fileno()))
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
            pass_fds=[port.fileno(), console.fileno(), *fds],
            start_new_session=True,
            cwd="/",
        )
    except OSError as error:
        os.close(said)
        raise GuestError("start", f"QEMU does not start: {error.strerror}.") from None
    finally:
        port.close()
        console.close()
        os.close(complaints)
    errors = os.fdopen(said, "rb")
    return Ends(ours, serial, process.pid, lambda: _stop(process, errors))


def _stop(process: subprocess.Popen[bytes], errors: BinaryIO) -> str:
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if errors.closed:
        return ""
    with errors:
        return errors.read(2000).decode("utf-8", "replace").strip()
