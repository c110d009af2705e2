"""A register or slot as it was printed, in the terms of a trace's values: kind, bounds, offsets.

A bound that a kernel does not print is at its extreme: print_verifier_state() leaves out nothing else. Of the lower
32 bits older kernels print less; what they leave out is taken from the 64-bit bounds where these fit, else nothing is
known.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from vm.bits import S32_MAX, S32_MIN, S64_MAX, S64_MIN, U32, U64
from vm.trace.records import RegView, ScalarView

_FLAGS: Final = re.compile(r"(?:rdonly_|ringbuf_|user_|percpu_|rcu_|untrusted_|trusted_|alloc_|non_own_ref_|P)*")
_NUMBER: Final = re.compile(r"(?:inv|imm|scalar)?(P?)(-?(?:0x[0-9a-f]{1,16}|\d{1,20}))$")
_STACK: Final = re.compile(r"fp(?:\[\d{1,2}\])?(-?\d{1,5})?(?:[(,]|$)")
_SLOT: Final = re.compile(r"[?rm0di\d]{8}$")
_BOUND: Final = re.compile(r"((?:[a-z_0-9]+=)+)(-?(?:0x[0-9a-f]+|\d+))")
_VAR_OFF: Final = re.compile(
    r"var_off=(?:\(0x([0-9a-f]{1,16}); 0x([0-9a-f]{1,16})\)|(-?(?:0x[0-9a-f]{1,16}|\d{1,20})))"
)
_MAP: Final = re.compile(r"\bmap=([^,()\s]{1,64})")

_KINDS: Final = (
    ("inv", "number"), ("scalar", "number"), ("imm", "number"), ("unknown", "number"), ("ctx", "ctx"),
    ("pkt_meta", "packet_meta"), ("pkt_end", "packet_end"), ("pkt", "packet"), ("map_value", "map_value"),
    ("map_key", "map_value"), ("map_ptr", "map"), ("fp", "stack"), ("sock", "kernel"), ("tcp_sock", "kernel"),
    ("xdp_sock", "kernel"), ("flow_keys", "kernel"), ("ptr_", "kernel"), ("mem", "memory"), ("buf", "memory"),
    ("tp_buffer", "memory"), ("arena", "memory"), ("dynptr", "memory"), ("iter_", "memory"), ("func", "func"),
)  # fmt: skip
_FIELDS: Final = {
    "umin": "umin", "umin_value": "umin", "umax": "umax", "umax_value": "umax", "smin": "smin", "smin_value": "smin",
    "smax": "smax", "smax_value": "smax", "min_value": "smin", "max_value": "umax",
    "u32_min": "u32min", "u32_min_value": "u32min", "umin32": "u32min", "u32_max": "u32max",
    "u32_max_value": "u32max", "umax32": "u32max", "s32_min": "s32min", "s32_min_value": "s32min",
    "smin32": "s32min", "s32_max": "s32max", "s32_max_value": "s32max", "smax32": "s32max",
}  # fmt: skip
_PLAIN: Final = {
    "off": "off",
    "r": "range",
    "id": "id",
    "ref_obj_id": "ref",
    "ref_id": "ref",
    "vs": "size",
    "sz": "size",
}


_CACHED: Final = 300
"""Characters of the longest value that is remembered."""


def view(text: str) -> RegView:
    """The value that was printed. written_at is not known here."""
    return _known(text) if len(text) <= _CACHED else _view(text)


@lru_cache(maxsize=1 << 14)
def _known(text: str) -> RegView:
    return _view(text)


def _view(text: str) -> RegView:
    number = _NUMBER.match(text)
    if number is not None:
        return RegView("number", text, precise=bool(number[1]), scalar=constant(int(number[2], 0)))
    if _SLOT.match(text):
        return RegView("number", text)
    flags = _FLAGS.match(text)
    head = text[flags.end() :] if flags is not None else text
    kind = next((kind for start, kind in _KINDS if head.startswith(start)), "none")
    name = head.partition("(")[0]
    precise = kind == "number" and (text.startswith("P") or name == "invP")
    if kind == "stack":
        found = _STACK.match(head)
        off = int(found[1] or 0) if found is not None else 0
        return RegView(kind, text, off=off, scalar=_scalar(text) if "(" in head and "var_off" in head else None)
    plain = dict.fromkeys(("off", "range", "id", "ref", "size"), 0)
    for names, value in _BOUND.findall(text):
        for each in names.split("=")[:-1]:
            if each in _PLAIN:
                plain[_PLAIN[each]] = int(value, 0)
    map_name = _MAP.search(text)
    moving = kind == "number" or "var_off=(" in text
    return RegView(
        kind,
        text,
        maybe_null="or_null" in name,
        precise=precise,
        scalar=_scalar(text) if moving else None,
        off=_signed(plain["off"], 32) if kind != "number" else 0,
        range=plain["range"],
        id=plain["id"],
        ref_obj_id=plain["ref"],
        map=map_name[1] if map_name is not None else "",
        size=plain["size"],
    )


def constant(value: int) -> ScalarView:
    """The bounds of a known number."""
    unsigned = value & U64
    low = unsigned & U32
    return ScalarView(
        unsigned, unsigned, _signed(unsigned, 64), _signed(unsigned, 64), unsigned, 0, low, low, _signed(low, 32),
        _signed(low, 32),
    )  # fmt: skip


def _signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _scalar(text: str) -> ScalarView:
    told: dict[str, int] = {}
    for names, value in _BOUND.findall(text):
        for each in names.split("=")[:-1]:
            field = _FIELDS.get(each)
            if field is not None:
                told[field] = int(value, 0)
    var_off = _VAR_OFF.search(text)
    known, unknown = 0, U64
    if var_off is not None and var_off[3] is None:
        known, unknown = int(var_off[1], 16), int(var_off[2], 16)
    elif var_off is not None:
        known, unknown = int(var_off[3], 0) & U64, 0
    umin, umax = told.get("umin", 0) & U64, told.get("umax", U64) & U64
    smin, smax = _signed(told.get("smin", S64_MIN), 64), _signed(told.get("smax", S64_MAX), 64)
    low = umax <= U32
    near = smin >= S32_MIN and smax <= S32_MAX
    return ScalarView(
        umin,
        umax,
        smin,
        smax,
        known,
        unknown,
        told.get("u32min", umin if low else 0) & U32,
        told.get("u32max", umax if low else U32) & U32,
        _signed(told.get("s32min", smin if near else S32_MIN), 32),
        _signed(told.get("s32max", smax if near else S32_MAX), 32),
    )
