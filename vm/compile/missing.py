"""Missing-include detection: names that a source uses without declaring them, and the lines that declare them.

Snippets from articles rarely compile unchanged. A diagnostic of the compiler refers to a line. Names on that line
that are in the tables below and that the source does not declare itself are reported as missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from vm.compile import providers
from vm.compile.headers import VMLINUX
from vm.compile.model import Diagnostic, Missing
from vm.compile.options import SourceFile
from vm.csource.text import CText

_NAME: Final = re.compile(r"(?:\b(?:struct|union|enum)\s+)?\b[A-Za-z_]\w*")
_QUOTED: Final = re.compile(r"'((?:struct |union |enum )?\w+)'")
# Sections that are no programs.
_DATA_SECTIONS: Final = re.compile(r"license$|version$|maps$|\.")
_INVISIBLE: Final = re.compile(r"declaration of '((?:struct|union) \w+)' will not be visible")
_KERNEL_INT: Final = re.compile(r"\b__(?:[us]|be|le)(?:8|16|32|64)\b")
_NOT_FOUND: Final = re.compile(r"^'([\w./+-]+)' file not found")
_ARCH_MISSING: Final = "BPF target arch"

# Findings that a missing name causes; others ("expected ';'") are looked at only for macros such as SEC.
_ABOUT_NAMES: Final = re.compile(
    r"undeclared|unknown type name|incomplete|undefined|not found|implicit|declared inside|will not be visible"
    r"|expected|a parameter list without types|no member named|invalid application|must specify"
    r"|type specifier missing|redefinition|array has|not an ident",
    re.I,
)


class Facts(NamedTuple):
    """What the text of a source says of itself."""

    code: tuple[str, ...]  # its lines with comments and strings blanked
    includes: frozenset[str]
    vmlinux: bool
    sections: tuple[str, ...]


def facts(source: str) -> Facts:
    """Read the source as text; nothing is preprocessed."""
    text = CText(source)
    includes = frozenset(include.name.removeprefix("uapi/") for include in text.includes)
    bare = {name.rpartition("/")[2] for name in includes}
    return Facts(
        tuple(text.code.split("\n")), includes, VMLINUX in bare, tuple(section.name for section in text.sections)
    )


def find(
    source: str,
    diagnostics: Iterable[Diagnostic],
    already: frozenset[str] = frozenset(),
    files: Iterable[SourceFile] = (),
) -> tuple[Missing, ...]:
    """What is missing, each once, in the order of the findings.

    already -- the `what` of things that have been added and did not help
    files -- those beside the source
    """
    known = whole_facts(source, files)
    texts = {file.name: facts(file.text).code for file in files}
    found: dict[str, Missing] = {}
    for d in diagnostics:
        for missing in _of_finding(d, known._replace(code=texts[d.file]) if d.file in texts else known):
            if missing.what not in already:
                found.setdefault(missing.add, missing)
    return tuple(found.values())


def whole_facts(source: str, files: Iterable[SourceFile]) -> Facts:
    """facts() of the source, with what the files beside it include and which sections they have."""
    own = facts(source)
    others = [facts(file.text) for file in files]
    names = {file.name for file in files}
    return Facts(
        own.code,
        own.includes.union(*(other.includes for other in others)) - names,
        own.vmlinux or any(other.vmlinux for other in others),
        (*own.sections, *(section for other in others for section in other.sections)),
    )


def license_missing(source: str, files: Iterable[SourceFile] = ()) -> Missing | None:
    """Programs without a license are refused by the kernel as soon as they call a GPL-only helper."""
    known = whole_facts(source, files)
    programs = [s for s in known.sections if not _DATA_SECTIONS.match(s)]
    if not programs or "license" in known.sections:
        return None
    name = "_license" if any("LICENSE" in line for line in known.code) else "LICENSE"
    add = f'char {name}[] __attribute__((section("license"), used)) = "GPL";'
    message = 'No license is given: add char LICENSE[] SEC("license") = "GPL"; helpers marked GPL-only need it.'
    return Missing("license", add, message)


def _of_finding(d: Diagnostic, known: Facts) -> Iterator[Missing]:
    if d.severity == "note" or not (d.severity == "error" or _ABOUT_NAMES.search(d.message)):
        return
    if _ARCH_MISSING in d.message:
        yield Missing(
            "__TARGET_ARCH_x86",
            "#define __TARGET_ARCH_x86",
            "The target architecture is not the one here: BPF_KPROBE and PT_REGS_* need -D__TARGET_ARCH_x86.",
        )
        return
    if not _ABOUT_NAMES.search(d.message):
        return
    if absent := _NOT_FOUND.search(d.message):
        header = absent[1]
        if not header.startswith("/"):
            sentence = f"There is no file {header} here: it is left out, and what it brought is looked for."
            yield Missing(header, f"/* left out: {header} */", sentence, absent=True)
        return
    if hidden := _INVISIBLE.search(d.message):
        name = hidden[1]
        yield provide(name, known) or Missing(name, f"{name};", f"{name} is declared nowhere before it is used.")
        return
    quoted = [m for name in _QUOTED.findall(d.message) if (m := provide(name, known, named=True)) is not None]
    if quoted:
        yield from quoted
    elif 0 < d.line <= len(known.code):
        # "expected parameter declarator" and the like do not name the macro that was not there.
        for name in _NAME.findall(known.code[d.line - 1]):
            found = provide(re.sub(r"\s+", " ", name), known)
            if found is not None:
                yield found


def provide(name: str, known: Facts, *, named: bool = False) -> Missing | None:
    """How to bring a name, unless the source includes what brings it.

    named -- the compiler says that it does not know this name: else it stands in a line that it did not understand
    """
    if known.vmlinux:
        define = providers.NOT_IN_VMLINUX.get(name)
        if define is not None:
            return Missing(name, define, f"{name} is a macro, which vmlinux.h does not hold.")
    old = providers.OLD_DEFINITIONS.get(name)
    if old is not None:
        return Missing(name, old, f"{name} is gone since libbpf 1.0: it is defined here as libbpf 0.x did.")
    intrinsic = providers.INTRINSICS.get(name)
    if intrinsic is not None:
        return Missing(name, intrinsic, f"{name}() loads from a packet: bpf_legacy.h of the old samples declared it.")
    header = providers.header_of(name, vmlinux=known.vmlinux)
    if header is not None:
        if header in known.includes or header.rpartition("/")[2] in known.includes:
            return None
        return Missing(name, f"#include <{header}>", f"{name} needs <{header}>.")
    macro = providers.MACROS.get(name)
    if macro is not None and (named or name.startswith("__")):
        return Missing(name, macro, f"{name} is a macro of the kernel's own headers, which are not for BPF programs.")
    if not known.vmlinux:
        text = (
            providers.DEFINITIONS.get(name)
            or providers.tracepoint_context(name)
            or (providers.kernel_constant(name) if named else None)
        )
        if text is not None:
            return Missing(name, text, f"{name} is the kernel's own: vmlinux.h has it, the public headers do not.")
    return None


def prefix(added: Iterable[Missing], *, vmlinux: bool) -> str:
    """The text that goes before the source: macros first, then headers in an order that compiles, then the rest."""
    lines = list(dict.fromkeys(line for missing in added for line in missing.add.split("\n")))
    defines = [line for line in lines if line.startswith("#define")]
    includes = [line for line in lines if line.startswith("#include")]
    others = [line for line in lines if not line.startswith("#")]
    base = []
    if vmlinux and (includes or others):
        base.append(f'#include "{VMLINUX}"')
    elif any("bpf/" in line for line in includes):
        base.append("#include <linux/bpf.h>")
    elif any(_KERNEL_INT.search(line) for line in others):
        base.append("#include <linux/types.h>")
    if not vmlinux and any("bpf_tracing" in line for line in includes):
        base.append("#include <linux/ptrace.h>")
    ordered = dict.fromkeys([*defines, *base, *sorted(includes, key=_rank), *others])
    return "\n".join(ordered) + "\n"


def left_out(added: Iterable[Missing]) -> tuple[str, ...]:
    """The headers among what was added that stand for a file that is not there: they are to be empty."""
    return tuple(missing.what for missing in added if missing.absent)


def _rank(line: str) -> int:
    """Kernel headers before those of BPF, which use their types."""
    return 1 if "bpf/" in line else 0
