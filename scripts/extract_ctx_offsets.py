"""Write vm/verifier/fixups/ctx/offsets.py from a kernel's BTF: python scripts/extract_ctx_offsets.py vmlinux.btf

Which fields are wanted is read from the quoted "struct.field" names in the modules beside it, and from EXTRA.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from vm.btf.types import Btf  # noqa: E402

HERE = Path(__file__).resolve().parent.parent / "vm" / "verifier" / "fixups"
# Context structures whose fields are named by the tables' keys.
CONTEXTS = (
    "__sk_buff", "xdp_md", "bpf_xdp_sock", "bpf_sock", "bpf_tcp_sock", "bpf_sock_ops", "sk_msg_md", "bpf_sock_addr",
    "bpf_sk_lookup", "sk_reuseport_md", "bpf_perf_event_data", "bpf_sysctl", "bpf_sockopt",
)  # fmt: skip
EXTRA = (
    "sk_buff.__cloned_offset", "bpf_array.value", "bpf_array.pptrs", "htab_elem.key", "htab_elem.lru_node",
    "bpf_lru_node.ref", "xsk_map.xsk_map",
)  # fmt: skip
PREFIXES = {
    "_OPS": "bpf_sock_ops_kern", "ops": "bpf_sock_ops_kern", "_ADDR": "bpf_sock_addr_kern",
    "_LOOKUP": "bpf_sk_lookup_kern", "_REUSEPORT": "sk_reuseport_kern", "_PERF": "bpf_perf_event_data_kern",
    "_SYSCTL": "bpf_sysctl_kern", "_SOCKOPT": "bpf_sockopt_kern",
}  # fmt: skip


HEAD = '''"""Where fields are in the pinned kernel's structures: (offset, size) in bytes.

Written by scripts/extract_ctx_offsets.py from the BTF of Linux 6.12; never edited by hand.
"""

from __future__ import annotations

from typing import Final

FIELDS: Final[dict[str, tuple[int, int]]] = {
'''


def wanted() -> set[str]:
    names = set(EXTRA)
    for path in [*(HERE / "ctx").glob("*.py"), *HERE.glob("*.py")]:
        if path.name == "offsets.py":
            continue
        text = path.read_text()
        names.update(re.findall(r'"(\w+\.[\w.]+)"', text))
        for prefix, field in re.findall(r'f"\{(\w+)\}\.([\w.]+)"', text):
            names.add(f"{PREFIXES[prefix]}.{field}")
        names.update(f"tcp_sock.{name}" for name in re.findall(r'"(\w+)"', _tuple(text, "_TCP_FIELDS")))
    return names | {f"tcp_sock.{name}" for name in ("dsack_dups", "delivered", "delivered_ce")}


def _tuple(text: str, name: str) -> str:
    found = re.search(name + r": Final = \((.*?)\)", text, re.DOTALL)
    return found.group(1) if found else ""


def names_of(btf: Btf, type_id: int) -> list[str]:
    """Fields of a structure, those of anonymous unions included."""
    names = []
    for member in btf.skip_modifiers(type_id).members:
        names += [member.name] if member.name else names_of(btf, member.type_id)
    return names


def main() -> None:
    btf = Btf(Path(sys.argv[1]).read_bytes())
    contexts = {f"{name}.{field}" for name in CONTEXTS for field in names_of(btf, btf.struct(name).id)}
    rows = {}
    for name in sorted(wanted() | contexts):
        struct, path = name.split(".", 1)
        field = btf.field(struct, path)
        rows[name] = (field.offset, field.size)
    lines = [f'    "{name}": {row},' for name, row in rows.items()]
    (HERE / "ctx" / "offsets.py").write_text(HEAD + "\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
