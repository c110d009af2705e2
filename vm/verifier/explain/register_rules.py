"""Register Type Safety: what a register holds does not allow what is done with it."""

from __future__ import annotations

from typing import Final

Rules = tuple[tuple[str, tuple[str, ...]], ...]

RULES: Final[Rules] = (
    ("the register has to be written on every path before it is read", ("R{} !read_ok",)),
    ("a register number from 0 to 10", ("R{} is invalid",)),
    (
        "r10 points to the stack frame and may only be read: compute in another register",
        ("frame pointer is read only",),
    ),
    ("a pointer to memory the program may access: not a number, and not NULL", ("R{} invalid mem access '{}'",)),
    (
        "the NULL check has to come before the arithmetic",
        ("R{} pointer arithmetic on {} prohibited, null-check it first",),
    ),
    (
        "a pointer whose type allows arithmetic: this one has to stay as it is",
        ("R{} pointer arithmetic on {} prohibited",),
    ),
    ("pointers have 64 bits: 64-bit addition or subtraction", ("R{} 32-bit pointer arithmetic prohibited",)),
    (
        "only a number added to or subtracted from a pointer keeps it a pointer",
        (
            "R{} pointer arithmetic prohibited",
            "R{} bitwise operator {} on pointer prohibited",
            "R{} pointer arithmetic with {} operator prohibited",
            "R{} tried to subtract pointer from scalar",
            "R{} subtraction from stack pointer prohibited",
            "R{} pointer {} pointer prohibited",
        ),
    ),
    (
        "a pointer copied whole, with a 64-bit move",
        ("R{} partial copy of pointer", "R{} sign-extension part of pointer"),
    ),
    ("a number in the register", ("R{} is not a scalar", "R0 not a scalar value")),
    (
        "one kind of pointer at this instruction on every path: the kernel rewrites the access for that one kind",
        ("same insn cannot be used with different pointers",),
    ),
    ("the packet's skb in r6", ("at the time of BPF_LD_ABS|IND R6 != pointer to skb",)),
    ("a known value", ("REG INVARIANTS VIOLATION {}",)),
)
