"""Programs and helpers at their addresses: kernel text with traps, images with their references filled in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from vm.errors import InternalError, LimitError, NotEmulated
from vm.kernel.addresses import THIS_CPU_OFF
from vm.runner.helpers import Helper, find_helper
from vm.runner.layout import OFFSETS
from vm.runner.maps import Map
from vm.runner.memory import PAGE, TEXT_BASE
from vm.runner.points import CODE_STRIDE, Loaded, load

if TYPE_CHECKING:
    from vm.jit.image import Image, ImageReloc
    from vm.rewritten import Rewritten
    from vm.runner.world import World

TEXT_SIZE: Final = 16 * PAGE
SLOT: Final = 16
TAIL_CALL_OFFSET: Final = 16
_CALLS: Final = ("helper", "map_helper", "kfunc")

# Text page 0: where the program returns to, and the loop callbacks are made from:
#   again: call r11; back: nop; test r11, r11; jne again; ret
# The trap at `back` puts the next function's address into r11, or zero and the helper's result into rax.
EXIT: Final = TEXT_BASE
AGAIN: Final = TEXT_BASE + 0x10
BACK: Final = AGAIN + 3
_LOOP: Final = bytes.fromhex("41ffd3 90 4d85db 75f7 c3")
# A helper's slot: nop (the trap); test r11, r11; jne +1; ret; jmp again.
SLOTS: Final = TEXT_BASE + PAGE
_SLOT_CODE: Final = bytes.fromhex("90 4d85db 7501 c3 e9")


def slot_code(address: int) -> bytes:
    """The 16 bytes of code at a helper's address."""
    jump = (AGAIN - (address + len(_SLOT_CODE) + 4)) & 0xFFFFFFFF
    return (_SLOT_CODE + jump.to_bytes(4, "little")).ljust(SLOT, b"\xcc")


class Placed:
    """What lies in the code part of a world's memory. `helpers` are in the order of their slots."""

    def __init__(self, programs: Sequence[tuple[Rewritten, Image]], world: World) -> None:
        self.world = world
        self.memory = world.memory
        self.loaded = [load(rewritten, image, i) for i, (rewritten, image) in enumerate(programs)]
        self.helpers: list[Helper] = []
        self._slots: dict[str, int] = {}
        self._make_text()
        self._place_programs()
        self._trap_missing()

    def _make_text(self) -> None:
        self.text = self.memory.map("kernel text", TEXT_BASE, TEXT_SIZE, executable=True)
        self.memory.write(EXIT, b"\xf4")
        self.memory.write(AGAIN, _LOOP)
        base = self.world.percpu.base
        self.memory.put(base + THIS_CPU_OFF, 8, base)

    def _place_programs(self) -> None:
        for one in self.loaded:
            size = len(one.image.code)
            if size > CODE_STRIDE - PAGE:
                raise LimitError(f"The machine code has {size >> 20} MiB; the machine takes 16.", "memory")
            self.memory.map(f"code of {one.rewritten.program.name}", one.base, size + PAGE, executable=True)
        for one in self.loaded:
            code = bytearray(one.image.code)
            for reloc in one.image.relocs:
                self._relocate(one, code, reloc)
            self.memory.write(one.base, bytes(code))

    def _trap_missing(self) -> None:
        """Traps for programs of a program array that are not loaded here: a jump to one is a fault that says so."""
        loaded = {one.rewritten.program.name for one in self.loaded}
        for address, name in self.world.progs.items():
            if name not in loaded:
                trap = self._helper_address(_not_loaded(name)) - TAIL_CALL_OFFSET
                self.memory.put(address + OFFSETS["bpf_prog.bpf_func"], 8, trap)

    def _relocate(self, one: Loaded, code: bytearray, reloc: ImageReloc) -> None:
        target = self._target(one, reloc)
        if target is None:
            return
        if reloc.kind in _CALLS or reloc.kind == "tail_call" or (reloc.kind == "kernel" and reloc.size == 4):
            target -= one.base + reloc.offset + reloc.size
        if reloc.size == 4 and not -(1 << 31) <= _signed(target) < 1 << 31:
            raise InternalError(f"the address of {reloc.kind} {reloc.name} does not fit into four bytes of code")
        code[reloc.offset : reloc.offset + reloc.size] = (target & ((1 << 8 * reloc.size) - 1)).to_bytes(
            reloc.size, "little"
        )

    def _target(self, one: Loaded, reloc: ImageReloc) -> int | None:
        """The address a reloc stands for; None where the image already holds it."""
        kind, name = reloc.kind, reloc.name
        if kind in _CALLS:
            return self._helper_address(name)
        if kind == "subprog":
            return None
        if kind == "func":
            return one.func_address(int(name)) + reloc.addend
        if kind == "map":
            return self._map(one, name).address + reloc.addend
        if kind == "map_value":
            return self._map(one, name).lookup(bytes(4)) + reloc.addend
        if kind in ("ksym", "kernel"):
            return self.world.kernel_symbol(name) + reloc.addend
        if kind == "tail_call":
            return self._tail_call_target(one, name)
        raise NotEmulated(f"{kind} {name}", kind="symbol", name=name)

    def _map(self, one: Loaded, number: str) -> Map:
        return self.world.maps_of(one.rewritten.program)[int(number)]

    def _tail_call_target(self, one: Loaded, name: str) -> int:
        """The target of a direct tail call; a trap if that program is not loaded."""
        number, _, slot = name.partition(":")
        spec = self._map(one, number).spec
        wanted = next((name for at, name in spec.init_slots if at == int(slot)), None)
        for target in self.loaded:
            if target.rewritten.program.name == wanted:
                return target.base + TAIL_CALL_OFFSET
        return self._helper_address(_not_loaded(str(wanted)))

    def _helper_address(self, name: str) -> int:
        """The address of this helper. A helper that is not emulated has one too: calling it is a fault that says so."""
        if name not in self._slots:
            address = SLOTS + SLOT * len(self.helpers)
            if address + SLOT > self.text.end:
                raise LimitError("The program calls more different functions than the machine has room for.", "memory")
            self._slots[name] = address
            self.helpers.append(_find_later(name))
            self.memory.write(address, slot_code(address))
        return self._slots[name]


def _signed(value: int) -> int:
    """A 64-bit address or distance as a signed number."""
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value


def _not_loaded(name: str) -> str:
    return f"tail call to {name}, which is not loaded"


def _find_later(name: str) -> Helper:
    """The helper, or one that says when called that it is not emulated."""
    try:
        return find_helper(name)
    except NotEmulated as error:
        what, kind, missed = error.what, error.kind, error.name

        def missing(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
            raise NotEmulated(what, kind=kind, name=missed)

        return missing
