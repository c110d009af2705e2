"""Registers and stack slots as rows of bytes. A block of a trace contains each value once.

Values are immutable. A row is written when a value first occurs in a block, and `RegState.row` stores its number. Rows
are numbered from 1; row 0 is a register or slot without a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from struct import Struct
from typing import TYPE_CHECKING, Final, final

from vm.bits import U32
from vm.kernel.btf import kernel_btf
from vm.trace.blocks import LONG
from vm.verifier.domain.scalar import Scalar, const, s32
from vm.verifier.domain.tnum import Tnum
from vm.verifier.state.frame import INVALID_SLOT, StackSlot
from vm.verifier.state.reg import NOT_INIT_REG, RegState
from vm.verifier.state.reg_types import NOT_INIT, SCALAR_VALUE

if TYPE_CHECKING:
    from vm.btf.types import Btf

# First byte of a row: its form.
_CONSTANT: Final = 1  # a number, all bits known
_NUMBER: Final = 2  # a number
_POINTER: Final = 3  # anything else, no variable offset
_MOVING: Final = 4  # anything else, with the scalar of a variable offset
_SLOT: Final = 5  # a stack slot
_AGREEING: Final = 7  # a number whose signed and unsigned bounds are the same numbers, 32 bits read as either
_BARE: Final = 8  # the same without id and off, and the bounds of 32 bits are the lower halves of those of 64

# form | precise << 7, id, off, value
_CONSTANT_ROW: Final = Struct("<BIqq")
# form | precise << 7, id, off, var_off (value, mask), smin, smax, umin, umax, and the same four of 32 bits
_NUMBER_ROW: Final = Struct("<BIqQQqqQQiiII")
# form | precise << 7, id, off, var_off (value, mask), umin, umax, u32_min, u32_max
_AGREEING_ROW: Final = Struct(f"@BxxxI5{LONG}II")
# form | precise << 7, var_off (value, mask), umin, umax
_BARE_ROW: Final = Struct(f"@Bxxxxxxx4{LONG}")
# form | precise << 7, id, off, flags (1 inner_map, 2 first_slot), type, ref_obj_id, range, map_ptr, map_uid, BTF,
# btf_id, mem_size, dynptr_id, dynptr_type, iter_state, iter_depth, subprogno, frameno
_POINTER_ROW: Final = Struct("<BIqBIIqiIBIqIIIIII")
_SCALAR_ROW: Final = Struct("<QQqqQQiiII")
# form, slot_type, row of the spilled register
_SLOT_ROW: Final = Struct("<B8BI")

_pack_constant: Final = _CONSTANT_ROW.pack_into
_pack_agreeing: Final = _AGREEING_ROW.pack_into
_pack_bare: Final = _BARE_ROW.pack_into
_pack_number: Final = _NUMBER_ROW.pack_into
_pack_pointer: Final = _POINTER_ROW.pack_into
_pack_scalar: Final = _SCALAR_ROW.pack_into
_pack_slot: Final = _SLOT_ROW.pack_into

_CONSTANT_SIZE: Final = _CONSTANT_ROW.size
_VALUE: Final = Struct("<q")
_VALUE_AT: Final = _CONSTANT_SIZE - _VALUE.size
_AGREEING_SIZE: Final = _AGREEING_ROW.size
_BARE_SIZE: Final = _BARE_ROW.size
_NUMBER_SIZE: Final = _NUMBER_ROW.size
_POINTER_SIZE: Final = _POINTER_ROW.size
_SCALAR_SIZE: Final = _SCALAR_ROW.size
_SLOT_SIZE: Final = _SLOT_ROW.size
_ROOM: Final = 1 << 16  # bytes for rows at first

_PRECISE: Final = 0x80
_KERNEL_BTF: Final = 1
_PROGRAM_BTF: Final = 2
_SMALL_BITS: Final = 62
"""Bits of a number that is its own signed form, and a machine word in compiled code; 1 << 62 would be an object."""

_blocks = count(1)


@final
class ValueWriter:
    """Rows of one block after the other.

    btf -- the program's; every other one that a value refers to is the kernel's
    """

    def __init__(self, btf: Btf | None) -> None:
        self._btf: Btf | None = btf
        self._data: bytearray = bytearray(_ROOM)
        self._room: int = _ROOM
        # RegState.row may be of another block, which the number in its high half tells.
        self._block: int = next(_blocks) & 0xFFFFFFF
        self._size: int = 0
        self.starts: list[int] = []  # offset of each row

    def begin_block(self) -> None:
        """Forgets all rows. Their memory is used again: new memory would be cleared by the kernel for each block."""
        self._block = next(_blocks) & 0xFFFFFFF
        self._size = 0
        self.starts = []

    def row_of(self, reg: RegState) -> int:
        """The number of a register's row, which is written if the block does not have it."""
        row = reg.row
        if row >> 32 == self._block:
            return row & 0xFFFFFFFF
        if reg.type == NOT_INIT:
            return 0
        return self._add(reg)

    def row_of_slot(self, slot: StackSlot) -> int:
        """row_of() for a stack slot; row 0 if it has no value."""
        row = slot.row
        if row >> 32 == self._block:
            return row & 0xFFFFFFFF
        types = slot.slot_type
        if not any(types):
            return 0
        spilled = self.row_of(slot.spilled_ptr)
        number = self._next()
        slot.row = self._block << 32 | number
        _pack_slot(
            self._data, self._take(_SLOT_SIZE), _SLOT, types[0], types[1], types[2], types[3], types[4], types[5],
            types[6], types[7], spilled,
        )  # fmt: skip
        return number

    def data(self) -> bytes:
        """The bytes of all rows."""
        return bytes(memoryview(self._data)[: self._size])

    def _next(self) -> int:
        self.starts.append(self._size)
        return len(self.starts)

    def _take(self, size: int) -> int:
        """Reserves `size` bytes for a row; returns their offset."""
        at = self._size
        self._size = at + size
        if self._size > self._room:
            self._data.extend(bytes(self._room))
            self._room *= 2
        return at

    def _add(self, reg: RegState) -> int:
        number = self._next()
        reg.row = self._block << 32 | number
        precise = _PRECISE if reg.precise else 0
        s = reg.scalar
        if reg.type == SCALAR_VALUE and not reg.ref_obj_id and reg.map_ptr == -1 and not reg.frameno:
            value = s.var_off.value
            if (
                s.var_off.mask == 0 and value >> _SMALL_BITS == 0 and s.umin == value and s.umax == value
                and s.smin == value and s.smax == value and s.s32_min == s.s32_max and s.u32_min == s.u32_max
                and s.u32_min == value & 0xFFFFFFFF and (s.s32_min - s.u32_min) & 0xFFFFFFFF == 0
            ):  # fmt: skip
                _pack_constant(self._data, self._take(_CONSTANT_SIZE), _CONSTANT | precise, reg.id, reg.off, value)
            elif (
                s.smin == s.umin and s.smax == s.umax
                and value >> _SMALL_BITS == 0 and s.var_off.mask >> _SMALL_BITS == 0
                and (s.s32_min - s.u32_min) & 0xFFFFFFFF == 0
                and (s.s32_max - s.u32_max) & 0xFFFFFFFF == 0
            ):  # fmt: skip
                if (
                    reg.id == 0 and reg.off == 0
                    and (s.umin - s.u32_min) & 0xFFFFFFFF == 0 and (s.umax - s.u32_max) & 0xFFFFFFFF == 0
                ):  # fmt: skip
                    _pack_bare(
                        self._data, self._take(_BARE_SIZE), _BARE | precise, value, s.var_off.mask, s.umin, s.umax
                    )
                else:
                    _pack_agreeing(
                        self._data, self._take(_AGREEING_SIZE), _AGREEING | precise, reg.id, reg.off, value,
                        s.var_off.mask, s.umin, s.umax, s.u32_min, s.u32_max,
                    )  # fmt: skip
            else:
                _pack_number(
                    self._data, self._take(_NUMBER_SIZE), _NUMBER | precise, reg.id, reg.off, value, s.var_off.mask,
                    s.smin, s.smax, s.umin, s.umax, s.s32_min, s.s32_max, s.u32_min, s.u32_max,
                )  # fmt: skip
            return number
        form = _POINTER if s.var_off.mask == 0 and s.var_off.value == 0 and s.umax == 0 and s.smax == 0 else _MOVING
        _pack_pointer(
            self._data, self._take(_POINTER_SIZE), form | precise, reg.id, reg.off,
            reg.inner_map | reg.first_slot << 1, reg.type, reg.ref_obj_id, reg.range,
            reg.map_ptr, reg.map_uid, self._btf_number(reg.btf), reg.btf_id, reg.mem_size, reg.dynptr_id,
            reg.dynptr_type, reg.iter_state, reg.iter_depth, reg.subprogno, reg.frameno,
        )  # fmt: skip
        if form == _MOVING:
            _pack_scalar(
                self._data, self._take(_SCALAR_SIZE), s.var_off.value, s.var_off.mask, s.smin, s.smax, s.umin, s.umax,
                s.s32_min, s.s32_max, s.u32_min, s.u32_max,
            )  # fmt: skip
        return number

    def _btf_number(self, btf: Btf | None) -> int:
        return 0 if btf is None else _PROGRAM_BTF if btf is self._btf else _KERNEL_BTF


