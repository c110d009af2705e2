"""vmlinux.btf.z: a kernel's BTF, and the length of each type so that none need be walked.

The file is zlib data: a line of text saying where it came from, the number of types and the
bytes of BTF, then a 16-bit length for each type, then the BTF.
"""

from __future__ import annotations

import struct
import zlib

from scripts.facts.kernel import Kernel


def vmlinux_btf(kernel: Kernel) -> bytes:
    """Content of vmlinux.btf.z."""
    image, btf = kernel.image, kernel.btf
    lengths = [len(btf.raw(i)) for i in range(1, len(btf))]
    head = f"Linux version {image.release}; {len(lengths)} types; {len(image.btf)} bytes\n".encode()
    return zlib.compress(head + struct.pack(f"<{len(lengths)}H", *lengths) + image.btf, 9)
