"""Writes vm/kernel/data/vmlinux.btf.z: a kernel's BTF, and the length of each type so that none need be walked.

usage: python scripts/extract_btf.py VMLINUX

The file is zlib data: a line of text saying where it came from, the number of types and the
bytes of BTF, then a 16-bit length for each type, then the BTF.
"""

from __future__ import annotations

import struct
import sys
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from kernel_image import KernelImage  # noqa: E402

from vm.btf.types import Btf  # noqa: E402


def main() -> None:
    image = KernelImage(Path(sys.argv[1]))
    btf = Btf(image.btf)
    lengths = [len(btf.raw(i)) for i in range(1, len(btf))]
    head = f"{image.banner.split(' (')[0]}; {len(lengths)} types; {len(image.btf)} bytes\n".encode()
    packed = zlib.compress(head + struct.pack(f"<{len(lengths)}H", *lengths) + image.btf, 9)
    (ROOT / "vm/kernel/data/vmlinux.btf.z").write_bytes(packed)
    print(head.decode().strip(), "in", len(packed))


if __name__ == "__main__":
    main()
