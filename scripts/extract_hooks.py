"""Writes vm/kernel/data/hooks.json: kfuncs, sets of BTF ids, iterators, raw tracepoints, map structs, struct_ops.

usage: python scripts/extract_hooks.py VMLINUX

Sets of BTF ids are data in the image. Which program types may call the kfuncs of a set is what
the kernel's initcalls register; the constants they pass are read from the instructions before
each call. Types are written by name, as everything here is looked up by name.
"""

from __future__ import annotations

import json
import struct
import sys
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path

import capstone
from capstone import x86_const as x86

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from kernel_call import KernelMachine  # noqa: E402
from kernel_image import KernelImage  # noqa: E402

from vm.btf.types import Btf, Kind, Type  # noqa: E402

ID_SETS = (
    "rcu_protected_types",
    "special_kfunc_set",
    "btf_non_sleepable_error_inject",
    "btf_id_deny",
    "noreturn_deny",
    "bpf_lsm_hooks",
    "bpf_lsm_disabled_hooks",
    "bpf_lsm_current_hooks",
    "bpf_lsm_locked_sockopt_hooks",
    "bpf_lsm_unlocked_sockopt_hooks",
    "sleepable_lsm_hooks",
    "untrusted_lsm_hooks",
    "bool_lsm_hooks",
    "btf_allowlist_d_path",
)
_ARGS = {x86.X86_REG_EDI: 0, x86.X86_REG_RDI: 0, x86.X86_REG_ESI: 1, x86.X86_REG_RSI: 1, x86.X86_REG_EDX: 2}


class Calls:
    """Direct calls of a function, with the constants in its first three arguments."""

    def __init__(self, image: KernelImage) -> None:
        self.image = image
        self.starts = sorted({s.address for s in image.symbols if s.kind in "tT"})
        self.disassembler = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
        self.disassembler.detail = True

    def of(self, function: str) -> Iterator[tuple[int | None, ...]]:
        target = self.image.by_name[function].address
        for name in (".text", ".init.text"):
            section = self.image.sections[name]
            code = self.image.data[section.offset : section.offset + section.size]
            # call, and jmp for a call whose result is the caller's
            for opcode in (b"\xe8", b"\xe9"):
                at = -1
                while (at := code.find(opcode, at + 1)) >= 0:
                    if at + 5 <= len(code):
                        (distance,) = struct.unpack_from("<i", code, at + 1)
                        if section.address + at + 5 + distance == target:
                            yield self._arguments(section.address + at)

    def _arguments(self, call: int) -> tuple[int | None, ...]:
        start = self.starts[bisect_right(self.starts, call) - 1]
        known: list[int | None] = [None] * 3
        for insn in self.disassembler.disasm(self.image.read(start, call - start), start):
            if insn.id in (x86.X86_INS_MOV, x86.X86_INS_XOR, x86.X86_INS_LEA) and insn.operands:
                first, second = insn.operands
                slot = _ARGS.get(first.reg) if first.type == x86.X86_OP_REG else None
                if slot is None:
                    continue
                if insn.id == x86.X86_INS_XOR:
                    known[slot] = 0
                elif second.type == x86.X86_OP_IMM:
                    known[slot] = second.imm & 0xFFFFFFFFFFFFFFFF
                elif second.type == x86.X86_OP_MEM and second.mem.base == x86.X86_REG_RIP:
                    known[slot] = insn.address + insn.size + second.mem.disp
                else:
                    known[slot] = None
        return tuple(known)


def kfunc_sets(
    image: KernelImage, btf: Btf, calls: Calls
) -> tuple[dict[str, dict[str, object]], list[dict[str, object]]]:
    """Kfuncs by name with their flags, and which sets of them programs of which type may call."""
    kfuncs: dict[str, dict[str, object]] = {}
    sets: dict[int, dict[str, object]] = {}

    def add(kset: int, prog_type: int | str) -> None:
        _owner, ids, callback = struct.unpack("<3Q", image.read(kset, 24))
        count, flags = struct.unpack("<2I", image.read(ids, 8))
        names = []
        for index in range(count):
            btf_id, flag = struct.unpack("<2I", image.read(ids + 8 + 8 * index, 8))
            found = btf.type(btf_id)
            names.append(found.name)
            kfuncs[found.name] = {"id": btf_id, "flags": flag}
        entry = sets.setdefault(
            kset,
            {
                "name": image.by_address[kset][0],
                "flags": flags,
                "prog_types": [],
                "filter": image.by_address[callback][-1] if callback else "",
                "kfuncs": sorted(names),
            },
        )
        types = entry["prog_types"]
        assert isinstance(types, list)
        types.append(prog_type)

    for prog_type, kset, _ in calls.of("register_btf_kfunc_id_set"):
        if prog_type is None or kset is None:
            print("not understood: a call of register_btf_kfunc_id_set")
            continue
        add(kset, prog_type)
    for kset, _, _ in calls.of("register_btf_fmodret_id_set"):
        if kset is not None:
            add(kset, "fmod_ret")
    for entry in sets.values():
        types = entry["prog_types"]
        assert isinstance(types, list)
        types.sort(key=str)
    return kfuncs, sorted(sets.values(), key=lambda s: str(s["name"]))


