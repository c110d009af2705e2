"""Names of the fields of a program's context: the struct that the program declares, or the arguments of its hook."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final, NamedTuple

from vm.btf.members import member_path
from vm.btf.types import Btf, Kind, Type
from vm.errors import InputError
from vm.kernel import types as k
from vm.kernel.attach import attach_target
from vm.kernel.btf import kernel_btf
from vm.program import Program

_ARGUMENT: Final = 8
_ON_THE_WAY: Final = (Kind.FUNC, Kind.TYPEDEF, Kind.PTR)
_SKIPPED: Final = {k.BPF_TRACE_RAW_TP: 1}
"""Parameters that are not passed on to the program."""
_CHARACTER: Final = 1
_MAX_REFERENCES: Final = 8
"""From a hook's type to its parameters."""
AS_TOLD: Final = frozenset(
    {
        k.BPF_PROG_TYPE_KPROBE, k.BPF_PROG_TYPE_TRACEPOINT, k.BPF_PROG_TYPE_RAW_TRACEPOINT,
        k.BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE, k.BPF_PROG_TYPE_TRACING, k.BPF_PROG_TYPE_LSM,
        k.BPF_PROG_TYPE_STRUCT_OPS,
    }
)  # fmt: skip
"""Types of programs whose context lies in memory as the program sees it."""
_SIGNED: Final = 1  # BTF_INT_SIGNED


class ContextField(NamedTuple):
    """Position of a field in the context; text -- an array of characters"""

    offset: int
    size: int
    signed: bool = False
    text: bool = False


class Argument(NamedTuple):
    """An argument of the hook: its place among 64-bit values is its number. type_id -- 0 of what the hook returned"""

    name: str
    size: int = _ARGUMENT
    signed: bool = False
    type_id: int = 0


class ContextFields:
    """Names of the bytes of a program's context."""

    def __init__(self, program: Program, kernel: Btf | None = None) -> None:
        """kernel -- types of the kernel it is attached in, which also hold for a struct of the program that has
        the same name; of the emulated one by default
        """
        self._btf: Btf | None = None
        self._type_id = 0
        self._arguments: tuple[Argument, ...] = ()
        self._kernel = kernel
        with contextlib.suppress(InputError):
            if program.btf is not None and program.func_infos:
                self._btf, self._type_id = program.btf, _pointed(program.btf, program.func_infos[0].type_id)
                self._as_in(kernel)
            if not self._type_id:
                self._arguments = tuple(_arguments(program, kernel or kernel_btf()))

    def _as_in(self, kernel: Btf | None) -> None:
        """Takes the kernel's struct for the one that the program declares, if it has one of that name."""
        if kernel is None or self._btf is None or not self._type_id:
            return
        declared = self._btf.type(self._type_id)
        found = kernel.find(declared.name, declared.kind) if declared.name else None
        if found is not None:
            self._btf, self._type_id = kernel, found.id

    def field(self, offset: int, size: int) -> str:
        """Name of the field or argument at an offset; "" if it is unknown."""
        if self._btf is not None and self._type_id:
            return member_path(self._btf, self._type_id, offset, size)
        number, inside = divmod(offset, _ARGUMENT)
        if inside + size <= _ARGUMENT and number < len(self._arguments):
            return self._arguments[number].name
        return ""

    def struct(self) -> tuple[Btf, int] | None:
        """The struct that the program declares, None if the context is arguments, or nothing is known of it."""
        return (self._btf, self._type_id) if self._btf is not None and self._type_id else None

    def arguments(self) -> tuple[Btf, tuple[Argument, ...]]:
        """The arguments, with the types of the kernel that they are of; none if the context is a struct."""
        return self._kernel or kernel_btf(), self._arguments

    def names(self) -> tuple[str, ...]:
        """The names that find() accepts."""
        if self._btf is not None and self._type_id:
            return tuple(member.name for member in self._btf.type(self._type_id).members if member.name)
        return tuple(each.name for each in self._arguments)

    def find(self, name: str) -> ContextField | None:
        """The field or argument of that name: a member of a member is `sk.family`. None if there is none."""
        if self._btf is None or not self._type_id:
            for number, each in enumerate(self._arguments):
                if each.name == name:
                    return ContextField(_ARGUMENT * number, each.size, each.signed)
            return None
        try:
            found = self._btf.field(self._btf.type(self._type_id).name, name)
            held = self._btf.skip_modifiers(found.type_id)
            if held.kind is Kind.ARRAY:
                element = self._btf.skip_modifiers(held.type_id)
                return ContextField(found.offset, found.size, text=True) if element.size == _CHARACTER else None
        except (KeyError, InputError):
            return None
        if found.bits or found.size not in (1, 2, 4, 8):
            return None
        return ContextField(found.offset, found.size, held.kind is Kind.INT and bool(held.encoding & _SIGNED))


def _pointed(btf: Btf, func_id: int) -> int:
    """The struct that a function's first parameter points to, 0 if it is none."""
    proto = btf.type(btf.type(func_id).type_id) if func_id else None
    if proto is None or proto.kind is not Kind.FUNC_PROTO or not proto.params:
        return 0
    pointer = btf.skip_modifiers(proto.params[0].type_id)
    if pointer.kind is not Kind.PTR:
        return 0
    found = btf.skip_modifiers(pointer.type_id)
    return found.id if found.kind in (Kind.STRUCT, Kind.UNION) else 0


def hook(program: Program, btf: Btf) -> Iterator[Type]:
    """The kernel's types that tell the arguments of what a program is attached to, the best first."""
    if program.expected_attach_type == k.BPF_TRACE_RAW_TP:  # the type of a tracepoint has no names
        named = btf.find(f"__traceiter_{program.attach_btf_name}", Kind.FUNC)
        if named is not None:
            yield named
    found = attach_target(program.prog_type, program.expected_attach_type, program.attach_btf_name, btf)
    if found is not None:
        yield found


def _arguments(program: Program, btf: Btf) -> Iterator[Argument]:
    """Names of the arguments of the function or tracepoint that a program is attached to, and of its result."""
    found = next(hook(program, btf), None)
    for _ in range(_MAX_REFERENCES):
        found = btf.type(found.type_id) if found is not None and found.kind in _ON_THE_WAY else found
    if found is None or found.kind is not Kind.FUNC_PROTO:
        return
    for number, param in enumerate(found.params[_SKIPPED.get(program.expected_attach_type, 0) :], 1):
        held = btf.skip_modifiers(param.type_id)
        size = held.size if held.kind in (Kind.INT, Kind.ENUM) and held.size in (1, 2, 4) else _ARGUMENT
        signed = held.kind is Kind.INT and bool(held.encoding & _SIGNED)
        yield Argument(param.name or f"argument {number}", size, signed, param.type_id)
    if program.expected_attach_type in (k.BPF_TRACE_FEXIT, k.BPF_MODIFY_RETURN):
        yield Argument("return value")
