"""Compares the verification of two sources, or of one source with two sets of options, by source line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from vm.caps import ROOT, Caps
from vm.errors import InputError
from vm.pipeline.constant_settings import code_sizes
from vm.pipeline.objects import choose, load
from vm.pipeline.source import BuildOptions, Source, compile_source
from vm.pipeline.verdicts import Verdict, as_walked, recorded
from vm.program import Object, Program

if TYPE_CHECKING:
    from vm.profile.aligned import Place, Row
    from vm.profile.parting import Parted, Walked
    from vm.profile.profile import Profile

MAX_ROWS: Final = 2_000
"""Largest number of lines in a comparison."""
_ALIKE: Final = 0.5
"""Share of the instructions that must correspond for the paths through them to be compared."""


class Side(NamedTuple):
    """One side of a comparison: a source with its build and load options."""

    source: Source
    options: BuildOptions
    caps: Caps = ROOT
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Summary:
    """The verifier's result for one program.

    states -- checkpoints that were stored; insns -- instructions as they were loaded
    xlated, jited -- instructions after rewriting and bytes of machine code; None if it was refused
    """

    name: str
    verdict: str
    errno: int
    message: str
    insns_processed: int
    states: int
    insns: int
    xlated: int | None
    jited: int | None


class LinePair(NamedTuple):
    """A source line on both sides with the cost of its instructions; see aligned.Row.

    a_text, b_text -- the lines; insns -- [slot of a or None, slot of b or None, visits in a, visits in b]
    """

    kind: str
    a: Place | None
    b: Place | None
    a_text: str
    b_text: str
    a_insns: int
    b_insns: int
    a_states: int
    b_states: int
    insns: tuple[tuple[int | None, int | None, int, int], ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One program of both sides; a or b is None where a side does not have it.

    parting -- the first step at which the walks differ; ways -- where their paths differ, if the code differs earlier
    left_out -- lines that are not in `lines`
    """

    a: Summary | None
    b: Summary | None
    lines: tuple[LinePair, ...] = ()
    left_out: int = 0
    parting: Parted | None = None
    ways: Parted | None = None


class _Checked(NamedTuple):
    summary: Summary
    program: Program
    profile: Profile | None
    walked: Walked | None


def compare(a: Side, b: Side, name: str = "") -> Iterator[Comparison]:
    """Pairs the programs of two sides by name; if each side has one program, these are a pair. `name`: only this one.

    InputError if a side cannot be compiled or loaded, or neither has the program.
    """
    one, two = _built(a), _built(b)
    first = {p.name: p for p in one.programs if name in ("", p.name)}
    second = {p.name: p for p in two.programs if name in ("", p.name)}
    if not first and not second:
        raise InputError(f"Neither has a program {name!r}." if name else "Neither has a program that can be loaded.")
    if len(first) == len(second) == 1:
        yield _compared(a, one, next(iter(first.values())), b, two, next(iter(second.values())))
        return
    for each in dict.fromkeys([*first, *second]):
        yield _compared(a, one, first.get(each), b, two, second.get(each))


def compare_one(a: Side, b: Side, a_name: str = "", b_name: str = "") -> Comparison:
    """One program of each side: the named one, else the first; of b the one of the same name, if there is one.

    InputError as compare() has it, and for a name that a side does not have.
    """
    one, two = _built(a), _built(b)
    first = choose(one, a_name)
    names = {p.name for p in two.programs}
    second = choose(two, b_name if b_name or first.name not in names else first.name)
    return _compared(a, one, first, b, two, second)


def _built(side: Side) -> Object:
    compiled = None
    if side.source.kind == "c":
        compilation = compile_source(side.source, side.options)
        if not compilation.ok or compilation.object is None:
            error = next((d for d in compilation.diagnostics if d.severity == "error"), None)
            raise InputError(
                f"{side.source.name} does not compile"
                + (f": line {error.line}: {error.message}." if error is not None else ".")
            )
        compiled = compilation.object
    return load(side.source, side.options, compiled)


def _checked(side: Side, obj: Object, program: Program) -> _Checked:
    from vm.profile.parting import Walked
    from vm.profile.profile import profile
    from vm.verifier.call.names import call_name

    verdict, recorder = recorded(obj, program, caps=side.caps, alone=side.alone)
    env = verdict.env
    if env is None or recorder is None:
        return _Checked(_summary(verdict, 0), program, None, None)
    program = as_walked(program, env)
    told = profile(program, recorder, env.insn_processed, env.insn_idx)
    walked = Walked(program, recorder, call_name(env))
    return _Checked(_summary(verdict, env.total_states), program, told, walked)


