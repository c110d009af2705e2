"""A made-up program, and the kernel's functions asked about it: what helpers.py and ctx_access.py share."""

from __future__ import annotations

from scripts.facts.call import KernelMachine
from scripts.facts.kernel import Kernel
from vm.btf.types import Type
from vm.elf.sections import SECTION_DEFS


def attach_types(prog_type: int) -> list[int]:
    """Attach types programs of a type can be loaded with: 0, and those libbpf's section names give."""
    return sorted({0, *(d.expected_attach_type for d in SECTION_DEFS if d.prog_type == prog_type)})


class Asker:
    """A fake struct bpf_prog, and the kernel's functions called with it."""

    def __init__(self, kernel: Kernel) -> None:
        self.image, self.btf = kernel.image, kernel.btf
        self.max_helper = kernel.enum("bpf_func_id")["__BPF_FUNC_MAX_ID"]
        self.machine = machine = KernelMachine(kernel.image)
        self.prog, self.aux = machine.alloc(4096), machine.alloc(8192)
        machine.write(self.prog + self.btf.offset_of("bpf_prog", "aux"), self.aux, 8)
        machine.answer("bpf_token_capable", 1)
        machine.answer("mutex_lock", 0)
        machine.answer("mutex_unlock", 0)
        for name in ("__queue_work", "__set_printk_clr_event"):  # switch the trace_printk event on
            machine.answer(name, 0)
        machine.answer("metadata_dst_alloc_percpu", 1)  # bpf_get_skb_set_tunnel_proto
        # The list of iterator targets is built at boot: empty here.
        for symbol in self.image.symbols:
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
        for func_id in range(self.max_helper):
            address = 0
            for function in functions:
                address = address or self.machine.call(function, func_id, self.prog)
            out.append(self.proto_symbol(address) if address else "")
        return out

    def proto_symbol(self, address: int) -> str:
        return next(n for n in self.image.by_address[address] if "proto" in n)
