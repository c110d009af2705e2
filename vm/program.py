"""Frozen data every stage shares: what a loader makes and the verifier, JIT and machine read."""

from __future__ import annotations

import posixpath
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from vm.isa.insn import Insn
from vm.namedtuples import NamedTuple

if TYPE_CHECKING:
    from vm.btf.types import Btf


_TREE: Final = re.compile(r"^(\./|/include/[a-z]+/)+")
"""What compilers write before the name of a file that was included by it."""


@lru_cache(maxsize=1024)
def _file_name(path: str) -> str:
    return posixpath.normpath(_TREE.sub("", path))


class LineInfo(NamedTuple):
    """One struct bpf_line_info, resolved: from slot `insn_off` on, instructions belong to this line."""

    insn_off: int
    file: str
    line: int
    column: int
    text: str  # the source line as the compiler stored it in BTF


class FuncInfo(NamedTuple):
    """One struct bpf_func_info: the function that starts at slot `insn_off`.

    `name` is the symbol's; `type_id` the BTF id of its FUNC (0: the object has no BTF for it).
    """

    insn_off: int
    type_id: int
    name: str


@dataclass(frozen=True, slots=True)
class MapSpec:
    """A map as it would be given to BPF_MAP_CREATE; sizes in bytes, numbers as in enum bpf_map_type.

    `initial` is the content of a global-data map's only value (.data, .rodata, .bss) or None.
    `frozen` is set for .rodata: neither side may write it after loading.
    `name` is the kernel's (15 characters); `full_name` the one in the source.
    `inner` is the template of a map-in-map. `init_slots` maps slot -> index into Object.maps
    (map-in-map) or function name (PROG_ARRAY), as libbpf's static initialisation does.
    `vmlinux_value_type_id` is the kernel's type of a struct_ops map's value.
    `numa_node` counts with BPF_F_NUMA_NODE only.
    """

    name: str
    map_type: int
    key_size: int
    value_size: int
    max_entries: int
    map_flags: int = 0
    map_extra: int = 0
    full_name: str = ""
    btf_key_type_id: int = 0
    btf_value_type_id: int = 0
    initial: bytes | None = None
    frozen: bool = False
    inner: MapSpec | None = None
    init_slots: tuple[tuple[int, int | str], ...] = ()
    vmlinux_value_type_id: int = 0
    numa_node: int = 0


UNRESOLVED_CORE: Final = "core"
UNRESOLVED_KFUNC: Final = "kfunc"


