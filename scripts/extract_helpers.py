"""Writes vm/kernel/data/helpers.json: every helper, its prototypes, and who may call which.

usage: python scripts/extract_helpers.py VMLINUX BPF_HELPER_DEFS_H

Prototypes are the `struct bpf_func_proto` objects of the image. Who may call which is asked
of the kernel's own get_func_proto functions, run on an emulated processor for every program
type, attach type and the other things they look at (sleepable, the hook, capabilities).
Declarations are those of bpf_helper_defs.h, which libbpf generates from the UAPI header.
"""

from __future__ import annotations

import json
import re
import struct
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from kernel_call import KernelMachine  # noqa: E402
from kernel_image import KernelImage  # noqa: E402

from vm.btf.types import Btf, Kind, Type  # noqa: E402
from vm.elf.sections import SECTION_DEFS  # noqa: E402

STRUCT_OPS = {
    "tcp_congestion_ops": "bpf_tcp_ca_verifier_ops",
    "bpf_dummy_ops": "bpf_dummy_verifier_ops",
    "sched_ext_ops": "bpf_scx_verifier_ops",
    "hid_bpf_ops": "hid_bpf_verifier_ops",
}
ITERS = {"tcp": "bpf_iter_tcp_get_func_proto", "unix": "bpf_iter_unix_get_func_proto"}
MAX_HELPER = 212
CAP_PERFMON = 38
# Programs of these types cannot be loaded without it (is_perfmon_prog_type() in kernel/bpf/syscall.c).
PERFMON_TYPES = {
    "KPROBE",
    "TRACEPOINT",
    "PERF_EVENT",
    "RAW_TRACEPOINT",
    "RAW_TRACEPOINT_WRITABLE",
    "TRACING",
    "LSM",
    "EXT",
}
PTR_POISON = 0xDEAD00000000EB9F  # BPF_PTR_POISON: the verifier finds the type from the arguments


def attach_types(prog_type: int) -> list[int]:
    """Attach types programs of a type can be loaded with: 0, and those libbpf's section names give."""
    return sorted({0, *(d.expected_attach_type for d in SECTION_DEFS if d.prog_type == prog_type)})


class Asker:
    """A fake struct bpf_prog, and the kernel's functions called with it."""

    def __init__(self, image: KernelImage, btf: Btf) -> None:
        self.image, self.btf = image, btf
        self.machine = machine = KernelMachine(image)
        self.prog, self.aux = machine.alloc(4096), machine.alloc(8192)
        machine.write(self.prog + btf.offset_of("bpf_prog", "aux"), self.aux, 8)
        machine.answer("bpf_token_capable", 1)
        machine.answer("mutex_lock", 0)
        machine.answer("mutex_unlock", 0)
        for name in ("__queue_work", "__set_printk_clr_event"):  # switch the trace_printk event on
            machine.answer(name, 0)
        machine.answer("metadata_dst_alloc_percpu", 1)  # bpf_get_skb_set_tunnel_proto
        # The list of iterator targets is built at boot: empty here.
        for symbol in image.symbols:
            if symbol.name == "targets":
                machine.write(symbol.address, symbol.address, 8)

    def set_prog(self, prog_type: int, attach: int, sleepable: bool, hook: int = 0, member: int = 0) -> None:
        btf, machine = self.btf, self.machine
        machine.write(self.prog + btf.offset_of("bpf_prog", "type"), prog_type, 4)
        machine.write(self.prog + btf.offset_of("bpf_prog", "expected_attach_type"), member or attach, 4)
        flag = btf.field("bpf_prog", "sleepable")
        old = machine.read(self.prog + flag.offset, 1) & ~(1 << flag.bit)
        machine.write(self.prog + flag.offset, old | sleepable << flag.bit, 1)
        machine.write(self.aux + btf.offset_of("bpf_prog_aux", "attach_btf_id"), hook, 4)

    def know_type(self, variable: str, owner: Type) -> None:
        """Let a variable that is set at boot point to the struct's BTF, as far as its members' places."""
        head, size = self.btf.struct("btf_type").size, self.btf.struct("btf_member").size
        at = self.machine.alloc(head + size * len(owner.members))
        for index, member in enumerate(owner.members):
            place = at + head + size * index + self.btf.offset_of("btf_member", "offset")
            self.machine.write(place, member.bit_off, 4)
        self.machine.write(self.image.by_name[variable].address, at, 8)

    def row(self, *functions: int) -> list[str]:
        """Symbol of the prototype for each helper id ("" none); the first function that has one says it."""
        out = []
        for func_id in range(MAX_HELPER):
            address = 0
            for function in functions:
                address = address or self.machine.call(function, func_id, self.prog)
            out.append(self.proto_symbol(address) if address else "")
        return out

    def proto_symbol(self, address: int) -> str:
        return next(n for n in self.image.by_address[address] if "proto" in n)


