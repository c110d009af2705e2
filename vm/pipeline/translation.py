"""The verified program as the kernel runs it: rewritten instructions and machine code."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vm.errors import InternalError, NotEmulated
from vm.program import Program

if TYPE_CHECKING:
    from vm.jit.image import Image
    from vm.rewritten import Rewritten
    from vm.verifier.env import VerifierEnv


def rewrite(env: VerifierEnv) -> Rewritten:
    """The verified program as the kernel would run it (bpftool prog dump xlated)."""
    from vm.verifier.fixups import rewrite as fix

    return fix(env)


def unverified(program: Program) -> Rewritten:
    """A program that was not verified, with the rewrites that can be decided without the walk.

    The interpreter checks each access of such a program; the machine checks pages only, and runs none that reads its
    context. InputError if a call, jump or map reference has no target: such a program cannot be laid out.
    """
    from vm.verifier.fixups.unverified import rewrite_unverified

    return rewrite_unverified(program)


def translate(rewritten: Rewritten) -> Image:
    """The x86-64 code that the kernel's JIT would make of the program.

    The kernel's JIT gets only verified programs. NotEmulated for an unverified one that it has no code for.
    """
    from vm.jit import translate as jit

    try:
        return jit(rewritten)
    except (IndexError, KeyError, InternalError):
        if not rewritten.plain:
            raise
        raise NotEmulated(
            "machine code for a program the verifier would refuse; the interpreter runs it", kind="machine code"
        ) from None


class Code(NamedTuple):
    """The result of BPF_OBJ_GET_INFO_BY_FD for a loaded program: rewritten instructions and machine code.

    The image is what the JIT emits when the program is loaded, with program arrays still empty: filling one later
    patches the jumps of direct tail calls. Functions the verifier added are in neither.

    xlated_relocs, image_relocs -- (offset, size) in bytes of fields with a run-time address
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


def xlated_bytes(rewritten: Rewritten) -> int:
    """The size of Code.xlated."""
    from vm.isa.insn import INSN_SIZE
    from vm.verifier.fixups.dump import xlated

    return INSN_SIZE * len(xlated(rewritten))


def _xlated_relocs(rewritten: Rewritten) -> tuple[tuple[int, int], ...]:
    """Immediates of calls and 64-bit loads."""
    from vm.isa.opcodes import LD_IMM64

    out = []
    for slot in sorted(rewritten.refs):
        out.append((8 * slot + 4, 4))
        if rewritten.insns[slot].code == LD_IMM64:
            out.append((8 * slot + 12, 4))
    return tuple(out)
