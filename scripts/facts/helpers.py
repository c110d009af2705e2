"""helpers.json: every helper, its prototypes, and who may call which.

Prototypes are the `struct bpf_func_proto` objects of the image. Who may call which is asked
of the kernel's own get_func_proto functions, run on an emulated processor for every program
type, attach type and the other things they look at (sleepable, the hook, capabilities).
Names are those of enum bpf_func_id. The declarations in C are not in an image: they come from libbpf's
bpf_helper_defs.h where the folder has one, else from the facts of the kernel that is emulated.
"""

from __future__ import annotations

import json
import re
import struct
from typing import Any, Final

from scripts.facts.ask import Asker, attach_types
from scripts.facts.image import KernelImage
from scripts.facts.kernel import Kernel
from vm.btf.types import Btf

STRUCT_OPS = {
    "tcp_congestion_ops": "bpf_tcp_ca_verifier_ops",
    "bpf_dummy_ops": "bpf_dummy_verifier_ops",
    "sched_ext_ops": "bpf_scx_verifier_ops",
    "hid_bpf_ops": "hid_bpf_verifier_ops",
    "Qdisc_ops": "bpf_qdisc_verifier_ops",
}
ITERS = {"tcp": "bpf_iter_tcp_get_func_proto", "unix": "bpf_iter_unix_get_func_proto"}
CAP_PERFMON: Final = 38
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

Declaration = tuple[str, str, list[list[str]]]


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
        "args": list(args)[: max((i + 1 for i, arg in enumerate(args) if arg), default=0)],
    }
    optional: dict[str, object] = {
        "sizes": sizes if any(sizes) else None,
        "btf_ids": ids if any(ids) else None,
        "ret_btf_id": type_name(ret) if ret else None,
        "allowed": next(n for n in image.by_address[allowed] if not n.startswith("__pfx_")) if allowed else None,
    }
    optional |= {flag: number(flag) or None for flag in ("gpl_only", "pkt_access", "might_sleep", "allow_fastcall")}
    return out | {key: value for key, value in optional.items() if value is not None}


def declarations(header: str) -> dict[int, Declaration]:
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


def known_declarations(kernel: Kernel) -> dict[int, Declaration]:
    """id -> declaration of every helper in enum bpf_func_id."""
    from vm.kernel.helpers import helper_by_name

    prefix = "BPF_FUNC_"
    names = {
        value: "bpf_" + name.removeprefix(prefix)
        for name, value in kernel.enum("bpf_func_id").items()
        if name.startswith(prefix)
    }
    header = declarations(kernel.helper_header) if kernel.helper_header is not None else {}
    out: dict[int, Declaration] = {}
    for func_id, name in sorted(names.items()):
        if name == "bpf_unspec":
            continue
        if func_id in header and header[func_id][0] == name:
            out[func_id] = header[func_id]
            continue
        found = helper_by_name(name)
        if found is None:
            kernel.note(f"no declaration of {name}: put a newer bpf_helper_defs.h into {kernel.folder}")
            out[func_id] = (name, "long", [["...", ""]])
        else:
            out[func_id] = (name, found.ret, [list(param) for param in found.params])
    return out


