"""The result of loading a program, or all programs of an object: the verdicts of the verifier and libbpf."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from vm.caps import ROOT, Caps
from vm.errors import InputError
from vm.namedtuples import NamedTuple
from vm.program import Object, Program, Remark

if TYPE_CHECKING:
    from vm.pipeline.bpf_check import Walk
    from vm.trace.blocks import Storage
    from vm.trace.recorder import Recorder
    from vm.trace.records import Failure, Verification
    from vm.trace.stored import StoredTrace
    from vm.verifier.env import VerifierEnv
    from vm.verifier.rules.rule import Rule

# A rejected program is walked again with a recorder to say which steps led there, if it is no longer than this.
MAX_EXPLAINED: Final = 50_000


def walk(
    program: Program,
    *,
    log_level: int = 2,
    record: bool = True,
    caps: Caps = ROOT,
    keep_log: int = 0,
    log_steps: int = 0,
    storage: Storage | None = None,
) -> Walk:
    """A verification in slices (see bpf_check.Walk) of the program as libbpf loads it for this user.

    caps -- what the user may do
    keep_log -- pieces of the log kept at either end; 0: all
    log_steps -- steps after which the log is not written any more; 0: never
    storage -- where the trace is written as the walk goes on; kept in memory if it is None
    """
    from vm.elf.user import as_user
    from vm.pipeline.bpf_check import Walk
    from vm.verifier.env import VerifyOptions

    options = VerifyOptions(log_level=log_level, record=record, caps=caps, keep_log=keep_log, log_steps=log_steps)
    return Walk(as_user(program, caps), options, storage)


def stored_trace(program: Program, storage: Storage, *, caps: Caps = ROOT) -> StoredTrace:
    """The trace of an earlier walk() of the program, whose blocks lie in `storage` (StoredTrace.add_block)."""
    from vm.elf.user import as_user
    from vm.pipeline.bpf_check import stored_trace

    return stored_trace(as_user(program, caps), storage)


def verify(
    program: Program, *, log_level: int = 2, record: bool = True, caps: Caps = ROOT, keep_log: int = 0
) -> tuple[Verification, VerifierEnv]:
    """The verifier's result, and its state, which the fixups read. Takes the arguments of walk()."""
    w = walk(program, log_level=log_level, record=record, caps=caps, keep_log=keep_log)
    for _ in w.advance():
        pass
    return w.result(), w.env


class Verdict(NamedTuple):
    """The result of loading a program.

    verdict -- accept; reject (the kernel or libbpf refuses it); error (it does not reach the verifier, or the emulation
               does not cover it)
    errno   -- negative as the kernel or libbpf returns it; 0 of an accepted program, and of an error
    message -- the last message of the verifier or libbpf; "" for an accepted program
    failure -- why the verifier rejected it
    error   -- the exception of an error
    verification, env -- the verifier's own result, and its state; None for an error
    """

    name: str
    section: str
    verdict: str
    errno: int = 0
    insns_processed: int = 0
    log: str = ""
    message: str = ""
    failure: Failure | None = None
    remarks: tuple[Remark, ...] = ()
    program: Program | None = None
    error: InputError | None = None
    verification: Verification | None = None
    env: VerifierEnv | None = None

    @property
    def accepted(self) -> bool:
        return self.verdict == "accept"


class Check:
    """The load of one program of an object in slices: advance(), reading `recorder` meanwhile, then result().

    alone -- the program is the only one of the object that is loaded (bpf_program__set_autoload on all others)
    """

    def __init__(
        self,
        obj: Object,
        program: Program,
        *,
        alone: bool = False,
        log_level: int = 2,
        record: bool = True,
        caps: Caps = ROOT,
        keep_log: int = 0,
        log_steps: int = 0,
        storage: Storage | None = None,
    ) -> None:
        self._object, self._program, self._alone = obj, program, alone
        self.walk = walk(
            program, log_level=log_level, record=record, caps=caps, keep_log=keep_log, log_steps=log_steps,
            storage=storage,
        )  # fmt: skip

    @property
    def recorder(self) -> Recorder | None:
        return self.walk.recorder

    def advance(self) -> Iterator[None]:
        """Pauses every thousand instructions or so. Raises NotEmulated."""
        return self.walk.advance()

    def result(self) -> Verdict:
        """The verdict of a finished walk."""
        said = self.walk.result()
        found = Verdict(
            self._program.name,
            self._program.section,
            said.verdict,
            said.errno,
            said.insns_processed,
            said.log,
            said.message,
            said.failure,
            remarks_of(self._object, self._program.name),
            self._program,
            None,
            said,
            self.walk.env,
        )
        given_up = refused_after(self._object, self._program, alone=self._alone) if found.accepted else None
        if given_up is None:
            return found
        from vm.trace.records import Failure

        rule, message = given_up
        failure = Failure(-1, -1, "", message, rule.name, rule.category, needed=rule.needed)
        return found._replace(verdict="reject", errno=-rule.errno, message=message, failure=failure)


