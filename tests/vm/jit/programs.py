"""Small rewritten programs for the tests beside this."""

from __future__ import annotations

from collections.abc import Sequence

from vm.isa import opcodes as bpf
from vm.isa.insn import Insn
from vm.program import MapSpec, Program
from vm.rewritten import AddressRef, Rewritten

EXIT = Insn(bpf.JMP | bpf.EXIT)


def rewritten(
    insns: Sequence[Insn],
    refs: dict[int, AddressRef] | None = None,
    func_starts: tuple[int, ...] = (0,),
    stack_depths: tuple[int, ...] = (0,),
    flags: tuple[frozenset[str], ...] = (),
    maps: tuple[MapSpec, ...] = (),
) -> Rewritten:
    program = Program("test", "socket", 1, tuple(insns), maps=maps)
    return Rewritten(program, tuple(insns), tuple(range(len(insns))), func_starts, stack_depths, refs or {}, flags)
