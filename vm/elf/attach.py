"""What a section name says of the place a program is attached to (libbpf_prepare_prog_load)."""

from __future__ import annotations

from errno import ESRCH

from vm.elf.sections import SectionDef
from vm.errors import InputError
from vm.kernel import types as t
from vm.kernel.attach import attach_target
from vm.kernel.target import Target


def attach_name(known: SectionDef, section: str, kernel: Target) -> str:
    """The kernel function or hook a section names; InputError if there is none such."""
    _, slash, name = section.partition("/")
    if known.prog_type == t.BPF_PROG_TYPE_EXT and not kernel.attaches:
        raise InputError("a freplace program needs the loaded program it replaces a function of, and none is given")
    if not slash:
        raise InputError(f"its section '{section}' names nothing to attach to; write SEC(\"{section}/NAME\")")
    if known.prog_type == t.BPF_PROG_TYPE_EXT:
        return name  # of another program of the object
    if attach_target(known.prog_type, known.expected_attach_type, name, kernel.btf) is None:
        what = {t.BPF_TRACE_RAW_TP: "tracepoint", t.BPF_TRACE_ITER: "iterator"}.get(known.attach_type, "function")
        what = "LSM hook" if known.prog_type == t.BPF_PROG_TYPE_LSM else what
        raise InputError(f"{kernel.name} has no {what} '{name}' to attach to", errno=-ESRCH)
    return name
