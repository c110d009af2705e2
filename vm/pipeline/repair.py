"""Finds changes of a rejected C source that the verifier accepts: vm.repair proposes, each proposal is verified here.

A proposal that leads to a later rejection is kept, and proposals for that rejection are tried on top of it: a program
that lacks two checks gets both. Only verified changes are offered; all programs of the object are verified.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from vm.caps import ROOT, Caps
from vm.csource import versions
from vm.csource.text import apply
from vm.errors import InputError
from vm.isa.opcodes import EXIT as _EXIT
from vm.isa.opcodes import JMP
from vm.pipeline.objects import load
from vm.pipeline.source import BuildOptions, Source, compile_source
from vm.pipeline.verdicts import MAX_EXPLAINED, Check, Verdict
from vm.program import Fix, LineInfo, Object, Program

if TYPE_CHECKING:
    from vm.repair.candidate import Candidate
    from vm.repair.scene import Scene
    from vm.trace.recorder import Recorder
    from vm.trace.records import Failure, Holding
    from vm.trace.snapshots import FrameSnapshot
    from vm.verifier.env import Reject, VerifierEnv

MAX_TRIES: Final = 28
"""Largest number of sources that are compiled for one answer."""
MAX_DEPTH: Final = 5
"""Largest number of changes that are combined."""
_BREADTH: Final = 3  # proposals that lead to another rejection, of one source, that are followed at once
_LONG: Final = 10_000  # instructions of a walk that leaves much behind
_PATH: Final = 4096  # instructions of the path that are looked at
_MAX_LOST: Final = 0.5  # lines that may have no code any more
_SAME: Final = 0.93  # of the instructions: a program is not shorter then
EXIT: Final = JMP | _EXIT
_NEEDS_WARNINGS: Final = ("register-uninitialized", "kfunc-unresolved")


@dataclass(frozen=True, slots=True)
class Repair:
    """A change of the source after which the verifier accepts the program.

    title -- what it does, in a few words; why -- why that helps
    fix   -- the edits, of the source as it was given
    diff  -- the same as a unified diff
    insns_processed -- instructions that the verifier processed for the changed program
    """

    title: str
    why: str
    fix: Fix
    diff: str
    insns_processed: int


class _OutOfTime(Exception):
    pass


class _Refusal(NamedTuple):
    """A rejection; recorder is None if the walk was not recorded."""

    rejected: Reject
    env: VerifierEnv
    recorder: Recorder | None = None
    in_step: bool = True
    failure: Failure | None = None


class _Attempt(NamedTuple):
    """One attempted source. steps: the proposals that led to it; refusal: None if it is accepted."""

    text: str
    steps: tuple[Candidate, ...]
    program: Program
    insns_processed: int
    refusal: _Refusal | None

    @property
    def accepted(self) -> bool:
        return self.refusal is None


def repaired(source: Source, repair: Repair) -> Source:
    """The source after a change."""
    return replace(source, data=apply(source.text(), repair.fix).encode())


def repairs(
    source: Source,
    options: BuildOptions,
    obj: Object,
    program: Program,
    *,
    verdict: Verdict | None = None,
    limit_seconds: float = 20,
    most: int = 3,
    caps: Caps = ROOT,
    alone: bool = False,
) -> Iterator[Repair]:
    """Yields changes of the source after which `program` is accepted and no other program of the object is newly
    rejected, the likeliest first; none if the source is not C or the program is accepted.

    verdict -- an earlier verdict on the program; saves a second verification if its walk was long
    limit_seconds -- no attempt starts after that time, and the current verification is stopped
    most -- how many changes are searched for
    """
    if source.kind != "c":
        return
    try:
        search = _Search(source, options, obj, program, time.monotonic() + limit_seconds, caps, alone)
        for file in search.files(verdict):
            yield from search.found(most, verdict, file)
            if search.offered:
                return
    except (_OutOfTime, InputError):
        return


class _Search:
    def __init__(
        self,
        source: Source,
        options: BuildOptions,
        obj: Object,
        program: Program,
        deadline: float,
        caps: Caps,
        alone: bool,
    ) -> None:
        self.source, self.options, self.obj, self.program = source, options, obj, program
        self.deadline, self.caps, self.alone = deadline, caps, alone
        self.file = ""  # the file that is edited: a header of the user's, or the source itself
        self.text = source.text()
        self.patience = max(1.0, (deadline - time.monotonic()) / 6)  # seconds of one verification
        self.tries = 0
        self.seen = {self.text}
        self.places: set[tuple[str, int, str]] = set()
        self.offered = 0
        self.fault = 0  # line of the instruction that was refused first, 0 if that is an exit
        self._others: dict[str, bool] | None = None

    def files(self, verdict: Verdict | None) -> tuple[str, ...]:
        """The files that may have to be edited: the header where the program was refused, then the source itself."""
        if not self.source.files:
            return ("",)
        first = self._known(verdict) or self._verified(self.obj, self.program)
        if first is None or first.refusal is None:
            return ("",)
        info = self.program.place_of(first.refusal.env.insn_idx)
        file = self.program.file_of(info) if info is not None else ""
        return (file, "") if any(each.name == file for each in self.source.files) else ("",)

    def found(self, most: int, verdict: Verdict | None, file: str = "") -> Iterator[Repair]:
        """Round by round: of each rejection a few proposals that lead to another one, then those for the new ones.

        file -- the one that is edited
        """
        self.file = file
        self.text = next((each.text for each in self.source.files if each.name == file), self.source.text())
        self.seen, self.places, self.fault = {self.text}, set(), 0
        first = self._known(verdict) or self._verified(self.obj, self.program)
        if first is None or first.refusal is None:
            return
        info = self.program.place_of(first.refusal.env.insn_idx)
        insn_idx = first.refusal.env.insn_idx
        if insn_idx < len(self.program.insns) and self.program.insns[insn_idx].code != EXIT and self._edited(info):
            self.fault = info.line if info is not None else 0
        waiting = [self._tried(first)]
        while waiting and not self.offered:
            further: list[Iterator[_Attempt]] = []
            unfinished: list[Iterator[_Attempt]] = []
            for attempts in waiting:
                followed = 0
                for each in attempts:
                    if each.accepted:
                        self.offered += 1
                        yield self._repair(each)
                        if self.offered == most:
                            return
                        continue
                    if len(each.steps) < MAX_DEPTH:
                        further.append(self._tried(each))
                    followed += 1
                    if followed == _BREADTH:
                        unfinished.append(attempts)
                        break
            waiting = [*further[:_BREADTH], *unfinished]

    def _edited(self, info: LineInfo | None) -> bool:
        """Whether a place is in the file that is edited."""
        return info is not None and self.program.file_of(info) == self.file

    def _with(self, text: str) -> Source:
        """The source with another text of the file that is edited."""
        if not self.file:
            return replace(self.source, data=text.encode())
        files = (each._replace(text=text) if each.name == self.file else each for each in self.source.files)
        return replace(self.source, files=tuple(files))

    def _tried(self, attempt: _Attempt) -> Iterator[_Attempt]:
        """The attempts that the proposals for a rejection lead to: accepted, or rejected for a new reason.

        Of several proposals with the same effect, one is followed.
        """
        from vm.repair import candidates

        scene = self._scene(attempt)
        if scene is None:
            return
        self.places.add(self._place(attempt))
        helped: set[str] = set()
        for candidate in candidates(scene):
            if self.tries >= MAX_TRIES:
                return
            if candidate.title in helped or (candidate.last and self.offered):
                continue
            try:
                text = apply(attempt.text, Fix("", candidate.edits))
            except ValueError:
                continue
            if text in self.seen:
                continue
            self.seen.add(text)
            self.tries += 1
            done = self._compiled(text, (*attempt.steps, candidate))
            if done is None or not self._keeps(done):
                continue
            if done.accepted or self._place(done) not in self.places:
                helped.add(candidate.title)
                yield done

    def _compiled(self, text: str, steps: tuple[Candidate, ...]) -> _Attempt | None:
        """The verdict on a source; None if it does not compile or no longer has the program."""
        self._still_time()
        source = self._with(text)
        try:
            compilation = compile_source(source, self.options)
            if not compilation.ok:
                return None
            obj = load(source, self.options, compilation.object)
        except InputError:
            return None
        program = next((p for p in obj.programs if p.name == self.program.name), None)
        if program is None:
            return None
        done = self._verified(obj, program)
        if done is None:
            return None
        if done.insns_processed > _LONG:
            gc.collect()  # a worker collects nothing by itself
        if done.accepted and not self._others_stand(obj):
            return None
        return done._replace(text=text, steps=steps)

    def _known(self, verdict: Verdict | None) -> _Attempt | None:
        """The earlier verdict, if its walk was too long to be recorded now."""
        from vm.trace.snapshots import FIRST_SLOT, slot_index
        from vm.verifier.env import Reject

        if verdict is None or verdict.env is None or verdict.verification is None or verdict.failure is None:
            return None
        rule = verdict.verification.rule
        if verdict.insns_processed <= MAX_EXPLAINED or rule is None:
            return None
        frame, idx = slot_index(verdict.failure.reg) if verdict.failure.reg else (0, FIRST_SLOT)
        regno = idx if idx < FIRST_SLOT and frame == verdict.env.cur_state.curframe else -1
        rejected = Reject(rule, {}, -verdict.errno, regno, insn_idx=verdict.failure.insn_idx)
        refusal = _Refusal(rejected, verdict.env, failure=verdict.failure)
        return _Attempt(self.text, (), self.program, verdict.insns_processed, refusal)

    def _verified(self, obj: Object, program: Program, *, record: bool = False) -> _Attempt | None:
        """The verdict on a program; None if it is not emulated or its walk takes too long."""
        try:
            check = Check(obj, program, alone=self.alone, log_level=0, record=record, caps=self.caps)
            until = time.monotonic() + self.patience if self.tries else self.deadline
            for _ in check.advance():
                self._still_time()
                if time.monotonic() > until:
                    return self._too_long(program, check)
            verdict = check.result()
        except InputError:
            return None
        walk = check.walk
        if not verdict.accepted and walk.rejected is None:
            return None  # libbpf's own refusal
        refusal = (
            _Refusal(walk.rejected, walk.env, check.recorder, walk.in_step, verdict.failure)
            if walk.rejected is not None
            else None
        )
        return _Attempt(self.text, (), program, verdict.insns_processed, refusal)

    def _too_long(self, program: Program, check: Check) -> _Attempt:
        """A walk that was stopped counts as one that exceeds the kernel's limit."""
        from vm.explain.failure import failure
        from vm.verifier.env import Reject
        from vm.verifier.rules.limits import PROGRAM_TOO_LARGE

        env = check.walk.env
        rejected = Reject(PROGRAM_TOO_LARGE, {}, PROGRAM_TOO_LARGE.errno, insn_idx=env.insn_idx)
        refusal = _Refusal(rejected, env, failure=failure(env, None, rejected, True))
        return _Attempt(self.text, (), program, max(env.insn_processed, MAX_EXPLAINED + 1), refusal)

    def _still_time(self) -> None:
        if time.monotonic() > self.deadline:
            raise _OutOfTime

    def _others_stand(self, obj: Object) -> bool:
        """Whether every program of the object that was accepted before still is."""
        if self._others is None:
            self._others = {
                p.name: (done := self._verified(self.obj, p)) is not None and done.accepted
                for p in self.obj.programs
                if p.name != self.program.name
            }
        before = {name for name, accepted in self._others.items() if accepted}
        programs = {p.name: p for p in obj.programs}
        return all(
            name in programs and (done := self._verified(obj, programs[name])) is not None and done.accepted
            for name in before
        )

    def _place(self, attempt: _Attempt) -> tuple[str, int, str]:
        """(rule, line of the source as it was given or the nearest one before, rest of the line) of a rejection."""
        if attempt.refusal is None:
            return "", 0, ""
        rejected, env = attempt.refusal.rejected, attempt.refusal.env
        info = attempt.program.place_of(env.insn_idx)
        line = info.line if info is not None else 0
        rest = info.text[max(info.column - 1, 0) :] if info is not None else ""
        if not self._edited(info):
            return rejected.rule.name, -line, rest
        old = versions.old_lines(self.text, attempt.text)
        while line > 0 and line not in old:
            line -= 1
        return rejected.rule.name, old.get(line, 0), rest

    def _keeps(self, attempt: _Attempt) -> bool:
        return keeps(self.text, self.program, attempt.text, attempt.program, self.fault, self.file)

    def _scene(self, attempt: _Attempt) -> Scene | None:
        """The description of a rejection, from a recorded walk if the walk was not too long."""
        from vm.csource.tree import CTree
        from vm.repair.scene import Scene
        from vm.trace.snapshots import FrameSnapshot

        if attempt.insns_processed <= MAX_EXPLAINED:
            obj = self.obj if attempt.program is self.program else replace(self.obj, programs=(attempt.program,))
            recorded = self._verified(obj, attempt.program, record=True)
            if recorded is None:
                return None
            attempt = recorded._replace(text=attempt.text, steps=attempt.steps)
        if attempt.refusal is None or attempt.refusal.failure is None:
            return None
        rejected, env, recorder, in_step, told = attempt.refusal
        frames: tuple[FrameSnapshot, ...] = ()
        path: list[int] = []
        held: list[Holding] = []
        if recorder is None:
            frames = tuple(FrameSnapshot(f.frameno, f.regs, f.stack, []) for f in env.cur_state.frame)
        elif len(recorder):
            at = len(recorder) - 1 if in_step else len(recorder)
            frames = recorder.raw_before(at)
            step = at
            for _ in range(_PATH):
                step = recorder.before(step)
                if step < 0:
                    break
                path.append(recorder.insn_idx(step))
            on_path = recorder.path_at(at)
            held = [each for each in recorder.holdings if on_path in each.still_held]
        insn_idx = rejected.insn_idx if rejected.insn_idx >= 0 else env.insn_idx
        return Scene(
            CTree(attempt.text), attempt.program, self.obj.maps, attempt.refusal.failure, rejected.rule,
            rejected.values, min(max(insn_idx, 0), len(attempt.program.insns) - 1), frames, tuple(path), tuple(held),
            rejected.also, rejected.regno, self._warnings(attempt, rejected.rule.name), self.file,
        )  # fmt: skip

    def _warnings(self, attempt: _Attempt, rule: str) -> tuple[tuple[int, str], ...]:
        if rule not in _NEEDS_WARNINGS:
            return ()
        found = compile_source(self._with(attempt.text), self.options).diagnostics
        return tuple((d.line, d.option) for d in found if d.severity == "warning" and d.file == self.file)

    def _repair(self, attempt: _Attempt) -> Repair:
        steps = attempt.steps
        title = "; ".join(dict.fromkeys(step.title for step in steps))
        why = " ".join(dict.fromkeys(step.why for step in steps))
        edits = steps[0].edits if len(steps) == 1 else versions.line_edits(self.text, attempt.text)
        edits = tuple(replace(edit, file=self.file) for edit in edits)
        name = self.source.name
        name = self.file or (name if name.endswith(".c") else f"{name}.c")
        diff = versions.diff(name, self.text, attempt.text)
        return Repair(title, why, Fix(title, edits), diff, attempt.insns_processed)


