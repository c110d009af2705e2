"""What is said of a source beside clang's findings, with changes of it that settle what is said."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from vm.compile.model import Diagnostic, Missing
from vm.csource import misuse
from vm.csource.big_locals import Large, in_a_map, large_locals
from vm.csource.fixes import kernel_headers_fix, legacy_maps_fix, lines_fix, return_fix
from vm.csource.pasted import pasted_fix
from vm.csource.text import CText
from vm.csource.tree import CTree
from vm.program import Fix, Remark

_NO_RETURN: Final = "-Wreturn-type"
_MAX_NAMES: Final = 6
_PRINT: Final = "bpf_trace_printk"
_DATA_SECTION: Final = re.compile(r"license$|version$|\.?maps$|\.")
_FUNCTION: Final = re.compile(
    r"^(?:int|long|__u32|u32)[ \t\n]+(?P<name>\w{1,100})[ \t]*\([ \t]*(?:const[ \t]+)?struct[ \t]+(?P<context>\w{1,60})"
    r"[ \t]*\*[ \t]*\w{1,60}[ \t]*\)[ \t\n]*\{",
    re.M,
)
_SECTIONS: Final = {
    "xdp_md": "xdp",
    "__sk_buff": "tc",
    "bpf_sock_ops": "sockops",
    "sk_msg_md": "sk_msg",
    "bpf_sysctl": "cgroup/sysctl",
    "bpf_cgroup_dev_ctx": "cgroup/dev",
    "bpf_sk_lookup": "sk_lookup",
    "bpf_perf_event_data": "perf_event",
    "bpf_raw_tracepoint_args": "raw_tp/sys_enter",
}
"""Context of a program -> the section name with which libbpf takes it for one. Others need the name of a hook."""
_STACK: Final = re.compile(r"BPF stack limit")  # clang has no name for this error


def foreign(source: str) -> tuple[Remark, ...]:
    """The remark on a source that does not compile because it was copied with what is no C, or with the program for
    user space. Whatever else is found in such a text comes of it."""
    found = pasted_fix(CText(source)) or misuse.user_part(CTree(source))
    if found is None:
        return ()
    told, line, fix = found
    return (Remark(told, line=line, fix=fix),)


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
        *(() if ok else _inside_the_kernel(text)),
        *_lacking(text, ok, lacking, lines, frozenset(left_out), added),
        *_legacy(text, ok),
        *_returns(text, listed),
        *_stack(source, ok, listed),
        *_misused(source, ok, listed),
        *_without_section(text),
    )


def _inside_the_kernel(text: CText) -> Iterator[Remark]:
    """Headers that only the kernel itself is compiled with."""
    found = kernel_headers_fix(text)
    if found is not None:
        line, fix = found
        told = "Headers from inside the kernel do not compile for BPF: vmlinux.h has all of the kernel's types."
        yield Remark(told, line=line, fix=fix)


def _misused(source: str, ok: bool, found: tuple[Diagnostic, ...]) -> Iterator[Remark]:
    """Calls that are written for another environment."""
    if _PRINT in source:
        yield from (Remark(told, line=line, fix=fix) for told, line, fix in misuse.prints(CTree(source)))
    if ok:
        return
    lines = {finding.line for finding in found}
    for told, line, fix in misuse.comparisons(CTree(source)):
        if line in lines:
            yield Remark(told, line=line, fix=fix)


def _without_section(text: CText) -> Iterator[Remark]:
    """Functions that take a context, in a source in which none has a section of its own: libbpf finds no program."""
    if any(not _DATA_SECTION.match(section.name) for section in text.sections):
        return
    for found in _FUNCTION.finditer(text.code):
        section = _SECTIONS.get(found["context"])
        if section is None:
            continue
        attribute = (
            f'SEC("{section}")' if "bpf_helpers.h" in text.source else f'__attribute__((section("{section}"), used))'
        )
        told = (
            f"{found['name']}() has no section, and so libbpf does not take it for a program. Its argument is a struct "
            f'{found["context"]}, as programs in SEC("{section}") have it.'
        )
        fix = Fix(f'Put SEC("{section}") before it', (text.edit(found.start(), found.start(), f"{attribute}\n"),))
        yield Remark(told, line=text.line(found.start()), fix=fix)
        return


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
