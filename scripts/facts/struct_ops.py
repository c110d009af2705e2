"""Kernel structs whose functions programs may implement, asked of the kernel's own struct bpf_struct_ops."""

from __future__ import annotations

import struct

from scripts.facts.call import KernelMachine
from scripts.facts.calls import Calls
from scripts.facts.image import KernelImage
from scripts.facts.kernel import Kernel
from vm.btf.types import Btf, Kind, Type

# What programs of a struct_ops may write, and the variable that holds the type once the kernel is up. Programs of
# Qdisc_ops may also write to struct Qdisc, which is not asked.
WRITTEN = {
    "tcp_congestion_ops": ("tcp_sock", "tcp_sock_type"),
    "bpf_dummy_ops": ("bpf_dummy_ops_state", ""),
    "sched_ext_ops": ("task_struct", "task_struct_type"),
    "Qdisc_ops": ("sk_buff", ""),
}


class OpsAsker:
    """The functions of a struct bpf_struct_ops, asked about a fake program and a fake register."""

    def __init__(self, kernel: Kernel) -> None:
        self.btf = kernel.btf
        self.machine = machine = KernelMachine(kernel.image)
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
            # 0 or a register type allows it, a negative number does not
            lengths = [n for n in range(1, 9) if not self.machine.call(function, 0, self.reg, off, n) & 1 << 31]
            if not lengths:
                continue
            end = off + max(lengths)
            if out and out[-1][1] == off - 1 and end >= out[-1][2]:
                out[-1][1:] = [off, end]
            else:
                out.append([off, off, end])
        return out


def struct_ops(kernel: Kernel, calls: Calls) -> dict[str, object]:
    """Kernel struct -> its operations programs may implement, and what of which type those may write."""
    image, btf = kernel.image, kernel.btf
    out: dict[str, object] = {}
    asker = OpsAsker(kernel)

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
            kernel.note("not understood: a call of __register_bpf_struct_ops")
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
        if name not in WRITTEN:
            kernel.note(f"not asked: what programs of struct {name} may write")
            out[name] = {"members": members, "written": "", "writable": []}
            continue
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
