"""Extern symbols: __kconfig options, __ksym variables and kernel functions, as libbpf resolves them."""

from __future__ import annotations

from dataclasses import dataclass, field
from errno import EINVAL, ESRCH
from typing import Final

from vm.btf.types import INT_BOOL, INT_SIGNED, MAX_DEPTH, Btf, Kind, Type
from vm.elf.maps import internal_map_name
from vm.elf.reader import STB_WEAK, ElfFile, Symbol
from vm.errors import InputError
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.kernel import types as t
from vm.kernel.target import EMULATED, Target
from vm.program import MapSpec

# The call of a kernel function that is not there (POISON_CALL_KFUNC_BASE), plus the extern's number.
_POISON_KFUNC: Final = 2002000000
_TRISTATE: Final = {"n": 0, "y": 1, "m": 2}
_MAX_KCONFIG: Final = 4096


@dataclass(slots=True)
class _Extern:
    """An extern symbol, and where its value lies: size, align and offset are those of its variable in bytes."""

    symbol: Symbol
    type: Type  # its VAR or FUNC
    section: str
    size: int = 0
    align: int = 0
    offset: int = 0

    @property
    def weak(self) -> bool:
        return self.symbol.bind == STB_WEAK

    def sort_key(self) -> tuple[bool, int, int, str]:
        """cmp_externs(): options first, by alignment, size and name."""
        kernel_symbol = self.section == ".ksyms"
        return kernel_symbol, -self.align, self.size, self.type.name


