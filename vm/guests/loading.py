"""Loads one program into a guest as libbpf 1.5 does: BTF, maps and their contents, then the program.

Order and retries follow bpf_object__load() in tools/lib/bpf/libbpf.c: BTF that the kernel refuses is left out, and a
map that it refuses with BTF is created without.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from vm.btf.types import Kind as BtfKind
from vm.guests import linux as l
from vm.guests.for_kernel import for_kernel
from vm.guests.kernel import GuestKernel
from vm.guests.machine import Machine
from vm.guests.prog_arrays import fill_prog_arrays
from vm.guests.slots import BTF, FIRST_INNER, FIRST_PROGRAM, PROGRAM, map_slot
from vm.guests.wire import GuestError, Kind, Read, Request, Result, Slot
from vm.isa import opcodes as o
from vm.isa.insn import INSN_SIZE, encode
from vm.kernel import types as t
from vm.kernel.attach import attach_target
from vm.program import UNRESOLVED_CORE, MapSpec, Object, Program

LOG_BYTES: Final = 4 << 20
MAX_LOGGED: Final = 20_000  # instructions; a longer walk is returned without its steps
STATS: Final = 4  # BPF_LOG_STATS

_LINE_COLUMN: Final = 10
_MAP_LOADS: Final = frozenset({o.PSEUDO_MAP_FD, o.PSEUDO_MAP_VALUE})
# Types that libbpf gives no BTF for when it creates them (bpf_object__create_map).
_PLAIN: Final = frozenset(
    {
        t.BPF_MAP_TYPE_PERF_EVENT_ARRAY, t.BPF_MAP_TYPE_CGROUP_ARRAY, t.BPF_MAP_TYPE_STACK_TRACE,
        t.BPF_MAP_TYPE_ARRAY_OF_MAPS, t.BPF_MAP_TYPE_HASH_OF_MAPS, t.BPF_MAP_TYPE_DEVMAP, t.BPF_MAP_TYPE_DEVMAP_HASH,
        t.BPF_MAP_TYPE_CPUMAP, t.BPF_MAP_TYPE_XSKMAP, t.BPF_MAP_TYPE_SOCKMAP, t.BPF_MAP_TYPE_SOCKHASH,
        t.BPF_MAP_TYPE_QUEUE, t.BPF_MAP_TYPE_STACK, t.BPF_MAP_TYPE_ARENA,
    }
)  # fmt: skip
_PROCESSED: Final = re.compile(rb"processed (\d+) insns")
_STATES: Final = re.compile(rb"total_states (\d+)")


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a kernel to a program.

    verdict -- accept; reject (with a verifier's log); error (refused without one: a map was not created, the kernel
               does not have the program type)
    errno   -- negative, 0 of an accepted program
    why     -- of an error: what was refused
    states  -- checkpoints that the verifier stored (total_states); -1: it did not say
    """

    verdict: str
    errno: int
    insns_processed: int
    log: bytes
    why: str = ""
    states: int = -1


