"""The chain behind the value at fault, from the steps as they were printed.

It goes back from the instruction at fault, step by step along its path, as far as the text shows the path. Copies,
spills and fills are followed without being told. A value is told only where the text prints it.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.logs.decode import Decoded, decode
from vm.logs.values import Cause, Message, Path, State, Step

MAX_STEPS: Final = 20_000
"""Steps that are kept, and that a chain goes back at most."""
MAX_CAUSES: Final = 32

_PRINTED_BACK: Final = 200
_CALL: Final = o.JMP | o.CALL
_EXIT: Final = o.JMP | o.EXIT
_SLOT: Final = 8


class Chain:
    """Keeps the last steps of a program."""

    def __init__(self) -> None:
        self._steps: deque[Step] = deque(maxlen=MAX_STEPS)

    def step(self, step: Step) -> None:
        """The next step."""
        self._steps.append(step)

    def path(self, path: Path) -> None:
        """A path begins: what a step's `before` says is enough."""

    def _at(self, number: int) -> Step | None:
        if not self._steps or number < self._steps[0].number:
            return None
        return self._steps[number - self._steps[0].number]

    def causes(self, name: str, message: Message) -> tuple[Cause, ...]:
        """What led to the value of a register ("r3", "" for none), oldest first; the step at fault is the last."""
        if not self._steps:
            return ()
        failed = self._steps[-1]
        told = f"{failed.frame}:{name}" if failed.frame and name else name
        last = Cause(failed.number, failed.insn_idx, failed.line, told, "failed", message.text)
        acquired = dict(message.values)
        if "reference-leak" in message.rules and acquired.get("insn", "").isdecimal():
            return (*self._acquired(int(acquired["insn"]), acquired.get("id", "")), last)
        wanted = {(failed.frame, name)} if name else _operands(failed)
        return (*_Walk(self, failed, wanted).found(), last)

    def _acquired(self, insn_idx: int, number: str) -> tuple[Cause, ...]:
        step: Step | None = self._steps[-1]
        while step is not None:
            if step.insn_idx == insn_idx:
                called = decode(step.code, step.text).called or "it"
                why = f"{called} gives reference {number}, which has to be released"
                return (Cause(step.number, step.insn_idx, step.line, "r0", "acquired", why),)
            step = self._at(step.before) if step.before >= 0 else None
        return ()

    def printed(self, name: str) -> str:
        """A register as it was printed last on the path of the last step; "" where it was not, or is long ago."""
        step = self._steps[-1] if self._steps and name else None
        for _ in range(_PRINTED_BACK):
            if step is None:
                break
            found = _value(step.after, name) or _value(step.at, name)
            if found:
                return found
            step = self.before(step)
        return ""

    def way(self) -> tuple[Step, ...]:
        """The steps of the last one's path, from where the text takes it up, as far as they are kept."""
        out: list[Step] = []
        step = self._steps[-1] if self._steps else None
        while step is not None:
            out.append(step)
            step = self.before(step)
        return tuple(out[::-1])

    def before(self, step: Step) -> Step | None:
        """The step before one on its path, if it is still kept."""
        return self._at(step.before) if step.before >= 0 else None


def _operands(step: Step) -> set[tuple[int, str]]:
    """The number that arithmetic on a pointer adds, where the message names no register."""
    insns = decode(step.code, step.text).insns
    if insns and insns[0].code & 7 in (o.ALU, o.ALU64) and insns[0].code & o.X:
        return {(step.frame, f"r{insns[0].src_reg}")}
    return set()


