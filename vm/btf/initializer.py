"""Values that a user writes, by their type: the bytes of a C initializer, the reverse of vm.btf.format."""

from __future__ import annotations

import re
from typing import Final

from vm.btf.cdump import type_text
from vm.btf.constants import number_type
from vm.btf.types import Btf, Kind, Member, Type
from vm.errors import InputError

MAX_TEXT: Final = 1000
"""Characters of a value."""
MAX_BYTES: Final = 1 << 16
"""Bytes of a value."""
_MAX_DEPTH: Final = 16
_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<char>'(?:[^'\\]|\\.)')|(?P<mark>[{},=])|(?P<name>\.[A-Za-z_]\w*)
    |(?P<word>[-+]?\w+))\s*""",
    re.VERBOSE | re.ASCII,
)
_HEX: Final = "hex:"
_ESCAPES: Final = {"n": "\n", "t": "\t", "0": "\0", "r": "\r"}
_COMPOSITES: Final = (Kind.STRUCT, Kind.UNION)


def parse_value(btf: Btf | None, type_id: int, size: int, text: str, what: str) -> bytes:
    """The `size` bytes of a value, little-endian.

    text -- as in C: a number, an enumerator, "text", {1, 2}, {.pid = 7}; or hex: and all its bytes. Without a type
            (`type_id` 0, or no BTF) a number of at most eight bytes, or hex:
    what -- names the value in sentences: "The key of the map counts"
    InputError if it is no such value, does not fit, or is longer than MAX_TEXT characters.
    """
    if len(text) > MAX_TEXT:
        raise InputError(f"{what} may have at most {MAX_TEXT} characters; this has {len(text)}.")
    if not 0 < size <= MAX_BYTES:
        raise InputError(f"{what} has {size} bytes; values of 1 to {MAX_BYTES} bytes can be given.")
    text = text.strip()
    if text.startswith(_HEX):
        return _hex(text.removeprefix(_HEX), size, what)
    if btf is None or not type_id:
        return _untyped(text, size, what)
    parser, out = _Parser(btf, text, what), bytearray(size)
    parser.value(type_id, out, 0, 0)
    parser.end()
    if len(out) != size:  # the object's BTF says so
        raise InputError(f"{what} has {size} bytes, and its type {len(out)}: write it as {_HEX} and its bytes.")
    return bytes(out)


def _hex(text: str, size: int, what: str) -> bytes:
    try:
        data = bytes.fromhex(text)
    except ValueError:
        raise InputError(f"{what} is not written in hex after {_HEX}: {text[:64]!r}.") from None
    if len(data) != size:
        raise InputError(f"{what} has {size} bytes; {_HEX} gives {len(data)}.")
    return data


def _untyped(text: str, size: int, what: str) -> bytes:
    number = _integer(text)
    if number is None or size > 8 or not -(1 << 8 * size - 1) <= number < 1 << 8 * size:
        raise InputError(
            f"{what} has {size} bytes and no type: write a number that fits, or {_HEX} and its bytes; {text[:64]!r} is "
            "neither."
        )
    return (number % (1 << 8 * size)).to_bytes(size, "little")


def _integer(text: str) -> int | None:
    try:
        return int(text, 0)
    except ValueError:
        return None


class _Parser:
    def __init__(self, btf: Btf, text: str, what: str) -> None:
        self.btf, self.what = btf, what
        self.tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None or found.lastgroup is None:
                raise self.error(f"there is no value at {text[at : at + 20]!r}")
            self.tokens.append((found.lastgroup, found[found.lastgroup]))
            at = found.end()
        self.at = 0

    def error(self, why: str) -> InputError:
        return InputError(f"{self.what}: {why}.")

    def next(self) -> tuple[str, str]:
        if self.at >= len(self.tokens):
            raise self.error("the value ends too early")
        self.at += 1
        return self.tokens[self.at - 1]

    def take(self, mark: str) -> bool:
        if self.at < len(self.tokens) and self.tokens[self.at] == ("mark", mark):
            self.at += 1
            return True
        return False

    def end(self) -> None:
        if self.at < len(self.tokens):
            raise self.error(f"{self.tokens[self.at][1][:20]!r} follows the value")

    def value(self, type_id: int, out: bytearray, offset: int, depth: int) -> None:
        """Write the next value to `out`."""
        if depth > _MAX_DEPTH:
            raise self.error("its type is nested too deeply")
        found = self.btf.skip_modifiers(type_id)
        if found.kind is Kind.VAR:
            found = self.btf.skip_modifiers(found.type_id)
        if found.kind is Kind.ARRAY:
            self.array(found, out, offset, depth)
        elif found.kind in _COMPOSITES:
            self.members(found, out, offset, depth)
        else:
            number, size = self.number(found)
            out[offset : offset + size] = (number % (1 << 8 * size)).to_bytes(size, "little")

    def array(self, found: Type, out: bytearray, offset: int, depth: int) -> None:
        size = self.btf.size_of(found.type_id)
        if self.at < len(self.tokens) and self.tokens[self.at][0] == "text" and size == 1:
            data = _unquoted(self.next()[1]).encode("utf-8", "surrogateescape")
            if len(data) > found.nelems:
                raise self.error(f"a text of {len(data)} bytes does not fit into {found.nelems}")
            out[offset : offset + len(data)] = data
            return
        self.brace("an array", "text in quotes or " if size == 1 else "")
        index = 0
        while not self.take("}"):
            if index >= found.nelems:
                raise self.error(f"the array has {found.nelems} elements")
            self.value(found.type_id, out, offset + index * size, depth + 1)
            index += 1
            self.comma()

    def members(self, found: Type, out: bytearray, offset: int, depth: int) -> None:
        self.brace("a structure", "")
        place = 0
        while not self.take("}"):
            if self.at < len(self.tokens) and self.tokens[self.at][0] == "name":
                name = self.next()[1][1:]
                place = next((i for i, each in enumerate(found.members) if each.name == name), -1)
                if place < 0:
                    raise self.error(f"there is no member {name[:64]!r} in {type_text(self.btf, found.id)}")
                if not self.take("="):
                    raise self.error(f"a = has to follow .{name[:64]}")
            if place >= len(found.members) or (
                found.kind is Kind.UNION and place and self.tokens[self.at - 1][1] != "="
            ):
                raise self.error(f"{type_text(self.btf, found.id)} has {len(found.members)} members")
            self.member(found.members[place], out, offset, depth)
            place += 1
            self.comma()

    def member(self, member: Member, out: bytearray, offset: int, depth: int) -> None:
        start, shift = offset + member.bit_off // 8, member.bit_off % 8
        if not member.bits:
            self.value(member.type_id, out, start, depth + 1)
            return
        number, _ = self.number(self.btf.skip_modifiers(member.type_id))
        if not -(1 << member.bits - 1) <= number < 1 << member.bits:
            raise self.error(f"{number} does not fit into the {member.bits} bits of {member.name[:64]}")
        end = start + (shift + member.bits + 7) // 8
        mask = (1 << member.bits) - 1
        held = int.from_bytes(out[start:end], "little") & ~(mask << shift)
        out[start:end] = (held | (number & mask) << shift).to_bytes(end - start, "little")

    def number(self, found: Type) -> tuple[int, int]:
        """(number, bytes) of the next token, for a type of numbers or pointers."""
        if found.kind is Kind.PTR:
            size, least, most, words = 8, 0, (1 << 64) - 1, {"NULL": 0}
        else:
            known, _ = number_type(self.btf, found.id)
            if known is None:
                raise self.error("values of its type cannot be written")
            size, least, most, words = known
        kind, text = self.next()
        number = words.get(text)
        if number is None and kind == "char":
            number = ord(_unquoted(text))
        elif number is None and kind == "word":
            number = _integer(text)
        if number is None:
            names = f", or one of {', '.join(list(words)[:8])}" if words else ""
            raise self.error(f"a whole number{names} is needed, and {text[:64]!r} is none")
        if not least <= number <= most:
            raise self.error(f"{number} is not from {least} to {most}")
        return number, size

    def brace(self, what: str, before: str) -> None:
        if not self.take("{"):
            raise self.error(f"{what} is needed: {before}values in braces, or {_HEX} and its bytes")

    def comma(self) -> None:
        if not self.take(",") and (self.at >= len(self.tokens) or self.tokens[self.at] != ("mark", "}")):
            raise self.error("a comma or a closing brace is missing")


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text[1:-1])
