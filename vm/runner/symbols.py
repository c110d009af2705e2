"""Kernel variables and functions whose addresses programs load: where they are in a run's memory.

Linux keeps its own data within 2 GiB below the top of the address space, which is why machine code loads such an
address as a sign-extended 32-bit number. Per-CPU variables have offsets for addresses, small numbers, which
bpf_this_cpu_ptr() adds to the CPU's area; both are so here. The contents are zero unless a program or the clock
(jiffies) writes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vm.errors import InternalError, LimitError
from vm.runner.memory import KERNEL_DATA_BASE, PAGE

if TYPE_CHECKING:
    from vm.runner.memory import Arena, Memory

KERNEL_DATA_SIZE: Final = 256 * PAGE
UNKNOWN_SIZE: Final = PAGE
JIFFIES: Final = ("jiffies", "jiffies_64")  # two names of one variable


class KernelSymbols:
    """Addresses by name. They last as long as the programs that load them, that is for all runs of a World."""

    def __init__(self, memory: Memory, percpu: Arena) -> None:
        self.memory = memory
        self.percpu = percpu
        self.arena = memory.map("kernel data", KERNEL_DATA_BASE, KERNEL_DATA_SIZE)
        self._addresses: dict[str, int] = {}

    def address(self, name: str) -> int:
        """The value of a register into which a program loads the symbol's address."""
        name = JIFFIES[0] if name in JIFFIES else name
        found = self._addresses.get(name)
        if found is None:
            found = self._addresses[name] = self._place(name)
        return found

    def _place(self, name: str) -> int:
        from vm.kernel.symbols import ksym_address

        size = _size(name)
        offset = ksym_address(name)
        if offset is not None and offset >> 31 == 0:
            if offset + size > self.percpu.size:
                raise InternalError(f"the per-CPU variable {name} lies outside the CPU's area")
            self.memory.add(name, self.percpu.base + offset, size, one=f"the variable {name}")
            return offset
        address = self.arena.alloc(size, 64)
        if address is None:
            raise LimitError(
                f"The programs refer to more kernel variables than the {KERNEL_DATA_SIZE >> 20} MiB of a run hold.",
                "memory",
            )
        self.memory.add(name, address, size, one=f"the variable {name}")
        return address

    def reset(self, jiffies: int) -> None:
        """A new run: variables are zero again, and the clock's has its value."""
        self.arena.view[: self.arena.top] = bytes(self.arena.top)
        self.tick(jiffies)

    def tick(self, jiffies: int) -> None:
        """Writes the clock's variable, if a program refers to it."""
        address = self._addresses.get(JIFFIES[0])
        if address is not None:
            self.memory.put(address, 8, jiffies)


def _size(name: str) -> int:
    """Bytes of a variable, by the kernel's BTF (which describes per-CPU variables only); a page if it is not there."""
    from vm.btf.types import Kind
    from vm.kernel.btf import kernel_btf

    btf = kernel_btf()
    variable = btf.find(name, Kind.VAR)
    return btf.size_of(variable.type_id) or UNKNOWN_SIZE if variable is not None else UNKNOWN_SIZE
