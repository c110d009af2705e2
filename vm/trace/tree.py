"""The walk as a tree: where its paths fork and how each ends, with the instructions there, for all paths at once."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Final, NamedTuple

from vm.trace.blocks import ENDS
from vm.trace.stored import StoredTrace

_OPEN: Final = (-1, "open", -1)


class Branch(NamedTuple):
    """A path and its place in the tree; its number is its position in the list.

    parent, fork -- the path and step that pushed it, -1: none
    first, last  -- its steps; last < first: it was pruned before its first
    end          -- as of records.Path; pruned_by -- the step before which the state was stored that covers it, or -1
    fork_insn, first_insn, last_insn -- instructions of these steps, -1: there is no such step
    speculative  -- only a mispredicted branch goes there
    """

    parent: int
    fork: int
    first: int
    last: int
    end: str
    pruned_by: int
    fork_insn: int
    first_insn: int
    last_insn: int
    speculative: bool


def branches(trace: StoredTrace, most: int) -> Iterator[Branch]:
    """The first `most` paths in the order they were walked. Each block is read once."""
    insns: array[int] = array("i")
    starts: list[tuple[int, int, int, int]] = []
    ends: list[tuple[int, str, int]] = []
    for block in trace.blocks():
        if len(starts) >= most and len(ends) >= most:
            break
        insns += block.insn
        begun, ended = block.starts, block.ends
        starts += zip(begun.parent, begun.push_step, begun.first_step, begun.speculative, strict=True)
        ends += [
            (last, ENDS[how], by) for last, how, by in zip(ended.last_step, ended.how, ended.pruned_by, strict=True)
        ]

    def insn(step: int) -> int:
        return insns[step] if 0 <= step < len(insns) else -1

    for number, (parent, fork, first, speculative) in enumerate(starts[:most]):
        last, end, pruned_by = ends[number] if number < len(ends) else _OPEN
        if end == "open":
            last = len(insns) - 1
        walked = first <= last
        yield Branch(
            parent, fork, first, last, end, pruned_by, insn(fork), insn(first) if walked else -1,
            insn(last) if walked else -1, bool(speculative),
        )  # fmt: skip
