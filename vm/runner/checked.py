"""The interpreter for a given input: each access is checked against the object that its pointer points to.

The engine checks an access against the region at its address, which may be another object than the one that the
pointer was made for. Here the object of each register and each spilled pointer is known, and stack bytes may only be
read after they were written. Arguments of calls are checked with the helper's prototype before the helper runs.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Final

from vm.bits import U64
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.kernel.helper_facts import FuncProto
from vm.kernel.helpers import helper_proto
from vm.kernel.types import OBJ_RELEASE
from vm.runner.engine import FRAME_SIZE, Code, Frame, Interpreter
from vm.runner.execution import MemoryWrite
from vm.runner.helpers import Call, helper_name
from vm.runner.inputs import GivenCall, RunLimits
from vm.runner.memory import AccessError, Area
from vm.runner.packet import SkbPacket
from vm.runner.proto_args import MemoryArgument, memory_arguments
from vm.runner.world import World
from vm.verifier.prepass.classify import helper_changes_pkt_data

_ADDITIVE: Final = (o.ADD, o.SUB)


class Target:
    """The object of a pointer: a region, or one element of it."""

    __slots__ = ("area", "gone", "start")

    def __init__(self, area: Area, start: int) -> None:
        self.area = area
        self.start = start
        self.gone = ""  # why it may not be used any more

    def bounds(self) -> tuple[int, int]:
        """[start, end) at present: a packet may have been moved."""
        area = self.area
        return (self.start, self.start + area.piece) if area.stride else (area.start, area.start + area.size)


class CheckedInterpreter(Interpreter):
    """`targets` are r0-r10 and AX; `spilled` is by address; `written` holds addresses of stack bytes."""

    def __init__(self, codes: list[Code], world: World, limits: RunLimits, steps: int) -> None:
        assert world.script is not None
        self.script = world.script
        self.targets: list[Target | None] = [None] * 12
        self.spilled: dict[int, Target] = {}
        self.written: set[int] = set()
        self._saved: list[list[Target | None]] = []
        self._made_of: dict[Area, Area] = {}  # an object that a call gave -> the one it was given
        super().__init__(codes, world, limits, steps)
        window = world.memory.window
        if window is not None and self.regs[1] == window.start:
            self.targets[1] = Target(Area(window.name, window.start, window.size, True, "the context", 0, 0), 0)
        else:
            self.targets[1] = self._at(self.regs[1])
        if self.script.given.start is not None:
            self._begin_at(self.script.given.start.insn, self.script.given.start.arguments)

    def _begin_at(self, insn: int, arguments: tuple[int | bytes, ...]) -> None:
        """Start at a global function instead of the program."""
        orig = self.code.orig_idx
        self.pc = orig.index(insn) if insn in orig else insn
        for regno in range(1, 6):
            self.regs[regno], self.targets[regno] = 0, None
        for regno, given in enumerate(arguments, 1):
            self._give(regno, given if isinstance(given, int) else 0, given if isinstance(given, bytes) else None)

    def _give(self, regno: int, value: int, pointed: bytes | None) -> None:
        """Set a register to a number, or to the address of bytes."""
        if pointed is not None:
            value = self.world.kernel_bytes("object", pointed)
        self.regs[regno] = value & U64
        self.targets[regno] = self._at(value) if pointed is not None else None

    def _at(self, address: int) -> Target | None:
        """The object at an address."""
        area = self.memory.area_at(address)
        return Target(area, area.bounds(address)[0]) if area is not None else None

    def _fp(self, depth: int) -> int:
        top = super()._fp(depth)
        self.targets[o.R10] = self._at(top - FRAME_SIZE)
        return top

    # -- one instruction ------------------------------------------------------------------------------

    def _one(self) -> bool:
        insn = self.code.insns[self.pc]
        at, depth = self.pc, len(self.frames)
        cls = insn.code & 7
        if cls in (o.LDX, o.ST, o.STX) and max(insn.dst_reg, insn.src_reg) <= o.REG_AX:
            return self._access(insn, cls)
        if cls in (o.ALU, o.ALU64):
            made = self._arithmetic(insn)
            going = super()._one()
            self.targets[insn.dst_reg] = made
            return going
        going = super()._one()
        if cls == o.LD and insn.code == o.LD_IMM64:
            self.targets[insn.dst_reg] = self._at(self._base(at, insn))
        elif cls == o.LD:
            self.targets[0] = None
        elif insn.code == o.JMP | o.CALL and len(self.frames) == depth:
            self._returned()
        return going

    def _base(self, at: int, insn: Insn) -> int:
        """The start of the object of a 64-bit load; the offset that is added to it may point outside of the object."""
        ref = self.code.refs.get(at)
        value = self.regs[insn.dst_reg]
        return (value - ref.addend) & U64 if ref is not None else value

    def _returned(self) -> None:
        """After a call: the object of a returned address is the one at that address."""
        self.targets[0] = self._at(self.regs[0])
        self.targets[1:6] = [None] * 5

    def _arithmetic(self, insn: Insn) -> Target | None:
        """The object that the destination of an instruction will point to."""
        operation = insn.code & 0xF0
        if insn.code & 7 != o.ALU64:
            return None
        other = self.targets[insn.src_reg] if insn.code & 8 else None
        if operation == o.MOV:
            return other if not insn.off else None
        if operation not in _ADDITIVE:
            return None
        own = self.targets[insn.dst_reg]
        if own is None or other is None:
            return own or (other if operation == o.ADD else None)
        return None

    def _access(self, insn: Insn, cls: int) -> bool:
        loads = cls == o.LDX or (cls == o.STX and insn.code & 0xE0 == o.ATOMIC)
        regno = insn.src_reg if cls == o.LDX else insn.dst_reg
        size = o.SIZE_BYTES[insn.code & 0x18]
        address = (self.regs[regno] + insn.off) & U64
        given = self.script.load(self._orig(self.pc)) if cls == o.LDX else None
        if given is not None:
            at, depth = self.pc, len(self.frames)
            self.writes = []
            self._give(insn.dst_reg, given.value, given.object)
            self.pc += 1
            if self.record:
                self._note(self.code, at, depth, len(self.world.events))
            return True
        if loads:
            self.reach(regno, address, size, write=False)
            self._initialised(address, size)
        if cls != o.LDX:
            self.reach(regno, address, size, write=True)
        source = self.targets[insn.src_reg] if cls == o.STX and size == 8 and not loads else None
        found = self.spilled.get(address) if cls == o.LDX and size == 8 else None
        going = super()._one()
        if cls == o.LDX:
            # The context's pointers are addresses of other objects.
            pointer = self.memory.window is not None and self.memory.window.start <= address < (
                self.memory.window.start + self.memory.window.size
            )
            held = found
            if held is None and (pointer or size == 8):
                held = self._pointed(self.regs[insn.dst_reg])
            self.targets[insn.dst_reg] = held
        else:
            self._stored(address, size, source)
            if loads:
                self.targets[insn.src_reg] = None
        return going

    def _pointed(self, value: int) -> Target | None:
        """The object of an address that was loaded; the end of a packet belongs to the packet."""
        packet = self.world.packet
        if packet is not None and value == packet.data_end:
            return Target(packet.area, 0)
        return self._at(value)

    def _stored(self, address: int, size: int, target: Target | None) -> None:
        for at in range(address - 7, address + size):
            self.spilled.pop(at, None)
        if target is not None:
            self.spilled[address] = target
        self._wrote(address, size)

    def _on_stack(self, address: int) -> bool:
        return self.world.stack.base <= address < self.world.stack.end

    def _wrote(self, address: int, size: int) -> None:
        if self._on_stack(address):
            self.written.update(range(address, address + size))

    def reach(self, regno: int, address: int, size: int, *, write: bool) -> None:
        """AccessError unless [address, address + size) lies in the object that the register points into."""
        target = self.targets[regno]
        if target is None:
            return
        low, high = target.bounds()
        if target.gone:
            access = f"{'write' if write else 'read'} of {_bytes(size)} at {address:#x}"
            raise AccessError(f"{access}: {target.gone}", address)
        if low <= address and address + size <= high:
            return
        what = f"{'write' if write else 'read'} of {_bytes(size)} at {address:#x}"
        name = target.area.one or target.area.name
        if address < low:
            before = f"it starts {_bytes(low - address)} before {name} ({_bytes(high - low)})"
            raise AccessError(f"{what}: {before}", address)
        past = address + size - high
        raise AccessError(f"{what}: it ends {_bytes(past)} past the end of {name} ({_bytes(high - low)})", address)

    def _initialised(self, address: int, size: int) -> None:
        """AccessError for stack bytes that were not written."""
        if not self.script.given.check_stack or not self._on_stack(address):
            return
        for at in range(address, address + size):
            if at not in self.written:
                raise AccessError(
                    f"read of {_bytes(size)} at {address:#x}: nothing was written to {self._name(at)} of the stack; "
                    "it holds what was there before",
                    at,
                )

    # -- calls ------------------------------------------------------------------------------------------

    def _enter(self, code: Code, slot: int, helper: Generator[Call, int, int] | None, back: int | None = None) -> None:
        saved = self.targets[:]
        super()._enter(code, slot, helper, back)
        self._saved.append(saved)
        top = self.regs[o.R10]
        for at in range(top - FRAME_SIZE, top):
            self.written.discard(at)
            self.spilled.pop(at, None)
        if helper is not None:
            self.targets[1:6] = [None] * 5

    def _leave(self) -> bool:
        if self.frames:
            saved = self._saved.pop()
            self.targets[6:11] = saved[6:11]
            self.targets[1:6] = [None] * 5
        return super()._leave()

    def _call(self, insn: Insn) -> bool:
        if insn.src_reg == o.PSEUDO_CALL:
            return super()._call(insn)
        orig = self._orig(self.pc)
        arguments: tuple[MemoryArgument, ...] = ()
        proto = self._proto(orig)
        if proto is not None:
            called = self.code.program.insns[orig].imm
            arguments = memory_arguments(helper_name(called), proto, self.regs, self._map_sizes())
            for each in arguments:
                self._argument(each)
        ends = self._ends(orig, proto)
        given = self.script.call(orig)
        if given is not None and not given.natural:
            self._answer(given)
            going = True
        else:
            going = super()._call(insn)
        for each in arguments:
            if each.write and each.size:
                self._wrote(each.address, each.size)
        for target in ends[0]:
            target.gone = ends[1]
        for regno in given.ends if given is not None else ():
            held = self.targets[regno]
            for target in self._held() if held is not None else ():
                if held is not None and self._is_of(target.area, held.area):
                    target.gone = f"the pointer is to memory that is gone since the call at instruction {orig}"
        return going

    def _ends(self, orig: int, proto: FuncProto | None) -> tuple[list[Target], str]:
        """The pointers that a call invalidates, and why."""
        number = self.code.program.insns[orig].imm
        if proto is None:
            return [], ""
        if helper_changes_pkt_data(number) and isinstance(self.world.packet, SkbPacket):
            area = self.world.packet.area
            why = f"the pointer was taken before bpf_{helper_name(number)}(), after which the packet may lie elsewhere"
            return [each for each in self._held() if each.area is area], why
        for regno, arg in enumerate(proto.arg_types, 1):
            target = self.targets[regno]
            if arg & OBJ_RELEASE and target is not None:
                why = f"the pointer is to an object that bpf_{helper_name(number)}() released"
                return [each for each in self._held() if self._is_of(each.area, target.area)], why
        return [], ""

    def _is_of(self, area: Area | None, owner: Area) -> bool:
        """Whether an object is `owner` or was obtained from it."""
        while area is not None and area is not owner:
            area = self._made_of.get(area)
        return area is not None

    def _held(self) -> list[Target]:
        """The objects of registers and spilled pointers."""
        found = [*self.targets, *self.spilled.values(), *(each for saved in self._saved for each in saved)]
        return [each for each in found if each is not None]

    def _proto(self, orig: int) -> FuncProto | None:
        program = self.code.program
        insn = program.insns[orig]
        if insn.code != o.JMP | o.CALL or insn.src_reg:
            return None
        return helper_proto(program.prog_type, program.expected_attach_type, insn.imm, hook=program.attach_btf_name)

    def _map_sizes(self) -> tuple[int, int]:
        """Key and value size of the map in a call's first argument; 0 if that is no map."""
        for regno in (1, 2):
            found = self.world.places.by_address.get(self.regs[regno])
            if found is not None:
                return found.spec.key_size, found.spec.value_size
        return 0, 0

    def _argument(self, each: MemoryArgument) -> None:
        """AccessError for memory that a helper would access and the program may not."""
        if each.size == 0 or (each.address == 0 and each.nullable):
            return
        self.reach(each.regno, each.address, each.size, write=each.write)
        self.memory.check(each.address, each.size, write=each.write)
        if each.read:
            self._initialised(each.address, each.size)

    def _answer(self, given: GivenCall) -> None:
        """The result of the call is taken from the input."""
        for regno, data in given.memory.items():
            address = self.regs[regno]
            self.memory.store_bytes(address, data)
            self._wrote(address, len(data))
            if self.record:
                self.writes.append(MemoryWrite(address, data, self._name(address)))
        source = self.targets[1]
        self._give(0, given.result, given.object)
        made = self.targets[0]
        if made is not None and source is not None:
            self._made_of[made.area] = source.area
        self.pc += 1


def _bytes(count: int) -> str:
    return f"{count} byte" if count == 1 else f"{count} bytes"


__all__ = ["CheckedInterpreter", "Frame", "Target"]
