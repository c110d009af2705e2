"""Writes vm/kernel/data/kconfig.z: the options a kernel was built with.

usage: python scripts/extract_kconfig.py VMLINUX CONFIG

zlib data: a line saying where it came from, then the lines NAME=value of the config file.
"""

from __future__ import annotations

import sys
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from kernel_image import KernelImage  # noqa: E402


def main() -> None:
    image = KernelImage(Path(sys.argv[1]))
    lines = [line for line in Path(sys.argv[2]).read_text().splitlines() if line.startswith("CONFIG_")]
    text = "\n".join([image.banner, *sorted(lines)]) + "\n"
    (ROOT / "vm/kernel/data/kconfig.z").write_bytes(zlib.compress(text.encode(), 9))
    print(len(lines), "options")


if __name__ == "__main__":
    main()
