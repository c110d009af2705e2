"""Links one program: appends the subprograms it calls and resolves its relocations, as libbpf does."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from vm.btf.types import Btf
from vm.elf.code import MAX_INSNS, Function, Rel, Target
from vm.elf.placed import PlacedMap
from vm.errors import InputError
from vm.isa import opcodes as o
from vm.isa.insn import INSN_SIZE, Insn
from vm.kernel.target import EMULATED
from vm.kernel.target import Target as Kernel
from vm.program import UNRESOLVED_CORE, UNRESOLVED_KFUNC, FuncInfo, LineInfo, MapSpec, Unresolved

if TYPE_CHECKING:
    from vm.elf.relo_core import Resolver

_CALL: Final = o.JMP | o.CALL


class Externs(Protocol):
    """Resolves extern symbols of a program's relocations."""

    def load(self, symbol: int, insn: Insn) -> tuple[Insn, Insn, MapSpec | None]:
        """The two slots of an address load, and the map to which its src_reg refers."""

    def call(self, symbol: int, insn: Insn) -> Insn:
        """The call of a kernel function."""

    def name_of(self, symbol: int) -> str:
        """The symbol's name."""


@dataclass(slots=True)
class Linked:
    """The outcome: instructions with map indices into `maps`, and BTF records.

    debug_lines -- lines by DWARF, if each function has some: those of one would else seem to reach into the next
    """

    insns: list[Insn] = field(default_factory=list)
    maps: list[MapSpec] = field(default_factory=list)
    funcs: list[FuncInfo] = field(default_factory=list)
    lines: list[LineInfo] = field(default_factory=list)
    debug_lines: list[LineInfo] = field(default_factory=list)
    symbols: list[FuncInfo] = field(default_factory=list)
    unresolved: list[Unresolved] = field(default_factory=list)


