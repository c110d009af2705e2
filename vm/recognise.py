"""What a pasted text is: C, assembly, hex, or something that is no program, such as a verifier log.

By structure: the shapes of lines, counted in the first part of the text. Real C must never be taken for anything else,
so whatever is not clearly another thing is C. Linear in the part that is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from vm.csource.text import blank
from vm.loaders.words import says_why

_MAX_TEXT: Final = 1 << 16
_MAX_LINES: Final = 2000
_MAX_LINE: Final = 400


class Recognised(NamedTuple):
    """kind -- a key of SENTENCES, or "c"; sentence -- what it is and what to do, "" for C."""

    kind: str
    sentence: str


# What the user is told where C was expected.
SENTENCES: Final[dict[str, str]] = {
    "asm": "This is BPF assembly, not C: choose assembly as the kind of the source.",
    "hex": "These are raw instructions in hex, not C: choose hex as the kind of the source.",
    "log": (
        "This is a verifier log, not a program: it says what the kernel answered about one. "
        "Choose log as the kind of the source to see what it tells."
    ),
    "xlated": (
        "This is a listing by bpftool of a loaded program (prog dump xlated): choose listing as the kind of the "
        "source. The kernel has rewritten the program, and its maps and functions are lost: its source or its object "
        "file tells more."
    ),
    "jited": (
        "This is a listing of machine code (bpftool prog dump jited), not a program. "
        "Paste the program's source or drop its object file to see the code that is made of it."
    ),
    "objdump": (
        "This is a disassembly of an object file (llvm-objdump -d): choose listing as the kind of the source. "
        "It does not show maps and types: the object file itself, or the program's source, tells more."
    ),
    "bpftrace": (
        "This is a bpftrace script, which bpftrace compiles by itself. What is read here is C for libbpf: "
        'a function in SEC("kprobe/…") for each probe.'
    ),
    "bcc": (
        "This is written for BCC, which rewrites the source before it compiles it. In C for libbpf a map is a struct "
        'in SEC(".maps"), used through bpf_map_lookup_elem() and the like, and each program has a section of its own.'
    ),
    "rust": (
        "This is Rust (aya, redbpf or libbpf-rs), and only C is compiled here. "
        "Build it and drop the BPF object file that it makes."
    ),
    "go": (
        "This is Go, the program that loads a BPF program, and not the BPF program itself. "
        "Paste its C source (the file that bpf2go names), or drop the object file."
    ),
    "loader": (
        "This is the program that loads a BPF program, and not the BPF program itself: it includes libbpf's functions "
        "for programs in user space, or a skeleton. Paste the C source of the BPF program (often x.bpf.c), or drop its "
        "object file."
    ),
    "python": (
        "This is Python, and only C is compiled here. Paste the C source of the BPF program, or drop its object file."
    ),
    "html": "This is a web page (HTML), not a program: paste the text of the program that it shows.",
}

# ---- shapes of lines

_INSN: Final = re.compile(r"(?:^|[\s|>])\d{1,7}: \([0-9a-f]{2}\) \S")
_STATE: Final = re.compile(r"(?:^|[\s;:])(?:R\d{1,2}|fp-\d{1,3})(?:_[rwWd]+)?=[\w?-]")
_SUMMARY: Final = re.compile(
    r"\bprocessed \d+ insns\b|\bverification time \d+ usec|\bstack depth \d+(?:\+\d+)*\s*$|-- (?:BEGIN|END) "
    r"|\bfunc#\d+ @\d+|\bfrom \d+ to \d+\b|^libbpf: |\bbpf: (?:Failed to load program|[A-Z][a-z]+ [a-z]+$)"
    r"|\bBPF_PROG_LOAD\b|\bError loading (?:BPF )?program\b|\bFailed to load BPF program\b|^HINT: "
    r"|\bload program: [a-zA-Z][\w ()'-]{2,60}: \S|\((?:truncated, )?\d+ line\(s\) omitted\)"
    r"|^\s*R\d{1,2} (?:!read_ok|invalid mem access|pointer \w+ prohibited|min value|unbounded|type=)"
)
_XLATED: Final = re.compile(
    r"map\[id:\d+\]|^\w[\w *]*\([^;]*\):\s*$|call [\w.]+#-?\d{4,}|^; |call bpf_prog_[0-9a-f]{16}"
)
_OBJDUMP: Final = re.compile(r"file format elf64-bpf|^Disassembly of section ")
_OBJDUMP_INSN: Final = re.compile(r"^\s*[0-9a-f]+:\t? *(?:[0-9a-f]{2} ){8}\s*\S")
_JITED: Final = re.compile(
    r"^\s*[0-9a-f]+:\s+(?:[0-9a-f]{2} )*\s*(?:push|pop|mov|add|sub|lea|call|ret|nop|endbr64|leave"
    r"|xor|cmp|test|j[a-z]{1,3})[a-z]{0,4}\b"
)
_JITED_HEAD: Final = re.compile(
    r"^\s*(?:0x[0-9a-f]+:|bpf_prog_[0-9a-f]{16}\w*:|[0-9a-f]{16}:)\s*$|: bpf_prog_[0-9a-f]{16}"
)
_BCC_PYTHON: Final = re.compile(r"^\s*(?:from bcc\b.*\bimport\b|import bcc\b)|\bBPF\(\s*(?:text|src_file)\s*=")
_TRACEBACK: Final = re.compile(r"^\W*Traceback \(most recent call last\):")
_BCC_C: Final = re.compile(
    r"^\s*(?:BPF_(?:HASH|ARRAY|TABLE|PERF_OUTPUT|RINGBUF_OUTPUT|HISTOGRAM|PERCPU_(?:HASH|ARRAY)|LRU_HASH|STACK_TRACE"
    r"|QUEUE|STACK|PERF_ARRAY|PROG_ARRAY|DEVMAP|CPUMAP|LPM_TRIE)|(?:RAW_)?TRACEPOINT_PROBE|K(?:RET)?FUNC_PROBE|LSM_PROBE)\s*\("
)
_BPFTRACE: Final = re.compile(
    r"^\s*(?:BEGIN|END|(?:kprobe|kretprobe|uprobe|uretprobe|tracepoint|rawtracepoint|usdt|profile|interval|software"
    r"|hardware|kfunc|kretfunc|fentry|fexit|iter|watchpoint|[tku]|kr|ur):[^\s{};\"]+)\s*(?:/[^\n]*/)?\s*(?:\{|,|$)"
)
_BPFTRACE_SHELL: Final = re.compile(r"^#!.*\bbpftrace\b|^\s*(?:sudo )?bpftrace -e\b")
_BPFTRACE_BODY: Final = re.compile(r"@\w*(?:\[[^\]]*\])?\s*(?:=|\+\+)|\bprintf\(|\bclear\(|\bdelete\(|\bexit\(\)")
_RUST: Final = re.compile(
    r"^\s*use [\w:]+(?:::[\w{*]|;)|^\s*#!?\[\w+|\bfn \w+(?:<[^>]*>)?\([^)]*\)(?: ->|\s*\{|$)"
    r"|^\s*(?:let (?:mut )?\w|pub (?:fn|struct|mod|const)|impl\b|mod \w+\s*[;{]|unsafe \{)"
)
_GO_PACKAGE: Final = re.compile(r"^package \w+\s*$")
_GO: Final = re.compile(r'^import (?:\(|")|^func (?:\(\w|\w)|:= ')
_LOADER: Final = re.compile(r'^\s*#\s*include\s*(?:<bpf/(?:libbpf|bpf)\.h>|[<"][^">]*\.skel\.h[">])')
_MAIN: Final = re.compile(r"\bmain\s*\(")
_PYTHON: Final = re.compile(
    r"^\s*(?:(?:async )?def \w+\([^;{]*\).*:|class \w+[^;{]*:|if __name__ ==.*:|from [\w.]+ import [\w*(][^;]*|"
    r"import [\w.]+(?: as \w+)?)\s*(?:#.*)?$|^#!.*\bpython"
)
_HTML: Final = re.compile(r"^\s*<(?:!doctype html|html|head|body)\b", re.I)
_ASM: Final = re.compile(
    r"^\s*(?:\d+:\s*)?(?:[rw]\d{1,2}\s*(?:[-+*/%&|^]|<<|>>|s>>|s[/%])?=\s*\S|exit;?\s*$|call \S|goto [+-]?\w|gotol "
    r"|if [rw]\d|\*\((?:u8|u16|u32|u64) \*\)\s*\(|lock \*|(?:callx|may_goto) )"
)
_INTEL: Final = re.compile(
    r"^\s*(?:mov(?:32|64)?|add(?:32|64)?|sub(?:32|64)?|lddw|ldx(?:b|h|w|dw)|stx?(?:b|h|w|dw)|ja|jn?eq|js?[lg][te]|exit"
    r"|call|lsh|rsh|arsh|and|or|xor|neg|be(?:16|32|64)|le(?:16|32|64))(?:32|64)?\b\s*(?:[rw%\[]\d?|0x|-?\d|[+-]|$|\w+\s*$)"
)
_LABEL: Final = re.compile(r"^\s*[A-Za-z_.][\w.]*:\s*$|^\s*\.\w+|^\s*(?:;|#|//|@)|^\s*$")
# C that no other kind has outside comments: directives, sections, definitions.
_C: Final = re.compile(
    r"^\s*#\s*(?:include\s*[<\"]|define\s+\w|if(?:n?def)?\b|pragma\b|endif\b|undef\b)|^\s*SEC\s*\(|^\s*__section\s*\("
    r"|^(?:static|extern|typedef|struct|union|enum|inline|__always_inline|const|volatile|unsigned|int|long|char|void"
    r"|bool|[us]\d\d?|__u\d\d?)\b[^:=]*[;{})*,]?\s*$|__attribute__"
)
_SECTION: Final = re.compile(r"^\s*SEC\s*\(")
_C_ONLY: Final = re.compile(r"^\s*#\s*include\b|^\s*SEC\s*\(")
_HEX_TOKEN: Final = re.compile(r"(?:0x|\\x)?[0-9a-fA-F]{2,16}")


class _Rows:
    """The lines of a text, whole and with C comments blanked, and how many have a shape."""

    def __init__(self, text: str) -> None:
        head = text[:_MAX_TEXT]
        self.raw = [line[:_MAX_LINE] for line in head.split("\n", _MAX_LINES)[:_MAX_LINES]]
        bare = blank(head, strings=False)
        self.bare = [line[:_MAX_LINE] for line in bare.split("\n", _MAX_LINES)[:_MAX_LINES]]
        code = blank(head)
        self.code = [line[:_MAX_LINE] for line in code.split("\n", _MAX_LINES)[:_MAX_LINES]]
        self.c = self.count(_C)

    def count(self, shape: re.Pattern[str]) -> int:
        """How many lines have a shape, C comments left out."""
        return sum(1 for line in self.bare if shape.search(line))

    def any(self, shape: re.Pattern[str]) -> bool:
        """Whether a line has a shape, C comments left out."""
        return any(shape.search(line) for line in self.bare)


def recognise(text: str) -> Recognised:
    """What the text is. Anything that is not clearly something else is C."""
    rows = _Rows(text)
    kind = next((kind for kind, is_it in _TESTS if is_it(rows)), "c")
    return Recognised(kind, SENTENCES.get(kind, ""))


def _objdump(rows: _Rows) -> bool:
    insns = rows.count(_OBJDUMP_INSN)
    return insns >= 2 or (insns > 0 and rows.any(_OBJDUMP)) or (rows.c == 0 and rows.any(_OBJDUMP))


def _bcc(rows: _Rows) -> bool:
    if rows.any(_TRACEBACK):  # of a program that failed: lines of its source stand in it
        return False
    if rows.any(_BCC_PYTHON):
        return True
    return rows.any(_BCC_C) and not rows.any(_SECTION)


def _go(rows: _Rows) -> bool:
    return rows.any(_GO_PACKAGE) and rows.any(_GO)


def _loader(rows: _Rows) -> bool:
    return rows.any(_LOADER) and rows.any(_MAIN) and not rows.any(_SECTION)


def _python(rows: _Rows) -> bool:
    # One such line may stand in other text, and lines of C may be a program in a string.
    return sum(1 for line in rows.raw if _PYTHON.search(line)) >= 2 and rows.c == 0


def _html(rows: _Rows) -> bool:
    return rows.any(_HTML) and rows.c == 0


def _rust(rows: _Rows) -> bool:
    # An attribute such as [[x]] or #[…] is no C; two different lines of such shapes are no accident.
    return rows.count(_RUST) >= 2 and not rows.any(_C_ONLY)


def _bpftrace(rows: _Rows) -> bool:
    if any(_BPFTRACE_SHELL.search(line) for line in rows.raw):
        return True
    if rows.any(_SECTION):
        return False
    probes = rows.count(_BPFTRACE)
    return probes > 0 and (rows.any(_BPFTRACE_BODY) or probes > 1) and "{" in "".join(rows.bare)


def _told(rows: _Rows) -> list[str]:
    """The lines in which a log is looked for: where there is C, not its comments and strings, which may quote one."""
    return rows.raw if rows.c == 0 else rows.bare if rows.c < 3 else rows.code


def _log(rows: _Rows) -> bool:
    lines = _told(rows)
    if rows.c == 0:  # a log that something printed as a string
        lines = [part.replace("\\t", " ") for line in lines for part in line.split("\\n")]
    insns = sum(1 for line in lines if _INSN.search(line))
    states = sum(1 for line in lines if _STATE.search(line))
    said = sum(1 for line in lines if _SUMMARY.search(line))
    if insns:
        return states > 0 or said > 0 or not any(_XLATED.search(line) for line in lines)
    return rows.c < 3 and (said >= 2 or states >= 3 or (said > 0 and rows.c == 0))


def _loading(rows: _Rows) -> bool:
    """Whether a text without a log is what a loader said."""
    return rows.c == 0 and any(says_why(line) for line in rows.raw)


def _xlated(rows: _Rows) -> bool:
    return any(_INSN.search(line) for line in _told(rows))


def _jited(rows: _Rows) -> bool:
    return rows.count(_JITED) >= 3 and (rows.any(_JITED_HEAD) or rows.c == 0)


def _hex(rows: _Rows) -> bool:
    tokens = [token for line in rows.bare for token in re.split(r"[\s,;]+", line) if token]
    if not tokens or not all(_HEX_TOKEN.fullmatch(token) for token in tokens):
        return False
    digits = sum(len(re.sub(r"^(?:0x|\\x)", "", token)) for token in tokens)
    return digits % 16 == 0


def _asm(rows: _Rows) -> bool:
    if rows.c:
        return False
    lines = [line for line in rows.bare if not _LABEL.match(line)]
    known = sum(1 for line in lines if _ASM.match(line) or _INTEL.match(line))
    return known >= 1 and known * 10 >= len(lines) * 7


# In this order: what shares lines with another kind stands before it.
_TESTS: Final[tuple[tuple[str, Callable[[_Rows], bool]], ...]] = (
    ("objdump", _objdump),
    ("bcc", _bcc),
    ("go", _go),
    ("rust", _rust),
    ("loader", _loader),
    ("bpftrace", _bpftrace),
    ("log", _log),
    ("python", _python),
    ("html", _html),
    ("log", _loading),
    ("xlated", _xlated),
    ("jited", _jited),
    ("hex", _hex),
    ("asm", _asm),
)
