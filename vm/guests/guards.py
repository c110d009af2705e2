"""Addresses within a program's machine code at which no instruction begins, one in each of its pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vm.recorded.values import Place, RecordedCode

_PAGE: Final = 4096


def guards(code: RecordedCode) -> list[int]:
    """An address in each page that a program's machine code is in. None of them is the beginning of an instruction.

    A page without such an address, which has instructions of one byte only, has none here.
    """
    found: dict[int, int] = {}
    start = 0
    for place in code.functions:
        for address in _inner(code.image[start : start + place.length], place):
            found.setdefault(address // _PAGE, address)
        start += place.length
    return list(found.values())


def _inner(image: bytes, place: Place) -> Iterator[int]:
    """The address of the last byte of each instruction that has more than one."""
    from capstone import CS_ARCH_X86, CS_MODE_64, Cs

    engine = Cs(CS_ARCH_X86, CS_MODE_64)
    for address, size, _, _ in engine.disasm_lite(image, place.address):
        if size > 1:
            yield address + size - 1
