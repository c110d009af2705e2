"""The task that runs on a stopped guest's only processor: where its name and process id are in memory."""

from __future__ import annotations

from collections.abc import Sequence

from vm.bits import U64
from vm.guests.kernel import GuestKernel
from vm.guests.stub import Stub

_COMM_BYTES = 16


class Tasks:
    """Finds the current task.

    pointer -- (address, bytes) of the pointer to it, to be read first; none where it is not known
    """

    def __init__(self, kernel: GuestKernel, stub: Stub) -> None:
        self.pointer: tuple[tuple[int, int], ...] = ()
        base = kernel.address("__per_cpu_offset")
        current = kernel.address("pcpu_hot") or kernel.address("current_task")
        if base is None or current is None:
            return
        try:
            self._pid = kernel.btf.offset_of("task_struct", "tgid")
            self._comm = kernel.btf.offset_of("task_struct", "comm")
        except KeyError:
            return
        (offset,) = stub.read((base, 8))
        self.pointer = (((int.from_bytes(offset, "little") + current) & U64, 8),)

    def pieces(self, pointer: Sequence[bytes]) -> list[tuple[int, int]]:
        """Where its name and process id are, by the memory of `pointer`."""
        if not pointer:
            return []
        task = int.from_bytes(pointer[0], "little")
        return [(task + self._comm, _COMM_BYTES), (task + self._pid, 4)]

    @staticmethod
    def told(pieces: Sequence[bytes]) -> tuple[str, int]:
        """Its name and process id, by the memory of pieces(); ("", 0) where they are not known."""
        if not pieces:
            return "", 0
        comm, pid = pieces
        return comm.split(b"\0")[0].decode("utf-8", "replace"), int.from_bytes(pid, "little")
