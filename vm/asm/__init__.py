"""Assembly text and raw instructions to objects, and back to text.

assemble(text, name=, prog_type=) -> Object
from_hex(text, name=, prog_type=) -> Object
from_listing(text, name=, prog_type=) -> Object
detect_spelling(text) -> "kernel" | "intel"
"""

from __future__ import annotations

from vm.asm.assembler import assemble, detect_spelling
from vm.asm.hexcode import from_hex, parse_hex
from vm.asm.listing import from_listing

__all__ = ["assemble", "detect_spelling", "from_hex", "from_listing", "parse_hex"]
