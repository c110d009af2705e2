"""Writes vm/kernel/data/ksyms.z: names and addresses of a kernel's functions and variables.

usage: python scripts/extract_ksyms.py VMLINUX

zlib data: a line saying where it came from; a line with the number of symbols; for each the
64-bit distance of its address from the one before, as /proc/kallsyms has them without address
randomisation; their names, each between line feeds. What the compiler or the build made up is
left out, but for functions that have a type: whether they have an address decides if a program may attach.
"""

from __future__ import annotations

import re
import struct
import sys
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from kernel_image import KernelImage  # noqa: E402

from vm.btf.types import Btf, Kind  # noqa: E402

MADE_UP = re.compile(
    r"^(__pfx_|__ksymtab|__kstrtab|__crc_|__initcall|__setup_|__param_|__UNIQUE_ID|__func__|__already_done|"
    r"__bpf_trace_|__tpstrtab_|__event_|__syscall_meta|__p_syscall_meta|event_class_|trace_event_fields_|"
    r"print_fmt_|_rs\.|__print_once|__warned|__compound_literal|__addressable_|__ia32_|_entry|__exitcall)|[.$]"
)


def main() -> None:
    image = KernelImage(Path(sys.argv[1]))
    functions = {found.name for found in Btf(image.btf).of_kind(Kind.FUNC)}
    names: dict[str, int] = {}
    for symbol in image.symbols:
        if symbol.name in functions or not MADE_UP.search(symbol.name):
            names.setdefault(symbol.name, symbol.address)
    addresses = [0, *names.values()]
    gaps = [b - a for a, b in zip(addresses, addresses[1:], strict=False)]
    head = f"{image.banner}\n{len(names)}\n".encode()
    text = "\n" + "\n".join(names) + "\n"
    packed = zlib.compress(head + struct.pack(f"<{len(gaps)}Q", *gaps) + text.encode(), 9)
    (ROOT / "vm/kernel/data/ksyms.z").write_bytes(packed)
    print(len(names), "symbols in", len(packed))


if __name__ == "__main__":
    main()
