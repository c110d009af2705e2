"""What the sections of a BPF object are for (the names are libbpf's: tools/lib/bpf/libbpf.c)."""

from __future__ import annotations

from typing import Final

from vm.elf.sections import section_def
from vm.explain.program_types import type_name

_EXACT: Final = {
    ".maps": "Definitions of maps: a struct for each, whose type information says type, key, value and size.",
    "maps": "Definitions of maps in the form before BTF, which libbpf 1.0 no longer loads.",
    "license": "The license. Some helpers and kernel functions may be called under a GPL-compatible one only.",
    "version": "The kernel version that the program was made for; kernels since 5.0 ignore it.",
    ".text": "Functions that programs call (subprograms). libbpf appends those that are used to each program.",
    ".BTF": "Type information: the types of maps, variables and functions.",
    ".BTF.ext": "For each instruction the function, the source line and the CO-RE relocations that belong to it.",
    ".kconfig": "Variables that libbpf fills in with the kernel's configuration and version.",
    ".ksyms": "Kernel functions and variables that the program refers to by name.",
    ".symtab": "The table of symbols.",
    ".strtab": "The names of symbols and sections.",
    ".shstrtab": "The names of sections.",
    ".addrsig": "A table for linkers; loaders ignore it.",
    ".llvm_addrsig": "A table for linkers; loaders ignore it.",
    ".jumptables": "Tables of jump targets.",
}
# A name that starts like this, alone or before a dot.
_FAMILIES: Final = {
    ".rodata": "Constants: a map that the program can only read. User space can set them before loading.",
    ".data": "Initialised global variables: a map with one value.",
    ".bss": "Global variables that start as zero: a map with one value.",
    ".struct_ops": "Tables of operations whose members are programs.",
    ".debug_": "Debug information (DWARF); loaders ignore it.",
    ".eh_frame": "Unwind tables; loaders ignore them.",
}
_TABLES: Final = {
    "REL": "Relocations: places in {} that the loader fills in.",
    "RELA": "Relocations: places in {} that the loader fills in.",
}


def meaning(name: str, kind: str, executable: bool) -> str:
    """A sentence about a section; "" where its name and type say nothing. kind -- without "SHT_"."""
    if kind in _TABLES:
        return _TABLES[kind].format(name.removeprefix(".rela" if kind == "RELA" else ".rel") or "a section")
    if name in _EXACT:
        return _EXACT[name]
    for start, sentence in _FAMILIES.items():
        if name == start or name.startswith(start + ".") or (start.endswith("_") and name.startswith(start)):
            return sentence
    if not executable:
        return ""
    found = section_def(name.removeprefix("?"))
    if found is None:
        return "Code; libbpf does not know a program type for this section name."
    return f"Programs of type {type_name(found.prog_type, found.attach_type)}."
