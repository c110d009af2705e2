"""The machine: unicorn running the JIT's bytes in memory laid out as the kernel lays it out.

A helper's address holds a few bytes of code; reaching the first one traps to Python, which does the
helper's work on the same memory. A helper that calls the program back does so through a loop in
machine code beside it, so emulation never starts inside a hook. See docs/running.md for how
recording was chosen.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any, Final

from vm.bits import U64
from vm.errors import InputError, InternalError, NotEmulated
from vm.runner.execution import Execution, Fault, RunEvent
from vm.runner.helpers import Call, call_helper
from vm.runner.inputs import MemoryInput, RunInput, RunLimits
from vm.runner.memory import CODE_BASE, TEXT_BASE, AccessError, Namer
from vm.runner.place import BACK, EXIT, SLOT, SLOTS, Placed
from vm.runner.plain import converted_context
from vm.runner.points import CODE_STRIDE, EPILOGUE, JUMPS, Point
from vm.runner.recording import SNAPSHOT, Recording, Steps, old_value
from vm.runner.world import World

if TYPE_CHECKING:
    from vm.jit.image import Image
    from vm.program import MapSpec
    from vm.rewritten import Rewritten

TCG_BUFFER: Final = 32 << 20

_HOOK: Final = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_void_p)
_DEADLINE_EVERY: Final = 0xFFF


class Machine:
    """One address space with its programs loaded; `run` may be called many times."""

    def __init__(
        self, programs: Sequence[tuple[Rewritten, Image]], limits: RunLimits, maps: Sequence[MapSpec] = ()
    ) -> None:
        import unicorn
        import unicorn.x86_const as x86

        self._uc_module: Any = unicorn
        self._x86: Any = x86
        self.limits = limits
        self.asked = True  # whether steps were asked for, though a run may have none left
        self.world = World([rewritten.program for rewritten, _ in programs], limits, maps)
        self.memory = self.world.memory
        placed = Placed(programs, self.world)
        self.text, self.loaded, self._helpers = placed.text, placed.loaded, placed.helpers
        self.points: list[Point] = [point for one in self.loaded for point in one.points]
        self.uc = self._make_unicorn()
        self._map_all()
        self._registers()
        self._trap_hooks()
        self._where = {point.address: i for i, point in enumerate(self.points)}
        self._running: list[Generator[Call, int, int]] = []
        self._failure: tuple[str, str] | None = None
        self._bad: tuple[int, int, str] | None = None
        self._kept: list[object] = []

    # -- building ---------------------------------------------------------------------------------

    def _make_unicorn(self) -> Any:
        unicorn, x86 = self._uc_module, self._x86
        uc = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
        # Otherwise each machine reserves 1 GiB, and the process exits if that fails.
        uc.ctl_set_tcg_buffer_size(TCG_BUFFER)
        # BMI2 shifts; and addresses of the upper half as they are, without page tables.
        uc.ctl_set_cpu_model(x86.UC_CPU_X86_HASWELL)
        uc.ctl_set_tlb_mode(unicorn.UC_TLB_VIRTUAL)
        return uc

    def _map_all(self) -> None:
        unicorn = self._uc_module
        for arena in self.memory.arenas:
            rights = unicorn.UC_PROT_READ | (unicorn.UC_PROT_EXEC if arena.executable else unicorn.UC_PROT_WRITE)
            host = ctypes.addressof(ctypes.c_char.from_buffer(arena.host))
            self.uc.mem_map_ptr(arena.base, arena.size, rights, host)

    def _registers(self) -> None:
        """Finds where a saved context keeps the general registers, so that one copy reads them all."""
        from unicorn.unicorn_py3.unicorn import uclib

        x86, uc = self._x86, self.uc
        self._ids = [getattr(x86, f"UC_X86_REG_{name}") for name in _REG_NAMES]
        marks = [0x5A5A_0000_1111_0000 + i for i in range(16)]
        for reg, mark in zip(self._ids, marks, strict=True):
            uc.reg_write(reg, mark)
        context = ctypes.c_void_p()
        uclib.uc_context_alloc(uc._uch, ctypes.byref(context))
        size = uclib.uc_context_size(uc._uch)
        uclib.uc_context_save(uc._uch, context)
        raw = ctypes.string_at(context.value or 0, size)
        at = raw.find(b"".join(mark.to_bytes(8, "little") for mark in marks))
        if at < 0:
            raise InternalError("unicorn keeps its registers in another way than this was written for")
        self._saved = memoryview((ctypes.c_char * SNAPSHOT).from_address((context.value or 0) + at)).cast("B")
        save = uclib["uc_context_save"]  # a function object of our own: its types are not the binding's
        save.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
        save.restype = ctypes.c_int
        handle, pointer = uc._uch.value, context.value
        self._save: Callable[[], int] = lambda: save(handle, pointer)
        self._raw_save = (save, handle, pointer)
        self._context = context
        self._uclib = uclib

    def close(self) -> None:
        """Free the machine's memory now: hooks and machine refer to each other, and garbage collection may be late."""
        self._uclib.uc_context_free(self._context)
        self._saved.release()
        self.uc._callbacks.clear()
        self.uc._Uc__finalizer()
        self.memory.close()

    # -- one run ----------------------------------------------------------------------------------

    def run(self, given: RunInput, steps: int) -> Execution:
        """One run, of which `steps` are recorded (0: none)."""
        world = self.world
        self.record, self._steps = steps > 0, steps
        world.begin(given)
        self._failure = self._bad = None
        self._running.clear()
        self._first_step()
        recording = self._recording = Recording(self.points)
        self._cut = False
        self._insns = 0
        self._deadline = time.monotonic() + self.limits.seconds
        where = self.loaded[0].base
        if self.record:
            where = self._stretch(where, self._step_hook())
            self._save()
            recording.snapshots.extend(self._saved)
            recording.finish()
            self._insns = recording.count()
        recorded = self._insns
        if where != EXIT and self._going() and (not self.record or self._cut):
            self._cut = False
            where = self._stretch(where, self._block_hook())
        world.insns = self._insns
        fault = None if where == EXIT and self._failure is None else self._fault(where)
        return self._execution(fault, recorded)

    def _first_step(self) -> None:
        x86, uc, world = self._x86, self.uc, self.world
        for reg in self._ids:
            uc.reg_write(reg, 0)
        top = world.stack.end - 64
        world.memory.put(top, 8, EXIT)
        uc.reg_write(x86.UC_X86_REG_RSP, top)
        uc.reg_write(x86.UC_X86_REG_RDI, world.context.address)
        if isinstance(world.input, MemoryInput):
            uc.reg_write(x86.UC_X86_REG_RSI, len(world.input.data))
        uc.reg_write(x86.UC_X86_REG_EFLAGS, 0x202)
        uc.reg_write(x86.UC_X86_REG_GS_BASE, world.percpu.base)
        world.region("machine stack", world.stack.base, world.stack.size, one="the stack")

    def _going(self) -> bool:
        return self._failure is None and self._bad is None

    def _stretch(self, where: int, counting: Callable[[], list[int]]) -> int:
        """Runs from `where` until the program ends, a hook stops it, or it fails; where it then is."""
        uc, unicorn = self.uc, self._uc_module
        hooks = counting()
        try:
            while True:
                left = self._deadline - time.monotonic()
                if left <= 0:
                    self._fail("time", f"the run was stopped after {self.limits.seconds:g} seconds")
                    return int(uc.reg_read(self._x86.UC_X86_REG_RIP))
                try:
                    uc.emu_start(where, EXIT, timeout=int(left * 1e6) + 1)
                except unicorn.UcError as error:
                    if not self._mend():
                        self._note_error(error)
                where = int(uc.reg_read(self._x86.UC_X86_REG_RIP))
                if where == EXIT or not self._going() or self._cut:
                    return where
        finally:
            for hook in hooks:
                self._uclib.uc_hook_del(uc._uch, ctypes.c_size_t(hook))
            self._kept.clear()
            uc.ctl_flush_tb()

    def _note_error(self, error: Exception) -> None:
        if self._failure is None and self._bad is None:
            self._fail("memory", f"the machine stopped: {error}")

    def _fail(self, kind: str, message: str) -> None:
        if self._failure is None:
            self._failure = (kind, message)

    def _mend(self) -> bool:
        """Handle the fault of a probed access: its register is set to 0 and execution continues after it."""
        rip = int(self.uc.reg_read(self._x86.UC_X86_REG_RIP))
        for one in self.loaded:
            for probe in one.image.probed if one.base <= rip < one.base + len(one.image.code) else ():
                if one.base + probe.offset == rip:
                    if probe.clears >= 0:
                        self.uc.reg_write(self._ids[probe.clears], 0)
                    self.uc.reg_write(self._x86.UC_X86_REG_RIP, rip + probe.length)
                    self._bad = None
                    return True
        return False

    # -- hooks --------------------------------------------------------------------------------------

    def _trap_hooks(self) -> None:
        unicorn, uc = self._uc_module, self.uc
        invalid = unicorn.UC_HOOK_MEM_READ_UNMAPPED | unicorn.UC_HOOK_MEM_WRITE_UNMAPPED
        invalid |= unicorn.UC_HOOK_MEM_FETCH_UNMAPPED | unicorn.UC_HOOK_MEM_READ_PROT
        invalid |= unicorn.UC_HOOK_MEM_WRITE_PROT | unicorn.UC_HOOK_MEM_FETCH_PROT
        uc.hook_add(unicorn.UC_HOOK_CODE, self._on_trap, begin=BACK, end=self.text.end - 1)
        uc.hook_add(invalid, self._on_bad_access)
        uc.hook_add(unicorn.UC_HOOK_INTR, self._on_interrupt)
        uc.hook_add(unicorn.UC_HOOK_INSN, self._on_syscall, aux1=self._x86.UC_X86_INS_SYSCALL)

    def _broken(self, error: Exception) -> None:
        """Record an exception of a raw hook, which must not raise: ctypes would print it and continue."""
        self._fail("internal", repr(error))
        self._error = error
        self.uc.emu_stop()

    def _raw_hook(self, kind: int, callback: Callable[[int, int, int, int], None], begin: int, end: int) -> int:
        """Like hook_add, without the binding's wrapper around every call; `callback` catches what it raises."""
        kept = _HOOK(callback)
        self._kept.append(kept)
        handle = ctypes.c_size_t()
        status = self._uclib.uc_hook_add(
            self.uc._uch, ctypes.byref(handle), kind, ctypes.cast(kept, ctypes.c_void_p), None,
            ctypes.c_uint64(begin), ctypes.c_uint64(end),
        )  # fmt: skip
        if status:
            raise InternalError(f"unicorn refuses a hook: {status}")
        return int(handle.value)

    def _step_hook(self) -> Callable[[], list[int]]:
        """Registers at every point, until limits.steps of them are recorded."""
        recording, where, points, saved = self._recording, self._where, self.points, self._saved
        ids, shots = recording.ids, recording.snapshots
        save, handle, pointer = self._raw_save
        atomics = {i for i, point in enumerate(points) if point.insn.code & 0xE7 == 0xC3}
        inner = {i for i, point in enumerate(points) if not point.head}
        left = min(self._steps, self.limits.insns)

        def on_step(uc: int, address: int, size: int, user: int) -> None:
            nonlocal left
            try:
                i = where.get(address)
                if i is None:
                    return
                if i not in inner:
                    if not left:
                        self._cut = True
                        self.uc.emu_stop()
                        return
                    left -= 1
                save(handle, pointer)
                shots.extend(saved)
                if i in atomics:
                    recording.old[len(ids)] = old_value(self.memory, saved, points[i].insn)
                ids.append(i)
            except Exception as error:
                self._broken(error)

        first, last = self.loaded[0].base, self.loaded[-1].base + CODE_STRIDE
        return lambda: [self._raw_hook(self._uc_module.UC_HOOK_CODE, on_step, first, last)]

    def _block_hook(self) -> Callable[[], list[int]]:
        """Counts BPF instructions, block by block."""
        from bisect import bisect_left

        points, limit = self.points, self.limits.insns
        starts = [point.address for point in points]
        sizes: dict[tuple[int, int], tuple[int, bool, bool]] = {}
        blocks = 0
        jumped = False

        def measure(address: int, size: int) -> tuple[int, bool, bool]:
            """Instructions of a block, whether it starts at an epilogue's exit, whether it ends by jumping to one."""
            inside = points[bisect_left(starts, address) : bisect_left(starts, address + size)]
            at_exit = bool(inside) and inside[0].leaves == EPILOGUE and inside[0].address == address
            return sum(point.head for point in inside), at_exit, bool(inside) and inside[-1].leaves == JUMPS

        def on_block(uc: int, address: int, size: int, user: int) -> None:
            nonlocal blocks, jumped
            try:
                measured = sizes.get((address, size))
                if measured is None:
                    measured = sizes[address, size] = measure(address, size)
                count, at_exit, jumps = measured
                self._insns += count - (jumped and at_exit)
                jumped = jumps
                blocks += 1
                if self._insns > limit:
                    self._insns = limit
                    self._fail("insns", f"the run was stopped after {limit:,} instructions")
                    self.uc.emu_stop()
                elif not blocks & _DEADLINE_EVERY and time.monotonic() > self._deadline:
                    self._fail("time", f"the run was stopped after {self.limits.seconds:g} seconds")
                    self.uc.emu_stop()
            except Exception as error:
                self._broken(error)

        first, last = self.loaded[0].base, self.loaded[-1].base + CODE_STRIDE
        return lambda: [self._raw_hook(self._uc_module.UC_HOOK_BLOCK, on_block, first, last)]

    def _on_bad_access(self, uc: Any, access: int, address: int, size: int, value: int, user: Any) -> bool:
        unicorn = self._uc_module
        word = "read"
        if access in (unicorn.UC_MEM_WRITE_UNMAPPED, unicorn.UC_MEM_WRITE_PROT):
            word = "write"
        elif access in (unicorn.UC_MEM_FETCH_UNMAPPED, unicorn.UC_MEM_FETCH_PROT):
            word = "execution"
        self._bad = (address & U64, size, word)
        return False

    def _on_interrupt(self, uc: Any, number: int, user: Any) -> None:
        self._fail("memory", f"the machine code raised interrupt {number}")
        uc.emu_stop()

    def _on_syscall(self, uc: Any, user: Any) -> None:
        self._fail("memory", "the machine code made a system call")
        uc.emu_stop()

    def _on_trap(self, uc: Any, address: int, size: int, user: Any) -> None:
        """At a helper's first byte, or when a callback returns. An exception is stored and stops the machine."""
        try:
            if address == BACK:
                self._after_callback()
            elif address >= SLOTS and not (address - SLOTS) % SLOT:
                self._on_helper((address - SLOTS) // SLOT)
        except AccessError as error:
            self._fail("memory", error.message)
        except (NotEmulated, InputError) as error:
            self._fail("helper", error.message)
        except Exception as error:
            self._fail("internal", repr(error))
            self._error = error
        if self._failure is not None:
            uc.emu_stop()

    def _on_helper(self, number: int) -> None:
        world, uc, ids = self.world, self.uc, self._ids
        world.step = max(len(self._recording.ids) - 1, 0)
        helper = self._helpers[number]
        self._save()
        regs = self._saved.cast("Q")
        result = call_helper(helper, world, (regs[7], regs[6], regs[2], regs[1], regs[8]))
        if isinstance(result, int):
            uc.reg_write(ids[11], 0)
            uc.reg_write(ids[0], result)
            return
        self._running.append(result)
        self._go_on(None)

    def _after_callback(self) -> None:
        self.world.step = max(len(self._recording.ids) - 1, 0)
        self._go_on(int(self.uc.reg_read(self._ids[0])))

    def _go_on(self, answer: int | None) -> None:
        """The innermost helper that calls back: its next call into r11 and the argument registers, or its result."""
        uc, ids, helper = self.uc, self._ids, self._running[-1]
        try:
            wanted = helper.send(answer) if answer is not None else next(helper)
        except StopIteration as done:
            self._running.pop()
            uc.reg_write(ids[11], 0)
            uc.reg_write(ids[0], done.value & U64)
            return
        if not any(one.base <= wanted.address < one.base + len(one.image.code) for one in self.loaded):
            raise AccessError(
                f"a helper was given {wanted.address:#x} as a function, and no code is there", wanted.address
            )
        for reg, value in zip(_ARGUMENTS, wanted.args, strict=True):
            uc.reg_write(ids[reg], value)
        uc.reg_write(ids[11], wanted.address)

    # -- afterwards -----------------------------------------------------------------------------------

    def _fault(self, where: int) -> Fault:
        kind, message = self._failure or ("memory", "")
        if self._failure is None and self._bad is not None:
            message = self.memory.explain(*self._bad)
        if self._failure is None and self._bad is None:
            kind, message = "insns", f"the run was stopped after {self.limits.insns:,} instructions"
        if kind == "internal":
            raise InternalError(message) from self._error
        return Fault(kind, message, self._insn_at(where), max(self._recording.step_of(len(self._recording.ids) - 1), 0))

    def _insn_at(self, where: int) -> int:
        """Original slot of the instruction at `where`, or of the call that led to a helper there."""
        in_text = TEXT_BASE <= where < self.text.end
        if in_text and self.record and self._recording.count() == self._insns and self._recording.ids:
            return self.points[self._recording.ids[-1]].orig
        if in_text:
            where = self.memory.u64(int(self.uc.reg_read(self._x86.UC_X86_REG_RSP))) - 1
        for one in self.loaded:
            if one.base <= where < one.base + CODE_STRIDE:
                return one.orig_at(where)
        return 0

    @staticmethod
    def _program_at(address: int) -> int:
        """The number of the program whose code is at an address."""
        return (address - CODE_BASE) // CODE_STRIDE - 1

    def _execution(self, fault: Fault | None, recorded: int) -> Execution:
        world, recording = self.world, self._recording
        r0 = int(self.uc.reg_read(self._ids[0])) if fault is None else 0
        events = [event._replace(step=recording.step_of(event.step)) for event in world.events]
        steps: Sequence[Any] = ()
        if self.record:
            names = {one.starts[0]: one.rewritten.program.name for one in self.loaded}
            for step, i in recording.tail_calls():
                events.append(RunEvent(step, "tail_call", f"to {names[self.points[i].address]}"))
            events.sort(key=lambda event: event.step)
            first: dict[int, int] = {}
            for i, event in enumerate(events):
                first.setdefault(event.step, i)
            stack = range(world.stack.base, world.stack.end)
            several = self._program_at if len(self.loaded) > 1 else None
            steps = Steps(recording, first, Namer(self.memory), stack, self._steps, program_of=several)
        return Execution(
            engine="jit",
            r0=r0,
            result=world.result(r0) if fault is None else "",
            packet_out=world.packet_out(),
            maps=world.map_contents(),
            events=tuple(events),
            insns=self._insns,
            steps=steps,
            steps_cut=self.asked and self._insns > recorded,
            fault=fault,
            regions=world.memory.regions() if self.asked else (),
        )


_REG_NAMES: Final = (
    "RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
    "R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15",
)  # fmt: skip
_ARGUMENTS: Final = (7, 6, 2, 1, 8)


def _refuse_unconverted(programs: Sequence[tuple[Rewritten, Image]]) -> None:
    """InputError for a program nobody verified that reads its context: in memory are the kernel's own structures."""
    for rewritten, _ in programs:
        struct = converted_context(rewritten)
        if struct is not None:
            raise InputError(
                f"{rewritten.program.name} reads its context ({struct}) and is not verified: machine code needs the "
                "verifier's rewrites for that. Run it with the interpreter, or let it be verified."
            )


def run_all(
    rewritten: Rewritten,
    image: Image,
    inputs: Sequence[RunInput],
    limits: RunLimits,
    *,
    record: bool = True,
    siblings: Sequence[tuple[Rewritten, Image]] = (),
    maps: Sequence[MapSpec] = (),
) -> list[Execution]:
    """Run the program once for each input, with the same maps. siblings -- the programs that tail calls can reach.
    `maps` are all the object's (Object.maps), for maps of maps.

    limits.steps is what all of them together may record, limits.seconds what each may take.

    Raises InputError for an input the program cannot have, LimitError where maps or code are too large,
    NotEmulated for what the machine cannot hold. What goes wrong during a run is the Execution's fault.
    """
    programs = [(rewritten, image), *siblings]
    if any(not isinstance(given, MemoryInput) for given in inputs):
        _refuse_unconverted(programs)
    machine = Machine(programs, limits, maps)
    machine.asked = record
    done: list[Execution] = []
    steps = limits.steps if record else 0
    try:
        for given in inputs:
            done.append(machine.run(given, steps))
            steps -= len(done[-1].steps)
    finally:
        machine.close()
    return done


def run(
    rewritten: Rewritten,
    image: Image,
    given: RunInput,
    limits: RunLimits,
    *,
    record: bool = True,
    siblings: Sequence[tuple[Rewritten, Image]] = (),
    maps: Sequence[MapSpec] = (),
) -> Execution:
    """One run of `run_all`."""
    return run_all(rewritten, image, [given], limits, record=record, siblings=siblings, maps=maps)[0]
