"""Verifies a program with several values of its `const volatile` variables, and compares the cost."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from vm.caps import ROOT, Caps
from vm.errors import InputError, LimitError
from vm.pipeline.translation import code, rewrite, translate
from vm.pipeline.verdicts import Check, Verdict
from vm.program import MapSpec, Object

if TYPE_CHECKING:
    from vm.btf.constants import Constant
    from vm.verifier.env import VerifierEnv

MAX_SETTINGS: Final = 64
"""Combinations of values that are verified for one answer."""
_SECTION: Final = ".rodata"


@dataclass(frozen=True, slots=True)
class Setting:
    """The verifier's result for one setting.

    values -- by variable, as the user wrote them
    states -- checkpoints that were stored (total_states)
    xlated, jited -- instructions after rewriting, dead ones removed, and bytes of machine code; None if refused
    """

    values: Mapping[str, str]
    verdict: str
    errno: int
    message: str
    insns_processed: int
    states: int
    xlated: int | None
    jited: int | None


def settable(obj: Object) -> tuple[Constant, ...]:
    """The `const volatile` numbers of an object that has BTF."""
    from vm.btf.constants import constants

    return tuple(
        each
        for spec in obj.maps
        if spec.full_name == _SECTION and spec.initial is not None
        for each in constants(obj.btf, spec.btf_value_type_id, spec.initial)
    )


def with_values(obj: Object, values: Mapping[str, str]) -> Object:
    """The object after its loader has set these variables. InputError for an unknown variable or an invalid value."""
    known = {each.name: each for each in settable(obj)}
    changed: list[tuple[int, bytes]] = []
    for name, text in values.items():
        if name not in known:
            there = ", ".join(known) or "none"
            raise InputError(
                f"There is no const volatile variable {name[:64]!r} that holds a number; there are: {there}."
            )
        changed.append((known[name].offset, known[name].parse(text)))

    def changed_map(spec: MapSpec) -> MapSpec:
        if spec.full_name != _SECTION or spec.initial is None:
            return spec
        data = bytearray(spec.initial)
        for offset, value in changed:
            data[offset : offset + len(value)] = value
        return replace(spec, initial=bytes(data))

    return with_maps(obj, changed_map)


def with_maps(obj: Object, changed: Callable[[MapSpec], MapSpec]) -> Object:
    """The object with each of its maps as `changed` returns it."""
    programs = tuple(
        replace(
            program,
            maps=tuple(map(changed, program.maps)),
            object_maps=tuple(map(changed, program.object_maps)),
        )
        for program in obj.programs
    )
    return replace(obj, programs=programs, maps=tuple(map(changed, obj.maps)))


def settings(
    obj: Object,
    name: str,
    values: Mapping[str, Sequence[str]],
    *,
    limit_seconds: float = 60,
    caps: Caps = ROOT,
    alone: bool = False,
) -> Iterator[Setting]:
    """Verifies program `name` with every combination of values, in the given order.

    InputError for a variable or value that does not exist; LimitError for more than MAX_SETTINGS, and once the time is
    over.
    """
    count = 1
    for given in values.values():
        count *= len(given)
    if count > MAX_SETTINGS:
        raise LimitError(f"These are {count:,} settings; at most {MAX_SETTINGS} are compared.", "size")
    combined = [dict(zip(values, each, strict=True)) for each in itertools.product(*values.values())]
    objects = [with_values(obj, each) for each in combined]
    until = time.monotonic() + limit_seconds
    for each, changed in zip(combined, objects, strict=True):
        if time.monotonic() > until:
            raise LimitError(f"The other settings were not verified: {limit_seconds:g} seconds are over.", "time")
        program = next(p for p in changed.programs if p.name == name)
        try:
            check = Check(changed, program, alone=alone, log_level=0, record=False, caps=caps)
            for _ in check.advance():
                pass
            verdict = check.result()
        except InputError as error:
            yield Setting(each, "error", 0, error.message, 0, 0, None, None)
            continue
        yield _setting(each, verdict, check.walk.env)


def _setting(values: Mapping[str, str], verdict: Verdict, env: VerifierEnv) -> Setting:
    sizes = code_sizes(verdict)
    return Setting(
        values, verdict.verdict, verdict.errno, verdict.message, verdict.insns_processed, env.total_states, *sizes
    )  # fmt: skip


def code_sizes(verdict: Verdict) -> tuple[int | None, int | None]:
    """(instructions after rewriting, bytes of machine code) of an accepted program; (None, None) of another."""
    if not verdict.accepted or verdict.env is None:
        return None, None
    try:
        rewritten = rewrite(verdict.env)
        made = code(rewritten, translate(rewritten))
    except InputError:
        return None, None
    return len(made.xlated) // 8, len(made.image)


def setting_fields(setting: Setting) -> dict[str, Any]:
    """A setting as a JSON object."""
    return {**asdict(setting), "values": dict(setting.values)}
