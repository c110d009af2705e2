"""Calls pure functions of a kernel image on an emulated x86-64, to ask them what they answer.

Tables such as "which helper may this program type call" are not data in the kernel but
switch statements. Running those functions themselves cannot be wrong about them.
"""

from __future__ import annotations

from typing import Any

import unicorn
from unicorn.x86_const import (
    UC_X86_REG_GS_BASE,
    UC_X86_REG_R8,
    UC_X86_REG_R9,
    UC_X86_REG_RAX,
    UC_X86_REG_RCX,
    UC_X86_REG_RDI,
    UC_X86_REG_RDX,
    UC_X86_REG_RIP,
    UC_X86_REG_RSI,
    UC_X86_REG_RSP,
)

from scripts.facts.image import KernelImage

UNICORN: Any = unicorn  # its own types are not complete
_ARGS = (UC_X86_REG_RDI, UC_X86_REG_RSI, UC_X86_REG_RDX, UC_X86_REG_RCX, UC_X86_REG_R8, UC_X86_REG_R9)
HEAP = 0xFFFF888000000000
HEAP_SIZE = 4 << 20
_STACK_TOP = HEAP + HEAP_SIZE - 64
_STOP = HEAP + HEAP_SIZE - 32


class KernelMachine:
    """The image at its link addresses, a zeroed heap, and functions of it to call."""

    def __init__(self, image: KernelImage) -> None:
        self.image = image
        self.uc = UNICORN.Uc(UNICORN.UC_ARCH_X86, UNICORN.UC_MODE_64)
        self.uc.ctl_set_tlb_mode(UNICORN.UC_TLB_VIRTUAL)
        base = image.by_name["_text"].address
        self.uc.mem_map(base, 64 << 20)
        for sec in image.sections.values():
            if sec.address >= base and not sec.nobits:
                self.uc.mem_write(sec.address, image.data[sec.offset : sec.offset + sec.size])
        self.uc.mem_map(HEAP, HEAP_SIZE)
        self.uc.mem_map(0, 1 << 20)  # per-CPU data, by offset from gs
        self.uc.reg_write(UC_X86_REG_GS_BASE, 0)
        self._next = HEAP

    def alloc(self, size: int) -> int:
        """The address of `size` zeroed bytes."""
        self._next = (self._next + 63) & ~63
        at, self._next = self._next, self._next + size
        return at

    def write(self, address: int, value: int, size: int) -> None:
        self.uc.mem_write(address, value.to_bytes(size, "little"))

    def read(self, address: int, size: int) -> int:
        return int.from_bytes(self.uc.mem_read(address, size), "little")

    def answer(self, function: str, result: int) -> None:
        """Let calls of `function` return `result` instead of running it."""
        self._replace(function, b"\x48\xb8" + result.to_bytes(8, "little") + b"\xc3")  # movabs rax; ret

    def answer_unless(self, function: str, second: int) -> None:
        """Let calls of `function` return true unless their second argument (an int) is `second`."""
        # xor eax, eax; cmp esi, second; setne al; ret
        self._replace(function, b"\x31\xc0\x81\xfe" + second.to_bytes(4, "little") + b"\x0f\x95\xc0\xc3")

    def _replace(self, function: str, code: bytes) -> None:
        address = self.image.by_name[function].address
        self.uc.mem_write(address, code)
        self.uc.ctl_remove_cache(address, address + len(code))

    def call(self, function: int, *args: int) -> int:
        """rax after a call of the function at that address."""
        rsp = _STACK_TOP - 64
        self.write(rsp, _STOP, 8)
        self.uc.reg_write(UC_X86_REG_RSP, rsp)
        for reg, value in zip(_ARGS, args, strict=False):
            self.uc.reg_write(reg, value)
        try:
            self.uc.emu_start(function, _STOP, count=1_000_000)
        except UNICORN.UcError as error:
            at = int(self.uc.reg_read(UC_X86_REG_RIP))
            near = max((s for s in self.image.symbols if s.address <= at), key=lambda s: s.address)
            raise RuntimeError(f"{error} at {near.name}+{at - near.address:#x}, called with {args}") from None
        if self.uc.reg_read(UC_X86_REG_RIP) != _STOP:
            raise RuntimeError(f"the function did not return: {self.uc.reg_read(UC_X86_REG_RIP):#x}")
        return int(self.uc.reg_read(UC_X86_REG_RAX))
