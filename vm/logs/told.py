"""What a text tells, as the command line prints it and as other programs read it."""

from __future__ import annotations

from typing import Any

from vm.logs.values import Cause, Era, LogReport, ProgramLog, Verdict
from vm.verifier.rules.catalogue import rule_named


def record(file: str, report: LogReport) -> dict[str, Any]:
    """The JSON object of a report. What the text does not carry is null, "" or empty."""
    program = report.answered
    message = program.message
    source = program.source
    return {
        "file": file,
        "verdict": program.verdict.value,
        "message": message.text if message is not None else None,
        "insn": program.insn,
        "reg": program.reg or None,
        "line": source.text if source is not None else None,
        "rule": rule_of(program),
        "category": program.category or None,
        "explanation": program.reason.what or None,
        "needed": needed(program) or None,
        "format": program.format.value,
        "wrapper": report.wrapper,
        "cut": bool(program.cut),
        "states": program.states,
        "partners": list(message.partners) if message is not None else [],
        "program": program.name,
        "cut_where": list(program.cut),
        "carriers": list(report.carriers),
        "newest_first": report.newest_first,
        "kernel": kernel(report.era),
        "source": {"file": source.file, "line": source.number} if source is not None and source.file else None,
        "steps": program.steps,
        "insns_processed": program.stats.processed if program.stats.processed >= 0 else None,
        "causes": [cause(each) for each in program.causes],
        "programs": len(report.programs),
    }


def rule_of(program: ProgramLog) -> str | None:
    """The rule that the message is of; None where several share the wording, or none has it."""
    message = program.message
    return message.rules[0] if message is not None and len(message.rules) == 1 else None


def needed(program: ProgramLog) -> str:
    """What would have been accepted, without a full stop: what follows from the text, else what the rule says."""
    name = rule_of(program)
    return program.reason.needed or (rule_named(name).needed if name is not None else "")


def cause(each: Cause) -> dict[str, Any]:
    """A cause as in Failure of `verify`; `line` is the line of the text."""
    return {
        "step": each.step,
        "insn": each.insn_idx,
        "line": each.line,
        "name": each.name,
        "kind": each.kind,
        "why": each.why,
    }


def kernel(era: Era) -> dict[str, str | None]:
    """The kernel as far as the text tells it: the version it names, and the bounds that its words set."""
    return {"named": era.named or None, "first": _version(era.first), "last": _version(era.last)}


def _version(version: tuple[int, int] | None) -> str | None:
    return f"{version[0]}.{version[1]}" if version is not None else None


def kernel_words(era: Era) -> str:
    """The same as words: "Linux 5.15.0-91", "Linux 5.2 to 5.17", "" where nothing tells it."""
    if era.named:
        return f"Linux {era.named}"
    first, last = _version(era.first), _version(era.last)
    if first and last:
        return f"Linux {first} to {last}"
    if first:
        return f"Linux {first} or later"
    return f"Linux {last} or earlier" if last else ""


def text(file: str, report: LogReport) -> str:
    """The report for a person."""
    program = report.answered
    message = program.message
    read_from = ", ".join(part for part in (kernel_words(report.era), report.wrapper) if part and part != "none")
    lines = [f"{file}: {program.verdict.value} (read from a log{': ' + read_from if read_from else ''})"]
    if report.newest_first:
        lines.append("  its lines run from the newest to the oldest: it is read from the end")
    if program.verdict is Verdict.UNKNOWN and message is None and not program.steps:
        lines.append(
            "  nothing that the verifier says is in this text: its log stands between the loader's BEGIN and END, or "
            "is printed with more verbosity"
        )
    if program.name:
        lines.append(f"  program: {program.name}")
    if message is not None:
        lines += [f"  {each}" for each in (message.text, *message.partners)]
    if program.insn is not None:
        lines.append(f"  at instruction {program.insn}{', ' + program.reg if program.reg else ''}")
    elif program.reg:
        lines.append(f"  {program.reg}")
    if program.source is not None:
        lines.append(f"  C: {program.source.text}")
    if program.category:
        rules = message.rules if message is not None else ()
        lines.append(f"  {program.category}{': ' + ' or '.join(rules) if rules else ''}")
    said = (("why", program.reason.what), ("needed", needed(program)))
    lines += [f"  {term}: {words}" for term, words in said if words]
    if program.cut:
        lines.append(f"  the log is cut: {', '.join(program.cut)}")
    if program.causes:
        lines.append("  what led to it, as printed:")
        lines += [f"    {each.insn_idx}: {each.why}" for each in program.causes]
    return "\n".join(lines)
