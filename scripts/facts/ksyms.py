"""ksyms.z: names and addresses of a kernel's functions and variables.

zlib data: a line saying where it came from; a line with the number of symbols; for each the
64-bit distance of its address from the one before, as /proc/kallsyms has them without address
randomisation; their names, each between line feeds. Symbols made by the compiler or the build are
left out, except functions that have a type: whether they have an address decides if a program may attach.
"""

from __future__ import annotations

import re
import struct
import zlib

from scripts.facts.kernel import Kernel
from vm.btf.types import Kind

MADE_UP = re.compile(
    r"^(__pfx_|__ksymtab|__kstrtab|__crc_|__initcall|__setup_|__param_|__UNIQUE_ID|__func__|__already_done|"
    r"__bpf_trace_|__tpstrtab_|__event_|__syscall_meta|__p_syscall_meta|event_class_|trace_event_fields_|"
    r"print_fmt_|_rs\.|__print_once|__warned|__compound_literal|__addressable_|__ia32_|_entry|__exitcall)|[.$]"
)


def ksyms(kernel: Kernel) -> bytes:
    """Content of ksyms.z."""
    functions = {found.name for found in kernel.btf.of_kind(Kind.FUNC)}
    names: dict[str, int] = {}
    for symbol in kernel.image.symbols:
        if symbol.name in functions or not MADE_UP.search(symbol.name):
            names.setdefault(symbol.name, symbol.address)
    addresses = [0, *names.values()]
    gaps = [b - a for a, b in zip(addresses, addresses[1:], strict=False)]
    head = f"{kernel.image.banner}\n{len(names)}\n".encode()
    text = "\n" + "\n".join(names) + "\n"
    return zlib.compress(head + struct.pack(f"<{len(gaps)}Q", *gaps) + text.encode(), 9)
