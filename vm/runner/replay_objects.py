"""Kernel objects in the memory of a recorded event: what the verifier says that registers point to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from vm.bits import U64
from vm.errors import InputError
from vm.verifier.state import reg_types as t

if TYPE_CHECKING:
    from vm.btf.types import Btf
    from vm.runner.execution import RunStep
    from vm.runner.follow import Known
    from vm.trace.recorder import Recorder

MAX_OBJECTS: Final = 512
"""Of one event."""
_KERNEL: Final = 1 << 63


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