@dataclass(slots=True)
class Externs:
    """All extern symbols of an object. What a program does not use is not looked up."""

    local: Btf | None
    symbols: tuple[Symbol, ...]
    name: str
    kernel: Target = EMULATED
    ordered: list[_Extern] = field(default_factory=list)
    _by_symbol: dict[int, int] = field(default_factory=dict)
    _map: MapSpec | None = None

    def extern(self, symbol: int) -> tuple[int, _Extern]:
        """Number (in libbpf's order) and extern of a symbol; InputError names one that nothing describes."""
        found = self._by_symbol.get(symbol)
        if found is None:
            name = self.symbols[symbol].name
            raise InputError(
                f"it uses the extern symbol '{name}', which nothing defines; mark it __ksym or __kconfig "
                "if the kernel has it"
            )
        return found, self.ordered[found]

    def load(self, symbol: int, insn: Insn) -> tuple[Insn, Insn, MapSpec | None]:
        """The two slots that load its address, and for an option the map it is in."""
        _number, extern = self.extern(symbol)
        if extern.section == ".kconfig":
            spec = self.kconfig_map()
            return insn._replace(src_reg=o.PSEUDO_MAP_VALUE), Insn(0, imm=extern.offset), spec
        assert self.local is not None
        wanted = self.local.skip_modifiers(extern.type.type_id)
        if wanted.kind is Kind.VOID:
            address = self.kernel.address(extern.type.name)
            if address is None and not extern.weak:
                raise InputError(f"the kernel has no symbol '{extern.type.name}' (extern __ksym)", errno=-EINVAL)
            return _address(insn, address or 0)
        found = self._kernel(extern, Kind.FUNC if extern.type.kind is Kind.FUNC else Kind.VAR)
        if found is None and not self._half_resolved(extern):
            return _address(insn, 0)
        return insn._replace(src_reg=o.PSEUDO_BTF_ID, imm=found.id if found is not None else 0), Insn(0), None

    def call(self, symbol: int, insn: Insn) -> Insn:
        """The call of a kernel function: imm is its BTF id, or a value no function has if it is weak and missing."""
        number, extern = self.extern(symbol)
        found = None
        if extern.type.kind is Kind.FUNC:
            found = self._kernel(extern, Kind.FUNC)
        elif extern.section != ".kconfig" and self._typed(extern):
            # libbpf does not look at what a symbol is: the verifier will say that a variable is no function.
            found = self._kernel(extern, Kind.VAR)
        if found is None and not self._half_resolved(extern):
            return Insn(o.JMP | o.CALL, 0, 0, 0, _POISON_KFUNC + number)
        return insn._replace(src_reg=o.PSEUDO_KFUNC_CALL, imm=found.id if found is not None else 0, off=0)

    def first_missing(self) -> InputError | None:
        """What libbpf would give the whole object up for (bpf_object__resolve_externs), used or not."""
        try:
            self.kconfig_map()
            for extern in self.ordered:
                if extern.section == ".kconfig" or extern.weak:
                    continue
                if extern.type.kind is Kind.FUNC or self._typed(extern):
                    self._kernel(extern, Kind.FUNC if extern.type.kind is Kind.FUNC else Kind.VAR)
                elif self.kernel.address(extern.type.name) is None:
                    raise InputError(f"the kernel has no symbol '{extern.type.name}' (extern __ksym)", errno=-ESRCH)
        except InputError as error:
            return error
        return None

    def _half_resolved(self, extern: _Extern) -> bool:
        """Whether libbpf takes a typed symbol that the kernel's BTF lacks for found, with the id 0.

        If any symbol of the object has no type, kallsyms is read for all of them (kallsyms_cb), and what has an address
        there counts as set.
        """
        others = (each for each in self.ordered if each.section == ".ksyms" and each.type.kind is not Kind.FUNC)
        if extern.section != ".ksyms" or all(self._typed(each) for each in others):
            return False
        return self.kernel.address(extern.type.name) is not None

    def _typed(self, extern: _Extern) -> bool:
        """Whether a variable is declared with a type, so that the kernel's BTF has to know it."""
        return self.local is not None and self.local.skip_modifiers(extern.type.type_id).kind is not Kind.VOID

    def name_of(self, symbol: int) -> str:
        """The symbol's name."""
        return self.symbols[symbol].name

    def _kernel(self, extern: _Extern, kind: Kind) -> Type | None:
        """The kernel's variable or function; None if it is weak and there is none that fits."""
        from vm.elf.relo_core import Resolver, essential

        assert self.local is not None
        kernel, name = self.kernel.btf, essential(extern.type.name)
        found = kernel.find(name, kind)
        what = "function" if kind is Kind.FUNC else "variable"
        if found is None:
            if extern.weak:
                return None
            raise InputError(f"{self.kernel.name} has no {what} '{name}' in its BTF (extern __ksym)", errno=-EINVAL)
        mine = self.local.skip_modifiers(extern.type.type_id).id
        theirs = found.type_id if kind is Kind.FUNC else kernel.skip_modifiers(found.type_id).id
        if not Resolver(self.local, kernel).compatible(mine, theirs, MAX_DEPTH):
            if extern.weak and kind is Kind.FUNC:
                return None
            raise InputError(
                f"the {what} '{name}' of {self.kernel.name} has another type than the one declared here", errno=-EINVAL
            )
        return found

    def kconfig_map(self) -> MapSpec | None:
        """The map of all options the object names, or None if it names none."""
        options = [e for e in self.ordered if e.section == ".kconfig"]
        if self._map is None and options:
            assert self.local is not None
            size = options[-1].offset + options[-1].size
            data = bytearray(size)
            for extern in options:
                data[extern.offset : extern.offset + extern.size] = _option(self.local, extern, self.kernel)
            datasec = self.local.find(".kconfig", Kind.DATASEC)
            self._map = MapSpec(
                name=internal_map_name(self.name, ".kconfig"),
                map_type=t.BPF_MAP_TYPE_ARRAY,
                key_size=4,
                value_size=size,
                max_entries=1,
                map_flags=t.BPF_F_RDONLY_PROG | t.BPF_F_MMAPABLE,
                full_name=".kconfig",
                btf_value_type_id=datasec.id if datasec else 0,
                initial=bytes(data),
                frozen=True,
            )
        return self._map


def _address(insn: Insn, address: int) -> tuple[Insn, Insn, MapSpec | None]:
    low, high = address & 0xFFFFFFFF, address >> 32
    return insn._replace(imm=_signed(low)), Insn(0, imm=_signed(high)), None


