"""QEMU's gdb stub and log: stopping a guest at an instruction, reading its registers and memory, logging instructions.

The stub speaks the gdb remote serial protocol, of which few packets are needed: c, s, g, m, Z1, z1, qRcmd (a line for
QEMU's monitor) and QStartNoAckMode. Existing client libraries connect by TCP only.

Stepping through the stub takes about a millisecond an instruction. QEMU's log of the registers at each instruction,
switched on at a program's first instruction and off when it has returned, takes a tenth of that.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import time
from typing import Final, NamedTuple

from vm.guests.process import Debug
from vm.guests.wire import OUT_OF_TIME, GuestError

MAX_LOG: Final = 32 << 20
"""Bytes of log that are kept: some 25,000 instructions."""
_G_WORDS: Final = 17
# gdb counts rax rbx rcx rdx rsi rdi rbp rsp r8-r15; here: rax rcx rdx rbx rsp rbp rsi rdi r8-r15, as in machine code.
_ORDER: Final = (0, 2, 3, 1, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15)
_NAMES: Final = (
    "AX",
    "BX",
    "CX",
    "DX",
    "SI",
    "DI",
    "BP",
    "SP",
    *(f"{n} ?" if n < 10 else f"{n}" for n in range(8, 16)),
)
_DUMP: Final = re.compile(
    "".join(rf"R{name}=([0-9a-f]{{16}})\s" for name in (*_NAMES, "IP")).encode(),
)
_PIECE: Final = 1 << 16
_STEP_SECONDS: Final = 0.25
_MOST_MEMORY: Final = 1024  # bytes of one m packet


class Registers(NamedTuple):
    """rip, and rax rcx rdx rbx rsp rbp rsi rdi r8-r15."""

    rip: int
    regs: tuple[int, ...]


class Stub:
    """A guest's gdb stub; the guest is stopped when it is made. The guest must have answered on its port before.

    until -- time.monotonic() after which an answer is no longer waited for
    """

    def __init__(self, debug: Debug, until: float) -> None:
        self._sock, self._log, self._until = debug.stub, debug.log, until
        self._buffer = bytearray()
        self.logged = bytearray()
        self._one_insn = ""
        self._sock.setblocking(False)
        os.set_blocking(self._log, False)
        self.interrupt()
        self._sock.send(b"+")
        self._ask("QStartNoAckMode")
        self._sock.send(b"+")

    # -- packets --------------------------------------------------------------------------------------

    def _send(self, text: str) -> None:
        data = text.encode()
        try:
            self._sock.sendall(b"$" + data + b"#%02x" % (sum(data) & 0xFF))
        except OSError:
            raise GuestError("crash", "The guest ended while it was watched.") from None

    def _packet(self, until: float) -> str | None:
        """The next packet, None if none came in time."""
        buffer = self._buffer
        while True:
            start = buffer.find(b"$")
            end = buffer.find(b"#", start) if start >= 0 else -1
            if end >= 0 and len(buffer) >= end + 3:
                text = buffer[start + 1 : end].decode("ascii", "replace")
                del buffer[: end + 3]
                return text
            left = max(0.0, min(until, self._until) - time.monotonic())
            ready = select.select([self._sock.fileno(), self._log], [], [], left)[0]
            if self._log in ready:
                self._hear()
            if self._sock.fileno() in ready:
                self._receive()
            if not ready:
                if time.monotonic() >= self._until:
                    raise GuestError("time", OUT_OF_TIME)
                return None

    def _receive(self) -> None:
        try:
            piece = self._sock.recv(_PIECE)
        except OSError:
            piece = b""
        if not piece:
            raise GuestError("crash", "The guest ended while it was watched.")
        self._buffer += piece

    def _hear(self) -> None:
        """Reads the log; data beyond MAX_LOG is dropped."""
        with contextlib.suppress(OSError):
            piece = os.read(self._log, 1 << 20)
            if not piece:
                raise GuestError("crash", "The guest's log closed.")
            self.logged += piece[: max(0, MAX_LOG - len(self.logged))]

    def _ask(self, text: str) -> str:
        self._send(text)
        answer = self._packet(self._until)
        if answer is None:
            raise GuestError("time", OUT_OF_TIME)
        return answer

    def _expect(self, text: str) -> None:
        if self._ask(text) != "OK":
            raise GuestError("protocol", f"The guest's debugger does not understand {text.split(',')[0]}.")

    def _monitor(self, line: str) -> str:
        """Executes a command of QEMU's monitor; returns its output."""
        self._send("qRcmd," + line.encode().hex())
        said = ""
        while (answer := self._packet(self._until)) not in ("OK", "", None):
            if answer.startswith("E"):
                raise GuestError("protocol", f"QEMU's monitor refused '{line}'.")
            said += bytes.fromhex(answer.removeprefix("O")).decode("utf-8", "replace")
        return said

    # -- what it does ---------------------------------------------------------------------------------

    def registers(self) -> Registers:
        """Of the stopped guest."""
        data = bytes.fromhex(self._ask("g")[: 16 * _G_WORDS])
        if len(data) != 8 * _G_WORDS:
            raise GuestError("protocol", "The guest's debugger told no registers.")
        words = memoryview(data).cast("Q")
        return Registers(words[16], tuple(words[i] for i in _ORDER))

    def read(self, address: int, size: int) -> bytes:
        """Memory of the stopped guest; shorter if a part cannot be read."""
        out = b""
        while size > len(out):
            answer = self._ask(f"m{address + len(out):x},{min(size - len(out), _MOST_MEMORY):x}")
            if not answer or answer.startswith("E"):
                break
            out += bytes.fromhex(answer)
        return out

    def stop_at(self, address: int) -> None:
        """Sets a breakpoint at an address."""
        self._expect(f"Z1,{address:x},1")

    def pass_by(self, address: int) -> None:
        """Removes a breakpoint."""
        self._expect(f"z1,{address:x},1")

    def step(self) -> None:
        """Execute one instruction, without interrupts (QEMU's default).

        QEMU sometimes continues instead of stopping after the instruction: then the guest is interrupted.
        """
        self._send("s")
        if self._packet(time.monotonic() + _STEP_SECONDS) is None:
            self.interrupt()

    def go(self) -> None:
        """Continues the guest; stopped() tells when it stops again."""
        self._send("c")

    def stopped(self, seconds: float) -> bool:
        """Whether it has stopped; waits for at most this many seconds."""
        return self._packet(time.monotonic() + seconds) is not None

    def interrupt(self) -> None:
        """Interrupts it."""
        self._sock.send(b"\x03")
        self._packet(self._until)

    def log_on(self) -> None:
        """Starts logging the registers before each instruction in the area of modules."""
        self.logged.clear()
        if not self._one_insn:
            unknown = "unknown command" in self._monitor("one-insn-per-tb off")
            self._one_insn = "singlestep" if unknown else "one-insn-per-tb"  # its name until QEMU 8.0
        self._monitor("log exec,cpu,nochain")
        self._monitor(f"{self._one_insn} on")

    def log_off(self) -> list[Registers]:
        """Stops logging; returns what was logged, in order."""
        self._monitor(f"{self._one_insn} off")
        self._monitor("log none")
        while select.select([self._log], [], [], 0)[0]:
            self._hear()
        found: list[Registers] = []
        for match in _DUMP.finditer(self.logged):
            words = [int(text, 16) for text in match.groups()]
            found.append(Registers(words[16], tuple(words[i] for i in _ORDER)))
        self.logged.clear()
        return found