class Load:
    """A program of an object in a guest, with maps of its own. mapped -- whether the maps were made"""

    def __init__(self, machine: Machine, kernel: GuestKernel, obj: Object, program: Program) -> None:
        self.machine, self.kernel, self.obj, self.program = machine, kernel, obj, program
        self.features = frozenset(kernel.state.features)
        self._btf: bytes | None = None
        if program.btf is not None:
            self._btf = for_kernel(program.btf.data, self.features)
        self._untyped: set[int] = set()
        self.mapped = False
        self._replaced: Slot | None = None
        self._numbers = {id(spec): number for number, spec in enumerate(obj.maps)}

    def answer(self, log_level: int) -> Answer:
        """Loads it with a log level (0: only the verifier's statistics); returns the answer of the kernel."""
        first = self._first()
        if isinstance(first, Answer):
            return first
        found = self._told(first)
        if found.verdict == "accept":
            left = fill_prog_arrays(self.machine, self.obj, {self.program.name: PROGRAM}, all_of=True)
            if left is not None:
                found = replace(found, verdict="reject", errno=left.errno, why=left.why)
        if log_level and found.insns_processed <= MAX_LOGGED and found.log:
            request = Request()
            self._close(request, PROGRAM)
            self._load(request, log_level)
            again = self.machine.run(request)[-1]
            if again.skipped or not again.data:
                raise GuestError("protocol", "The guest did not load the program again.")
            return replace(found, log=again.data[0])
        return found

    def together(self, programs: Sequence[Program]) -> list[tuple[Slot, Answer]]:
        """Loads programs of the object with shared maps and fills its program arrays; each one's slot and answer.

        freplace programs come last: the kernel wants the program that has the function they replace.
        """
        out: dict[int, tuple[Slot, Answer]] = {}
        loaded: dict[str, Slot] = {}
        for number in sorted(range(len(programs)), key=lambda each: programs[each].prog_type == t.BPF_PROG_TYPE_EXT):
            self.program, slot = programs[number], Slot(FIRST_PROGRAM + number)
            self._replaced = None
            if self.program.prog_type == t.BPF_PROG_TYPE_EXT:
                self._replaced = next((loaded[each.name] for each in programs if self._replaces(each, loaded)), None)
                if self._replaced is None:
                    why = f"no program of this object that was loaded has a function '{self.program.attach_btf_name}'"
                    out[number] = slot, Answer("error", 0, 0, b"", f"It replaces a function, but {why}.")
                    continue
            if self.mapped:
                request = Request()
                self._load(request, STATS, slot)
                first: Result | Answer = self.machine.run(request)[-1]
            else:
                first = self._first(slot)
            if isinstance(first, Answer):
                return [(slot, first) for _ in programs]
            out[number] = slot, self._told(first)
            if out[number][1].verdict == "accept":
                loaded[self.program.name] = slot
        left = fill_prog_arrays(self.machine, self.obj, loaded, all_of=False) if loaded else None
        return [
            (slot, replace(said, verdict="reject", errno=left.errno, why=left.why))
            if left is not None and said.verdict == "accept"
            else (slot, said)
            for slot, said in (out[number] for number in range(len(programs)))
        ]

    def _replaces(self, other: Program, loaded: Mapping[str, Slot]) -> bool:
        """Whether another program was loaded and has the function that this one replaces."""
        return other.name in loaded and any(info.type_id == self._attach_id() for info in other.func_infos)

    def _first(self, slot: Slot = PROGRAM) -> Result | Answer:
        """BTF, maps, and the program with the statistics of its verification."""
        for _ in range(len(self.obj.maps) + 2):
            request = Request()
            btf = self._load_btf(request) if self._btf is not None else -1
            made = {number: self._create(request, number, spec) for number, spec in enumerate(self.obj.maps)}
            filled = self._fill(request)
            last = self._load(request, STATS, slot)
            results = self.machine.run(request)
            if btf >= 0 and results[btf].failed:
                if any(spec.map_type == t.BPF_MAP_TYPE_STRUCT_OPS for spec in self.obj.maps):
                    return Answer("error", results[btf].value, 0, b"", "The kernel refused the object's BTF.")
                self._btf = None
                continue
            refused = next((number for number, calls in made.items() if results[calls[-1]].failed), None)
            if refused is None:
                bad = next((number for number, call in filled if results[call].failed), None)
                if bad is not None:
                    name = self.obj.maps[bad].full_name
                    return Answer("error", results[filled[0][1]].value, 0, b"", f"Map '{name}' was not filled.")
                self.mapped = True
                return results[last]
            spec = self.obj.maps[refused]
            if refused in self._untyped or not (self._types(spec) or (spec.inner and self._types(spec.inner))):
                why = f"The kernel did not create the map '{spec.full_name or spec.name}'."
                errno = next(results[call].value for call in made[refused] if results[call].failed)
                return Answer("error", errno, 0, b"", why)
            self._untyped.add(refused)
            request = Request()
            for number in range(len(self.obj.maps)):
                self._close(request, map_slot(number))
            self.machine.run(request)
        raise GuestError("protocol", "The guest's kernel refused one map after the other.")

    def _told(self, result: Result) -> Answer:
        log = result.data[0] if result.data else b""
        processed = _PROCESSED.findall(log)
        count = int(processed[-1]) if processed else 0
        stored = _STATES.findall(log)
        states = int(stored[-1]) if stored else -1
        if not result.failed:
            return Answer("accept", 0, count, log, states=states)
        if log:
            return Answer("reject", result.value, count, log, states=states)
        return Answer("error", result.value, 0, b"", "The kernel refused the program before it verified it.")

    @staticmethod
    def _close(request: Request, slot: Slot) -> None:
        request.call(l.CLOSE, slot)

    def _load_btf(self, request: Request) -> int:
        data = self._btf or b""
        attr = l.Attr().u64(0, request.place(data)).u32(16, len(data))
        return request.call(l.BPF, l.BTF_LOAD, request.place(bytes(attr.data)), attr.size, keep=BTF.number, stop=True)

    def _types(self, spec: MapSpec) -> bool:
        """Whether a map is made with types of the object's BTF."""
        typed = spec.btf_key_type_id or spec.btf_value_type_id
        return bool(self._btf is not None and typed and spec.map_type not in _PLAIN)

    def _create(self, request: Request, number: int, spec: MapSpec) -> tuple[int, ...]:
        """A map, and before it the template of a map of maps; the calls that have to work."""
        inner = None
        calls: tuple[int, ...] = ()
        typed = number not in self._untyped
        if spec.inner is not None:
            inner = Slot(FIRST_INNER + number)
            calls = (self._create_one(request, spec.inner, inner, typed=typed, stop=True),)
        slot = map_slot(number)
        return (*calls, self._create_one(request, spec, slot, typed=typed, inner=inner, stop=True))

    def _create_one(
        self, request: Request, spec: MapSpec, slot: Slot, *, typed: bool, inner: Slot | None = None, stop: bool = False
    ) -> int:
        attr = l.Attr()
        for offset, value in enumerate(
            (spec.map_type, spec.key_size, spec.value_size, spec.max_entries, spec.map_flags)
        ):
            attr.u32(4 * offset, value)
        attr.u32(24, spec.numa_node).text(28, spec.name.encode("ascii", "replace"))
        attr.u32(60, spec.vmlinux_value_type_id).u64(64, spec.map_extra)
        patches: list[tuple[int, Slot]] = []
        at = request.room(l.ATTR_BYTES)
        if self._btf is not None and spec.map_type not in _PLAIN and typed:
            attr.u32(52, spec.btf_key_type_id).u32(56, spec.btf_value_type_id)
            patches.append((at + 48, BTF))
        if inner is not None:
            patches.append((at + 20, inner))
        request.write(at, bytes(attr.data))
        made = request.call(l.BPF, l.MAP_CREATE, at, attr.size, keep=slot.number, stop=stop, patches=tuple(patches))
        if spec.map_type == t.BPF_MAP_TYPE_ARENA:
            flags = 1 | (0x10 if spec.map_extra else 0)
            request.call(l.MMAP, spec.map_extra, spec.max_entries * 4096, 3, flags, slot, 0)
        return made

    def _fill(self, request: Request) -> list[tuple[int, int]]:
        """Writes initial contents of global data and of maps of maps; (map, call) of calls that must succeed."""
        out = []
        for number, spec in enumerate(self.obj.maps):
            slot = map_slot(number)
            if spec.initial is not None and spec.map_type not in (t.BPF_MAP_TYPE_ARENA, t.BPF_MAP_TYPE_STRUCT_OPS):
                data = request.place(spec.initial.ljust(spec.value_size, b"\0"))
                out.append((number, self._update(request, slot, bytes(4), data)))
            if spec.frozen:
                at = request.place(bytes(l.ATTR_BYTES))
                request.call(l.BPF, l.MAP_FREEZE, at, 4, patches=((at, slot),))
            if spec.map_type not in (t.BPF_MAP_TYPE_PROG_ARRAY, t.BPF_MAP_TYPE_STRUCT_OPS):
                for key, value in spec.init_slots:
                    if isinstance(value, int):
                        data = request.place(bytes(4))
                        place = map_slot(value)
                        out.append((number, self._update(request, slot, struct.pack("<I", key), data, place)))
        return out

    @staticmethod
    def _update(request: Request, slot: Slot, key: bytes, data: int, value: Slot | None = None) -> int:
        at = request.place(bytes(l.ATTR_BYTES))
        attr = l.Attr().u64(8, request.place(key)).u64(16, data).u64(24, 0)
        request.write(at, bytes(attr.data))
        patches = ((at, slot),) if value is None else ((at, slot), (data, value))
        return request.call(l.BPF, l.MAP_UPDATE_ELEM, at, attr.size, patches=patches)

    def _load(self, request: Request, log_level: int, slot: Slot = PROGRAM) -> int:
        """BPF_PROG_LOAD, with the log as what is read."""
        program = self.program
        at = request.room(l.ATTR_BYTES)
        insns = encode(program.insns)
        code = request.place(insns)
        log = request.room(LOG_BYTES)
        request.write(log, b"\0")
        attr = l.Attr().u32(0, program.prog_type).u32(4, len(program.insns)).u64(8, code)
        attr.u64(16, request.text(program.license)).u32(24, log_level).u32(28, LOG_BYTES).u64(32, log)
        attr.u32(40, self.kernel.version_code).u32(44, program.prog_flags)
        # The name of an ELF symbol goes as it is, as from libbpf; others are names of files.
        name = program.name if program.btf is not None else re.sub(r"[^A-Za-z0-9_.]", "_", program.name)
        attr.text(48, name.encode("ascii", "replace")).u32(68, self._attach_type())
        patches = [
            (code + INSN_SIZE * number + 4, map_slot(self._number(program.maps[insn.imm])))
            for number, insn in enumerate(program.insns)
            # A number that no relocation put there is a file descriptor, and goes as it is.
            if insn.code == o.LD_IMM64 and insn.src_reg in _MAP_LOADS and 0 <= insn.imm < len(program.maps)
        ]
        if self._btf is not None and program.btf is not None:
            funcs, lines = self._infos()
            attr.u32(76, 8).u64(80, request.place(funcs)).u32(88, len(funcs) // 8)
            attr.u32(92, 16).u64(96, request.place(lines)).u32(104, len(lines) // 16)
            patches.append((at + 72, BTF))
        attr.u32(108, self._attach_id())
        if self._replaced is not None:
            patches.append((at + attr.size, self._replaced))
            attr.u32(attr.size, 0)
        request.write(at, bytes(attr.data))
        return request.call(
            l.BPF, l.PROG_LOAD, at, attr.size, keep=slot.number, patches=tuple(patches),
            reads=(Read(log, LOG_BYTES, Kind.TEXT),),
        )  # fmt: skip

    def _number(self, spec: MapSpec) -> int:
        found = self._numbers.get(id(spec))
        return self.obj.maps.index(spec) if found is None else found

    def _attach_type(self) -> int:
        program = self.program
        if program.section.partition("/")[0].removesuffix(".s") == "usdt" and not self.kernel.uprobe_multi:
            return 0
        return program.expected_attach_type

    def _attach_id(self) -> int:
        program = self.program
        if not program.attach_btf_name:
            return 0
        name = program.attach_btf_name
        if program.prog_type == t.BPF_PROG_TYPE_EXT:
            replaced = program.btf.find(name, BtfKind.FUNC) if program.btf is not None else None
            return replaced.id if replaced is not None else 0
        found = attach_target(program.prog_type, program.expected_attach_type, name, self.kernel.btf)
        return found.id if found is not None else 0

    def _infos(self) -> tuple[bytes, bytes]:
        """func_info and line_info; the strings are those of the object's BTF."""
        program = self.program
        assert program.btf is not None
        funcs = b"".join(struct.pack("<II", info.insn_off, info.type_id) for info in program.func_infos)
        lines = b"".join(
            struct.pack(
                "<IIII", info.insn_off, program.btf.string_offset(info.file), program.btf.string_offset(info.text),
                info.line << _LINE_COLUMN | info.column,
            )
            for info in program.line_infos
        )  # fmt: skip
        return funcs, lines


def named_in(program: Program, log: bytes) -> bytes:
    """The log with what the loader could not resolve named, as libbpf rewrites it (fixup_verifier_log)."""
    lines = log.split(b"\n")
    for number in range(len(lines) - 1, max(0, len(lines) - 12), -1):
        if not lines[number].startswith(b"invalid func unknown#"):
            continue
        found = re.match(rb"(\d+): \(\d+\) call unknown#\d+$", lines[number - 1])
        missing = next((each for each in program.unresolved if found and each.slot == int(found[1])), None)
        if found is None or missing is None:
            return log
        name = missing.name.encode()
        if missing.kind == UNRESOLVED_CORE:
            said = b"<invalid CO-RE relocation>", b"failed to resolve CO-RE relocation " + name
        else:
            said = b"<invalid kfunc call>", b"kfunc '" + name + b"' is referenced but wasn't resolved"
        lines[number - 1], lines[number] = found[1] + b": " + said[0], said[1]
        return b"\n".join(lines)
    return log
