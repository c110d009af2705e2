"""The JSON form of an input that fixes context, map contents, and results of helpers and loads.

`run --input FILE.json` reads one, `verify --counterexample` writes one; docs/counterexample.md describes the format.
A run on such an input is checked: see vm.runner.checked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from vm.bits import U64
from vm.errors import InputError
from vm.runner.inputs import MAX_PACKET, GivenCall, GivenInput, GivenLoad, GivenStart

MAX_BYTES: Final = 4 << 20
"""Of the file that holds an input."""
MAX_META: Final = 252
MAX_CTX: Final = 8192
MAX_MAPS: Final = 64
MAX_ENTRIES: Final = 4096
MAX_VALUE: Final = 1 << 20
MAX_CALLS: Final = 20_000
MAX_OBJECT: Final = 1 << 16
MAX_INSNS: Final = 1_000_000
MAX_SHOWN: Final = 40
MAX_DIGITS: Final = 20
EXACT: Final = 1 << 53
"""Numbers up to here are the same in every program that reads JSON."""
ARGUMENT_REGISTERS: Final = (1, 2, 3, 4, 5)
SAVED_REGISTERS: Final = (6, 7, 8, 9)


# -- JSON -------------------------------------------------------------------------------------------------


def as_json(given: GivenInput) -> dict[str, Any]:
    """The input in the form that `parse` reads; empty fields are omitted."""
    out: dict[str, Any] = {}
    if given.packet is not None:
        out["packet"] = given.packet.hex()
    if given.meta:
        out["meta"] = given.meta.hex()
    if given.ctx:
        out["ctx"] = {str(off): data.hex() for off, data in sorted(given.ctx.items())}
    if given.maps:
        out["maps"] = {name: [[k.hex(), v.hex()] for k, v in entries] for name, entries in given.maps.items()}
    if given.helpers:
        out["helpers"] = [_call_json(each) for each in given.helpers]
    if given.loads:
        out["loads"] = [{"insn": each.insn} | _result_json("value", each.value, each.object) for each in given.loads]
    if given.start is not None:
        arguments = [
            _register(each) if isinstance(each, int) else {"object": each.hex()} for each in given.start.arguments
        ]
        out["start"] = {"insn": given.start.insn, "arguments": arguments}
    if given.check_stack:
        out["check_stack"] = True
    return out


def _register(value: int) -> int | str:
    """A register in JSON, signed: negative results are errors."""
    value = value - (1 << 64) if value >> 63 else value
    return value if abs(value) <= EXACT else str(value)


def _result_json(name: str, value: int, pointed: bytes | None) -> dict[str, Any]:
    return {name: _register(value)} if pointed is None else {"object": pointed.hex()}


def _call_json(each: GivenCall) -> dict[str, Any]:
    out: dict[str, Any] = {"insn": each.insn}
    if each.ends:
        out["ends"] = [f"r{regno}" for regno in each.ends]
    if each.natural:
        return out
    out |= _result_json("result", each.result, each.object)
    if each.memory:
        out["memory"] = {f"r{reg}": data.hex() for reg, data in each.memory.items()}
    return out


def parse(text: str | bytes) -> GivenInput:
    """An input from its JSON text. InputError names the field that is wrong."""
    if len(text) > MAX_BYTES:
        raise InputError(f"The input has {len(text):,} bytes; at most {MAX_BYTES:,} bytes (4 MiB) are taken.")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        said = str(error) if isinstance(error, json.JSONDecodeError) else "it is not UTF-8 text or nested too deeply"
        raise InputError(f"The input is no JSON: {said}.") from None
    return from_json(value)


def from_json(value: object) -> GivenInput:
    """As parse(), of decoded JSON."""
    fields = _object(value, "the input", FIELDS)
    return GivenInput(**{name: FIELDS[name](each) for name, each in fields.items()})


def _wrong(where: str, what: str) -> InputError:
    return InputError(f"Input: {where} has to be {what}.")


def _object(value: object, where: str, known: Mapping[str, object] | None = None) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(where, "an object")
    for name in value:
        if known is not None and name not in known:
            raise InputError(f"Input: {where} has no field {name[:MAX_SHOWN]!r}; it has {', '.join(known)}.")
    return value


def _list(value: object, where: str, most: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise _wrong(where, f"a list of at most {most:,}")
    return value


def _number(value: object, where: str, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise _wrong(where, f"a number from {low} to {high}")
    return value


def _word(value: object, where: str) -> int:
    """A register: a number, or a string of digits for a number that JSON readers may round."""
    if isinstance(value, str) and value.isascii() and value.removeprefix("-").isdecimal() and len(value) <= MAX_DIGITS:
        value = int(value)
    return _number(value, where, -(1 << 63), U64) & U64


def _hex(value: object, where: str, most: int) -> bytes:
    if isinstance(value, str) and len(value) <= 2 * most:
        try:
            return bytes.fromhex(value)
        except ValueError:
            pass
    raise _wrong(where, f"bytes as hex digits, at most {most:,}")


def _packet(value: object) -> bytes | None:
    return None if value is None else _hex(value, "packet", MAX_PACKET)


def _meta(value: object) -> bytes:
    return _hex(value, "meta", MAX_META)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise _wrong("check_stack", "true or false")
    return value


def _ctx(value: object) -> dict[int, bytes]:
    found = {}
    for name, each in _object(value, "ctx").items():
        if not (name.isascii() and name.isdecimal() and len(name) <= 4):
            raise _wrong(f"ctx: {name[:MAX_SHOWN]!r}", f"an offset from 0 to {MAX_CTX - 1}")
        offset = _number(int(name), f"ctx: {name}", 0, MAX_CTX - 1)
        found[offset] = _hex(each, f"ctx[{name}]", MAX_CTX - offset)
    return found


def _maps(value: object) -> dict[str, tuple[tuple[bytes, bytes], ...]]:
    named = _object(value, "maps")
    if len(named) > MAX_MAPS:
        raise _wrong("maps", f"an object of at most {MAX_MAPS} maps")
    found = {}
    for name, each in named.items():
        where = f"maps[{name[:MAX_SHOWN]!r}]"
        entries = []
        for entry in _list(each, where, MAX_ENTRIES):
            if not isinstance(entry, list) or len(entry) != 2:
                raise _wrong(where, "a list of [key, value] pairs")
            key, content = entry
            entries.append((_hex(key, f"{where}: a key", MAX_VALUE), _hex(content, f"{where}: a value", MAX_VALUE)))
        found[name] = tuple(entries)
    return found


def _insn(fields: Mapping[str, Any], where: str) -> int:
    return _number(fields.get("insn"), f"{where}: insn", 0, MAX_INSNS)


def _pointed(fields: Mapping[str, Any], where: str) -> bytes | None:
    return _hex(fields["object"], f"{where}: object", MAX_OBJECT) if "object" in fields else None


def _call(value: object) -> GivenCall:
    fields = _object(value, "helpers: an entry", dict.fromkeys(("insn", "result", "object", "memory", "ends")))
    memory = {}
    for name, each in _object(fields.get("memory", {}), "helpers: memory").items():
        if name not in [f"r{reg}" for reg in ARGUMENT_REGISTERS]:
            raise _wrong(f"helpers: memory: {name[:MAX_SHOWN]!r}", "an argument register, r1 to r5")
        memory[int(name[1:])] = _hex(each, f"helpers: memory[{name}]", MAX_OBJECT)
    result = _word(fields.get("result", 0), "helpers: result")
    natural = not fields.keys() - {"insn", "ends"}
    ends = []
    for name in _list(fields.get("ends", []), "helpers: ends", len(SAVED_REGISTERS)):
        if name not in [f"r{reg}" for reg in SAVED_REGISTERS]:
            raise _wrong("helpers: ends", "a list of registers, r6 to r9")
        ends.append(int(name[1:]))
    return GivenCall(_insn(fields, "helpers"), result, _pointed(fields, "helpers"), memory, natural, tuple(ends))


def _calls(value: object) -> tuple[GivenCall, ...]:
    return tuple(_call(each) for each in _list(value, "helpers", MAX_CALLS))


def _load(value: object) -> GivenLoad:
    fields = _object(value, "loads: an entry", dict.fromkeys(("insn", "value", "object")))
    number = _word(fields.get("value", 0), "loads: value")
    return GivenLoad(_insn(fields, "loads"), number, _pointed(fields, "loads"))


def _loads(value: object) -> tuple[GivenLoad, ...]:
    return tuple(_load(each) for each in _list(value, "loads", MAX_CALLS))


def _start(value: object) -> GivenStart | None:
    if value is None:
        return None
    fields = _object(value, "start", dict.fromkeys(("insn", "arguments")))
    arguments: list[int | bytes] = []
    for each in _list(fields.get("arguments", []), "start: arguments", len(ARGUMENT_REGISTERS)):
        if isinstance(each, dict):
            pointed = _pointed(_object(each, "start: an argument", {"object": None}), "start: an argument")
            arguments.append(pointed if pointed is not None else b"")
        else:
            arguments.append(_word(each, "start: an argument"))
    return GivenStart(_insn(fields, "start"), tuple(arguments))


FIELDS: Final[Mapping[str, Callable[[object], Any]]] = {
    "packet": _packet, "meta": _meta, "ctx": _ctx, "maps": _maps, "helpers": _calls, "loads": _loads, "start": _start,
    "check_stack": _flag,
}  # fmt: skip