def recorded(
    obj: Object, program: Program, *, caps: Caps = ROOT, alone: bool = False
) -> tuple[Verdict, Recorder | None]:
    """The verdict of a program, without a log, and its recorded walk.

    A program that is not emulated has the Verdict "error" and no walk.
    """
    check = Check(obj, program, alone=alone, log_level=0, caps=caps)
    try:
        for _ in check.advance():
            pass
        return check.result(), check.recorder
    except InputError as error:
        failed = Verdict(program.name, program.section, "error", message=error.message, program=program, error=error)
        return failed, None


def as_walked(program: Program, env: VerifierEnv) -> Program:
    """A program with the instructions that were walked, and the lines and names that libbpf may not have passed on."""
    from dataclasses import replace

    return replace(program, insns=env.program.insns)


class GivenUp(NamedTuple):
    """Why a program that the verifier accepts is not loaded."""

    rule: Rule
    message: str


def refused_after(obj: Object, program: Program, *, alone: bool) -> GivenUp | None:
    """Why the kernel refuses a program, or libbpf gives up the object, after the verifier accepted the program.

    Loaded are the programs libbpf loads by default and `program`. A slot of a program array whose program cannot be
    loaded, or is refused, is no reason: there libbpf gives up because of that program, which has its own verdict.
    """
    from vm.elf.prog_arrays import first_unfilled
    from vm.elf.prog_owners import foreign_map
    from vm.verifier.rules.loader import MAP_OWNER

    loaded = [each for each in obj.programs if each is program or (each.autoload and not alone)]
    foreign = foreign_map(program, loaded)
    if foreign is not None:
        return GivenUp(MAP_OWNER, str(foreign))
    names = {each.name for each in loaded} | {name for name, _ in obj.errors if not alone}
    unfilled = first_unfilled(obj, names)
    return GivenUp(unfilled.rule, str(unfilled)) if unfilled is not None else None


def remarks_of(obj: Object, name: str) -> tuple[Remark, ...]:
    """Remarks for the user about a program of an object, and about the whole object."""
    found = [remark for remark in obj.remarks if remark.program in ("", name)]
    program = next((p for p in obj.programs if p.name == name), None)
    if program is not None and not program.autoload:
        found.append(Remark("libbpf loads this program only if the application asks for it (autoload is off).", name))
    return tuple(found)


def check(
    obj: Object,
    program: Program,
    *,
    alone: bool = False,
    log_level: int = 1,
    record: bool = False,
    caps: Caps = ROOT,
    explain: bool = False,
) -> Verdict:
    """The verdict of one program of an object; "error" if it cannot be verified.

    explain -- find the steps that led to a rejection even if the walk is not recorded
    """
    try:
        found = Check(obj, program, alone=alone, log_level=log_level, record=record, caps=caps)
        for _ in found.advance():
            pass
        verdict = found.result()
        if explain and not record and verdict.failure is not None and verdict.insns_processed <= MAX_EXPLAINED:
            # The loader's own refusals follow a walk that accepts.
            explained = verify(program, log_level=0, caps=caps)[0].failure
            verdict = verdict._replace(failure=explained or verdict.failure)
        return verdict
    except InputError as error:
        remarks = remarks_of(obj, program.name)
        return Verdict(
            program.name, program.section, "error", message=error.message, remarks=remarks, program=program, error=error
        )


def check_object(
    obj: Object,
    name: str = "",
    *,
    alone: bool = False,
    log_level: int = 1,
    record: bool = False,
    caps: Caps = ROOT,
    explain: bool = False,
) -> Iterator[Verdict]:
    """The verdict of each program of an object (of the one called `name`, if it is given), as bpf_object__load() does.

    libbpf gives up at the first program that cannot be loaded; here the others are verified too, and the remarks of the
    first rejected one say so.
    """
    # Where no program is left to check, the message of each says why.
    whole = not alone and not name and bool(obj.programs) and len(obj.programs) + len(obj.errors) > 1
    for found in _verdicts(obj, name, alone, log_level, record, caps, explain):
        stops = found.program is None or found.program.autoload
        if whole and stops and not found.accepted:
            whole = False
            text = "libbpf gives up the object at this program; the others are checked all the same."
            found = found._replace(remarks=(*found.remarks, Remark(text, found.name)))
        yield found


def _verdicts(
    obj: Object, name: str, alone: bool, log_level: int, record: bool, caps: Caps, explain: bool
) -> Iterator[Verdict]:
    for failed, why in obj.errors:
        if name in ("", failed):
            yield Verdict(failed, "", "error", message=why, remarks=remarks_of(obj, failed), error=InputError(why))
    for program in obj.programs:
        if name in ("", program.name):
            yield check(obj, program, alone=alone, log_level=log_level, record=record, caps=caps, explain=explain)