def proto(image: KernelImage, btf: Btf, symbol: str, address: int) -> dict[str, object]:
    """One struct bpf_func_proto as JSON."""
    raw = image.read(address, btf.struct("bpf_func_proto").size)

    def number(path: str) -> int:
        field = btf.field("bpf_func_proto", path)
        return int.from_bytes(raw[field.offset : field.offset + field.size], "little")

    def type_name(pointer: int) -> str:
        if pointer == PTR_POISON:
            return "*"
        (btf_id,) = struct.unpack("<I", image.read(pointer, 4))
        if btf_id:
            return btf.type(btf_id).name
        # A variable the kernel fills at boot: tcp_sock_id holds the id of struct tcp_sock.
        name = image.by_address[pointer][0].removesuffix("_id")
        return btf.struct(name).name

    args = struct.unpack_from("<5I", raw, btf.offset_of("bpf_func_proto", "arg_type"))
    extra = struct.unpack_from("<5Q", raw, btf.offset_of("bpf_func_proto", "arg_btf_id"))
    sizes = [0] * 5
    ids = [""] * 5
    for index, value in enumerate(extra):
        if value >= 1 << 32:
            ids[index] = type_name(value)
        else:
            sizes[index] = value
    ret = number("ret_btf_id")
    allowed = number("allowed")
    func = number("func")
    out: dict[str, object] = {
        "symbol": symbol,
        "func": next((n for n in image.by_address.get(func, []) if not n.startswith("__pfx_")), "") if func else "",
        "ret": number("ret_type"),
        "args": list(args),
    }
    while out["args"] and not out["args"][-1]:
        out["args"].pop()
    optional = {
        "sizes": sizes if any(sizes) else None,
        "btf_ids": ids if any(ids) else None,
        "ret_btf_id": type_name(ret) if ret else None,
        "allowed": next(n for n in image.by_address[allowed] if not n.startswith("__pfx_")) if allowed else None,
    }
    optional |= {flag: number(flag) or None for flag in ("gpl_only", "pkt_access", "might_sleep", "allow_fastcall")}
    return out | {key: value for key, value in optional.items() if value is not None}


def declarations(header: str) -> dict[int, tuple[str, str, list[list[str]]]]:
    """id -> name, return type, [[type, name]...] from bpf_helper_defs.h."""
    out = {}
    pattern = re.compile(r"^(?:__bpf_fastcall )?static (.+?)\(\* const (\w+)\)\((.*)\) = \(void \*\) (\d+);", re.M)
    for ret, name, params, func_id in pattern.findall(header):
        args = []
        for param in params.split(", "):
            found = re.fullmatch(r"(.*?)(\w+)", param)
            if param == "...":
                args.append(["...", ""])
            elif param != "void" and found:
                args.append([found[1].strip(), found[2]])
        out[int(func_id)] = (name, ret.strip(), args)
    return out


