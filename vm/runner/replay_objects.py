"""Types of what lies in the memory of a recorded event: the context, values of maps, kernel objects behind pointers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from vm.bits import U64
from vm.btf.members import member_path
from vm.btf.types import Btf, Kind
from vm.errors import InputError
from vm.kernel import types as k
from vm.kernel.attach import attach_target
from vm.kernel.btf import kernel_btf
from vm.verifier.state import reg_types as t

if TYPE_CHECKING:
    from vm.program import Program
    from vm.runner.execution import RunStep
    from vm.runner.follow import Known
    from vm.trace.recorder import Recorder

MAX_OBJECTS: Final = 512
"""Of one event."""
_KERNEL: Final = 1 << 63
_ARGUMENT: Final = 8
_ON_THE_WAY: Final = (Kind.FUNC, Kind.TYPEDEF, Kind.PTR)
_SKIPPED: Final = {k.BPF_TRACE_RAW_TP: 1}
"""Parameters that are not passed on to the program."""


class Typed(NamedTuple):
    """A kernel object: the name of its struct, its address, its type."""

    name: str
    address: int
    size: int
    btf: Btf
    type_id: int


def objects(steps: Sequence[RunStep], known: Sequence[Known | None], trace: Recorder) -> Iterator[Typed]:
    """The objects that registers point to after the steps, as the verifier says on the very path; each once."""
    found: set[tuple[int, int]] = set()
    for step, about in zip(steps, known, strict=False):
        if about is None or about.wrong:
            continue
        frames = trace.raw_before(about.step) if about.before else trace.raw(about.step)
        for n, (reg, value) in enumerate(zip(frames[-1].regs, step.regs, strict=False)):
            pointer = reg.type & t.BPF_BASE_TYPE_MASK == t.PTR_TO_BTF_ID and reg.btf is not None
            if not pointer or value < _KERNEL or f"r{n}" in about.outside or reg.scalar.var_off.mask:
                continue
            assert reg.btf is not None
            address = (value - reg.off - reg.scalar.var_off.value) & U64
            if (address, reg.btf_id) in found:
                continue
            found.add((address, reg.btf_id))
            try:
                name, size = reg.btf.type(reg.btf_id).name, reg.btf.size_of(reg.btf_id)
            except InputError:
                continue
            yield Typed(name or "object", address, size, reg.btf, reg.btf_id)
            if len(found) >= MAX_OBJECTS:
                return


class ContextFields:
    """Names of the bytes of a program's context."""

    def __init__(self, program: Program) -> None:
        self._btf: Btf | None = None
        self._type_id = 0
        self._arguments: tuple[str, ...] = ()
        with contextlib.suppress(InputError):
            if program.btf is not None and program.func_infos:
                self._btf, self._type_id = program.btf, _pointed(program.btf, program.func_infos[0].type_id)
            if not self._type_id:
                self._arguments = tuple(_arguments(program))

    def field(self, offset: int, size: int) -> str:
        """The field or argument at an offset; "" where it is not known."""
        if self._btf is not None and self._type_id:
            return member_path(self._btf, self._type_id, offset, size)
        number, inside = divmod(offset, _ARGUMENT)
        if inside + size <= _ARGUMENT and number < len(self._arguments):
            return self._arguments[number]
        return ""


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


def _arguments(program: Program) -> Iterator[str]:
    """Names of the arguments of the function or tracepoint that a program is attached to, and of its result."""
    found = attach_target(program.prog_type, program.expected_attach_type, program.attach_btf_name)
    while found is not None and found.kind is not Kind.FUNC_PROTO:
        found = kernel_btf().type(found.type_id) if found.kind in _ON_THE_WAY else None
    if found is None:
        return
    for number, param in enumerate(found.params[_SKIPPED.get(program.expected_attach_type, 0) :], 1):
        yield param.name or f"argument {number}"
    if program.expected_attach_type in (k.BPF_TRACE_FEXIT, k.BPF_MODIFY_RETURN):
        yield "return value"
