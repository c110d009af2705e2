"""What is said of a source beside clang's findings, with changes of it that settle what is said."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from vm.compile.model import Diagnostic, Missing
from vm.csource.big_locals import Large, in_a_map, large_locals
from vm.csource.fixes import legacy_maps_fix, lines_fix, return_fix
from vm.csource.text import CText
from vm.csource.tree import CTree
from vm.program import Fix, Remark

_NO_RETURN: Final = "-Wreturn-type"
_MAX_NAMES: Final = 6
_STACK: Final = re.compile(r"BPF stack limit")  # clang has no name for this error


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
    listed = tuple(found)
    return (
        *_lacking(text, ok, lacking, lines, frozenset(left_out), added),
        *_legacy(text, ok),
        *_returns(text, listed),
        *_stack(source, ok, listed),
    )


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


def _stack(source: str, ok: bool, found: tuple[Diagnostic, ...]) -> Iterator[Remark]:
    """clang refuses functions whose variables do not fit on the stack, and names only lines of them."""
    lines = [finding.line for finding in found if finding.line and _STACK.search(finding.message)]
    if ok or not lines:
        return
    tree = CTree(source)
    for large in large_locals(tree):
        first, last = (tree.line(at) for at in (large.function.start_byte, large.function.end_byte))
        if not any(first <= line <= last for line in lines):
            continue
        edits = in_a_map(tree, large, _leave(tree, large))
        if edits:
            name = tree.of(large.name)
            told = (
                f"The variables of this function need more than the 512 bytes of stack that BPF programs have; {name} "
                f"alone has at least {large.size:,} bytes. A per-CPU array map has room for it."
            )
            fix = Fix(f"Keep {name} in a map instead of on the stack", edits)
            yield Remark(told, line=tree.line(large.declaration.start_byte), fix=fix)
            return


def _leave(tree: CTree, large: Large) -> str:
    """A return statement as the function has it."""
    if tree.returns(large.function) == "void":
        return "return;"
    texts = [" ".join(tree.of(node).split()) for node in tree.find(large.function, "return_statement")]
    return next((text for text in texts if re.fullmatch(r"return -?\w+;", text)), "return 0;")