class Unresolved(NamedTuple):
    """An instruction that stands for something the kernel does not have.

    slot -- where it is; kind -- UNRESOLVED_CORE (a CO-RE relocation) or UNRESOLVED_KFUNC (a kernel function);
    name -- the relocation as libbpf prints it, or the function's name.
    """

    slot: int
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Program:
    """One program, relocated as libbpf would hand it to BPF_PROG_LOAD.

    Subprograms it calls are appended to `insns`. 64-bit immediate loads of maps have
    src_reg PSEUDO_MAP_FD or PSEUDO_MAP_VALUE and imm = index into `maps` (there are no file descriptors here).
    prog_type, expected_attach_type and prog_flags are the UAPI numbers.
    unresolved -- what the loader replaced by calls of a helper that no kernel has
    object_maps -- all maps of the object: they are made before the program is loaded, used or not
    autoload -- whether libbpf loads it by default (bpf_program__autoload)
    source -- the C text it was compiled from, "" if there is none
    main_file -- the source itself, as line information spells it; "" if all lines are of the source
    debug_lines -- lines by DWARF, of an object without line information for the kernel
    symbols -- the functions by the object's symbols
    texts -- lines of whole source files, as far as they are known, by their names in line information
    told_lines -- what `lines` are instead of those of the object, where the user brought their text
    typed -- the same program with its types and lines, where the user may not load those; else None
    """

    name: str
    section: str
    prog_type: int
    insns: tuple[Insn, ...]
    maps: tuple[MapSpec, ...] = ()
    expected_attach_type: int = 0
    prog_flags: int = 0
    license: str = "GPL"
    attach_btf_name: str = ""  # hook or function of fentry, LSM, tp_btf, struct_ops … programs
    func_infos: tuple[FuncInfo, ...] = ()
    line_infos: tuple[LineInfo, ...] = ()
    symbols: tuple[FuncInfo, ...] = field(default=(), repr=False)
    btf: Btf | None = field(default=None, repr=False)
    unresolved: tuple[Unresolved, ...] = ()
    object_maps: tuple[MapSpec, ...] = field(default=(), repr=False)
    autoload: bool = True
    source: str = field(default="", repr=False)
    main_file: str = ""
    debug_lines: tuple[LineInfo, ...] = field(default=(), repr=False)
    texts: tuple[tuple[str, tuple[str, ...]], ...] = field(default=(), repr=False)
    told_lines: tuple[LineInfo, ...] = field(default=(), repr=False)
    typed: Program | None = field(default=None, repr=False)

    @property
    def gpl_compatible(self) -> bool:
        """As license_is_gpl_compatible() in include/linux/license.h."""
        return self.license in GPL_LICENSES

    @property
    def lines(self) -> tuple[LineInfo, ...]:
        """What is known of source lines, whether or not the kernel gets it."""
        of = self.typed or self
        return of.told_lines or of.line_infos or of.debug_lines

    @property
    def functions(self) -> tuple[FuncInfo, ...]:
        """The functions with their names, whether or not the kernel gets them."""
        of = self.typed or self
        return of.func_infos or of.symbols

    def place_of(self, insn_idx: int) -> LineInfo | None:
        """Where in the source an instruction comes from, None without line info."""
        infos = self.lines
        found = bisect_right(infos, insn_idx, key=lambda info: info.insn_off)
        return infos[found - 1] if found else None

    def line_of(self, insn_idx: int) -> int | None:
        """1-based source line of an instruction, None without line info."""
        info = self.place_of(insn_idx)
        return info.line if info is not None else None

    def file_of(self, info: LineInfo) -> str:
        """ "" for a line of the source itself, else its file: "parse.h", "bpf/bpf_endian.h"."""
        if not self.main_file or info.file == self.main_file:
            return ""
        return _file_name(info.file)

    def where(self, insn_idx: int) -> str:
        """ "line 12", "line 3 of parse.h", or "instruction 7" where there is no source line."""
        info = self.place_of(insn_idx)
        if info is None:
            return f"instruction {insn_idx}"
        file = self.file_of(info)
        return f"line {info.line} of {file}" if file else f"line {info.line}"


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace a range of the user's source by `text`. Lines and columns count from 1; the end is not part of it.

    file -- the header of the user's that is edited; "": the source itself
    """

    line: int
    column: int
    end_line: int
    end_column: int
    text: str
    file: str = ""

    def as_json(self) -> dict[str, int | str]:
        """Its fields; `file` only where it is a header."""
        told: dict[str, int | str] = {
            "line": self.line, "column": self.column, "end_line": self.end_line, "end_column": self.end_column,
            "text": self.text,
        }  # fmt: skip
        return told | {"file": self.file} if self.file else told


@dataclass(frozen=True, slots=True)
class Fix:
    """A change of the source that the user can accept: what it does, in a few words, and its edits."""

    title: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class Remark:
    """Something the user should know that stops nothing.

    program -- the program it is about; "" if it is about the whole source
    line    -- the 1-based line of the source it is about, or None
    fix     -- a change of the source that settles it, or None
    kind    -- "missing": the fix writes what Compilation.missing lists into the source; "" otherwise
    """

    message: str
    program: str = ""
    line: int | None = None
    fix: Fix | None = None
    kind: str = ""

    def as_json(self) -> dict[str, Any]:
        """As docs/protocol.md has it."""
        fix = None
        if self.fix is not None:
            fix = {"title": self.fix.title, "edits": [edit.as_json() for edit in self.fix.edits]}
        return {"message": self.message, "program": self.program, "line": self.line, "fix": fix, "kind": self.kind}


GPL_LICENSES = frozenset({"GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"})


@dataclass(frozen=True, slots=True)
class Object:
    """Everything one source (C, assembly, hex or ELF) holds.

    `errors` names programs that cannot be loaded, with the sentence that says why:
    the others are still usable. `untyped` names (program, section) where the section says no program type
    and the caller's choice stood in, where nothing was to be guessed. `remarks` is what the loader has to say to the
    user beside that. `errnos` are what libbpf returns for some of the `errors`, by program.
    """

    name: str
    programs: tuple[Program, ...]
    maps: tuple[MapSpec, ...] = ()
    license: str = ""
    btf: Btf | None = field(default=None, repr=False)
    errors: tuple[tuple[str, str], ...] = ()
    untyped: tuple[tuple[str, str], ...] = ()
    remarks: tuple[Remark, ...] = ()
    errnos: tuple[tuple[str, int], ...] = ()