def destructors(image: KernelImage, btf: Btf) -> dict[str, str]:
    """Kernel type of a referenced kptr -> kfunc that frees it, from the BTF_ID_LISTs of such pairs."""
    out = {}
    for symbol in image.symbols:
        if "dtor_ids" in symbol.name or "dtor_kfunc_ids" in symbol.name:
            kind, kfunc = struct.unpack("<2I", image.read(symbol.address, 8))
            out[btf.type(kind).name] = btf.type(kfunc).name
    return out


def iterators(image: KernelImage, btf: Btf, calls: Calls) -> dict[str, dict[str, object]]:
    """Iterator targets: what their programs' context holds beside the meta data."""
    out: dict[str, dict[str, object]] = {}
    args_at, size = btf.offset_of("bpf_iter_reg", "ctx_arg_info"), btf.struct("bpf_ctx_arg_aux").size
    for reg, _, _ in calls.of("bpf_iter_reg_target"):
        if reg is None:
            print("not understood: a call of bpf_iter_reg_target")
            continue
        raw = image.read(reg, btf.struct("bpf_iter_reg").size)
        (name,) = struct.unpack_from("<Q", raw)
        count, feature = struct.unpack_from("<2I", raw, btf.offset_of("bpf_iter_reg", "ctx_arg_info_size"))
        infos = [struct.unpack_from("<2I", raw, args_at + size * i) for i in range(count)]
        out[image.text_at(name)] = {"feature": feature, "args": [list(i) for i in infos]}
    return dict(sorted(out.items()))


def raw_tracepoints(image: KernelImage, btf: Btf) -> dict[str, list[int]]:
    """Tracepoint -> number of arguments and bytes of its writable first one (struct bpf_raw_event_map)."""
    start, stop = (image.by_name[f"__{edge}__bpf_raw_tp"].address for edge in ("start", "stop"))
    size = btf.struct("bpf_raw_event_map").size
    out = {}
    for at in range(start, stop, size):
        tracepoint, _func, args, writable = struct.unpack("<QQII", image.read(at, 24))
        (name,) = struct.unpack("<Q", image.read(tracepoint, 8))
        out[image.text_at(name)] = [args, writable]
    return dict(sorted(out.items()))


def map_types(image: KernelImage, btf: Btf) -> dict[str, str]:
    """Number of a map type -> the kernel's struct of such maps, which tracing programs may read."""
    table = image.by_name["bpf_map_types"].address
    at = btf.offset_of("bpf_map_ops", "map_btf_id")
    out = {}
    for number in range(1, 64):
        (ops,) = struct.unpack("<Q", image.read(table + 8 * number, 8))
        if not image.by_address.get(ops) or not any(n.endswith("_ops") for n in image.by_address[ops]):
            if number > 40:
                break
            continue
        (pointer,) = struct.unpack("<Q", image.read(ops + at, 8))
        if pointer:
            (btf_id,) = struct.unpack("<I", image.read(pointer, 4))
            out[str(number)] = btf.type(btf_id).name
    return out


# What programs of a struct_ops may write, and the variable that holds the type once the kernel is up.
WRITTEN = {"tcp_congestion_ops": ("tcp_sock", "tcp_sock_type"), "bpf_dummy_ops": ("bpf_dummy_ops_state", "")}


class OpsAsker:
    """The functions of a struct bpf_struct_ops, asked about a fake program and a fake register."""

    def __init__(self, image: KernelImage, btf: Btf) -> None:
        self.btf = btf
        self.machine = machine = KernelMachine(image)
        self.prog, self.reg, self.type = machine.alloc(4096), machine.alloc(4096), machine.alloc(64)
        machine.answer("bpf_log", 0)
        machine.answer("btf_find_by_name_kind", 1)
        machine.answer("btf_type_by_id", self.type)

    def may_sleep(self, check_member: int, member: int) -> bool:
        """check_member() of a sleepable program; `member` is the address of a struct btf_member."""
        flag = self.btf.field("bpf_prog", "sleepable")
        self.machine.write(self.prog + flag.offset, 1 << flag.bit, 1)
        return not check_member or self.machine.call(check_member, self.type, member, self.prog) & 0xFFFFFFFF == 0

    def writable(self, function: int, size: int, variable: int) -> list[list[int]]:
        """[first, last, end]: a write that starts at first to last may go up to `end` (btf_struct_access)."""
        if variable:
            self.machine.write(variable, self.type, 8)
        out: list[list[int]] = []
        for off in range(size):
            lengths = [n for n in range(1, 9) if not self.machine.call(function, 0, self.reg, off, n) & 0xFFFFFFFF]
            if not lengths:
                continue
            end = off + max(lengths)
            if out and out[-1][1] == off - 1 and end >= out[-1][2]:
                out[-1][1:] = [off, end]
            else:
                out.append([off, off, end])
        return out


