"""Who prints logs, and how their own lines look.

A sign is looked for only in lines that are not the kernel's. The table's order is that of precedence: a loader that
uses another one stands before it.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final, NamedTuple

NONE: Final = "none"
OTHER: Final = "other"

WRAPPERS: Final = (
    "ebpf-go",
    "aya",
    "bpftrace",
    "bcc",
    "iproute2",
    "libbpf",
    "journald",
    "logfmt",
    "json-escaped",
    OTHER,
    NONE,
)
"""The values of LogReport.wrapper. The three carriers are named if no loader is known."""

LOADERS: Final = WRAPPERS[:6]
CARRIERS: Final = WRAPPERS[6:9]


class Effect(Enum):
    """What a sign means for the text that follows."""

    NONE = "none"
    BEGIN = "a program's log begins with the next line"
    HEAD = "a program's log begins in this line, after the sign"
    END = "the program's log has ended"
    BEHIND = "the program whose log came before was not loaded"


class Sign(NamedTuple):
    """A line of a loader.

    shape -- with the groups `prog` (the program's name) and `omitted` (lines left out) where the line has them
    failed -- whether the line says that the program was not loaded
    """

    wrapper: str
    shape: re.Pattern[str]
    effect: Effect = Effect.NONE
    failed: bool = False


def _sign(wrapper: str, shape: str, effect: Effect = Effect.NONE, *, failed: bool = False) -> Sign:
    return Sign(wrapper, re.compile(shape), effect, failed)


_NAME = r"[\w./-]{1,100}"
_ERROR = r"[a-z][\w ()'-]{2,60}"

SIGNS: Final = (
    _sign("libbpf", rf"prog '(?P<prog>{_NAME})': -- BEGIN PROG LOAD LOG --", Effect.BEGIN),
    _sign("libbpf", r"-- BEGIN (?:DUMP|PROG LOAD|BPF PROG LOAD) LOG -{2,3}", Effect.BEGIN),
    _sign("libbpf", r"-- END (?:PROG LOAD )?LOG --", Effect.END),
    _sign("libbpf", rf"prog '(?P<prog>{_NAME})': BPF program load failed", failed=True),
    _sign("libbpf", rf"prog '(?P<prog>{_NAME})': failed to load", Effect.BEHIND, failed=True),
    _sign("libbpf", rf"failed to load program '(?P<prog>{_NAME})'", Effect.BEHIND, failed=True),
    _sign("libbpf", r"libbpf: (?:load bpf program failed|failed to load (?:program|object))", failed=True),
    _sign("libbpf", r"libbpf: Error loading BTF|libbpf: Error loading \.BTF", failed=False),
    _sign("libbpf", r"\blibbpf: |\blibxdp: |failed to load BPF skeleton"),
    _sign("ebpf-go", rf"program (?P<prog>{_NAME}): load program: {_ERROR}:\s", Effect.HEAD, failed=True),
    _sign("ebpf-go", rf"program (?P<prog>{_NAME}): load program: {_ERROR}:?$", Effect.BEGIN, failed=True),
    _sign("ebpf-go", rf"load program: {_ERROR}:\s", Effect.HEAD, failed=True),
    _sign("ebpf-go", rf"load program: {_ERROR}:?$", Effect.BEGIN, failed=True),
    _sign("ebpf-go", r"[Vv]erifier (?:error|log): ", Effect.HEAD),
    _sign("ebpf-go", r"[Vv]erifier (?:error|log):$", Effect.BEGIN),
    _sign("ebpf-go", r"loading (?:objects|eBPF collection|collection)\b|\bcilium/ebpf\b|loading eBPF program"),
    _sign("aya", r"BPF_PROG_LOAD`? syscall failed\.? Verifier output: ?", Effect.HEAD, failed=True),
    _sign("aya", r"bpf_prog_load`? syscall failed\.? Verifier output: ?", Effect.HEAD, failed=True),
    _sign("aya", r"BPF_PROG_LOAD[`\"]? (?:syscall )?returned \S+\. Verifier output: ?", Effect.HEAD, failed=True),
    _sign("aya", r"Verifier output: ?", Effect.HEAD, failed=True),
    _sign("aya", r"\bverifier_log: ", failed=True),
    _sign("ebpf-go", rf"load (?:BTF|btf): {_ERROR}:\s", Effect.HEAD),
    _sign(
        "bcc",
        r"^bpf: (?:Failed to load program: )?[A-Z][a-z]{2,20}(?: [a-z]{2,20}){1,4}\s*$",
        Effect.BEGIN,
        failed=True,
    ),
    _sign("bcc", r"Failed to load BPF program b?'?(?P<prog>\w{1,100})", failed=True),
    _sign("bcc", r"dist-packages/bcc/|^HINT: The .{1,60} error |bcc/__init__\.py|from bcc import"),
    _sign("bpftrace", r"\bError loading (?:BPF )?program: (?P<prog>\S{1,100})", failed=True),
    _sign("bpftrace", r"\bError loading BPF program for (?P<prog>\w{1,100})", failed=True),
    _sign("bpftrace", r"^BPF verifier log for (?P<prog>\w{1,100}):\s*$", Effect.BEGIN),
    _sign("bpftrace", r"^Error log:\s*$|^Kernel error log:\s*$|^BPF verifier log:\s*$", Effect.BEGIN),
    _sign("bpftrace", r"\bbpftrace\b|^stdin:\d+|^Attaching \d+ probes?\.\.\.|^Error log:"),
    _sign("iproute2", r"Prog section '(?P<prog>[^']{1,100})' (?:rejected|\(tail_call\))", failed=True),
    _sign("iproute2", r"^Verifier analysis:\s*$", Effect.BEGIN),
    _sign("iproute2", r"^Error fetching program/map!|^Error fetching ELF|^Unable to load program\s*$", failed=True),
    _sign("iproute2", r"^ - (?:Type|Attach Type|Instructions|License):\s"),
    _sign("libbpf", r"^Error: failed to load object file|xdp-loader\b|^Couldn't attach XDP program"),
    _sign(
        OTHER,
        r"\berr(?:no|or)?=-?\d+|\b[Pp]ermission denied\b|\b[Ii]nvalid argument\b|\b[Ff]ailed to (?:load|verify)"
        r"|\b[Aa]rgument list too long\b|\bOperation not permitted\b|load failed\b|^error while loading ",
        failed=True,
    ),
)

OMITTED: Final = re.compile(r" \((?:truncated, )?(\d{1,9}) line\(s\) omitted\)")
"""ebpf-go leaves lines out and says so at the end of its error's one line."""

_LEFT_OUT = r"(?:snip(?:ped)?|skip+(?:ed)?|skiped|cut|truncated|omitted)"
CUT: Final = re.compile(
    rf"^[\s\W_]{{0,40}}(?:(?:\.\.\.|…)[\s\W_\d]{{0,40}}|{_LEFT_OUT}\b.{{0,60}})$"
    r"|^[\s\W_]{0,40}(?:\.\.\.|…).{0,80}(?:snip|skip|cut|truncat|omit|left out|more lines).{0,60}$"
    r"|^[\s\W_]{0,20}(?:log )?truncated\b.{0,60}$"
    r"|^[\[(<].{0,60}(?:lines|log) (?:omitted|skipped|truncated|removed).{0,40}$",
    re.IGNORECASE,
)
"""A line that stands for lines somebody left out."""

BTF_LOG: Final = re.compile(
    r"\s*(?:magic: 0xeb9f\b|hdr_len: \d|type_len: \d|str_len: \d|btf_total_size: \d|\[\d{1,7}\] "
    r"(?:INT|PTR|ARRAY|STRUCT|UNION|ENUM|ENUM64|FWD|TYPEDEF|VOLATILE|CONST|RESTRICT|FUNC|FUNC_PROTO|VAR|DATASEC|FLOAT"
    r"|DECL_TAG|TYPE_TAG) )"
)
"""A line of the BTF checker's log."""

_GAP: Final = r"[^\n\w.]{0,8}"
_VERSION: Final = r"(?:[Vv]er[a-z]{1,6}|[Rr]elease|版本|верси[ияю])"
_SHORT: Final = r"(?<![\w.])v?([4-7]\.\d{1,2}(?:\.\d{1,4})?(?:[.+~-][\w.+~-]{0,60})?)(?![\w+~-])"
_FULL: Final = r"(?<![\w.])([4-7]\.\d{1,2}\.\d{1,4}[-+][\w.+~-]{1,60})"
_KERNELS: Final = (
    re.compile(rf"^\s*{_FULL}\s*$"),  # uname -r
    re.compile(rf"\bLinux (?:version )?(?:(?!release )[\w.-]{{1,64}} )?{_FULL}"),  # uname -a, /proc/version
    re.compile(
        rf"(?:\b[Kk]ernel\b|\bKERNEL\b|内核|\b[Яя]др[оаеу]м?\b|カーネル|커널){_GAP}(?:{_VERSION}{_GAP})?{_SHORT}"
    ),
    re.compile(rf"(?:^|\b(?:at|in|of|on|under|using|with) )Linux (?:version )?{_SHORT}"),
    re.compile(rf"\b[Ll]inux\b.{{0,60}}?[(\[]{_FULL}"),
)
"""How people name their kernel: those of 4.4 to 7.3. A distribution's version is none."""


def kernel_named(text: str) -> str:
    """The kernel's release as a line names it, "5.15.0-91-generic"; "" if it names none."""
    found = next((found for shape in _KERNELS if (found := shape.search(text)) is not None), None)
    return found[1].rstrip(".,;:-") if found is not None else ""


def sign_in(text: str) -> tuple[Sign, re.Match[str]] | None:
    """The first sign of the table that a line has."""
    for sign in SIGNS:
        found = sign.shape.search(text)
        if found is not None:
            return sign, found
    return None
