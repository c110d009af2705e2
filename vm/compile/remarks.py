"""What is said of a source beside clang's findings, with changes of it that settle what is said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from vm.compile.model import Diagnostic, Missing
from vm.csource.fixes import legacy_maps_fix, lines_fix, return_fix
from vm.csource.text import CText
from vm.program import Remark

_NO_RETURN: Final = "-Wreturn-type"
_MAX_NAMES: Final = 6


def remarks(
    source: str,
    ok: bool,
    found: Iterable[Diagnostic],
    lacking: Sequence[Missing],
    lines: tuple[str, ...],
    left_out: Iterable[str],
    *,
    added: bool,
) -> tuple[Remark, ...]:
    """The remarks of one compile.

    ok -- whether it made an object; found -- clang's findings
    lacking -- what the source uses and does not declare; lines -- what declares it, in front of the source
    added -- whether it was compiled with them
    left_out -- names of headers that are not there
    """
    text = CText(source)
    return (*_lacking(text, ok, lacking, lines, frozenset(left_out), added), *_legacy(text, ok), *_returns(text, found))


def _lacking(
    text: CText, ok: bool, lacking: Sequence[Missing], lines: tuple[str, ...], left_out: frozenset[str], added: bool
) -> Iterator[Remark]:
    if not lines or (ok and not added):
        return
    names = list(dict.fromkeys(missing.what for missing in lacking))
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    told = f"The source uses what it does not declare or include: {', '.join(names[:_MAX_NAMES])}{more}."
    if added:
        told += " The missing lines were added in front of the source for this run."
    yield Remark(told, fix=lines_fix(text, lines, left_out, "Write the missing lines into the source"), kind="missing")


def _legacy(text: CText, ok: bool) -> Iterator[Remark]:
    """Where the source compiles, the loader says it of the maps it finds."""
    place = next((s for s in text.sections if s.name == "maps"), None)
    if ok or place is None:
        return
    fix = legacy_maps_fix(text)
    if fix is not None:
        told = 'libbpf 1.x refuses maps defined in SEC("maps"), and its headers do not define their struct any more.'
        yield Remark(told, line=text.line(place.start), fix=fix)


def _returns(text: CText, found: Iterable[Diagnostic]) -> Iterator[Remark]:
    for finding in found:
        if finding.option != _NO_RETURN or not finding.line:
            continue
        told = (
            "The function ends without a return, so its result is whatever is in R0: "
            "the verifier refuses the program if nothing has been written there."
        )
        fix = return_fix(text, finding.line, finding.column)
        if fix is not None:
            yield Remark(told, line=finding.line, fix=fix)
