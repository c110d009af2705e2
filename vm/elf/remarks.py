"""Remarks of the loader beside errors: things that another loader or the kernel would refuse later."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from vm.elf.mapcheck import unset
from vm.isa import opcodes as o
from vm.program import Fix, MapSpec, Program, Remark

if TYPE_CHECKING:
    from types import ModuleType

    from vm.csource.text import CText
    from vm.elf.guess import Guess

_CALL: Final = o.JMP | o.CALL
_MAX_REMARKS: Final = 200


@dataclass(slots=True)
class Remarks:
    """Collects remarks. source -- the C text the object was compiled from, "" where it is not known."""

    source: str = ""
    found: list[Remark] = field(default_factory=list)
    text: CText | None = None

    def __post_init__(self) -> None:
        if self.source:
            from vm.csource.text import CText

            self.text = CText(self.source)

    def all(self) -> tuple[Remark, ...]:
        """What was collected, in order, each once."""
        return tuple(dict.fromkeys(self.found))[:_MAX_REMARKS]

    def _line_of_section(self, function: str, section: str) -> int | None:
        place = self.text.section_of(function, section) if self.text else None
        return self.text.line(place.start) if self.text and place else None

    def _section_fix(self, function: str, section: str, new: str) -> Fix | None:
        return _fixes().section_fix(self.text, function, section, new) if self.text else None

    def refused_section(self, function: str, section: str, meant: Guess | None, instead: str) -> None:
        """libbpf knows no such section. meant -- what is loaded; instead -- the caller's choice where nothing is."""
        told = f"libbpf 1.x knows no section name '{section}' and would not load '{function}'."
        if meant is not None:
            why = f"Its argument is a struct {meant.context}, so it" if meant.context else "By its name it"
            told += f' {why} was probably meant as SEC("{meant.section}"), and is loaded as that here.'
        elif instead:
            told += f' Nothing says what was meant; it is loaded as SEC("{instead}") here.'
        else:
            told += ' Nothing says what was meant; use a name such as SEC("xdp").'
        line = self._line_of_section(function, section)
        fix = self._section_fix(function, section, meant.section) if meant is not None else None
        self.found.append(Remark(told, function, line, fix))

    def legacy_maps(self, names: Iterable[str]) -> None:
        """The object defines maps in the section "maps"."""
        listed = ", ".join(list(names)[:8])
        fix = _fixes().legacy_maps_fix(self.text) if self.text else None
        place = next((s for s in self.text.sections if s.name == "maps"), None) if self.text else None
        line = self.text.line(place.start) if self.text and place else None
        told = (
            f'libbpf 1.x refuses maps defined in SEC("maps") ({listed}); they are created here as libbpf 0.x did. '
            'Now a map is a struct in SEC(".maps") whose members are given with __uint() and __type().'
        )
        self.found.append(Remark(told, "", line, fix))

    def sizes(self, maps: Iterable[MapSpec]) -> None:
        """Maps whose sizes an application is to set before it loads the object."""
        lacking = {spec.full_name: members for spec in maps if (members := unset(spec))}
        if not lacking:
            return
        names, sizes = list(lacking), dict.fromkeys(size for members in lacking.values() for size, _ in members)
        calls = " and ".join(f"bpf_map__set_{size}()" for size in sizes)
        told = (
            f"The source gives no {' and no '.join(sizes)} for {', '.join(names[:8])}: its application does so, "
            f"with {calls}, before it loads the object. Without that the kernel creates no such map."
        )
        fix = _fixes().map_sizes_fix(self.text, lacking) if self.text else None
        self.found.append(Remark(told, "", fix[0] if fix else None, fix[1] if fix else None))

    def license(self, program: Program) -> None:
        """A program without a GPL-compatible license calls a function that needs one."""
        if program.gpl_compatible:
            return
        name = _first_gpl_only(program)
        if not name:
            return
        has = f'The license is "{program.license}"' if program.license else "The source gives no license"
        told = f"{has}, and {name} may be called by programs under a GPL-compatible license only."
        fix = _fixes().license_fix(self.text) if self.text else None
        if any(remark.fix == fix and fix is not None for remark in self.found):
            return
        self.found.append(Remark(told, program.name, None, fix))


def _fixes() -> ModuleType:
    """The fixes of C texts: an object without its source has none."""
    from vm.csource import fixes

    return fixes


def _first_gpl_only(program: Program) -> str:
    """The first helper or kind of function the program calls that needs the GPL, "" if it calls none."""
    from vm.kernel.helpers import helper, helper_proto

    asked: set[int] = set()
    for insn in program.insns:
        if insn.code != _CALL or insn.imm in asked and not insn.src_reg:
            continue
        if insn.src_reg == o.PSEUDO_KFUNC_CALL:
            return "a kernel function"
        if insn.src_reg:
            continue
        asked.add(insn.imm)
        proto = helper_proto(program.prog_type, program.expected_attach_type, insn.imm)
        known = helper(insn.imm)
        if proto is not None and proto.gpl_only and known is not None:
            return f"{known.name}()"
    return ""
