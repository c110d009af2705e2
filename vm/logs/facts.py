"""What a text carries about the instruction that was refused, as an explanation uses it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from vm.isa import opcodes as o
from vm.logs.causes import Chain
from vm.logs.decode import Decoded, decode
from vm.logs.printed import view
from vm.logs.values import Cause, Message, State, Step
from vm.trace.records import RegView

_CALL: Final = o.JMP | o.CALL
_SIZES: Final = {o.B: 1, o.H: 2, o.W: 4, o.DW: 8}
_BACK: Final = 2000
_CLOBBERED: Final = 6  # r0 to r5
_CONTEXT: Final = "ctx"
"""What r1 is when a program begins, whether that is printed or not."""


class Facts(NamedTuple):
    """reg -- the register that the message names, "r3"; "" for none
    step -- the refused instruction; None where the text does not tell which it is
    causes -- the chain behind `reg`, oldest first, without the refused instruction
    """

    message: Message
    reg: str
    step: Step | None
    causes: tuple[Cause, ...]
    chain: Chain

    def number(self, field: str) -> int | None:
        """A number of the message; None if it has none of that name."""
        text = dict(self.message.values).get(field, "")
        try:
            return int(text, 0)
        except ValueError:
            return None

    def word(self, field: str) -> str:
        """A value of the message, "" if it has none of that name."""
        return dict(self.message.values).get(field, "")

    @property
    def insn(self) -> Decoded | None:
        """The refused instruction; None where its words carry none."""
        if self.step is None:
            return None
        found = decode(self.step.code, self.step.text)
        return found if found.insns or found.called else None

    @property
    def called(self) -> str:
        """ "bpf_map_lookup_elem()" if the refused instruction is a call of a function that the text names."""
        insn = self.insn
        return f"{insn.called}()" if insn is not None and insn.called else ""

    @property
    def calls(self) -> bool:
        """Whether the refused instruction is a call."""
        return self.step is not None and self.step.code == _CALL

    @property
    def writes(self) -> bool | None:
        """Whether the refused instruction stores; None if it is no access, or not known."""
        if self.step is None or self.step.code < 0:
            return None
        cls = self.step.code & 7
        return None if cls not in (o.LDX, o.ST, o.STX) else cls != o.LDX

    @property
    def size(self) -> int | None:
        """Bytes of the access: of the message, else of the instruction."""
        told = self.number("size")
        if told is not None or self.writes is None or self.step is None:
            return told
        return _SIZES[self.step.code & 0x18]

    def held(self, name: str = "") -> RegView | None:
        """A register as it was before the refused instruction; None where the text does not tell."""
        return self.before(self.step, name or self.reg) if self.step is not None else None

    def before(self, step: Step, name: str) -> RegView | None:
        """A register as it was before a step; None where the text does not tell."""
        found = _printed(step.at, name)
        first = step
        for earlier in self.back(step) if not found and name else ():
            first = earlier
            if earlier.frame != step.frame:
                break
            found = _printed(earlier.after, name)
            if found:
                break
            if _changes(earlier, name):
                name = _copied(earlier)
                if not name:
                    break
            found = _printed(earlier.at, name)
            if found:
                break
        else:
            if not found and name == "r1" and first.number == first.insn_idx == first.frame == 0:
                found = _CONTEXT
        return view(found) if found else None

    def stored(self) -> tuple[Step, str] | None:
        """(the step, the slot's words) where `reg` was last loaded, if that was a whole slot of the stack whose words
        the text has, as they were before; None otherwise."""
        step = self.step
        if step is None or not self.reg:
            return None
        load = next((each for each in self.back(step) if each.frame != step.frame or _changes(each, self.reg)), None)
        if load is None or load.frame != step.frame or load.code != o.LDX | o.MEM | o.DW:
            return None
        insns = decode(load.code, load.text).insns
        if not insns or insns[0].src_reg != o.REG_FP:
            return None
        name = f"fp{insns[0].off}"
        found = _printed(load.at, name)
        for earlier in self.back(load) if not found else ():
            if earlier.frame != load.frame or _changes_stack(earlier):
                break
            found = _printed(earlier.after, name) or _printed(earlier.at, name)
            if found:
                break
        return (load, found) if found else None

    def back(self, step: Step) -> Iterator[Step]:
        """The steps before one on its path, the last first, as far as they are kept."""
        for _ in range(_BACK):
            earlier = self.chain.before(step)
            if earlier is None:
                return
            step = earlier
            yield step

    def whole(self) -> tuple[Step, ...]:
        """The steps before the refused one, oldest first, if the text has its path from the program's entry; else
        none."""
        if self.step is None:
            return ()
        way = tuple(self.back(self.step))[::-1]
        whole = way and way[0].insn_idx == 0 and way[0].frame == 0 and way[0].number == 0
        return way if whole else ()

    def step_of(self, cause: Cause) -> Step | None:
        """The step of a cause."""
        return next((step for step in self.back(self.step) if step.number == cause.step), None) if self.step else None

    @property
    def origin(self) -> Cause | None:
        """The step that gave `reg` its value, whatever was compared afterwards."""
        return next((each for each in reversed(self.causes) if each.kind != "branch"), None)

    @property
    def compared(self) -> Cause | None:
        """The last comparison of the value behind `reg`."""
        return next((each for each in reversed(self.causes) if each.kind == "branch"), None)


def _printed(state: State | None, name: str) -> str:
    if state is None:
        return ""
    return next((value.text for value in state.values if value.name == name), "")


def _copied(step: Step) -> str:
    """The register whose value a step copies to another, whole; "" if it does something else."""
    insns = decode(step.code, step.text).insns
    if step.code != o.ALU64 | o.MOV | o.X or not insns or insns[0].off:
        return ""
    return f"r{insns[0].src_reg}"


def _changes_stack(step: Step) -> bool:
    """Whether a slot of the stack may hold something else after a step than before it."""
    return step.code == _CALL or step.code < 0 or step.code & 7 in (o.ST, o.STX)


def _changes(step: Step, name: str) -> bool:
    """Whether a register may hold another value after a step than before it."""
    if step.code == _CALL:
        return int(name[1:]) < _CLOBBERED if name[1:].isdecimal() else True
    cls = step.code & 7
    if step.code < 0 or cls in (o.JMP, o.JMP32):
        return True  # what a comparison proves is another value
    what = decode(step.code, step.text)
    return not what.insns or f"r{what.writes}" == name
