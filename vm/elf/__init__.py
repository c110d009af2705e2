"""BPF object files: programs, maps and relocations as libbpf makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vm.kernel.target import Target
    from vm.program import Object


def load_object(
    data: bytes,
    name: str,
    untyped: str = "",
    guess: bool = False,
    source: str = "",
    kernel: Target | None = None,
    sections: Mapping[str, str] | None = None,
) -> Object:
    """Programs and maps of an ELF object, relocated for a kernel: the emulated one by default.

    name -- of the object; its first eight characters (without directory and .o) name the global-data maps.
    untyped -- section name ("socket") that stands in for those that say no program type; by default such a program
               is an error, as libbpf leaves its type to the application
    guess -- whether a section name that libbpf refuses is loaded as what was probably meant (vm.elf.guess), with a
             remark that says so; `untyped` then stands in where nothing says what was meant
    source -- the C text that the object was compiled from, for remarks with fixes; "" where it is not known
    sections -- by program, the section name that counts instead of its own (bpf_program__set_attach_target)
    InputError if the file cannot be used at all; a program that cannot be loaded is in `Object.errors`.
    """
    from vm.elf.load import load
    from vm.kernel.target import EMULATED

    return load(data, name, untyped, guess, source, kernel or EMULATED, sections or {})
