"""Error numbers and their names, from the tables of lib/errname.c (CONFIG_SYMBOLIC_ERRNAME)."""

from __future__ import annotations

import struct

from scripts.facts.image import KernelImage

# The tables are `static const char *names_0[]` and `names_512[]`, indexed by the number and by the number - 512.
TABLES = (("names_0", 0), ("names_512", 512))
# errname.c prefers one name of each pair; these are the other names of asm-generic/errno.h on x86.
ALIASES = (("EWOULDBLOCK", "EAGAIN"), ("EDEADLOCK", "EDEADLK"))


def errnos(image: KernelImage) -> dict[str, int]:
    """Name -> number, in the order of the numbers; "-" in front of the kernel's names is taken off."""
    starts = sorted({symbol.address for symbol in image.symbols})
    out: dict[str, int] = {}
    for table, first in TABLES:
        at = image.by_name[table].address
        end = next(address for address in starts if address > at)
        for number, pointer in enumerate(struct.unpack(f"<{(end - at) // 8}Q", image.read(at, (end - at) // 8 * 8))):
            if not pointer:
                continue
            try:
                name = image.text_at(pointer)
            except KeyError:
                break  # what follows the table up to the next symbol
            if not name.startswith("-E"):
                break
            out[name.removeprefix("-")] = first + number
    return out | {alias: out[name] for alias, name in ALIASES if name in out and alias not in out}