def struct_ops(image: KernelImage, btf: Btf, calls: Calls) -> dict[str, object]:
    """Kernel struct -> its operations programs may implement, and what of which type those may write."""
    out: dict[str, object] = {}
    asker = OpsAsker(image, btf)

    def pointer(address: int) -> int:
        return int(struct.unpack("<Q", image.read(address, 8))[0])

    def part(ops: int, name: str) -> int:
        return pointer(ops + btf.offset_of("bpf_struct_ops", name))

    def member_at(index: int, bit_off: int) -> int:
        at = asker.machine.alloc(64)
        asker.machine.write(at + btf.offset_of("btf_member", "offset"), bit_off, 4)
        return at

    for ops, _, _ in calls.of("__register_bpf_struct_ops"):
        if ops is None:
            print("not understood: a call of __register_bpf_struct_ops")
            continue
        name = image.text_at(part(ops, "name"))
        members: dict[str, dict[str, object]] = {}
        for index, member in enumerate(btf.struct(name).members):
            kind = btf.skip_modifiers(member.type_id)
            if kind.kind is not Kind.PTR or btf.skip_modifiers(kind.type_id).kind is not Kind.FUNC_PROTO:
                continue
            stub = pointer(part(ops, "cfi_stubs") + member.bit_off // 8)
            if stub:
                members[member.name] = {
                    "nullable": nullable(image, btf, stub),
                    "sleepable": asker.may_sleep(part(ops, "check_member"), member_at(index, member.bit_off)),
                }
        written, variable = WRITTEN[name]
        access = pointer(part(ops, "verifier_ops") + btf.offset_of("bpf_verifier_ops", "btf_struct_access"))
        place = image.by_name[variable].address if variable else 0
        ranges = asker.writable(access, btf.struct(written).size, place)
        out[name] = {"members": members, "written": written, "writable": ranges}
    return dict(sorted(out.items()))


def nullable(image: KernelImage, btf: Btf, stub: int) -> list[int]:
    """Arguments of an operation that may be null: named so by the function that stands in for it."""
    found: Type | None = None
    for name in image.by_address[stub]:
        found = found or btf.find(name, Kind.FUNC)
    assert found is not None
    return [i for i, p in enumerate(btf.type(found.type_id).params) if p.name.endswith("__nullable")]


def main() -> None:
    image = KernelImage(Path(sys.argv[1]))
    btf = Btf(image.btf)
    calls = Calls(image)
    kfuncs, sets = kfunc_sets(image, btf, calls)
    id_sets = {}
    ids_at = image.sections[".BTF_ids"]
    in_ids = {s.name: s for s in image.symbols if ids_at.address <= s.address < ids_at.address + ids_at.size}
    for name in ID_SETS:
        symbol = in_ids.get(name)
        if symbol is None:
            print("not in this kernel:", name)
            continue
        (count,) = struct.unpack("<I", image.read(symbol.address, 4))
        ids = struct.unpack(f"<{count}I", image.read(symbol.address + 4, 4 * count))
        id_sets[name] = sorted(btf.type(i).name for i in ids if i)
    out = {
        "source": image.banner,
        "kfuncs": dict(sorted(kfuncs.items())),
        "kfunc_sets": sets,
        "destructors": destructors(image, btf),
        "id_sets": id_sets,
        "iterators": iterators(image, btf, calls),
        "raw_tracepoints": raw_tracepoints(image, btf),
        "map_types": map_types(image, btf),
        "struct_ops": struct_ops(image, btf, calls),
    }
    text = ",\n".join(f' "{key}": {_lines(value)}' for key, value in out.items())
    (ROOT / "vm/kernel/data/hooks.json").write_text("{\n" + text + "\n}\n")
    print({key: len(value) for key, value in out.items()})


def _lines(value: object) -> str:
    """JSON with one entry a line."""
    if isinstance(value, dict):
        return "{\n" + ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in value.items()) + "\n }"
    if isinstance(value, list):
        return "[\n" + ",\n".join(f"  {json.dumps(v)}" for v in value) + "\n ]"
    return json.dumps(value)


if __name__ == "__main__":
    main()
