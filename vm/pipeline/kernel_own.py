"""The emulation beside the real kernel that it emulates: its own cell, and whether both say the same."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from vm.caps import ROOT, Caps
from vm.errors import InputError
from vm.guests.loading import MAX_LOGGED
from vm.kernel.release import RELEASE
from vm.pipeline.kernel_matrix import Build, Cell, code_of
from vm.pipeline.objects import choose, load
from vm.pipeline.verdicts import Verdict, check

EMULATED: Final = "emulated"
_ADDRESS: Final = re.compile(r"\b0xf[0-9a-f]{15}\b")
_BTF_ID: Final = re.compile(r"\bbtf_id \d+")
# Of a kernel function; a helper's number has three digits at most, and is the same in all builds.
_KFUNC_ID: Final = re.compile(r"(\bcall \w+#)\d{4,}")
_TIME: Final = re.compile(r"verification time \d+ usec")


@dataclass(frozen=True, slots=True)
class Verified:
    """The emulation against the real kernel of its release.

    where -- what differs: "", verdict, errno, insns_processed or log; line -- of the logs, from 0, where they part
    """

    kernel: str
    release: str
    where: str
    line: int = -1
    ours: str = ""
    theirs: str = ""


def own_cell(build: Build, name: str, caps: Caps = ROOT, log_level: int = 1) -> Cell | None:
    """What the emulation says of a program, with a log as of a kernel's cell; None if it cannot say."""
    try:
        obj = load(build.source, build.options, build.compiled)
        program = choose(obj, name)
        if build.source.kind not in ("c", "elf"):
            program = replace(program, line_infos=())  # without BTF, a kernel gets no line information
        said = check(obj, program, caps=caps, log_level=0, alone=True)
        if log_level and said.insns_processed <= MAX_LOGGED:
            said = check(obj, program, caps=caps, log_level=log_level, alone=True, explain=True)
    except InputError:
        return None
    c = build.source.kind == "c"
    return Cell(
        build.source.name, program.name, EMULATED, RELEASE, build.clang if c else "",
        build.options.mcpu if c else "", build.options.opt if c else "",
        said.verdict if said.verdict in ("accept", "reject") else "error",
        said.errno, said.insns_processed, said.message, said.log, code_of(program),
        _explained(said), said.env.total_states if said.env is not None else -1,
    )  # fmt: skip


def _explained(said: Verdict) -> tuple[str, ...]:
    """Why the emulation's verifier rejected a program, in its own words, line by line."""
    failure = said.failure
    if failure is None or said.program is None:
        return ()
    program = said.program
    lines = [
        failure.explanation, f"Proven: {failure.proven_text}" if failure.proven_text else "",
        f"Needed: {failure.needed}" if failure.needed else "",
    ]  # fmt: skip
    for cause in failure.causes:
        where = program.where(cause.insn_idx)  # may end with the name of a header, whose case stays
        lines.append(f"{where[0].upper()}{where[1:]}: {cause.name} {cause.why}")
    return tuple(line for line in lines if line)


def verified(own: Cell, cell: Cell) -> Verified | None:
    """Both compared; None if the kernel is another one than the emulated, or one of the two has no verdict."""
    if (
        not same_release(cell.release)
        or "limit" in (own.verdict, cell.verdict)
        or "error" in (own.verdict, cell.verdict)
    ):
        return None
    for field in ("verdict", "errno", "insns_processed"):
        ours, theirs = getattr(own, field), getattr(cell, field)
        if ours != theirs:
            return Verified(cell.kernel, cell.release, field, -1, str(ours), str(theirs))
    if own.insns_processed > MAX_LOGGED:
        return Verified(cell.kernel, cell.release, "")
    left, right = hidden(own.log), hidden(cell.log)
    for line in range(max(len(left), len(right))):
        a, b = (lines[line] if line < len(lines) else "" for lines in (left, right))
        if a != b:
            return Verified(cell.kernel, cell.release, "log", line, a[:400], b[:400])
    return Verified(cell.kernel, cell.release, "")


def same_release(release: str) -> bool:
    """Whether a release (as `uname -r` prints it) is the emulated one, whoever built it."""
    number = re.match(r"\d+\.\d+\.\d+", RELEASE)
    return number is not None and re.match(rf"{re.escape(number[0])}(?!\d)", release) is not None


def hidden(log: str) -> list[str]:
    """A log's lines without what differs between boots or builds of a release: addresses, times, BTF ids."""
    text = _KFUNC_ID.sub(r"\1ID", _BTF_ID.sub("btf_id ID", _ADDRESS.sub("ADDRESS", _TIME.sub("", log))))
    return [line.rstrip() for line in text.strip().splitlines()]
