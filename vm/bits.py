"""The largest and smallest numbers of 32 and 64 bits; `value & U64` is what is left of a number in a register."""

from __future__ import annotations

from typing import Final

U32: Final = 0xFFFFFFFF
U64: Final = 0xFFFFFFFFFFFFFFFF
S32_MIN: Final = -0x80000000
S32_MAX: Final = 0x7FFFFFFF
S64_MIN: Final = -0x8000000000000000
S64_MAX: Final = 0x7FFFFFFFFFFFFFFF
