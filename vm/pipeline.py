"""From source to run, one function a stage: the only place that strings the stages together.

The command line and the worker both call this, so they cannot say different things.
Every stage raises InputError (or its kin) with a sentence for a person; a rejection by the verifier is a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from vm.errors import InputError, InternalError, NotEmulated
from vm.program import Object, Program

if TYPE_CHECKING:
    from vm.caps import Caps
    from vm.compile import Compilation
    from vm.isa.insn import Insn
    from vm.jit.image import Image
    from vm.rewritten import Rewritten
    from vm.runner.execution import Execution
    from vm.runner.inputs import RunInput, RunLimits
    from vm.verifier.check import Walk
    from vm.verifier.env import VerifierEnv
    from vm.verifier.trace import Verification

# Another program of the object: rewritten, and its code where the machine is to run it.
Companion: TypeAlias = "tuple[Rewritten, Image | None]"

MAX_ELF_BYTES = 16 << 20  # what the page takes is the web side's to say, and less
MAX_SOURCE_BYTES = 64 * 1024

KINDS = ("c", "asm", "hex", "elf")


@dataclass(frozen=True, slots=True)
class Source:
    """What the user gave. kind is one of KINDS; `data` is the text in UTF-8, or the ELF's bytes."""

    kind: str
    data: bytes
    name: str = "program"

    def text(self) -> str:
        """The text of a C, assembly or hex source; InputError if it is none."""
        if len(self.data) > MAX_SOURCE_BYTES:
            raise InputError(
                f"The source has {len(self.data):,} bytes; the most this takes is {MAX_SOURCE_BYTES:,} (64 KiB)."
            )
        try:
            text = self.data.decode()
        except UnicodeDecodeError as e:
            raise InputError(f"The source is no UTF-8 text (byte {e.start}).") from None
        if not text.strip():
            raise InputError("The source is empty: write a program, or take one of the examples.")
        return text


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """opt: O0-O2; mcpu: v1-v4; prog_type: section name of assembly and hex programs ("xdp").

    untyped -- section name whose type a function gets if libbpf does not know its own ("": it cannot be loaded, as
               libbpf leaves the type to the application then).
    """

    opt: str = "O2"
    mcpu: str = "v3"
    fix_includes: bool = False
    prog_type: str = "xdp"
    untyped: str = ""


def compile_source(source: Source, options: BuildOptions) -> Compilation:
    """C to an object file. A program that does not compile is a Compilation with ok=False."""
    from vm.compile import CompileOptions, compile_c

    return compile_c(
        source.text(), CompileOptions(opt=options.opt, mcpu=options.mcpu, fix_includes=options.fix_includes)
    )


def load(source: Source, options: BuildOptions, compiled: bytes | None = None) -> Object:
    """The programs and maps of a source; `compiled` is clang's object for C."""
    if source.kind == "asm":
        from vm.asm import assemble

        return assemble(source.text(), name=source.name, prog_type=options.prog_type)
    if source.kind == "hex":
        from vm.asm import from_hex

        return from_hex(source.text(), name=source.name, prog_type=options.prog_type)
    from vm.elf import load_object

    data = compiled if compiled is not None else source.data
    if len(data) > MAX_ELF_BYTES:
        raise InputError(f"The object has {len(data):,} bytes; the most this takes is {MAX_ELF_BYTES:,} (16 MiB).")
    return load_object(data, source.name, options.untyped)


def choose(obj: Object, name: str) -> Program:
    """The program called `name`, or the first one; InputError says what there is."""
    if not name and obj.programs:
        return obj.programs[0]
    for program in obj.programs:
        if program.name == name:
            return program
    for program_name, why in obj.errors:
        if not name or program_name == name:
            raise InputError(f"{program_name}: {why}")
    raise InputError(f"There is no program {name!r}; there are: {_names(p.name for p in obj.programs)}.")


def _names(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def walk(
    program: Program,
    *,
    log_level: int = 2,
    record: bool = True,
    privileged: bool = True,
    keep_log: int = 0,
    caps: Caps | None = None,
) -> Walk:
    """A verification to take in slices (see vm.verifier.check.Walk), of the program as libbpf loads it for this user.

    caps -- what the user may do, where that is neither all (privileged) nor nothing
    """
    from vm.elf.user import as_user
    from vm.verifier.check import Walk
    from vm.verifier.env import VerifyOptions

    options = VerifyOptions(log_level=log_level, record=record, privileged=privileged, keep_log=keep_log, caps=caps)
    return Walk(as_user(program, options.granted), options)


def verify(
    program: Program,
    *,
    log_level: int = 2,
    record: bool = True,
    privileged: bool = True,
    caps: Caps | None = None,
) -> tuple[Verification, VerifierEnv]:
    """What the kernel says of the program, and the environment the fixups read."""
    w = walk(program, log_level=log_level, record=record, privileged=privileged, caps=caps)
    for _ in w.advance():
        pass
    return w.result(), w.env


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


def companions(
    obj: Object, program: Program, *, verified: bool, machine: bool, caps: Caps | None = None
) -> list[Companion]:
    """What the program's tail calls can reach in its object, ready to run; programs that are refused stay away."""
    names = {each.name: each for each in obj.programs}
    found: dict[str, Companion] = {}
    todo = [program]
    while todo:
        for spec in todo.pop().maps:
            for _, name in spec.init_slots:
                if not isinstance(name, str) or name in found or name == program.name or name not in names:
                    continue
                rewritten = _accepted(names[name], caps) if verified else unverified(names[name])
                if rewritten is not None:
                    found[name] = rewritten, translate(rewritten) if machine else None
                    todo.append(names[name])
    return list(found.values())


def _accepted(program: Program, caps: Caps | None) -> Rewritten | None:
    try:
        verification, env = verify(program, record=False, caps=caps)
        return rewrite(env) if verification.verdict == "accept" else None
    except InputError:
        return None


def execute(
    rewritten: Rewritten,
    image: Image | None,
    inputs: Sequence[RunInput],
    limits: RunLimits,
    *,
    record: bool = True,
    obj: Object | None = None,
    caps: Caps | None = None,
) -> list[Execution]:
    """One run an input, maps kept from run to run; with an image on the machine, without in the interpreter.

    obj -- where the program is from: its other programs, for tail calls, and maps, for maps of maps.
    caps -- whose programs they are; root's, if it is not said
    """
    from vm.runner import interp, machine

    others: list[Companion] = []
    if obj is not None:
        others = companions(obj, rewritten.program, verified=not rewritten.plain, machine=image is not None, caps=caps)
    maps = obj.maps if obj is not None else ()
    if image is None:
        siblings = [other for other, _ in others]
        return interp.interpret_all(rewritten, inputs, limits, record=record, siblings=siblings, maps=maps)
    translated = [(other, code) for other, code in others if code is not None]
    return machine.run_all(rewritten, image, inputs, limits, record=record, siblings=translated, maps=maps)