def _summary(verdict: Verdict, states: int) -> Summary:
    assert verdict.program is not None
    return Summary(
        verdict.name, verdict.verdict, verdict.errno, verdict.message, verdict.insns_processed, states,
        len(verdict.program.insns), *code_sizes(verdict),
    )  # fmt: skip


def _compared(
    a: Side, one: Object, a_program: Program | None, b: Side, two: Object, b_program: Program | None
) -> Comparison:
    from vm.profile.aligned import align
    from vm.profile.parting import part

    first = _checked(a, one, a_program) if a_program is not None else None
    second = _checked(b, two, b_program) if b_program is not None else None
    if first is None or second is None:
        return Comparison(first.summary if first else None, second.summary if second else None)
    texts = _text(a.source), _text(b.source)
    aligned = align(first.program, texts[0], second.program, texts[1])
    lines = _pairs(first, texts[0], second, texts[1], aligned.rows)
    parting = ways = None
    if first.walked is not None and second.walked is not None:
        parting = part(first.walked, second.walked, aligned.other)
        least = min(len(each.program.insns) for each in (first, second))
        if parting.kind == "insn" and len(aligned.other) >= _ALIKE * least:
            ways = part(first.walked, second.walked, aligned.other, through_code=True)
    return Comparison(
        first.summary, second.summary, tuple(lines[:MAX_ROWS]), max(0, len(lines) - MAX_ROWS), parting, ways
    )


def _text(source: Source) -> str:
    return source.text() if source.kind in ("c", "asm") else ""


def _pairs(a: _Checked, a_text: str, b: _Checked, b_text: str, rows: tuple[Row, ...]) -> list[LinePair]:
    from vm.profile.aligned import quoted

    costs = [{row.insn_idx: row for row in each.profile.insns} if each.profile is not None else {} for each in (a, b)]
    texts = [(a_text or quoted(a.program)).split("\n"), (b_text or quoted(b.program)).split("\n")]

    def cost(side: int, idx: int | None) -> tuple[int, int]:
        found = costs[side].get(idx) if idx is not None else None
        return (found.insns, found.states) if found is not None else (0, 0)

    def line(side: int, place: Place | None) -> str:
        if place is None or place[0] or place[1] is None or place[1] > len(texts[side]):
            return ""
        return texts[side][place[1] - 1]

    found = []
    for row in rows:
        left, right = [cost(0, one) for one, _ in row.insns], [cost(1, two) for _, two in row.insns]
        found.append(
            LinePair(
                row.kind, row.a, row.b, line(0, row.a), line(1, row.b),
                sum(each[0] for each in left), sum(each[0] for each in right),
                sum(each[1] for each in left), sum(each[1] for each in right),
                tuple(
                    (one, two, mine[0], other[0])
                    for (one, two), mine, other in zip(row.insns, left, right, strict=True)
                ),
            )
        )  # fmt: skip
    return found


WHY: Final = {
    "none": "Both walks take the same steps.",
    "insn": "The programs differ here: one has another instruction.",
    "value": "The same instruction leaves another value.",
    "path": "From here on they go different ways.",
    "pruned": "One walk ends a path here, because a checkpoint covers its state; the other goes on.",
    "end": "One walk is over here, the other goes on.",
}
"""By the kind of a parting."""


def comparison_fields(found: Comparison) -> dict[str, Any]:
    """A comparison as a JSON object: `diff` in docs/architecture.md and docs/protocol.md."""
    return {
        "program": (found.a or found.b).name if found.a or found.b else "",  # type: ignore[union-attr]
        "a": asdict(found.a) if found.a is not None else None,
        "b": asdict(found.b) if found.b is not None else None,
        "lines": [
            {
                "kind": row.kind,
                "file": ((row.a or row.b) or ("", None))[0],
                "a": {
                    "line": row.a[1] if row.a else None,
                    "text": row.a_text,
                    "insns": row.a_insns,
                    "states": row.a_states,
                },
                "b": {
                    "line": row.b[1] if row.b else None,
                    "text": row.b_text,
                    "insns": row.b_insns,
                    "states": row.b_states,
                },
                "insns": [list(pair) for pair in row.insns],
            }
            for row in found.lines
        ],
        "left_out": found.left_out,
        "parting": _parting(found.parting),
        "ways": _parting(found.ways),
    }


def _parting(parted: Parted | None) -> dict[str, Any] | None:
    if parted is None:
        return None
    return {
        "kind": parted.kind,
        "agreed": parted.agreed,
        "a_step": parted.a_step if parted.a_step >= 0 else None,
        "b_step": parted.b_step if parted.b_step >= 0 else None,
        "a_insn": parted.a_insn if parted.a_insn >= 0 else None,
        "b_insn": parted.b_insn if parted.b_insn >= 0 else None,
        "name": parted.name,
        "a": parted.a,
        "b": parted.b,
        "why": WHY[parted.kind],
    }