class _Walk:
    """One way back. wanted: (frame, name) of what is looked for."""

    def __init__(self, chain: Chain, failed: Step, wanted: set[tuple[int, str]]) -> None:
        self._chain = chain
        self._failed = failed
        self._wanted = wanted
        self._out: list[Cause] = []

    def found(self) -> list[Cause]:
        """The causes, oldest first."""
        later, step = self._failed, self._chain.before(self._failed)
        while step is not None and self._wanted and len(self._out) < MAX_CAUSES:
            self._step(step, later)
            later, step = step, self._chain.before(step)
        return self._out[::-1]

    def _step(self, step: Step, later: Step) -> None:
        what = decode(step.code, step.text)
        if step.code == _EXIT:
            self._returned(step, later)
        elif step.code == _CALL:
            self._called(step, later, what)
        elif what.insns and step.code & 7 in (o.JMP, o.JMP32):
            self._branched(step, later, what.insns[0])
        elif what.insns:
            self._wrote(step, what)

    def _tell(self, step: Step, name: str, kind: str, why: str) -> None:
        shown = _shown(step, name)
        words = f"{why}: {name} is {shown}" if shown else why
        told = name if not step.frame else f"{step.frame}:{name}"
        self._out.append(Cause(step.number, step.insn_idx, step.line, told, kind, words))

    def _wrote(self, step: Step, what: Decoded) -> None:
        insn = what.insns[0]
        frame = step.frame
        if what.slot:
            slot = (frame, f"fp{-(-what.slot + _SLOT - 1) // _SLOT * _SLOT}")
            if slot in self._wanted:
                self._wanted.discard(slot)
                if insn.code & 7 == o.STX and insn.code & 0x18 == o.DW:
                    self._wanted.add((frame, f"r{insn.src_reg}"))
                else:
                    self._tell(step, slot[1], "value", step.text)
            return
        name = f"r{what.writes}"
        if what.writes < 0 or (frame, name) not in self._wanted:
            return
        cls, operation = insn.code & 7, insn.code & 0xF0
        if cls in (o.ALU, o.ALU64):
            if operation == o.MOV and cls == o.ALU64 and insn.code & o.X and not insn.off:
                self._wanted.discard((frame, name))
                self._wanted.add((frame, f"r{insn.src_reg}"))
                return
            if operation == o.MOV and not insn.code & o.X:
                self._wanted.discard((frame, name))
                self._tell(step, name, "value", step.text)
                return
            if operation == o.MOV:
                self._wanted.discard((frame, name))
            if insn.code & o.X and operation != o.END:
                self._wanted.add((frame, f"r{insn.src_reg}"))
            self._tell(step, name, "arithmetic", step.text)
            return
        self._wanted.discard((frame, name))
        if cls == o.LDX and insn.src_reg == o.REG_FP and insn.code & 0x18 == o.DW:
            self._wanted.add((frame, f"fp{insn.off}"))
            return
        self._tell(step, name, "load" if cls in (o.LDX, o.STX) else "value", step.text)

    def _called(self, step: Step, later: Step, what: Decoded) -> None:
        frame = step.frame
        if later.frame > frame:  # into a function: its arguments are the caller's registers
            for number in range(1, 6):
                if (later.frame, f"r{number}") in self._wanted:
                    self._wanted.discard((later.frame, f"r{number}"))
                    self._wanted.add((frame, f"r{number}"))
            return
        called = what.called or "the function"
        for number in range(6):
            name = f"r{number}"
            if (frame, name) in self._wanted:
                self._wanted.discard((frame, name))
                if number:
                    self._tell(step, name, "clobbered", f"{called}() does not keep {name}")
                else:
                    self._tell(step, name, "call", f"{called}() returns")

    def _returned(self, step: Step, later: Step) -> None:
        if later.frame == step.frame - 1 and (later.frame, "r0") in self._wanted:
            self._wanted.discard((later.frame, "r0"))
            self._wanted.add((step.frame, "r0"))

    def _branched(self, step: Step, later: Step, insn: Insn) -> None:
        operands = [f"r{insn.dst_reg}"] + ([f"r{insn.src_reg}"] if insn.code & o.X else [])
        name = next((each for each in operands if (step.frame, each) in self._wanted), None)
        if name is None or insn.code & 0xF0 in (o.JA, o.JCOND):
            return
        taken = later.insn_idx == step.insn_idx + 1 + insn.off
        # Where both ways lead to the same instruction nothing was learnt.
        way = "" if insn.off == 0 else " taken" if taken else " not taken"
        shown = _value(later.at, name) if taken else ""
        why = f"{step.text}{way}"
        if shown:
            why = f"{why}: {name} is {shown}"
            told = name if not step.frame else f"{step.frame}:{name}"
            self._out.append(Cause(step.number, step.insn_idx, step.line, told, "branch", why))
        elif taken:
            told = name if not step.frame else f"{step.frame}:{name}"
            self._out.append(Cause(step.number, step.insn_idx, step.line, told, "branch", why))
        else:
            self._tell(step, name, "branch", why)


def _shown(step: Step, name: str) -> str:
    return _value(step.after, name)


def _value(state: State | None, name: str) -> str:
    if state is None:
        return ""
    return next((value.text for value in state.values if value.name == name), "")