def main() -> None:
    image = KernelImage(Path(sys.argv[1]))
    btf = Btf(image.btf)
    asker = Asker(image, btf)

    def enum(name: str) -> dict[str, int]:
        found = btf.find(name, Kind.ENUM)
        assert found
        return {e.name: e.value for e in found.enumerators}

    progs, attaches = enum("bpf_prog_type"), enum("bpf_attach_type")
    table = image.by_name["bpf_verifier_ops"].address
    rows: dict[str, list[str]] = {}
    without: dict[str, list[str]] = {}  # for users who lack CAP_PERFMON
    for prog_name, prog_type in progs.items():
        if prog_name.startswith("__") or prog_name == "BPF_PROG_TYPE_STRUCT_OPS":
            continue
        (ops,) = struct.unpack("<Q", image.read(table + 8 * prog_type, 8))
        function = struct.unpack("<Q", image.read(ops, 8))[0] if ops else 0
        if not function:
            continue
        for attach in attach_types(prog_type):
            for sleepable in (False, True):
                asker.set_prog(prog_type, attach, sleepable)
                key = f"{prog_type}/{attach}{'/sleepable' if sleepable else ''}"
                rows[key] = asker.row(function)
                if prog_name.removeprefix("BPF_PROG_TYPE_") not in PERFMON_TYPES:
                    asker.machine.answer_unless("bpf_token_capable", CAP_PERFMON)
                    without[key] = asker.row(function)
                    asker.machine.answer("bpf_token_capable", 1)
            if attach == attaches["BPF_TRACE_ITER"]:
                for target, extra in ITERS.items():
                    asker.set_prog(prog_type, attach, False)
                    rows[f"{prog_type}/{attach}/{target}"] = asker.row(function, image.by_name[extra].address)
            if attach == attaches["BPF_LSM_CGROUP"]:
                for group in ("locked", "unlocked"):
                    ids = image.by_name[f"bpf_lsm_{group}_sockopt_hooks"].address
                    count, *hooks = struct.unpack("<64I", image.read(ids, 256))
                    for hook in hooks[:count]:
                        asker.set_prog(prog_type, attach, False, hook)
                        name = btf.type(hook).name.removeprefix("bpf_lsm_")
                        rows[f"{prog_type}/{attach}/{name}"] = asker.row(function)
        if prog_name in ("BPF_PROG_TYPE_SOCKET_FILTER", "BPF_PROG_TYPE_CGROUP_SKB"):
            asker.machine.answer("bpf_token_capable", 0)
            asker.set_prog(prog_type, 0, False)
            rows[f"{prog_type}/0/unprivileged"] = asker.row(function)
            asker.machine.answer("bpf_token_capable", 1)
    prog_type = progs["BPF_PROG_TYPE_STRUCT_OPS"]
    for ops_name, symbol in STRUCT_OPS.items():
        if symbol not in image.by_name:
            print("not in this kernel:", symbol)
            continue
        (function,) = struct.unpack("<Q", image.read(image.by_name[symbol].address, 8))
        if not function:
            rows[f"{prog_type}/0/{ops_name}"] = [""] * MAX_HELPER
            continue
        owner = btf.struct(ops_name)
        if f"{ops_name}_type" in image.by_name:
            asker.know_type(f"{ops_name}_type", owner)
        for member in ("", "release") if ops_name == "tcp_congestion_ops" else ("",):
            index = next((i for i, m in enumerate(owner.members) if m.name == member), 0)
            asker.machine.write(asker.aux + btf.offset_of("bpf_prog_aux", "attach_btf_id"), owner.id, 4)
            asker.set_prog(prog_type, 0, False, owner.id, index)
            rows[f"{prog_type}/{index if member else 0}/{ops_name}"] = asker.row(function)
    # The same helpers go from programs of all types but SYSCALL.
    perfmon: dict[str, list[int]] = {}
    odd = str(progs["BPF_PROG_TYPE_SYSCALL"])
    for kind in ("", odd):
        mine = {key: row for key, row in without.items() if (key.split("/")[0] == odd) == bool(kind)}
        perfmon[kind] = sorted({i for key, row in mine.items() for i in range(MAX_HELPER) if row[i] != rows[key][i]})
        assert not any(row[i] for row in mine.values() for i in perfmon[kind])
    symbols = sorted({s for row in rows.values() for s in row if s})
    addresses = {n: image.by_name[n].address for n in symbols}
    decls = declarations(Path(sys.argv[2]).read_text())
    unique: dict[tuple[str, ...], str] = {}
    access: dict[str, str] = {}
    tables: list[list[int]] = []
    for key, row in rows.items():
        row_key = tuple(row)
        if row_key not in unique:
            unique[row_key] = str(len(tables))
            tables.append([symbols.index(s) + 1 if s else 0 for s in row])
        access[key] = unique[row_key]
    lines = ["{", f' "source": {json.dumps(image.banner)},']
    lines.append(' "helpers": [')
    lines.append(",\n".join("  " + json.dumps([i, *decls[i]], separators=(",", ":")) for i in sorted(decls)))
    lines.append(' ],\n "protos": [')
    facts = [proto(image, btf, s, addresses[s]) for s in symbols]
    lines.append(",\n".join("  " + json.dumps(f, separators=(",", ":")) for f in facts))
    lines.append(' ],\n "tables": [')
    lines.append(",\n".join("  " + json.dumps(t, separators=(",", ":")) for t in tables))
    lines.append(' ],\n "perfmon": ' + json.dumps(perfmon) + ",")
    lines.append(' "access": ' + json.dumps({k: int(v) for k, v in access.items()}))
    lines.append("}\n")
    out = ROOT / "vm/kernel/data/helpers.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text("\n".join(lines))
    print(f"{len(decls)} helpers, {len(symbols)} prototypes, {len(rows)} cases, {len(tables)} tables")


if __name__ == "__main__":
    main()
