"""The memory of a run: a few mappings that both engines share, and named regions in them.

An arena is one mapping (an anonymous host mapping that unicorn maps too, so a helper written in
Python, the interpreter and the machine code all see the same bytes). A region is a piece of
memory with a name: a packet, a map's value, a stack frame. The interpreter checks every
access of a program against regions; the machine, like the processor it stands for, only against
arenas.
"""

from __future__ import annotations

import mmap
import struct
from bisect import bisect_right, insort
from collections.abc import Callable
from typing import Final

from vm.errors import InternalError, LimitError
from vm.runner.execution import Region

PAGE: Final = 4096

# Where Linux on x86-64 keeps such things (Documentation/arch/x86/x86_64/mm.rst): user space in the
# lower half; the direct map, vmalloc, kernel text and modules in the upper one.
USER_BASE: Final = 0x0000_7F00_0000_0000
PERCPU_BASE: Final = 0xFFFF_8880_7B00_0000
PACKET_BASE: Final = 0xFFFF_8880_1000_0000
OBJECTS_BASE: Final = 0xFFFF_8880_2000_0000
HEAP_BASE: Final = 0xFFFF_8881_0000_0000
STACK_BASE: Final = 0xFFFF_C900_0000_0000
TEXT_BASE: Final = 0xFFFF_FFFF_8100_0000
KERNEL_DATA_BASE: Final = 0xFFFF_FFFF_8260_0000
CODE_BASE: Final = 0xFFFF_FFFF_C000_0000
CTX_WINDOW: Final = 0xFFFF_EA00_0000_0000

HEAP_LIMIT: Final = 192 << 20
_NEAR: Final = 1 << 16


class AccessError(Exception):
    """An access to memory that is not there or must not be written; `message` is for a person."""

    def __init__(self, message: str, address: int) -> None:
        super().__init__(message)
        self.message = message
        self.address = address


