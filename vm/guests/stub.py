"""QEMU's gdb stub and log: stopping a guest at an instruction, reading its registers and memory, logging instructions.

The stub speaks the gdb remote serial protocol, of which few packets are needed: c, s, g, m, Z1, z1, qRcmd (a line for
QEMU's monitor) and QStartNoAckMode. Existing client libraries connect by TCP only.

Stepping through the stub takes about a millisecond an instruction. QEMU's log of the registers, switched on at a
program's first instruction and off when it has returned, takes a small part of that. QEMU logs at the beginning of each
block that it translated; in a page with a breakpoint each instruction is a block (since QEMU 6.2: check_for_breakpoints
in accel/tcg/cpu-exec.c). So breakpoints that are never reached, *guards*, one in each page of a program, make it log
each instruction of the program, while all other code runs at full speed.

Packets are sent together where none needs the answer of another: on a busy machine an answer takes half a millisecond.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import time
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from vm.guests.process import Debug
from vm.guests.wire import OUT_OF_TIME, GuestError

MAX_LOG: Final = 32 << 20
"""Bytes of log that are kept: some 25,000 instructions."""
_G_WORDS: Final = 17
_RIP: Final = 16
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
        self._sock.setblocking(False)
        os.set_blocking(self._log, False)
        self.interrupt()
        self._sock.send(b"+")
        self._ask("QStartNoAckMode")
        self._sock.send(b"+")

    # -- packets --------------------------------------------------------------------------------------

    def _send(self, *packets: str) -> None:
        texts = [packet.encode() for packet in packets]
        try:
            self._sock.sendall(b"".join(b"$%b#%02x" % (text, sum(text) & 0xFF) for text in texts))
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

    def _answer(self) -> str:
        """The answer to a packet, without what the monitor printed."""
        while True:
            answer = self._packet(self._until)
            if answer is None:
                raise GuestError("time", OUT_OF_TIME)
            if not answer.startswith("O") or answer == "OK":
                return answer

    def _ask(self, *packets: str) -> list[str]:
        """The answers to packets that are sent together."""
        self._send(*packets)
        return [self._answer() for _ in packets]

    def _done(self, *packets: str) -> None:
        """Sends packets that are answered by OK; GuestError if one is not."""
        self._send(*packets)
        self._confirmed(packets)

    def _confirmed(self, packets: Iterable[str]) -> None:
        refused = [packet for packet in packets if self._answer() != "OK"]
        if refused:
            raise GuestError("protocol", f"The guest's debugger does not understand {refused[0][:2]}.")

    # -- what it does ---------------------------------------------------------------------------------

    def stopped_at(self, *pieces: tuple[int, int]) -> tuple[Registers, list[bytes]]:
        """Registers of the stopped guest, and its memory as read() tells it."""
        packets = _reading(pieces)
        registers, *memory = self._ask("g", *packets)
        data = bytes.fromhex(registers[: 16 * _G_WORDS])
        if len(data) != 8 * _G_WORDS:
            raise GuestError("protocol", "The guest's debugger told no registers.")
        words = memoryview(data).cast("Q")
        return Registers(words[_RIP], tuple(words[i] for i in _ORDER)), _joined(pieces, memory)

    def read(self, *pieces: tuple[int, int]) -> list[bytes]:
        """Memory of the stopped guest: (address, bytes) of each piece; shorter if a part cannot be read."""
        return _joined(pieces, self._ask(*_reading(pieces)))

    def stop_at(self, *addresses: int) -> None:
        """Sets breakpoints at addresses."""
        self._done(*(f"Z1,{address:x},1" for address in addresses))

    def pass_by(self, *addresses: int) -> None:
        """Removes breakpoints."""
        self._done(*(f"z1,{address:x},1" for address in addresses))

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

    def go_from(self, state: Registers) -> None:
        """Continues the guest with other registers."""
        words = [0] * _G_WORDS
        for value, at in zip(state.regs, _ORDER, strict=True):
            words[at] = value
        words[_RIP] = state.rip
        self._done("G" + b"".join(word.to_bytes(8, "little") for word in words).hex())
        self.go()  # not together: the next stop could come with the answer, and nobody would look for it

    def stopped(self, seconds: float) -> bool:
        """Whether it has stopped; waits for at most this many seconds."""
        return self._packet(time.monotonic() + seconds) is not None

    def interrupt(self) -> None:
        """Interrupts it."""
        self._sock.send(b"\x03")
        self._packet(self._until)

    def log_on(self, guards: Sequence[int], stops: Sequence[int], passes: Sequence[int]) -> None:
        """Starts logging the registers before each instruction in the pages of `guards`, and continues the guest.

        guards -- addresses that are never reached: breakpoints there make QEMU translate each instruction by itself
        stops  -- addresses where the guest stops from now on
        passes -- addresses where it no longer stops
        """
        self.logged.clear()
        packets = (
            *(f"z1,{address:x},1" for address in passes),
            *(f"Z1,{address:x},1" for address in (*stops, *guards)),
            _monitor("log exec,cpu"),
        )
        self._send(*packets, "c")
        self._confirmed(packets)

    def log_off(self, passes: Sequence[int]) -> list[Registers]:
        """Stops logging, and removes breakpoints; returns what was logged, in order."""
        self._done(_monitor("log none"), *(f"z1,{address:x},1" for address in passes))
        while select.select([self._log], [], [], 0)[0]:
            self._hear()
        found: list[Registers] = []
        for match in _DUMP.finditer(self.logged):
            words = [int(text, 16) for text in match.groups()]
            found.append(Registers(words[_RIP], tuple(words[i] for i in _ORDER)))
        self.logged.clear()
        return found


def _monitor(line: str) -> str:
    """The packet of a command of QEMU's monitor."""
    return "qRcmd," + line.encode().hex()


def _reading(pieces: Iterable[tuple[int, int]]) -> list[str]:
    return [
        f"m{address + at:x},{min(size - at, _MOST_MEMORY):x}"
        for address, size in pieces
        for at in range(0, size, _MOST_MEMORY)
    ]


def _joined(pieces: Sequence[tuple[int, int]], answers: Sequence[str]) -> list[bytes]:
    """The memory of each piece, up to the first part that could not be read."""
    told = iter(answers)
    out: list[bytes] = []
    for _, size in pieces:
        data, whole = b"", True
        for _ in range(0, size, _MOST_MEMORY):
            answer = next(told)
            whole = whole and bool(answer) and not answer.startswith("E")
            data += bytes.fromhex(answer) if whole else b""
        out.append(data)
    return out
