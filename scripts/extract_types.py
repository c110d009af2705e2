"""Writes vm/kernel/types.py: enumerators the verifier speaks of, from a kernel's BTF.

usage: python scripts/extract_types.py VMLINUX
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from kernel_image import KernelImage  # noqa: E402

from vm.btf.types import Btf, Kind  # noqa: E402

ENUMS = (
    "bpf_prog_type",
    "bpf_attach_type",
    "bpf_map_type",
    "bpf_arg_type",
    "bpf_return_type",
    "bpf_reg_type",
    "bpf_type_flag",
    "bpf_access_type",
    "bpf_stack_slot_type",
    "bpf_dynptr_type",
    "bpf_iter_state",
    "bpf_core_relo_kind",
    "bpf_tramp_prog_type",
    "bpf_cmd",
    "bpf_link_type",
    "btf_field_type",
    "bpf_iter_feature",
    "bpf_adj_room_mode",
    "bpf_hdr_start_off",
    "bpf_lwt_encap_mode",
    "bpf_ret_code",
    "xdp_action",
    "tcx_action_base",
)
# Enums without a name, by one of their members.
BY_MEMBER = ("BPF_F_NO_PREALLOC", "BPF_ANY", "BPF_F_INDEX_MASK", "BPF_F_RECOMPUTE_CSUM", "BPF_RB_NO_WAKEUP")


def main() -> None:
    image = KernelImage(Path(sys.argv[1]))
    btf = Btf(image.btf)
    groups = []
    for name in ENUMS:
        found = btf.find(name, Kind.ENUM, Kind.ENUM64)
        if found is None:
            print(f"not in this kernel's BTF: {name}")
            continue
        groups.append((name, found))
    wanted = set(BY_MEMBER)
    for found in btf:
        if found.kind in (Kind.ENUM, Kind.ENUM64) and not found.name:
            hit = wanted & {e.name for e in found.enumerators}
            if hit:
                wanted -= hit
                groups.append((f"with {hit.pop()}", found))
    out = [
        '"""Enumerators of Linux, as Final numbers with the kernel\'s names.',
        "",
        f"Written by scripts/extract_types.py from the BTF of {image.banner.split(' (')[0]}.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
        "from typing import Final",
        "",
    ]
    seen: set[str] = set()
    for name, found in groups:
        out.append(f"# enum {name}")
        for entry in found.enumerators:
            if entry.name not in seen and not entry.name.startswith("__"):
                seen.add(entry.name)
                out.append(f"{entry.name}: Final = {entry.value if entry.value < 4096 else f'0x{entry.value:X}'}")
        out.append("")
    out.append("# Which of the names above belong to which enum, in its order.")
    out += ["ENUMS: Final[dict[str, tuple[str, ...]]] = {"]
    for name, found in groups:
        if not name.startswith("with "):
            out.append(f'    "{name}": (')
            out += [f'        "{e.name}",' for e in found.enumerators if not e.name.startswith("__")]
            out.append("    ),")
    out += ["}", "", ""]
    out += [
        "def enum_name(enum: str, value: int) -> str:",
        '    """The first name of a value in an enum, or the number as text."""',
        "    names = globals()",
        "    return next((n for n in ENUMS[enum] if names[n] == value), str(value))",
        "",
    ]
    path = ROOT / "vm/kernel/types.py"
    path.write_text("\n".join(out))
    subprocess.run(["ruff", "format", "-q", path], check=True)


if __name__ == "__main__":
    main()
