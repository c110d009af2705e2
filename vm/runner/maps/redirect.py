"""Maps that only say where a packet goes: devices, CPUs, AF_XDP sockets (kernel/bpf/devmap.c, cpumap.c)."""

from __future__ import annotations

from vm.program import MapSpec
from vm.runner.maps.array import Array


class RedirectMap(Array):
    """User space fills these, and a run has none: every slot is empty, as in a kernel nobody configured."""

    @classmethod
    def struct_size(cls, spec: MapSpec) -> int:
        return cls.header

    def _place(self) -> None:
        return

    def lookup(self, key: bytes) -> int:
        return 0

    def update(self, key: bytes, value: bytes, flags: int) -> int:
        raise self._none("update")

    def entries(self) -> tuple[tuple[bytes, bytes], ...]:
        return ()
