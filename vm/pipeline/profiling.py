"""Profiles: what a program's walk costs and where, and verified changes of the source that make it shorter."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from vm.caps import ROOT, Caps
from vm.csource import versions
from vm.csource.text import apply
from vm.errors import InputError
from vm.pipeline.objects import load
from vm.pipeline.repair import keeps
from vm.pipeline.source import BuildOptions, Source, compile_source
from vm.pipeline.verdicts import Check, Verdict, as_walked, recorded
from vm.program import Fix, Object, Program

if TYPE_CHECKING:
    from vm.profile.profile import Profile
    from vm.repair.candidate import Candidate

MAX_TRIES: Final = 20
"""Largest number of sources that are compiled for the advice on one program."""
MIN_GAIN: Final = 0.1
"""Smallest share of the walk that a change must save to be reported."""
_LONG: Final = 10_000  # instructions of a walk that leaves much behind
_GAVE_UP: Final = ("program-too-large", "jump-sequence-too-long")


@dataclass(frozen=True, slots=True)
class Profiled:
    """A verdict and the profile of its walk; `profile` is None where there was no walk."""

    verdict: Verdict
    profile: Profile | None


@dataclass(frozen=True, slots=True)
class Advice:
    """A change of the source that shortens the walk; it was compiled, loaded and verified.

    title -- what it does, in a few words; why -- why that helps
    fix, diff -- the edits, and the same as a unified diff, of the source as it was given
    before, insns_processed -- instructions that the verifier processed without and with the change
    """

    title: str
    why: str
    fix: Fix
    diff: str
    before: int
    insns_processed: int


def profiled(obj: Object, program: Program, *, caps: Caps = ROOT, alone: bool = False) -> Profiled:
    """The verdict of a program and its profile. A program that is not emulated has the Verdict "error"."""
    from vm.profile.profile import profile

    verdict, recorder = recorded(obj, program, caps=caps, alone=alone)
    env = verdict.env
    if env is None or recorder is None:
        return Profiled(verdict, None)
    return Profiled(verdict, profile(as_walked(program, env), recorder, env.insn_processed, env.insn_idx))


def advice(
    source: Source,
    options: BuildOptions,
    obj: Object,
    found: Profiled,
    *,
    limit_seconds: float = 20,
    most: int = 4,
    caps: Caps = ROOT,
    alone: bool = False,
) -> Iterator[Advice]:
    """Yields changes of a C source that shorten the walk of a profiled program by at least MIN_GAIN.

    The program is accepted with each of them, and no other program of the object is refused that was not before. None
    for another source, or a program that is refused for another reason than the length of its walk.
    limit_seconds -- no attempt starts after that time, and the current verification is stopped
    most -- how many changes are searched for
    """
    verdict = found.verdict
    too_long = verdict.failure is not None and verdict.failure.rule in _GAVE_UP
    if source.kind != "c" or found.profile is None or not (verdict.accepted or too_long):
        return
    try:
        yield from _Trials(source, options, obj, found, time.monotonic() + limit_seconds, caps, alone).shorter(most)
    except (_OutOfTime, InputError):
        return


class _OutOfTime(Exception):
    pass


class _Trials:
    """The attempts for one program."""

    def __init__(
        self, source: Source, options: BuildOptions, obj: Object, found: Profiled, deadline: float, caps: Caps,
        alone: bool,
    ) -> None:  # fmt: skip
        self.source, self.options, self.obj, self.deadline = source, options, obj, deadline
        self.caps, self.alone = caps, alone
        self.text = source.text()
        self.verdict, self.profile = found.verdict, found.profile
        self._stood: dict[str, bool] | None = None

    def shorter(self, most: int) -> Iterator[Advice]:
        """Yields the changes that shorten the walk."""
        from vm.csource.tree import CTree
        from vm.profile.proposals import Ground, proposals

        assert self.profile is not None
        offered = 0
        for candidate in proposals(Ground(CTree(self.text), self.profile, self.verdict.name))[:MAX_TRIES]:
            told = self._tried(candidate)
            if told is None:
                continue
            yield told
            offered += 1
            if offered == most:
                return

    def _tried(self, candidate: Candidate) -> Advice | None:
        """The advice for a proposal; None if it does not shorten the walk."""
        self._still_time()
        fix = Fix(candidate.title, candidate.edits)
        try:
            text = apply(self.text, fix)
            source = replace(self.source, data=text.encode())
            compilation = compile_source(source, self.options)
            if not compilation.ok:
                return None
            obj = load(source, self.options, compilation.object)
        except (ValueError, InputError):
            return None
        before = self.verdict.insns_processed
        program = next((p for p in obj.programs if p.name == self.verdict.name), None)
        if program is None or self.verdict.program is None:
            return None
        needed = self._verified(obj, program, int(before * (1 - MIN_GAIN)))
        if needed is None or not keeps(self.text, self.verdict.program, text, program) or not self._others_stand(obj):
            return None
        name = self.source.name
        diff = versions.diff(name if name.endswith(".c") else f"{name}.c", self.text, text)
        return Advice(candidate.title, candidate.why, fix, diff, before, needed)

    def _verified(self, obj: Object, program: Program, most: int) -> int | None:
        """insns_processed of a program that is accepted with at most `most` of them; None otherwise."""
        try:
            check = Check(obj, program, alone=self.alone, log_level=0, record=False, caps=self.caps)
            for _ in check.advance():
                self._still_time()
                if check.walk.env.insn_processed > most:
                    return None
            verdict = check.result()
        except InputError:
            return None
        if verdict.insns_processed > _LONG:
            gc.collect()  # a worker collects nothing by itself
        return verdict.insns_processed if verdict.accepted and verdict.insns_processed <= most else None

    def _others_stand(self, obj: Object) -> bool:
        """Whether every other program of the object that was accepted before still is."""
        if self._stood is None:
            self._stood = {
                p.name: self._verified(self.obj, p, 1 << 30) is not None
                for p in self.obj.programs
                if p.name != self.verdict.name
            }
        programs = {p.name: p for p in obj.programs}
        return all(
            name in programs and self._verified(obj, programs[name], 1 << 30) is not None
            for name, stood in self._stood.items()
            if stood
        )

    def _still_time(self) -> None:
        if time.monotonic() > self.deadline:
            raise _OutOfTime


def profile_fields(found: Profiled) -> dict[str, Any]:
    """A profile as JSON fields: those of `profile` in docs/architecture.md and docs/protocol.md."""
    program, told = found.verdict.program, found.profile
    if told is None or program is None:
        return {"insns_processed": 0, "states": 0, "pruned": 0, "missed": 0} | {
            key: [] for key in ("lines", "insns", "functions", "loops", "misses")
        }
    return {
        "insns_processed": told.insns_processed,
        "states": told.states,
        "pruned": told.pruned,
        "missed": told.missed,
        "lines": [row._asdict() for row in told.lines],
        "insns": [_insn(row._asdict()) for row in told.insns],
        "functions": [_insn(row._asdict()) for row in told.functions],
        "loops": [_insn(row._asdict()) for row in told.loops],
        "misses": [
            _insn(row._asdict())
            | {"line": program.line_of(row.insn_idx), "needed_by": row.needed_by if row.needed_by >= 0 else None}
            for row in told.misses
        ],
    }


def _insn(row: dict[str, Any]) -> dict[str, Any]:
    return {"insn" if key == "insn_idx" else key: value for key, value in row.items()}
