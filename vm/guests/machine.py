"""One virtual machine: QEMU with a port, a console and nothing else, and talking to the init inside it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

from vm.guests.confined import command as confined
from vm.guests.images import qemu
from vm.guests.wire import MAGIC, GuestError, Request, Result
from vm.sandbox.layers import Limits

KVM_VARIABLE: Final = "BPFSCOPE_GUEST_KVM"
MEMORY_MIB: Final = 512
MAX_ANSWER: Final = 64 << 20  # bytes of one answer
_CONSOLE: Final = 16 << 10  # of the console's text, the last ones are kept
_PIECE: Final = 1 << 18
_SANDBOX: Final = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"
# QEMU beside the guest's memory: translated code (tb-size) and what it allocates itself.
_OVERHEAD_MIB: Final = 640
BOOT_LINE: Final = "console=ttyS0 quiet panic=-1 mitigations=off"


def accelerator() -> str:
    """tcg, or kvm if BPFSCOPE_GUEST_KVM is "yes".

    It is not chosen by itself: there are machines whose /dev/kvm can be opened and whose guests then never run.
    """
    return "kvm" if os.environ.get(KVM_VARIABLE) == "yes" else "tcg,tb-size=96"


def arguments(vmlinuz: Path, initrd: Path, port: int, console: int) -> list[str]:
    """QEMU's command line: no disk, no network card, no monitor; `port` and `console` are descriptors of sockets.

    A saved guest can only be restored by a QEMU with the same machine.
    """
    accel = accelerator()
    return [
        qemu() or "", "-accel", accel, "-cpu", "host" if accel == "kvm" else "max", "-smp", "1", "-m", f"{MEMORY_MIB}M",
        "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-kernel", str(vmlinuz), "-initrd", str(initrd),
        "-append", BOOT_LINE, "-chardev", f"socket,id=console,fd={console}", "-serial", "chardev:console",
        "-device", "virtio-serial-pci", "-chardev", f"socket,id=port,fd={port}", "-device", "virtserialport,chardev=port,name=job",
    ]  # fmt: skip


class Machine:
    """A running QEMU; leaving the context kills it.

    seconds  -- how long it may live, by the wall clock; a call after that is a GuestError of kind "time"
    incoming -- descriptor of a saved state to restore; without it the machine boots
    extra    -- more of QEMU's arguments; fds -- descriptors these name
    """

    def __init__(
        self,
        vmlinuz: Path,
        initrd: Path,
        seconds: float,
        *,
        incoming: int | None = None,
        extra: Sequence[str] = (),
        fds: Sequence[int] = (),
    ) -> None:
        self._until = time.monotonic() + seconds
        self._buffer = bytearray()
        self._said = bytearray()
        self._port, port = socket.socketpair()
        self._serial, serial = socket.socketpair()
        argv = arguments(vmlinuz, initrd, port.fileno(), serial.fileno())
        passed = [port.fileno(), serial.fileno(), *fds]
        if incoming is not None:
            argv += ["-incoming", f"fd:{incoming}", "-sandbox", _SANDBOX]
            passed.append(incoming)
            memory = (MEMORY_MIB + _OVERHEAD_MIB) << 20
            limits = Limits(cpu=int(seconds) + 5, memory=memory, file_size=0, processes=None, stack=None)
            argv = confined(argv, [str(vmlinuz), str(initrd)], limits)
        try:
            self._process = subprocess.Popen(
                [*argv, *extra] if incoming is None else argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=passed,
                start_new_session=True,
                cwd="/",
            )
        except OSError as error:
            raise GuestError("start", f"QEMU does not start: {error.strerror}.") from None
        finally:
            port.close()
            serial.close()
        self._port.setblocking(False)
        self._serial.setblocking(False)

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """QEMU's process."""
        return self._process.pid

    @property
    def console(self) -> str:
        """What the kernel printed, the end of it."""
        return self._said.decode("utf-8", "replace")

    @property
    def left(self) -> float:
        """Seconds until it is out of time."""
        return self._until - time.monotonic()

    def limit(self, seconds: float) -> None:
        """Let it live for `seconds` from now on."""
        self._until = time.monotonic() + seconds

    def close(self) -> None:
        """Kill it, and wait until it is gone."""
        with contextlib.suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for end in (self._port, self._serial):
            end.close()
        if self._process.stderr is not None:
            self._process.stderr.close()

    def run(self, request: Request) -> list[Result]:
        """Have the guest make the calls of a request; GuestError if it ends, is out of time or answers nonsense."""
        waiting = memoryview(request.encode())
        while waiting:
            waiting = waiting[self._pump(waiting) :]
        return request.decode(self._take)

    def greeted(self) -> None:
        """Wait until a guest that boots listens."""
        if int.from_bytes(self._take(4), "little") != MAGIC:
            raise GuestError("protocol", "The guest did not start as it should.")

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._pump(None)
        out = bytes(self._buffer[:size])
        del self._buffer[:size]
        return out

    def _pump(self, waiting: memoryview | None) -> int:
        """Wait until something can be read or, of `waiting`, written; how many bytes were written."""
        left = self.left
        if left <= 0:
            raise GuestError("time", "The guest was out of time.")
        writing = [self._port] if waiting is not None else []
        ready, writable, _ = select.select([self._port, self._serial], writing, [], left)
        if self._serial in ready:
            self._hear()
        if self._port in ready:
            piece = self._receive(self._port)
            if not piece:
                raise self._gone()
            self._buffer += piece
            if len(self._buffer) > MAX_ANSWER:
                raise GuestError("protocol", "The guest answered more than it was asked for.")
        if writable and waiting is not None:
            try:
                return self._port.send(waiting[:_PIECE])
            except BlockingIOError:
                return 0
            except OSError:
                raise self._gone() from None
        return 0

    def _hear(self) -> None:
        self._said += self._receive(self._serial)
        del self._said[:-_CONSOLE]

    @staticmethod
    def _receive(end: socket.socket) -> bytes:
        try:
            return end.recv(_PIECE)
        except BlockingIOError:
            return b""
        except OSError:
            return b""

    def _gone(self) -> GuestError:
        """Why the port closed: what QEMU or the kernel said last."""
        for _ in range(64):
            if not select.select([self._serial], [], [], 0.05)[0]:
                break
            before = len(self._said)
            self._hear()
            if len(self._said) == before:
                break
        self._process.wait()
        said = self._process.stderr.read(2000).decode("utf-8", "replace").strip() if self._process.stderr else ""
        if self._process.returncode and not self._said:
            return GuestError("start", f"QEMU ended with {self._process.returncode}: {said or 'it said nothing'}")
        lines = [line for line in self.console.splitlines() if line.strip()]
        return GuestError("crash", "The guest's kernel gave up" + (f": {lines[-1][:300]}" if lines else "."))
