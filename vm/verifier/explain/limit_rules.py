"""Limits: the program may be safe, but takes more than the verifier grants."""

from __future__ import annotations

from typing import Final

from vm.verifier.explain.register_rules import Rules

RULES: Final[Rules] = (
    (
        "a walk of at most 1,000,000 instructions: fewer rounds of loops, fewer branches, or less that differs where "
        "paths meet",
        ("BPF program is too large. Processed {} insn",),
    ),
    (
        "at most 8,192 branches waiting at once",
        ("The sequence of {} jumps is too complex.", "The sequence of {} jumps is too complex for async cb."),
    ),
    (
        "at most 512 bytes of stack over all frames that are active at once",
        ("combined stack size of {} calls is {}. Too large",),
    ),
    (
        "at most 256 bytes of stack in the frames before a tail call",
        ("tail_calls are not allowed when call stack of previous frames is {} bytes. Too large",),
    ),
    (
        "at most 8 frames",
        ("the call stack of {} frames is too deep", "the call stack of {} frames is too deep !"),
    ),
    ("at most 256 functions", ("too many subprograms",)),
    (
        "at most 64 maps",
        ("The total number of maps per program has reached the limit of {}",),
    ),
    (
        "at most five arguments",
        ("Function {} has {} > 5 args", "Global function {}() with {} > {} args. Buggy compiler."),
    ),
    ("at most 256 different kernel functions", ("too many different kernel function calls",)),
    ("structs nested less deep", ("max struct nesting depth exceeded",)),
    (
        "objects of at most 512 bytes",
        ("bpf_percpu_obj_new type size ({}) is greater than {}",),
    ),
)