@final
class ValueReader:
    """Reads rows; the value of a row is made once. starts: offset of each row in `data`; btf: of the program."""

    def __init__(self, data: bytes, starts: Sequence[int], btf: Btf | None) -> None:
        self._data: bytes = data
        self._starts: Sequence[int] = starts
        self._btf: Btf | None = btf
        self._registers: dict[int, RegState] = {0: NOT_INIT_REG}
        self._slots: dict[int, StackSlot] = {0: INVALID_SLOT}

    def register(self, row: int) -> RegState:
        """The register of a row."""
        found = self._registers.get(row)
        if found is None:
            found = self._registers[row] = read_register(self._data, self._starts[row - 1], self._btf)
        return found

    def slot(self, row: int) -> StackSlot:
        """The stack slot of a row."""
        found = self._slots.get(row)
        if found is None:
            types, spilled = read_slot(self._data, self._starts[row - 1])
            found = self._slots[row] = StackSlot(types, self.register(spilled))
        return found


def read_register(data: bytes, at: int, program_btf: Btf | None) -> RegState:
    """The register of the row at offset `at`."""
    form = data[at] & ~_PRECISE
    reg_id = off = 0
    if form == _CONSTANT:
        head, reg_id, off, value = _CONSTANT_ROW.unpack_from(data, at)
        reg = RegState(SCALAR_VALUE, const(value))
    elif form == _BARE:
        head, value, mask, umin, umax = _BARE_ROW.unpack_from(data, at)
        u32_min, u32_max = umin & U32, umax & U32
        bits = Tnum(value, mask)
        reg = RegState(SCALAR_VALUE, Scalar(bits, umin, umax, umin, umax, s32(u32_min), s32(u32_max), u32_min, u32_max))
    elif form == _AGREEING:
        head, reg_id, off, value, mask, umin, umax, u32_min, u32_max = _AGREEING_ROW.unpack_from(data, at)
        bits = Tnum(value, mask)
        reg = RegState(SCALAR_VALUE, Scalar(bits, umin, umax, umin, umax, s32(u32_min), s32(u32_max), u32_min, u32_max))
    elif form == _NUMBER:
        head, reg_id, off, value, mask, *bounds = _NUMBER_ROW.unpack_from(data, at)
        reg = RegState(SCALAR_VALUE, Scalar(Tnum(value, mask), *bounds))
    else:
        (
            head, reg_id, off, flags, kind, ref_obj_id, pkt_range, map_ptr, map_uid, btf, btf_id, mem_size, dynptr_id,
            dynptr_type, iter_state, iter_depth, subprogno, frameno,
        ) = _POINTER_ROW.unpack_from(data, at)  # fmt: skip
        scalar = const(0)
        if form == _MOVING:
            value, mask, *bounds = _SCALAR_ROW.unpack_from(data, at + _POINTER_ROW.size)
            scalar = Scalar(Tnum(value, mask), *bounds)
        reg = RegState(kind, scalar)
        reg.inner_map, reg.first_slot = bool(flags & 1), bool(flags & 2)
        reg.ref_obj_id, reg.range, reg.map_ptr, reg.map_uid = ref_obj_id, pkt_range, map_ptr, map_uid
        reg.btf = program_btf if btf == _PROGRAM_BTF else kernel_btf() if btf else None
        reg.btf_id, reg.mem_size, reg.dynptr_id, reg.dynptr_type = btf_id, mem_size, dynptr_id, dynptr_type
        reg.iter_state, reg.iter_depth, reg.subprogno, reg.frameno = iter_state, iter_depth, subprogno, frameno
    reg.id, reg.off, reg.precise = reg_id, off, bool(head & _PRECISE)
    return reg


def known_numbers(data: bytes, offsets: Iterable[int]) -> tuple[list[int], list[int]]:
    """(signed values of the known numbers among rows, offsets of the other rows)."""
    unpack = _VALUE.unpack_from
    found: list[int] = []
    others: list[int] = []
    for at in offsets:
        if data[at] & ~_PRECISE == _CONSTANT:
            found.append(unpack(data, at + _VALUE_AT)[0])
        else:
            others.append(at)
    return found, others


def known_number(data: bytes, at: int) -> tuple[bool, int, int, int] | None:
    """(precise, id, off, signed value) of a known number's row; None for another row."""
    if data[at] & ~_PRECISE != _CONSTANT:
        return None
    head, reg_id, off, value = _CONSTANT_ROW.unpack_from(data, at)
    return bool(head & _PRECISE), reg_id, off, value


def read_slot(data: bytes, at: int) -> tuple[tuple[int, ...], int]:
    """(slot_type, row of the spilled register) of the row at offset `at`."""
    row = _SLOT_ROW.unpack_from(data, at)
    if row[0] != _SLOT:
        raise ValueError("the row is no stack slot's")
    return row[1:9], row[9]
