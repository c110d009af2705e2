"""The verified program as the kernel runs it: rewritten instructions and machine code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vm.errors import InputError, InternalError, NotEmulated
from vm.program import Program

if TYPE_CHECKING:
    from vm.isa.insn import Insn
    from vm.jit.image import Image
    from vm.rewritten import Rewritten
    from vm.verifier.env import VerifierEnv


def rewrite(env: VerifierEnv) -> Rewritten:
    """The verified program as the kernel would run it (bpftool prog dump xlated)."""
    from vm.verifier.fixups import rewrite as fix

    return fix(env)


def unverified(program: Program) -> Rewritten:
    """A program nobody verified, as it stands. The interpreter checks its every access; the machine its every page.

    InputError where a call, jump or map reference leads nowhere: such a program cannot even be laid out.
    """
    from vm.isa import opcodes as o
    from vm.rewritten import AddressRef, Rewritten

    insns = list(program.insns)
    called = {idx: idx + 1 + insn.imm for idx, insn in enumerate(insns) if _refers_to_function(insn)}
    for idx, target in called.items():
        if not 0 <= target < len(insns):
            raise InputError(f"Instruction {idx} refers to a function at {target}; the program has {len(insns)} slots.")
    func_starts = sorted({0, *called.values()})
    refs: dict[int, AddressRef] = {}
    map_loads = {o.PSEUDO_MAP_FD: "map", o.PSEUDO_MAP_VALUE: "map_value"}
    for idx, insn in enumerate(program.insns):
        if insn.code == o.LD_IMM64 and idx + 1 == len(insns):
            raise InputError(f"Instruction {idx} loads 64 bits, and its second half is missing.")
        if idx in called:
            number = func_starts.index(called[idx])
            if insn.code == o.LD_IMM64:
                refs[idx] = AddressRef("func", str(number))
            else:
                insns[idx] = insn._replace(off=0, imm=number)
        elif insn.code == o.JMP | o.CALL:
            kfunc = AddressRef("kfunc", f"the kernel function with BTF id {insn.imm}")
            refs[idx] = AddressRef("helper", str(insn.imm)) if insn.src_reg == 0 else kfunc
        elif insn.code & 7 in (o.JMP, o.JMP32) and insn.code & 0xF0 not in (o.CALL, o.EXIT):
            target = idx + 1 + (insn.imm if insn.code == o.JMP32 | o.JA else insn.off)
            if not 0 <= target < len(insns):
                raise InputError(f"Instruction {idx} jumps to {target}; the program has {len(insns)} slots.")
        elif insn.code == o.LD_IMM64 and insn.src_reg in map_loads:
            if not 0 <= insn.imm < len(program.maps):
                raise InputError(f"Instruction {idx} loads map number {insn.imm}; the program has {len(program.maps)}.")
            refs[idx] = AddressRef(map_loads[insn.src_reg], str(insn.imm), program.insns[idx + 1].imm)
    return Rewritten(
        program=program,
        insns=tuple(insns),
        orig_idx=tuple(range(len(insns))),
        func_starts=tuple(func_starts),
        stack_depths=(o.MAX_BPF_STACK,) * len(func_starts),
        refs=refs,
        plain=True,
    )


def _refers_to_function(insn: Insn) -> bool:
    from vm.isa import opcodes as o

    call = insn.code == o.JMP | o.CALL and insn.src_reg == o.PSEUDO_CALL
    return call or (insn.code == o.LD_IMM64 and insn.src_reg == o.PSEUDO_FUNC)


def translate(rewritten: Rewritten) -> Image:
    """The x86-64 code the kernel's JIT would make of it.

    The kernel's JIT sees verified programs only; one that was not, and that it has no code for, is NotEmulated.
    """
    from vm.jit import translate as jit

    try:
        return jit(rewritten)
    except (IndexError, KeyError, InternalError):
        if not rewritten.plain:
            raise
        raise NotEmulated("machine code for a program the verifier would refuse; the interpreter runs it") from None


@dataclass(frozen=True, slots=True)
class Code:
    """What BPF_OBJ_GET_INFO_BY_FD tells of a loaded program: its rewritten instructions and its machine code.

    The image is what the JIT emits when the program is loaded, with program arrays still empty: filling one later
    patches the jumps of direct tail calls. Functions the verifier added are in neither.

    xlated_relocs, image_relocs -- (offset, size) in bytes of what holds a run-time address
    func_lens                   -- bytes of machine code of each function
    """

    xlated: bytes
    xlated_relocs: tuple[tuple[int, int], ...]
    image: bytes
    image_relocs: tuple[tuple[int, int], ...]
    func_lens: tuple[int, ...]


def code(rewritten: Rewritten, image: Image) -> Code:
    """The bytes the kernel shows of a program (bpftool prog dump xlated and jited)."""
    from vm.isa.insn import encode
    from vm.verifier.fixups.dump import xlated

    shown = [n for n, flags in zip(image.func_lens, rewritten.func_flags, strict=True) if "hidden" not in flags]
    return Code(
        encode(xlated(rewritten)),
        _xlated_relocs(rewritten),
        image.code[: sum(shown)],
        tuple((r.offset, r.size) for r in image.relocs),
        tuple(shown),
    )


def _xlated_relocs(rewritten: Rewritten) -> tuple[tuple[int, int], ...]:
    """Immediates of calls and 64-bit loads."""
    from vm.isa.opcodes import LD_IMM64

    out = []
    for slot in sorted(rewritten.refs):
        out.append((8 * slot + 4, 4))
        if rewritten.insns[slot].code == LD_IMM64:
            out.append((8 * slot + 12, 4))
    return tuple(out)