class Arena:
    """One mapping: `size` bytes at `base`, zero at first; `host` is the buffer behind it."""

    __slots__ = ("base", "end", "executable", "free", "host", "name", "size", "top", "view")

    def __init__(self, name: str, base: int, size: int, *, executable: bool = False) -> None:
        self.name = name
        self.base = base
        self.size = (size + PAGE - 1) & -PAGE
        self.end = base + self.size
        self.executable = executable
        self.host = mmap.mmap(-1, self.size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.view = memoryview(self.host)
        self.top = 0
        self.free: dict[int, list[int]] = {}

    def close(self) -> None:
        """Free the bytes."""
        self.view.release()
        self.host.close()

    def alloc(self, size: int, align: int = 8) -> int | None:
        """Address of `size` fresh or freed bytes, None when the arena is full."""
        size = max((size + 7) & -8, 8)
        freed = self.free.get(size)
        if freed and align <= 8:
            return freed.pop()
        start = (self.top + align - 1) & -align
        if start + size > self.size:
            return None
        self.top = start + size
        return self.base + start


class Window:
    """A region without bytes of its own: loads and stores are answered by functions.

    The ctx of an unrewritten program is one (struct xdp_md and __sk_buff exist nowhere in the kernel).
    load(off, size) -> value; store(off, size, value); both raise AccessError for what is not allowed.
    """

    __slots__ = ("load", "name", "size", "start", "store")

    def __init__(
        self, name: str, start: int, size: int, load: Callable[[int, int], int], store: Callable[[int, int, int], None]
    ) -> None:
        self.name = name
        self.start = start
        self.size = size
        self.load = load
        self.store = store


class Area:
    """A region as it is looked up.

    label -- its name; a function for names that change (a hash element's key)
    one   -- what it is called in a sentence: "the packet"
    stride, piece -- an array of pieces: an access must stay inside one; stride 0 means one piece
    """

    __slots__ = ("label", "one", "piece", "size", "start", "stride", "writable")

    def __init__(
        self, label: str | Callable[[], str], start: int, size: int, writable: bool, one: str, stride: int, piece: int
    ) -> None:
        self.label = label
        self.start = start
        self.size = size
        self.writable = writable
        self.one = one
        self.stride = stride
        self.piece = piece

    @property
    def name(self) -> str:
        return self.label if isinstance(self.label, str) else self.label()

    def bounds(self, address: int) -> tuple[int, int]:
        """[start, end) of the piece that holds `address`."""
        if not self.stride:
            return self.start, self.start + self.size
        start = address - (address - self.start) % self.stride
        return start, start + self.piece

    def name_of(self, address: int) -> str:
        """ "packet+14", or "counts[3]+0" in an array."""
        off = address - self.start
        if not self.stride:
            return f"{self.name}+{off}"
        return f"{self.name}[{off // self.stride}]+{off % self.stride}"


class Memory:
    """Address space of one run."""

    def __init__(self) -> None:
        self.arenas: list[Arena] = []
        self._bases: list[int] = []
        self._starts: list[int] = []
        self._areas: dict[int, Area] = {}
        self.window: Window | None = None
        self.trusting = False  # a verified program's accesses: the kernel's structures have no regions
        self._last: Area | None = None

    # -- arenas -------------------------------------------------------------------------------

    def map(self, name: str, base: int, size: int, *, executable: bool = False) -> Arena:
        """Adds a mapping; the caller keeps them apart (an unmapped page on both sides)."""
        if base & (PAGE - 1):
            raise InternalError(f"arena {name} starts at {base:#x}, not at a page")
        arena = Arena(name, base, size, executable=executable)
        at = bisect_right(self._bases, base)
        self._bases.insert(at, base)
        self.arenas.insert(at, arena)
        return arena

    def close(self) -> None:
        """Free all memory; nothing can be read afterwards."""
        for arena in self.arenas:
            arena.close()
        self.arenas.clear()
        self._bases.clear()

    def arena_at(self, address: int, size: int = 1) -> Arena | None:
        """The mapping that holds all of [address, address + size)."""
        at = bisect_right(self._bases, address) - 1
        if at < 0:
            return None
        arena = self.arenas[at]
        return arena if address + size <= arena.end else None

    # -- the kernel's own accesses: anything mapped ---------------------------------------------

    def _slice(self, address: int, size: int) -> memoryview:
        arena = self.arena_at(address, size) if size >= 0 else None
        if arena is None:
            raise AccessError(self.explain(address, size, "read"), address)
        off = address - arena.base
        return arena.view[off : off + size]

    def read(self, address: int, size: int) -> bytes:
        return bytes(self._slice(address, size))

    def write(self, address: int, data: bytes) -> None:
        self._slice(address, len(data))[:] = data

    def fill(self, address: int, size: int) -> None:
        self._slice(address, size)[:] = bytes(size)

    def get(self, address: int, size: int) -> int:
        """Unsigned little-endian number of `size` bytes."""
        return int.from_bytes(self._slice(address, size), "little")

    def put(self, address: int, size: int, value: int) -> None:
        self._slice(address, size)[:] = (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")

    def u64(self, address: int) -> int:
        value: int = struct.unpack("<Q", self._slice(address, 8))[0]
        return value

    # -- regions --------------------------------------------------------------------------------

    def add(
        self,
        label: str | Callable[[], str],
        address: int,
        size: int,
        *,
        writable: bool = True,
        one: str = "",
        stride: int = 0,
        piece: int = 0,
    ) -> Area:
        """Names [address, address + size); regions never overlap. `one` is the region in a sentence."""
        area = Area(label, address, size, writable, one, stride, piece)
        if address not in self._areas:
            if self._starts and address > self._starts[-1]:
                self._starts.append(address)
            else:
                insort(self._starts, address)
        self._areas[address] = area
        self._last = None
        return area

    def move(self, area: Area, start: int, size: int) -> None:
        """The region is now somewhere else (a packet whose head or tail was moved)."""
        self.drop(area)
        area.start, area.size = start, size
        insort(self._starts, start)
        self._areas[start] = area

    def drop(self, area: Area) -> None:
        self._starts.remove(area.start)
        del self._areas[area.start]
        self._last = None

    def area_at(self, address: int) -> Area | None:
        """The region that holds `address`."""
        at = bisect_right(self._starts, address) - 1
        if at < 0:
            return None
        area = self._areas[self._starts[at]]
        return area if address < area.start + area.size else None

    def check(self, address: int, size: int, *, write: bool = False) -> None:
        """AccessError unless all of [address, address + size) lies in one region (and may be written)."""
        area = self._last
        if area is None or not area.start <= address < area.start + area.size:
            area = self.area_at(address)
            if area is None:
                raise AccessError(self.explain(address, size, "write" if write else "read"), address)
            self._last = area
        if address + size > area.bounds(address)[1]:
            raise AccessError(self.explain(address, size, "write" if write else "read"), address)
        if write and not area.writable:
            raise AccessError(f"{_access(address, size, 'write')}: {area.one or area.name} is read-only", address)

    def snapshot(self) -> tuple[list[int], list[Area]]:
        """Starts of regions in order, and the regions."""
        return self._starts.copy(), [self._areas[start] for start in self._starts]

    def regions(self, limit: int = 4096) -> tuple[Region, ...]:
        """Every region by address; at most `limit`."""
        areas = [self._areas[start] for start in self._starts[:limit]]
        found = [Region(area.name, area.start, area.size) for area in areas if area.size]
        if self.window is not None:
            found.append(Region(self.window.name, self.window.start, self.window.size))
            found.sort(key=lambda region: region.address)
        return tuple(found)

    # -- a program's accesses: inside one region --------------------------------------------------

    def load(self, address: int, size: int) -> int:
        """The result of a program's load of `size` bytes; AccessError if it is not allowed."""
        window = self.window
        if window is not None and window.start <= address < window.start + window.size:
            return window.load(address - window.start, size)
        if not self.trusting:
            self.check(address, size)
        return self.get(address, size)

    def store(self, address: int, size: int, value: int) -> None:
        window = self.window
        if window is not None and window.start <= address < window.start + window.size:
            window.store(address - window.start, size, value)
            return
        if not self.trusting:
            self.check(address, size, write=True)
        self.put(address, size, value)

    def load_bytes(self, address: int, size: int) -> bytes:
        """A helper's read of memory that its caller passed: the bounds are checked before anything is copied."""
        if size == 0:
            return b""
        self.check(address, size)
        return self.read(address, size)

    def store_bytes(self, address: int, data: bytes) -> None:
        if data:
            self.check(address, len(data), write=True)
            self.write(address, data)

    def load_string(self, address: int, limit: int) -> bytes | None:
        """Bytes up to a NUL (not included), at most `limit`; None if `address` is nowhere."""
        area = self.area_at(address)
        if area is None:
            return None
        size = min(limit, area.bounds(address)[1] - address)
        if size <= 0:
            return None
        data = self.read(address, size)
        end = data.find(0)
        return data if end < 0 else data[:end]

    # -- words ------------------------------------------------------------------------------------

    def name_of(self, address: int) -> str:
        """ "packet+14", "counts[0]+0" … or the bare address."""
        window = self.window
        if window is not None and window.start <= address < window.start + window.size:
            return f"{window.name}+{address - window.start}"
        area = self.area_at(address)
        return area.name_of(address) if area else f"{address:#x}"

    def explain(self, address: int, size: int, access: str) -> str:
        """Why an access failed: its place relative to the nearest region."""
        what = _access(address, size, access)
        if address < PAGE:
            return f"{what}: a NULL pointer" + (f" plus {address}" if address else "")
        at = bisect_right(self._starts, address) - 1
        if at >= 0:
            area = self._areas[self._starts[at]]
            start, end = area.bounds(min(address, area.start + max(area.size - 1, 0)))
            if address - end < _NEAR:
                past, one = address + size - end, area.one or area.name
                return f"{what}: it ends {_bytes(past)} past the end of {one} ({_bytes(end - start)})"
        if at + 1 < len(self._starts):
            area = self._areas[self._starts[at + 1]]
            if area.start - address < _NEAR:
                return f"{what}: it starts {_bytes(area.start - address)} before {area.one or area.name}"
        window = self.window
        if window is not None and abs(address - window.start) < _NEAR:
            return f"{what}: outside {window.name} ({_bytes(window.size)})"
        return f"{what}: no memory is there"


def _access(address: int, size: int, access: str) -> str:
    return f"{access} of {_bytes(size)} at {address:#x}"


def _bytes(count: int) -> str:
    return f"{count} byte" if count == 1 else f"{count} bytes"


class Namer:
    """Names of addresses at one moment; it keeps no reference to the run."""

    def __init__(self, memory: Memory) -> None:
        self._starts, areas = memory.snapshot()
        self._areas = [(area.name, area.start, area.size, area.stride) for area in areas]

    def name_of(self, address: int) -> str:
        """ "packet+14", "counts[3]+0", or the bare address."""
        at = bisect_right(self._starts, address) - 1
        if at < 0:
            return f"{address:#x}"
        name, start, size, stride = self._areas[at]
        off = address - start
        if off >= size:
            return f"{address:#x}"
        return f"{name}[{off // stride}]+{off % stride}" if stride else f"{name}+{off}"


class Heap:
    """Memory of kernel objects (maps, ctx structures, tasks), with a limit."""

    def __init__(self, memory: Memory, size: int) -> None:
        if size > HEAP_LIMIT:
            raise LimitError(
                f"The maps need {size >> 20} MiB of memory; a run here has {HEAP_LIMIT >> 20} MiB.", "memory"
            )
        self.memory = memory
        self.arena = memory.map("heap", HEAP_BASE, size)

    def alloc(self, size: int, align: int = 8) -> int:
        address = self.arena.alloc(size, align)
        if address is None:
            raise LimitError(f"The run needs more memory than the {self.arena.size >> 20} MiB it has.", "memory")
        return address

    def release(self, address: int, size: int) -> None:
        self.arena.free.setdefault(max((size + 7) & -8, 8), []).append(address)
