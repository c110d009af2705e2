"""What the stages compile and load say: messages of the compiler, programs, maps, instructions, inputs."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET

from playground.messages.base import Unset, Wire, about
from playground.messages.programs import Value
from playground.messages.stage_fields import (
    COMMAND,
    MORE,
    MS,
    RETURNED,
    SUMMARY,
    TOOK,
    WHY,
    Ended,
    Missing,
    NotCovered,
    Passed,
    Stage,
)


class Edit(Wire, frozen=True):
    """A range of the user's source and what replaces it. Lines and columns count from 1; the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int
    text: str
    file: Annotated[str, about("the file beside the source that is edited")] | Unset = UNSET


class Fix(Wire, frozen=True):
    """A change of the user's source."""

    title: Annotated[str, about("what it does, for a button")]
    edits: list[Edit]


class Remark(Wire, frozen=True):
    """Something the user should know about the source. It stops nothing."""

    message: Annotated[str, about("a sentence")]
    program: Annotated[str, about('the program it is about; `""`: the whole source')]
    line: Annotated[int | None, about("1-based line of the source")]
    fix: Annotated[Fix | None, about("what would settle it")]
    kind: Annotated[str, about('`missing`: the fix writes what `missing` lists into the source; else `""`')]


class Diagnostic(Wire, frozen=True):
    """What is wrong in a source, and where. Lines and columns count from 1."""

    line: int
    column: int
    end_column: int | None
    severity: Annotated[str, about("`error`, `fatal error`, `warning` or `note`")]
    message: str
    file: Annotated[str, about("the file beside the source that it is in")] | Unset = UNSET


class ProgramEntry(Wire, frozen=True):
    """A program of the object."""

    name: str
    section: str
    prog_type: Annotated[int, about("`enum bpf_prog_type`")]
    error: Annotated[str, about('why libbpf would not hand it to the kernel; `""` if it does')]


class Refused(Wire, frozen=True):
    """A stage could not use its input. The stages after it are skipped."""

    type: Literal["stage"]
    stage: Stage
    status: Literal["failed"]
    ms: Annotated[float, MS]
    message: Annotated[str, WHY]
    not_emulated: Annotated[list[str], about("what is not emulated, in words, where that is the reason")] | Unset = (
        UNSET
    )
    not_covered: Annotated[list[NotCovered], about("the same with kind and name")] | Unset = UNSET
    diagnostics: Annotated[list[Diagnostic], about("where in the source, if it is known")] | Unset = UNSET
    programs: Annotated[list[ProgramEntry], about("of `load`: those of the object, if none is chosen")] | Unset = UNSET
    command: Annotated[str, COMMAND] | Unset = UNSET


class Compiled(Wire, frozen=True):
    """`compile` done, or failed with clang's diagnostics."""

    type: Literal["stage"]
    stage: Literal["compile"]
    status: Ended
    ms: Annotated[float, MS]
    summary: Annotated[str, SUMMARY]
    message: Annotated[str, WHY]
    compiler: Annotated[str, about("`clang 22.1.8`")]
    object_bytes: Annotated[int, about("size of the ELF object")]
    diagnostics: list[Diagnostic]
    missing: list[Missing]
    added: Annotated[list[str], about("lines that `fix_includes` added")]
    remarks: list[Remark]
    command: Annotated[str, COMMAND] | Unset = UNSET
    took: Annotated[list[Passed], TOOK] | Unset = UNSET
    returned: Annotated[list[Passed], RETURNED] | Unset = UNSET


class MapEntry(Wire, frozen=True):
    """A map of the chosen program. Sizes are in bytes."""

    name: str
    type: Annotated[str, about("`hash`, `array`, … as bpftool names them")]
    key_size: int
    value_size: int
    max_entries: int
    flags: Annotated[int, about("`BPF_F_…`")]


class Insn(Wire, frozen=True):
    """An instruction of the chosen program."""

    idx: Annotated[int, about("its 8-byte slot")]
    hex: Annotated[str, about('`""` where a log does not carry all of it')]
    text: Annotated[str, about("as the kernel prints it")]
    line: Annotated[int | None, about("1-based line of the C source")]
    target: Annotated[int | None, about("the slot a jump goes to")]
    column: Annotated[int, about("1-based column, where there is a line")] | Unset = UNSET
    file: Annotated[str, about("the line's file, where that is not the source itself")] | Unset = UNSET
    func: Annotated[str, about("on a function's first slot: its name")] | Unset = UNSET
    call: Annotated[str, about("of a call: the helper, kernel function or function that it calls")] | Unset = UNSET
    source: Annotated[str, about("of a log: the C line, where it is printed without a number")] | Unset = UNSET


class MachineInsn(Wire, frozen=True):
    """An x86 instruction."""

    off: Annotated[int, about("offset in bytes")]
    hex: str
    text: str
    insn: Annotated[int, about("slot of the verified program's instruction it belongs to")]


class EventField(Wire, frozen=True):
    """A value of an event with its C type."""

    name: str
    type: str
    value: Value


class DefaultInput(Wire, frozen=True):
    """What the chosen program is run on by default. These are example values, not recordings."""

    kind: Literal["packet", "event", "none"]
    hook: Annotated[str, about("the program's section")]
    hex: Annotated[str, about("of a packet: its bytes")] | Unset = UNSET
    name: Annotated[str, about('of an event: its name; `""`: the program\'s own')] | Unset = UNSET
    values: Annotated[dict[str, Value], about("of an event: its values, as an input takes them")] | Unset = UNSET
    fields: Annotated[list[EventField], about("the same in order, with C types")] | Unset = UNSET


class Loaded(Wire, frozen=True):
    """`load` done. The object is loaded whole, as `bpf_object__load()` does."""

    type: Literal["stage"]
    stage: Literal["load"]
    status: Literal["done"]
    ms: Annotated[float, MS]
    summary: Annotated[str, SUMMARY]
    programs: list[ProgramEntry]
    program: Annotated[str, about("name of the chosen program")]
    maps: list[MapEntry]
    insns: list[Insn]
    lines: Annotated[dict[str, str], about("line number: text, where the source is not the editor's (an object file)")]
    remarks: Annotated[list[Remark], about("about the object and the chosen program")]
    input: DefaultInput
    more: Annotated[dict[str, int], MORE] | Unset = UNSET
    wide: Annotated[list[int], about("with `more`: slots of the loads that take two")] | Unset = UNSET
    line_info: (
        Annotated[
            list[tuple[int, int | None]],
            about("with `more`: [slot, line] where the source line changes; null: from here on none is known"),
        ]
        | Unset
    ) = UNSET
    func_info: Annotated[list[tuple[int, str]], about("with `more`: [slot, name] of each function")] | Unset = UNSET
    file_info: (
        Annotated[list[tuple[int, str]], about('with `more`: [slot, file] where the file changes; `""`: the source')]
        | Unset
    ) = UNSET
    files: (
        Annotated[dict[str, dict[str, str]], about("of an object: as `lines`, of its other files by their names")]
        | Unset
    ) = UNSET
    source_file: (
        Annotated[str, about("name of the source, where the object holds numbers of its lines and no text of them")]
        | Unset
    ) = UNSET
    command: Annotated[str, COMMAND] | Unset = UNSET
    took: Annotated[list[Passed], TOOK] | Unset = UNSET
    returned: Annotated[list[Passed], RETURNED] | Unset = UNSET
    call_info: Annotated[list[tuple[int, str]], about("with `more`: [slot, callee] of each call")] | Unset = UNSET
