"""`recording FILE`: the events of a recording, and the steps of one of them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vm import pipeline
from vm.cli.report import BAD_INPUT, Reporter, status_of
from vm.errors import InputError
from vm.runner.execution import LOADED, PROGRAM

if TYPE_CHECKING:
    from vm.runner.execution import Execution, MemoryWrite, RunStep
    from vm.runner.follow import Known

HELP = "read a recording: its events, or the steps of one"


def arguments(p: ArgumentParser) -> None:
    p.add_argument("file", metavar="FILE", help="what `record -o FILE` wrote")
    p.add_argument("--program", default="", metavar="NAME", help="the steps of this program's events")
    p.add_argument("--json", action="store_true", help="one line of JSON per event or step")


def run(options: Namespace, out: Reporter) -> int:
    """One line per event; with --program one per step."""
    try:
        recording = pipeline.recording_of(Path(options.file).read_bytes())
        if options.program:
            _steps(recording, options.program, out)
        else:
            _events(recording, out)
    except OSError as e:
        out.complain(f"{options.file}: {e.strerror}", 2)
    except InputError as e:
        out.complain(f"{options.file}: {e.message}", status_of(e))
    return out.status


def _events(recording: pipeline.Recording, out: Reporter) -> None:
    for event in recording.events:
        name = recording.codes[event.program].name
        told = {
            "kernel": recording.release, "program": name, "comm": event.comm, "pid": event.pid,
            "instructions": len(event.offsets), "cut": event.cut,
        }  # fmt: skip
        out.line(
            told,
            f"Linux {recording.release}: {name} in {event.comm or '?'} ({event.pid}), {len(event.offsets)} machine "
            "instructions" + (f"; {event.cut}" if event.cut else ""),
        )
    if not recording.events:
        out.complain("The recording holds no event.", 0)
    for note in recording.notes:
        out.complain(note, 0)


def _steps(recording: pipeline.Recording, name: str, out: Reporter) -> None:
    for number, (how, execution, known) in enumerate(pipeline.stepped(recording, name)):
        told = {"event": number, "result": execution.result, "matched": how, "steps": len(execution.steps)}
        out.line(
            {**told, "lacking": execution.lacking} if execution.lacking else told,
            f"event {number}: {execution.result}; {len(execution.steps)} steps, matched by {how}",
        )
        if execution.lacking:
            out.complain(f"event {number} has its steps only, without calls and memory: {execution.lacking}", BAD_INPUT)
        before: tuple[int, ...] = ()
        for i, step in enumerate(execution.steps):
            out.line(_step_json(number, i, step, execution, known[i]), _step_text(i, step, before, execution, known[i]))
            before = step.regs


def _step_json(event: int, i: int, step: RunStep, execution: Execution, known: Known | None) -> dict[str, Any]:
    program, slot = divmod(step.insn_idx, PROGRAM)
    return {
        "event": event, "step": i, "program": program, "insn": slot, "x86": step.x86_off, "frame": step.frameno,
        "regs": [f"{value:#x}" for value in step.regs],
        "memory": [
            {
                "name": w.name, "address": f"{w.address:#x}", "hex": w.data.hex(), "by": w.by or "store",
                "missing": w.missing,
            }
            for w in step.writes
        ],
        "call": execution.events[step.event].text if step.event >= 0 else "",
        "walk_step": known.step if known else None, "outside": list(known.outside) if known and known.wrong else [],
    }  # fmt: skip


def _moved(write: MemoryWrite) -> str:
    """ "fp-8 <- 0100", what was loaded as "0100 = [fp-8]"."""
    if write.by == LOADED:
        return f"{write.data.hex()} = [{write.name}]"
    return f"{write.name} <- " + (f"{write.missing} bytes, not recorded" if write.missing else write.data.hex())


def _step_text(i: int, step: RunStep, before: tuple[int, ...], execution: Execution, known: Known | None) -> str:
    changed = [f"r{n}={v:#x}" for n, v in enumerate(step.regs) if n >= len(before) or before[n] != v]
    program, slot = divmod(step.insn_idx, PROGRAM)
    of = f"program {program} " if program else ""
    text = f"  {i:4} {'  ' * step.frameno}{of}insn {slot:4} +{step.x86_off:<5}{' '.join(changed)}"
    text += "".join(f"  {_moved(w)}" for w in step.writes)
    if step.event >= 0:
        text += f"  {execution.events[step.event].text}"
    if known is not None and known.wrong:
        text += f"  OUTSIDE what the verifier proved: {', '.join(known.outside)}"
    return text
