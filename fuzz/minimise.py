"""Makes a disagreement smaller: instructions that do not matter become `goto +0`, many tries in one question.

Nothing here knows what a disagreement is: `holds` is asked about a list of variants at once and says of each whether
what is looked for is still there, so that one boot of a kernel answers for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from fuzz.mutate import NOTHING
from fuzz.objects import Function, Object
from vm.isa import opcodes as o
from vm.isa.insn import Insn

Units: TypeAlias = "frozenset[int]"
Holds: TypeAlias = "Callable[[Sequence[Units]], Sequence[bool]]"

MOST_TRIES: Final = 12  # variants in one question
MOST_ROUNDS: Final = 14
EXIT: Final = o.JMP | o.EXIT


def shrink(units: Units, holds: Holds, rounds: int = MOST_ROUNDS) -> Units:
    """The smallest set of units found for which `holds` is true, which it has to be for `units`.

    A round asks for each part whether it can go; the next for all parts that can, together, and half of them, …
    """
    pieces = 4
    while rounds > 0 and len(units) > 1:
        pieces = min(pieces, len(units), MOST_TRIES)
        ordered = sorted(units)
        parts = [
            frozenset(ordered[n * len(ordered) // pieces : (n + 1) * len(ordered) // pieces]) for n in range(pieces)
        ]
        rounds -= 1
        gone = [part for part, held in zip(parts, holds([units - part for part in parts]), strict=True) if held]
        if not gone:
            if pieces == min(len(units), MOST_TRIES):
                if len(units) <= MOST_TRIES:
                    break
                units, rounds = _one_by_one(units, holds, rounds)
                break
            pieces *= 3
            continue
        units = units - gone[0]
        if len(gone) > 1 and rounds > 0:
            rounds -= 1
            whole = units | gone[0]
            tries = [frozenset[int]().union(*gone[:n]) for n in _halves(len(gone))]
            held = [t for t, h in zip(tries, holds([whole - t for t in tries]), strict=True) if h]
            if held:
                units = whole - max(held, key=len)
        pieces = max(4, pieces)
    return units


def _halves(count: int) -> list[int]:
    found = []
    while count > 1:
        found.append(count)
        count = count * 2 // 3
    return found


def _one_by_one(units: Units, holds: Holds, rounds: int) -> tuple[Units, int]:
    """More units than one question has room for: a dozen of them at a time."""
    ordered = sorted(units)
    for start in range(0, len(ordered), MOST_TRIES):
        if rounds <= 0:
            break
        rounds -= 1
        tries = ordered[start : start + MOST_TRIES]
        can_go = [n for n, held in zip(tries, holds([units - {n} for n in tries]), strict=True) if held]
        if can_go and rounds > 0:
            rounds -= 1
            sets = [frozenset(can_go[:n]) for n in (len(can_go), max(1, len(can_go) // 2), 1)]
            held_sets = [s for s, held in zip(sets, holds([units - s for s in sets]), strict=True) if held]
            if held_sets:
                units = units - max(held_sets, key=len)
    return units, rounds


class Shrinkable:
    """A program of an object whose slots can be taken out: a unit is (position of its first slot in the whole)."""

    def __init__(self, data: bytes, program: str) -> None:
        self.program = program
        alone = Object(data)
        if not alone.has(".struct_ops"):
            alone.keep({program})
        self.data = bytes(alone.data)
        text = [f for f in alone.functions if not f.entry]
        self.functions: list[Function] = [f for f in alone.functions if f.entry and f.name == program] + text
        self.starts: dict[int, tuple[Function, tuple[int, ...]]] = {}
        at = 0
        for function in self.functions:
            insns = alone.insns(function)
            slot = 0
            while slot < len(insns):
                width = 2 if insns[slot].code == o.LD_IMM64 else 1
                slots = tuple(range(slot, min(slot + width, len(insns))))
                # The last exit of a function, and what is nothing already, stay.
                if insns[slot] != NOTHING and not (insns[slot].code == EXIT and slot == len(insns) - 1):
                    self.starts[at + slot] = (function, slots)
                slot += width
            at += len(insns)
        self.units: Units = frozenset(self.starts)

    def variant(self, kept: Units) -> bytes:
        """The object with every unit that is not kept replaced by `goto +0`."""
        changed = Object(self.data)
        gone: dict[int, set[int]] = {}
        for unit in self.units - kept:
            function, slots = self.starts[unit]
            gone.setdefault(function.symbol, set()).update(slots)
        for function in self.functions:
            slots_gone = gone.get(function.symbol, set())
            if slots_gone:
                insns: list[Insn] = changed.insns(function)
                changed.put(function, [NOTHING if n in slots_gone else insn for n, insn in enumerate(insns)])
                changed.drop_relocations(function, slots_gone)
        return bytes(changed.data)

    def listing(self, kept: Units) -> str:
        """What is left, for a person to read."""
        from vm.isa.text import insn_text

        changed = Object(self.variant(kept))
        lines = []
        for function in self.functions:
            insns = tuple(changed.insns(function))
            if all(i == NOTHING or i.code == EXIT for i in insns) and not function.entry:
                continue
            lines.append(f"{function.name}:")
            lines += [
                f"  {n:4}: {insn_text(insns, n)}"
                for n in range(len(insns))
                if insns[n] != NOTHING and not (n and insns[n - 1].code == o.LD_IMM64)
            ]
        return "\n".join(lines)