def _signed(value: int) -> int:
    return value - ((value & 0x80000000) << 1)


def collect_externs(elf: ElfFile, btf: Btf | None, name: str, kernel: Target = EMULATED) -> Externs:
    """Extern symbols by libbpf's order, with the places of options in the .kconfig map."""
    out = Externs(btf, elf.symbols, name, kernel)
    externs = [s for s in elf.symbols if s.is_extern and s.name]
    if btf is None or not externs:
        return out
    members: dict[int, str] = {}
    for section in (".kconfig", ".ksyms"):
        datasec = btf.find(section, Kind.DATASEC)
        for info in datasec.variables if datasec else ():
            members[info.type_id] = section
    by_name = {btf.type(i).name: i for i in members}
    for symbol in externs:
        type_id = by_name.get(symbol.name)
        if type_id is None:
            continue
        extern = _Extern(symbol, btf.type(type_id), members[type_id])
        if extern.section == ".kconfig":
            extern.size = btf.size_of(extern.type.type_id)
            extern.align = btf.align_of(extern.type.type_id)
            if not 0 < extern.size <= _MAX_KCONFIG:
                raise InputError(f"The type of the extern option '{symbol.name}' has no usable size.")
        out.ordered.append(extern)
    out.ordered.sort(key=_Extern.sort_key)
    end = 0
    for number, extern in enumerate(out.ordered):
        out._by_symbol[extern.symbol.number] = number
        if extern.section == ".kconfig":
            extern.offset = -(-end // extern.align) * extern.align
            end = extern.offset + extern.size
    return out


def _option(btf: Btf, extern: _Extern, kernel: Target) -> bytes:
    """The bytes of an option's value in its type."""
    name = extern.type.name
    virtual = kernel.virtual
    if name == "LINUX_KERNEL_VERSION":
        return _integer(btf, extern, kernel.version_code)
    if name in virtual:
        return _integer(btf, extern, virtual[name])
    if not name.startswith("CONFIG_"):
        if name.startswith("LINUX_") and extern.weak:
            return bytes(extern.size)
        raise InputError(f"The extern option '{name}' is none that libbpf knows (CONFIG_… and some LINUX_…).")
    value = kernel.option(name)
    if value is None:
        if extern.weak:
            return bytes(extern.size)
        raise InputError(
            f"The kernel was built without the extern option '{name}'; make it __weak to read zero.", errno=-EINVAL
        )
    if value in _TRISTATE:
        return _tristate(btf, extern, value)
    if value.startswith('"'):
        found = btf.skip_modifiers(extern.type.type_id)
        if found.kind is not Kind.ARRAY:
            raise InputError(f"The extern option '{name}' is text; declare it as an array of char.")
        text = value.strip('"').encode()[: extern.size - 1]
        return text.ljust(extern.size, b"\0")
    return _integer(btf, extern, int(value, 0))


def _tristate(btf: Btf, extern: _Extern, value: str) -> bytes:
    found = btf.skip_modifiers(extern.type.type_id)
    if found.kind in (Kind.ENUM, Kind.ENUM64):
        return _TRISTATE[value].to_bytes(extern.size, "little")
    if found.kind is Kind.INT and found.encoding & INT_BOOL and value != "m":
        return bytes([value == "y"])
    if found.kind is Kind.INT and found.size == 1:
        return value.encode()
    raise InputError(
        f"The extern option '{extern.type.name}' is {value}; declare it bool, char or enum libbpf_tristate."
    )


def _integer(btf: Btf, extern: _Extern, value: int) -> bytes:
    found = btf.skip_modifiers(extern.type.type_id)
    if found.kind is not Kind.INT or extern.size not in (1, 2, 4, 8):
        raise InputError(f"The extern option '{extern.type.name}' is a number; declare it as an integer.")
    signed = bool(found.encoding & INT_SIGNED)
    try:
        return value.to_bytes(extern.size, "little", signed=signed)
    except OverflowError:
        raise InputError(f"The extern option '{extern.type.name}' is {value}, which its type cannot hold.") from None
