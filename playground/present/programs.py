"""What a client is told of a program: its instructions, maps, source lines and remarks, as fields of messages."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from playground.present.walk import walk_json
from vm.jit.listing import listing as machine_listing
from vm.listing import ListedInsn, listing
from vm.program import Object, Program, Remark
from vm.runner.execution import PROGRAM, Execution

if TYPE_CHECKING:
    from vm.runner.tail_calls import Companion

MOST_FILES: Final = 64
"""Files beside the source itself whose lines are told of an object."""
MOST_ENTERED: Final = 4_000
"""Instructions of a program that a tail call enters, up to which they are told."""
MOST_WALKED: Final = 1_024
"""Steps of the walks of all of these that are told."""
Message: TypeAlias = dict[str, Any]


def programs_json(obj: Object) -> list[Message]:
    """The programs of an object; those that cannot be loaded come last, each with the reason as `error`."""
    good = [{"name": p.name, "section": p.section, "prog_type": p.prog_type, "error": ""} for p in obj.programs]
    return good + [{"name": n, "section": "", "prog_type": 0, "error": why} for n, why in obj.errors]


def load_summary(obj: Object, program: Program) -> str:
    """The result of the stage `load` in a few words, for people."""
    maps = f"{len(program.maps)} map{'s' if len(program.maps) != 1 else ''}"
    more = f", {len(obj.programs)} programs" if len(obj.programs) > 1 else ""
    return f"{maps}, {len(program.insns)} instructions{more}"


def maps_json(program: Program) -> list[Message]:
    """The maps that a program uses. Sizes are in bytes."""
    from vm.kernel.names import map_type_name

    return [
        {
            "name": m.full_name or m.name, "type": map_type_name(m.map_type),
            "key_size": m.key_size, "value_size": m.value_size, "max_entries": m.max_entries, "flags": m.map_flags,
        }
        for m in program.maps
    ]  # fmt: skip


def insns_json(program: Program, listed: Sequence[ListedInsn]) -> Iterator[Message]:
    """The instructions of a program, one record each, made when the iterator reaches it.

    `idx` and `target` count slots of 8 bytes; `line` is None where the object does not say it, and `file` is there only
    for lines of another file than the source.
    listed -- listing(program)
    """
    for row in listed:
        insn: Message = {"idx": row.idx, "hex": row.hex, "text": row.text}
        if row.line is not None:
            insn["line"] = row.line.line
            insn["column"] = row.line.column
            if file := program.file_of(row.line):
                insn["file"] = file
        else:
            insn["line"] = None
        insn["target"] = row.target
        if row.func:
            insn["func"] = row.func
        if row.call:
            insn["call"] = row.call
        yield insn


def index_json(program: Program, listed: Sequence[ListedInsn]) -> Message:
    """What a client that gets only the first instructions has to know of all: which are wide, lines, files, functions.

    Each list has an entry [slot, value] only where the value differs from that of the instruction before.
    """
    found: Message = {"wide": [], "line_info": [], "func_info": [], "call_info": []}
    files: list[tuple[int, str]] = []
    line: int | None = None
    file = ""
    for row in listed:
        if len(row.hex) > 16:
            found["wide"].append(row.idx)
        here = row.line.line if row.line is not None else None
        if here != line:
            found["line_info"].append([row.idx, here])
            line = here
        there = program.file_of(row.line) if row.line is not None else ""
        if there != file:
            files.append((row.idx, there))
            file = there
        if row.func:
            found["func_info"].append([row.idx, row.func])
        if row.call:
            found["call_info"].append([row.idx, row.call])
    if files:
        found["file_info"] = files
    return {**found, "more": {"insns": len(listed)}}


def lines_json(program: Program) -> Message:
    """The source lines of an object: `lines` of the source itself, `files` of at most MOST_FILES others by their names.

    If the object does not hold the text, the lines are "" and `source_file` is the source's name.
    """
    found: dict[str, dict[str, str]] = {"": {}}
    whole = dict(program.texts)
    for info in program.lines:
        file = program.file_of(info)
        if file not in found and len(found) > MOST_FILES:
            continue
        for number, text in enumerate(whole.pop(info.file, ()), 1):
            found.setdefault(file, {})[str(number)] = text
        found.setdefault(file, {}).setdefault(str(info.line), info.text)
    others = {name: lines for name, lines in found.items() if name}
    told: Message = {"lines": found[""], **({"files": others} if others else {})}
    if found[""] and not any(found[""].values()):
        told["source_file"] = posixpath.basename(program.main_file)
    return told


def remarks_json(remarks: Sequence[Remark]) -> list[Message]:
    """The remarks of the compiler or the loader, in their order."""
    return [remark.as_json() for remark in remarks]


def entered_names(runs: Sequence[Execution], others: Sequence[Companion]) -> set[str]:
    """The names of the companions that a tail call of these runs entered."""
    first = (
        run.steps[event.step + 1].insn_idx
        for run in runs
        for event in run.events
        if event.kind == "tail_call" and event.step + 1 < len(run.steps)
    )
    numbers = {insn_idx // PROGRAM for insn_idx in first}
    return {other.rewritten.program.name for n, other in enumerate(others, 1) if n in numbers}


def entered_json(programs: Sequence[Companion]) -> Message:
    """The field `entered`, for programs that tail calls may have entered, by their numbers from 1; {} without any.

    Slots of program n are counted from n * PROGRAM on. Programs of more than MOST_ENTERED slots are left out.
    """
    found, left = [], MOST_WALKED
    for n, (rewritten, image, paths) in enumerate(programs, 1):
        program, first = rewritten.program, PROGRAM * n
        if len(program.insns) > MOST_ENTERED:
            continue
        insns = list(insns_json(program, listing(program)))
        for insn in insns:
            insn["idx"] += first
            insn["target"] = insn["target"] + first if insn["target"] is not None else None
        names = [m.full_name or m.name for m in program.maps], [f.name for f in program.functions]
        rows = machine_listing(image, *names) if image is not None else ()
        code = [
            {"off": row.off, "hex": row.hex, "text": row.text, "insn": row.insn_idx + first * (row.insn_idx >= 0)}
            for row in rows
        ]  # fmt: skip
        walk: Message = {}
        if paths is not None and left > 0:
            walk = {"walk": walk_json(program, paths.trace, left)}
            left -= len(walk["walk"]["steps"])
        found.append({"name": program.name, "insns": insns, "listing": code, **walk})
    return {"entered": found} if found else {}
