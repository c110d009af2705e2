"""BPF object files: programs, maps and relocations as libbpf makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vm.program import Object


def load_object(data: bytes, name: str, untyped: str = "") -> Object:
    """Programs and maps of an ELF object, relocated for the emulated kernel.

    name -- of the object; its first eight characters (without directory and .o) name the global-data maps.
    untyped -- section name ("socket") that stands in for those that say no program type; by default such a program
               is an error, as libbpf leaves its type to the application
    InputError if the file cannot be used at all; a program that cannot be loaded is in `Object.errors`.
    """
    from vm.elf.load import load

    return load(data, name, untyped)
