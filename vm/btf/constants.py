"""`const volatile` variables: numbers in .rodata that a loader may set before the programs are loaded."""

from __future__ import annotations

from typing import Final, NamedTuple

from vm.btf.types import MAX_DEPTH, MODIFIERS, Btf, Kind
from vm.btf.variables import variables
from vm.errors import InputError

MAX_CONSTANTS: Final = 64
_BOOL: Final = 4  # BTF_INT_BOOL
_SIGNED: Final = 1  # BTF_INT_SIGNED
_WORDS: Final = {"true": 1, "false": 0}


class Constant(NamedTuple):
    """A number that can be set. offset, size -- bytes, of the section; type, value -- C text

    least, most -- of its type; words -- names of numbers: enumerators, true and false
    """

    name: str
    type: str
    offset: int
    size: int
    value: str
    least: int
    most: int
    words: dict[str, int]

    def parse(self, text: str) -> bytes:
        """The bytes of a value written as in C: a number, an enumerator, true or false. InputError."""
        text = text.strip()
        number = self.words.get(text)
        if number is None:
            try:
                number = int(text, 0)
            except ValueError:
                known = f", or one of {', '.join(list(self.words)[:8])}" if self.words else ""
                raise InputError(f"{self.name} has to be a whole number{known}; {text[:64]!r} is none.") from None
        if not self.least <= number <= self.most:
            raise InputError(f"{self.name} is {self.type}: from {self.least} to {self.most}, and {number} is not.")
        return (number % (1 << 8 * self.size)).to_bytes(self.size, "little")


def constants(btf: Btf | None, type_id: int, data: bytes) -> tuple[Constant, ...]:
    """The volatile numbers of a .rodata section, in the order of its BTF; the first MAX_CONSTANTS.

    type_id -- of the section; data -- its bytes
    """
    if btf is None:
        return ()
    shown = {(each.name, each.offset): each for each in variables(btf, type_id, data)}
    if not shown:
        return ()
    found = []
    for info in btf.type(type_id).variables:
        variable = btf.type(info.type_id)
        told = shown.get((variable.name, info.offset))
        if told is None or info.offset + info.size > len(data):
            continue
        try:
            kind, changes = number_type(btf, variable.type_id)
        except InputError:
            continue
        if changes and kind is not None and kind[0] == info.size:
            found.append(Constant(told.name, told.type, info.offset, info.size, told.value, *kind[1:]))
    return tuple(found[:MAX_CONSTANTS])


def number_type(btf: Btf, type_id: int) -> tuple[tuple[int, int, int, dict[str, int]] | None, bool]:
    """((size, least, most, words) of a type of whole numbers or None, whether it is volatile).

    words -- names of numbers: enumerators, true and false
    """
    found, volatile = btf.type(type_id), False
    for _ in range(MAX_DEPTH):
        if found.kind not in MODIFIERS:
            break
        volatile = volatile or found.kind is Kind.VOLATILE
        found = btf.type(found.type_id)
    bits = 8 * found.size
    if found.kind is Kind.INT and found.size in (1, 2, 4, 8):
        if found.encoding & _BOOL:
            return (found.size, 0, 1, _WORDS), volatile
        signed = bool(found.encoding & _SIGNED)
    elif found.kind in (Kind.ENUM, Kind.ENUM64):
        signed = found.flag
    else:
        return None, volatile
    least, most = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return (found.size, least, most, {each.name: each.value for each in found.enumerators[:256]}), volatile
