"""What an object file holds: sections, symbols, relocations and types, for people to read. No verdict depends on it."""

from __future__ import annotations

from vm.contents.model import Contents, LeftOut, RelocRow, SectionRow, SymbolRow, TypeRow
from vm.contents.read import contents

__all__ = ["Contents", "LeftOut", "RelocRow", "SectionRow", "SymbolRow", "TypeRow", "contents"]
