"""Words for sources that cannot compile here as they are, because they were written for something else."""

from __future__ import annotations

import re
from typing import Final

from vm.compile.model import Diagnostic
from vm.csource.fixes import INSIDE
from vm.csource.text import blank

_HINTS: Final = tuple(
    (re.compile(pattern, re.M), sentence)
    for pattern, sentence in (
        (
            r"^[ \t]*BPF_(?:HASH|ARRAY|TABLE|PERF_OUTPUT|HISTOGRAM|PERCPU_\w+|LRU_HASH|STACK_TRACE|QUEUE)\s*\(",
            "This is written for BCC, which rewrites the source before it compiles it. In C for libbpf a map is a "
            'struct in SEC(".maps"), used through bpf_map_lookup_elem() and the like.',
        ),
        (
            r"\bstruct\s+bpf_map_def\b",
            'Maps as struct bpf_map_def in SEC("maps") are gone since libbpf 1.0: write '
            'struct { __uint(type, …); __type(key, …); … } name SEC(".maps").',
        ),
        (
            rf"^[ \t]*#[ \t]*include[ \t]*<(?:{INSIDE.pattern.replace('$', '>')})",
            'Headers from inside the kernel do not compile for BPF: #include "vmlinux.h" has the kernel\'s types.',
        ),
        (
            r"\b(?:float|double)\b",
            "BPF has no floating point: compute with integers, for example in thousandths.",
        ),
        (
            r"\b(?:printf|puts|malloc|fopen)\s*\(",
            "There is no C library in the kernel: bpf_printk() prints to its trace, and memory comes from maps or the "
            "stack.",
        ),
    )
)  # fmt: skip


def hints(source: str) -> tuple[Diagnostic, ...]:
    """Notes, each at the line it is about."""
    found = []
    code = blank(source, strings=False)
    for pattern, sentence in _HINTS:
        match = pattern.search(code)
        if match is not None:
            line = source.count("\n", 0, match.start()) + 1
            text = source.split("\n")[line - 1]
            found.append(Diagnostic(line, 1, len(text) + 1, "note", sentence))
    return tuple(found)
