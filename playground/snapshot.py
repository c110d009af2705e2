"""What a page shows at one step, made from a run's messages: for embeds and pictures, before any script runs.

The words are those of the messages: the verifier's own text of a register, the instruction as the kernel prints it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

Message = Mapping[str, Any]
AROUND: Final = 6
"""Lines above and below the one at the step."""
REGISTERS: Final = 12
TEXT: Final = 200
"""Characters of a line that are kept."""
HIDDEN: Final = frozenset(
    [*range(0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0), 0xAD, 0x61C, 0x180E, *range(0x200B, 0x2010),
     *range(0x2028, 0x202F), *range(0x2060, 0x206A), 0xFEFF, *range(0xFFF9, 0xFFFD), *range(0xD800, 0xE000)]
)  # fmt: skip
"""Characters that are not shown as they are: control, invisible and direction-changing ones, as in ui/dom.js."""


class Row(NamedTuple):
    """A line of the source or an instruction; here: it is the one at the step."""

    number: int
    text: str
    here: bool


class Value(NamedTuple):
    """A register or stack slot; kind as in the messages; changed: this step wrote it."""

    name: str
    text: str
    kind: str
    changed: bool


class Snapshot(NamedTuple):
    """The state of a page at one step.

    outcome -- accepted, rejected, failed, or "" while it is not known
    said    -- the verdict, or the reason, a sentence
    where   -- "step 13 of 28"; "" without steps
    """

    title: str
    outcome: str
    said: str
    where: str
    lines: tuple[Row, ...]
    insns: tuple[Row, ...]
    values: tuple[Value, ...]


def visible(text: str) -> str:
    """A line of text from outside, with nothing hidden in it."""
    shown = "".join(
        f"\\u{{{ord(char):x}}}" if ord(char) in HIDDEN else char for char in text[:TEXT].replace("\t", "    ")
    )
    return shown + ("…" if len(text) > TEXT else "")


def snapshot(
    request: Mapping[str, Any], title: str, view: Mapping[str, Any], said: Iterable[Message], steps: Iterable[Message]
) -> Snapshot:
    """What is seen of a run.

    said  -- its messages, steps left out; none where it is not known
    steps -- the `steps` messages that hold the step that is looked at, if there are any
    """
    stages = {m["stage"]: m for m in said if m["type"] == "stage" and m["status"] in ("done", "failed")}
    loaded = stages.get("load", {})
    outcome, sentence = _outcome(stages)
    stage, number = place(view, stages)
    chunk = next((m for m in steps if m["from"] <= number < m["from"] + len(m["steps"])), None)
    step = chunk["steps"][number - chunk["from"]] if chunk else {}
    insn = step.get("insn", -1)
    rows = loaded.get("insns") or []
    at = next((n for n, each in enumerate(rows) if each["idx"] == insn), -1)
    line = _line(rows, at) if at >= 0 else (stages.get("verify", {}).get("fail") or {}).get("line") or 0
    source = [] if request["kind"] == "elf" else request["source"].splitlines()
    return Snapshot(
        title=visible(title or loaded.get("program", "") or "bpfscope"),
        outcome=outcome,
        said=visible(sentence),
        where=f"step {number + 1:,} of {chunk['total']:,}{_recorded(view, stages)}" if chunk else "",
        lines=_around([(n, text) for n, text in enumerate(source, 1)], line - 1, number=line),
        insns=_around([(each["idx"], each["text"]) for each in rows], at, number=insn),
        values=FOLDS[stage](chunk, number) if chunk else (),
    )


def place(view: Mapping[str, Any], stages: Mapping[str, Message]) -> tuple[str, int]:
    """Stage and step that are looked at; of a rejected program without a view where it was rejected."""
    if view:
        return view.get("stage", "verify"), view.get("step", 0)
    fail = stages.get("verify", {}).get("fail") or {}
    return "verify", max(0, fail.get("step", 0))


def _recorded(view: Mapping[str, Any], stages: Mapping[str, Message]) -> str:
    """Which event of which kernel a run is, if it was recorded."""
    told = stages.get("run", {}).get("recorded")
    if told is None or view.get("stage") != "run":
        return ""
    packet = view.get("packet", 0)
    task = f" in {told['tasks'][packet]}" if packet < len(told["tasks"]) else ""
    return visible(f", event {packet + 1:,} of {len(told['tasks']):,}{task}, recorded in Linux {told['kernel']}")


def _outcome(stages: Mapping[str, Message]) -> tuple[str, str]:
    for stage in stages.values():
        if stage["status"] == "failed" and "verdict" not in stage:
            return "failed", str(stage.get("message") or "")
    verify = stages.get("verify", {})
    if verify.get("verdict") == "reject":
        return "rejected", str((verify.get("fail") or {}).get("message") or "rejected")
    if verify.get("verdict") == "accept":
        return "accepted", str(verify.get("summary") or "")
    return "", ""


def _line(rows: list[Message], at: int) -> int:
    """The line of a row in the source itself, or of the nearest one above that has one."""
    return next((row["line"] for row in reversed(rows[: at + 1]) if row.get("line") and not row.get("file")), 0)


def _around(rows: list[tuple[int, str]], at: int, *, number: int) -> tuple[Row, ...]:
    begin = max(0, min(max(at, 0) - AROUND, len(rows) - 2 * AROUND - 1))
    return tuple(Row(n, visible(text), n == number) for n, text in rows[begin : begin + 2 * AROUND + 1])


def _walked(chunk: Message, number: int) -> tuple[Value, ...]:
    """Registers of the verifier after a step."""
    state = dict((chunk.get("keyframe") or {}).get("state", {}))
    changed: set[str] = set()
    for step in chunk["steps"][: number - chunk["from"] + 1]:
        for name in step.get("del", []):
            state.pop(name, None)
        state.update(step.get("set", {}))
        changed = set(step.get("wrote", step.get("set", {})))
    return tuple(
        Value(visible(name), visible(reg["t"]), reg["k"], name in changed)
        for name, reg in sorted(state.items(), key=lambda item: _order(item[0]))[:REGISTERS]
    )


def _ran(chunk: Message, number: int) -> tuple[Value, ...]:
    """Registers of the machine after a step."""
    regs = dict((chunk.get("keyframe") or {}).get("regs", {}))
    changed: set[str] = set()
    for step in chunk["steps"][: number - chunk["from"] + 1]:
        regs.update(step["regs"])
        changed = set(step["regs"])
    return tuple(
        Value(visible(name), visible(text), "number", name in changed)
        for name, text in sorted(regs.items(), key=lambda item: _order(item[0]))[:REGISTERS]
    )


def _order(name: str) -> tuple[int, str]:
    """r2 before r10, registers before slots, the outer frame last."""
    return (len(name) if name.startswith("r") else 9, name)


FOLDS: Final = {"verify": _walked, "run": _ran}