class Linker:
    """What all programs of an object share while they are linked."""

    def __init__(
        self,
        functions: list[Function],
        maps: list[PlacedMap],
        btf: Btf | None,
        externs: Externs,
        kernel: Kernel = EMULATED,
    ) -> None:
        self.maps, self.btf, self.externs, self.kernel = maps, btf, externs, kernel
        self.text = [f for f in functions if f.section.name == ".text"]
        self._resolver: Resolver | None = None
        self._starts = [f.start for f in self.text]

    def subprogram(self, slot: int) -> Function | None:
        """The function of .text that holds a slot of it."""
        index = bisect_right(self._starts, slot) - 1
        if index < 0 or slot >= self.text[index].end:
            return None
        return self.text[index]

    def link(self, main: Function, also: Function | None = None) -> Linked:
        """The program that starts with `main`; `also` is its exception callback. InputError says what is missing."""
        out = Linked()
        targets: dict[int, Target] = {}
        places: dict[int, int] = {id(main): 0}
        self._append(out, main, targets)
        # As libbpf: a subprogram is appended when its first call is met, and gone through before the caller goes on.
        for first in (main, also):
            if first is None or (first is not main and id(first) in places):
                continue
            if first is not main:
                places[id(first)] = len(out.insns)
                self._append(out, first, targets)
            stack = [(first, places[id(first)], 0)]
            while stack:
                function, base, slot = stack.pop()
                while slot < len(function.insns):
                    callee = self._callee(function, slot, out.insns[base + slot])
                    if callee is None:
                        slot += 1
                        continue
                    fresh = id(callee) not in places or (places[id(callee)] == 0)
                    if fresh:
                        places[id(callee)] = len(out.insns)
                        self._append(out, callee, targets)
                    insn = out.insns[base + slot]
                    out.insns[base + slot] = insn._replace(imm=places[id(callee)] - (base + slot) - 1)
                    slot += 1
                    if fresh:
                        stack.append((function, base, slot))
                        stack.append((callee, places[id(callee)], 0))
                        break
        self._data(out, targets)
        return out

    def _append(self, out: Linked, function: Function, targets: dict[int, Target]) -> None:
        if function.error:
            raise InputError(function.error if not out.insns else f"in '{function.name}': {function.error}")
        if function.relos and self.btf is not None:
            self._core(function, self.btf)
        base = len(out.insns)
        if base + len(function.insns) > MAX_INSNS:
            count = base + len(function.insns)
            raise InputError(f"the program has {count} instructions; the kernel takes at most {MAX_INSNS}")
        out.insns += function.insns
        for slot, target in function.targets.items():
            targets[base + slot] = target
            if target.kind is Rel.SUBPROG_ADDR:
                out.insns[base + slot] = out.insns[base + slot]._replace(src_reg=o.PSEUDO_FUNC)
        for slot, asked in function.unresolved.items():
            out.unresolved.append(Unresolved(base + slot, UNRESOLVED_CORE, asked))
        out.symbols.append(FuncInfo(base, 0, function.name))
        self._records(out, function, base)
        if not function.debug_lines:
            out.debug_lines = []
        elif out.debug_lines or not base:
            out.debug_lines += (info._replace(insn_off=base + info.insn_off) for info in function.debug_lines)

    def _core(self, function: Function, btf: Btf) -> None:
        """Apply CO-RE relocations, once: what they become is the same for every program."""
        from vm.elf.core import relocate_core
        from vm.elf.relo_core import Resolver

        if self._resolver is None:
            self._resolver = Resolver(btf, self.kernel.btf)
        try:
            function.insns, function.unresolved = relocate_core(function, self._resolver)
        except InputError as error:
            function.error = error.message
            raise
        function.relos = []

    def _records(self, out: Linked, function: Function, base: int) -> None:
        btf = self.btf
        if btf is None:
            return
        shift = base - function.start
        if base and out.funcs and not function.funcs:
            raise InputError(f"the subprogram '{function.name}' has no BTF function info; compile with -g")
        if base == 0 or out.funcs:
            for func in function.funcs:
                info = FuncInfo(func.offset // INSN_SIZE + shift, func.type_id, btf.type(func.type_id).name)
                out.funcs.append(info)
        if base == 0 or out.lines:
            for line in function.lines:
                file, text = btf.string(line.file_off), btf.string(line.text_off)
                out.lines.append(LineInfo(line.offset // INSN_SIZE + shift, file, line.line, line.column, text))

    def _callee(self, function: Function, slot: int, insn: Insn) -> Function | None:
        """The subprogram an instruction of a function calls or takes the address of, if it does."""
        call = insn.code == _CALL and insn.src_reg == o.PSEUDO_CALL
        if not call and not (insn.code == o.LD_IMM64 and insn.src_reg == o.PSEUDO_FUNC):
            return None
        target = function.targets.get(slot)
        if target is not None and target.kind is Rel.EXTERN_CALL:
            return None
        # The section's own instruction: ours may have been given its final distance already.
        imm = function.insns[slot].imm
        if target is None and not call:
            raise InputError(f"the function address at instruction {slot} of '{function.name}' has no relocation")
        if target is None:
            place = function.start + slot + imm + 1
        elif target.kind is Rel.CALL:
            place = target.value // INSN_SIZE + imm + 1
        elif target.kind is Rel.SUBPROG_ADDR:
            place = (target.value + imm) // INSN_SIZE
        else:
            raise InputError(f"the call at instruction {slot} of '{function.name}' has a relocation of another kind")
        callee = self.subprogram(place)
        if callee is None:
            raise InputError(f"instruction {slot} of '{function.name}' calls a function that is not in section .text")
        return callee

    def _data(self, out: Linked, targets: dict[int, Target]) -> None:
        numbers: dict[int, int] = {}
        insns = out.insns

        def number(spec: MapSpec) -> int:
            found = numbers.get(id(spec))
            if found is None:
                found = numbers[id(spec)] = len(out.maps)
                out.maps.append(spec)
            return found

        for slot in sorted(targets):
            kind, value, offset = targets[slot]
            insn = insns[slot]
            if kind in (Rel.MAP, Rel.DATA, Rel.EXTERN_LD64) and slot + 1 >= len(insns):
                raise InputError(f"the 64-bit load at instruction {slot} is cut off")
            if kind is Rel.MAP:
                insns[slot] = insn._replace(src_reg=o.PSEUDO_MAP_FD, imm=number(self.maps[value].spec))
            elif kind is Rel.DATA:
                second = _signed(insn.imm + offset)
                insns[slot] = insn._replace(src_reg=o.PSEUDO_MAP_VALUE, imm=number(self.maps[value].spec))
                insns[slot + 1] = insns[slot + 1]._replace(imm=second)
            elif kind is Rel.EXTERN_LD64:
                first, other, spec = self.externs.load(value, insn)
                insns[slot] = first if spec is None else first._replace(imm=number(spec))
                insns[slot + 1] = other
            elif kind is Rel.EXTERN_CALL:
                insns[slot] = self.externs.call(value, insn)
                if insns[slot].src_reg != o.PSEUDO_KFUNC_CALL:
                    out.unresolved.append(Unresolved(slot, UNRESOLVED_KFUNC, self.externs.name_of(value)))


def _signed(value: int) -> int:
    return (value & 0xFFFFFFFF) - ((value & 0x80000000) << 1)
