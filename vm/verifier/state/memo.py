"""The last operands and result of an instruction, reused by paths that reach it with the same values.

Values are immutable and shared, so equality is first tested by identity, which costs almost nothing if it fails. Most
paths differ in few values; the results of equal operands are shared, and so are the results computed from them.
"""

from __future__ import annotations

from typing import final

from vm.native import mypyc_attr
from vm.verifier.state.reg import RegState


@mypyc_attr(free_list_len=1)
@final
class AluMemo:
    """Arithmetic on two numbers: `dst op src` is `result`."""

    __slots__ = ("dst", "src", "result")

    def __init__(self, dst: RegState, src: RegState, result: RegState) -> None:
        self.dst: RegState = dst
        self.src: RegState = src
        self.result: RegState = result


@mypyc_attr(free_list_len=1)
@final
class JumpMemo:
    """A comparison of two numbers with both outcomes: the operands if it is false and if it is true."""

    __slots__ = ("dst", "src", "false_dst", "false_src", "true_dst", "true_src")

    def __init__(
        self,
        dst: RegState,
        src: RegState,
        false_dst: RegState,
        false_src: RegState,
        true_dst: RegState,
        true_src: RegState,
    ) -> None:
        self.dst: RegState = dst
        self.src: RegState = src
        self.false_dst: RegState = false_dst
        self.false_src: RegState = false_src
        self.true_dst: RegState = true_dst
        self.true_src: RegState = true_src