def keeps(
    old_text: str, old_program: Program, new_text: str, new_program: Program, fault: int = 0, file: str = ""
) -> bool:
    """Whether a program does what it did: most lines still have code, and so has the one at fault (0: none).

    file -- what the texts are of: a header of the user's, or "" for the source itself

    clang joins equal ends of branches, whose lines have no code of their own then: a line with the same text
    elsewhere counts, and a program that did not become much shorter is not asked for its line at fault.
    """
    old_lines, new_lines = versions.split(old_text), versions.split(new_text)
    coded = {line for line in _coded(new_program, file) if line <= len(new_lines)}
    texts = {new_lines[line - 1].strip() for line in coded}
    opcodes = versions.opcodes(old_text, new_text)
    kept = {line for kind, i, j, _, _ in opcodes if kind == "equal" for line in range(i + 1, j + 1)}
    old = {line for line in _coded(old_program, file) if line <= len(old_lines)}
    lost = {line for line in old & kept if old_lines[line - 1].strip() not in texts}
    if len(lost) > max(3, _MAX_LOST * len(old)):
        return False
    changed = {line for kind, _, _, k, m in opcodes if kind != "equal" for line in range(k + 1, m + 1)}
    if not changed or len(new_program.insns) >= _SAME * len(old_program.insns) or fault not in old:
        return True
    return fault not in lost if fault in kept else bool(changed & coded)


def _coded(program: Program, file: str) -> Iterator[int]:
    """The lines of a file that have code."""
    return (info.line for info in program.line_infos if info.column and program.file_of(info) == file)