class Cases:
    """Who may call which helper: a row of prototype symbols for each case the kernel tells apart."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel, self.image, self.btf = kernel, kernel.image, kernel.btf
        self.asker = Asker(kernel)
        self.progs, self.attaches = kernel.enum("bpf_prog_type"), kernel.enum("bpf_attach_type")
        self.rows: dict[str, list[str]] = {}
        self.without: dict[str, list[str]] = {}  # for users who lack CAP_PERFMON

    def pointer(self, address: int) -> int:
        return int(struct.unpack("<Q", self.image.read(address, 8))[0])

    def get_func_proto(self, ops: int) -> int:
        """The function of a struct bpf_verifier_ops, 0 if there is none."""
        return self.pointer(ops + self.btf.offset_of("bpf_verifier_ops", "get_func_proto")) if ops else 0

    def ask(self) -> None:
        table = self.image.by_name["bpf_verifier_ops"].address
        for prog_name, prog_type in self.progs.items():
            if prog_name.startswith("__") or prog_name == "BPF_PROG_TYPE_STRUCT_OPS":
                continue
            function = self.get_func_proto(self.pointer(table + 8 * prog_type))
            if function:
                self.ask_type(prog_name, prog_type, function)
        for ops_name, symbol in STRUCT_OPS.items():
            self.ask_struct_ops(ops_name, symbol)

    def ask_type(self, prog_name: str, prog_type: int, function: int) -> None:
        asker, machine = self.asker, self.asker.machine
        for attach in attach_types(prog_type):
            for sleepable in (False, True):
                asker.set_prog(prog_type, attach, sleepable)
                key = f"{prog_type}/{attach}{'/sleepable' if sleepable else ''}"
                self.rows[key] = asker.row(function)
                if prog_name.removeprefix("BPF_PROG_TYPE_") not in PERFMON_TYPES:
                    machine.answer_unless("bpf_token_capable", CAP_PERFMON)
                    self.without[key] = asker.row(function)
                    machine.answer("bpf_token_capable", 1)
            if attach == self.attaches["BPF_TRACE_ITER"]:
                for target, extra in ITERS.items():
                    asker.set_prog(prog_type, attach, False)
                    self.rows[f"{prog_type}/{attach}/{target}"] = asker.row(function, self.image.by_name[extra].address)
            if attach == self.attaches["BPF_LSM_CGROUP"]:
                self.ask_socket_hooks(prog_type, attach, function)
        if prog_name in ("BPF_PROG_TYPE_SOCKET_FILTER", "BPF_PROG_TYPE_CGROUP_SKB"):
            machine.answer("bpf_token_capable", 0)
            asker.set_prog(prog_type, 0, False)
            self.rows[f"{prog_type}/0/unprivileged"] = asker.row(function)
            machine.answer("bpf_token_capable", 1)

    def ask_socket_hooks(self, prog_type: int, attach: int, function: int) -> None:
        for group in ("locked", "unlocked"):
            ids = self.image.by_name[f"bpf_lsm_{group}_sockopt_hooks"].address
            count, *hooks = struct.unpack("<64I", self.image.read(ids, 256))
            for hook in hooks[:count]:
                self.asker.set_prog(prog_type, attach, False, hook)
                name = self.btf.type(hook).name.removeprefix("bpf_lsm_")
                self.rows[f"{prog_type}/{attach}/{name}"] = self.asker.row(function)

    def ask_struct_ops(self, ops_name: str, symbol: str) -> None:
        asker, btf = self.asker, self.btf
        prog_type = self.progs["BPF_PROG_TYPE_STRUCT_OPS"]
        if symbol not in self.image.by_name:
            return
        function = self.get_func_proto(self.image.by_name[symbol].address)
        if not function:
            self.rows[f"{prog_type}/0/{ops_name}"] = [""] * asker.max_helper
            return
        owner = btf.struct(ops_name)
        if f"{ops_name}_type" in self.image.by_name:
            asker.know_type(f"{ops_name}_type", owner)
        for member in ("", "release") if ops_name == "tcp_congestion_ops" else ("",):
            index = next((i for i, m in enumerate(owner.members) if m.name == member), 0)
            asker.machine.write(asker.aux + btf.offset_of("bpf_prog_aux", "attach_btf_id"), owner.id, 4)
            asker.set_prog(prog_type, 0, False, owner.id, index)
            self.rows[f"{prog_type}/{index if member else 0}/{ops_name}"] = asker.row(function)

    def perfmon(self) -> dict[str, list[int]]:
        """Helpers that go without CAP_PERFMON: "" for programs of all types but SYSCALL, which is a key of its own."""
        out: dict[str, list[int]] = {}
        odd = str(self.progs["BPF_PROG_TYPE_SYSCALL"])
        for kind in ("", odd):
            mine = {key: row for key, row in self.without.items() if (key.split("/")[0] == odd) == bool(kind)}
            out[kind] = sorted(
                {i for key, row in mine.items() for i in range(self.asker.max_helper) if row[i] != self.rows[key][i]}
            )
            if any(row[i] for row in mine.values() for i in out[kind]):
                self.kernel.note("helpers that need CAP_PERFMON differ between program types")
        return out


def helpers(kernel: Kernel) -> str:
    """Content of helpers.json."""
    cases = Cases(kernel)
    cases.ask()
    rows = cases.rows
    symbols = sorted({s for row in rows.values() for s in row if s})
    decls = known_declarations(kernel)
    unique: dict[tuple[str, ...], int] = {}
    access: dict[str, int] = {}
    tables: list[list[int]] = []
    for key, row in rows.items():
        row_key = tuple(row)
        if row_key not in unique:
            unique[row_key] = len(tables)
            tables.append([symbols.index(s) + 1 if s else 0 for s in row])
        access[key] = unique[row_key]
    facts = [proto(kernel.image, kernel.btf, s, kernel.image.by_name[s].address) for s in symbols]

    def listed(values: list[Any], spaced: bool = False) -> str:
        separators = (", ", ": ") if spaced else (",", ":")
        return ",\n".join("  " + json.dumps(value, separators=separators) for value in values)

    parts = (
        f' "source": {json.dumps(kernel.image.banner)}',
        ' "helpers": [\n' + listed([[i, *decls[i]] for i in sorted(decls)]) + "\n ]",
        ' "protos": [\n' + listed(facts) + "\n ]",
        ' "tables": [\n' + listed(tables) + "\n ]",
        ' "perfmon": ' + json.dumps(cases.perfmon()),
        ' "access": ' + json.dumps(access),
    )
    return "{\n" + ",\n".join(parts) + "\n}\n"
