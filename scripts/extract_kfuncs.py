"""Writes vm/kernel/data/kfuncs.json: the kernel functions programs may call, with their flags.

usage: python scripts/extract_kfuncs.py VMLINUX

The sets lie in the image's .BTF_ids section as struct btf_id_set8: a count, flags (1: a set of kfuncs),
and for each member its BTF id and KF_* flags. The section has no names; a set is told by its members.
"""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path

from elftools.elf.elffile import ELFFile

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from vm.btf.types import Kind  # noqa: E402
from vm.kernel.btf import kernel_btf  # noqa: E402

BTF_SET8_KFUNCS = 1
MAX_MEMBERS = 256
KF_FLAGS = 0xFFF


def sets(words: tuple[int, ...]) -> list[list[tuple[str, int]]]:
    btf = kernel_btf()
    found = []
    i = 0
    while i + 1 < len(words):
        count, flags = words[i], words[i + 1]
        members = words[i + 2 : i + 2 + 2 * count] if 0 < count < MAX_MEMBERS and flags == BTF_SET8_KFUNCS else ()
        ids = members[::2]
        if (
            members
            and len(members) == 2 * count
            and all(0 < x < len(btf) and btf.type(x).kind is Kind.FUNC for x in ids)
            and not any(x & ~KF_FLAGS for x in members[1::2])
        ):
            pairs = zip(ids, members[1::2], strict=True)
            found.append(sorted((btf.type(x).name, flag) for x, flag in pairs))
            i += 2 + 2 * count
        else:
            i += 1
    return found


def main() -> None:
    with open(sys.argv[1], "rb") as f:
        data = ELFFile(f).get_section_by_name(".BTF_ids").data()
    out = ROOT / "vm/kernel/data/kfuncs.json"
    found = sets(struct.unpack(f"<{len(data) // 4}I", data))
    out.write_text("[\n" + ",\n".join(json.dumps(s) for s in found) + "\n]\n")
    print(f"{out}: {len(found)} sets")


if __name__ == "__main__":
    main()
