"""What is read of one program's log, and who takes it."""

from __future__ import annotations

from collections import deque
from typing import Final, Protocol

from vm.logs.messages import Text
from vm.logs.order import Order
from vm.logs.values import Path, SourceLine, Stats, Step

MAX_TAIL: Final = 64
"""Lines kept at each end of what follows the last instruction: a reason is among the first, or before the summary."""
MAX_INSNS: Final = 1 << 20


class Sink(Protocol):
    """Who takes what is read, in the order of the text."""

    def begin(self) -> None:
        """Another program's log."""

    def step(self, step: Step) -> None:
        """A step, when everything that was printed of it is known."""

    def path(self, path: Path) -> None:
        """A path that begins; its last_step and end are not known yet."""

    def path_end(self, path: int, last_step: int, how: str) -> None:
        """A path that ended."""

    def end(self, read: Read) -> None:
        """The program's log has ended."""


class Read:
    """What was read of one program's log, the `number`-th of the text, from 0."""

    def __init__(self, number: int, first_line: int, name: str) -> None:
        self.number = number
        self.name = name
        self.first_line = first_line
        self.last_line = first_line
        self.stats = Stats()
        self.has_stats = False
        self.delimited = False  # the loader says where it begins and ends
        self.failed = False  # the loader says that it was refused
        self.steps = 0
        self.states = 0
        self.first_insn = -1
        self.last: Step | None = None
        self.source: SourceLine | None = None
        self.head: list[Text] = []  # the first lines of the tail
        self.late: deque[Text] = deque(maxlen=MAX_TAIL)  # its last ones
        self.blank_since = False  # since the last instruction
        self.apart = False  # the tail begins after a blank line
        self.cut_before = False  # lines are left out before the first instruction
        self.cut_after = False  # and after the last one
        self.cut_anywhere = False
        self.omitted = False
        self.entered = False  # what comes before the first instruction is there
        self.validated = False
        self.insns: dict[int, str] = {}
        self.inv = 0
        self.scalar = 0
        self.diagnosis: list[str] = []
        self.btf = 0
        self.kernel_lines = 0
        self.ended_by = ""  # "exit" or "safe": how the path ended that was printed last
        self.order = Order()
        self.terminated = False  # the summary or the loader's end follows the tail

    @property
    def tail(self) -> list[Text]:
        """The lines after the last instruction that are nothing else, as far as they are kept."""
        seen = self.head[-1].number if self.head else -1
        return [*self.head, *(line for line in self.late if line.number > seen)]

    def add_text(self, number: int, text: str) -> None:
        line = Text(number, text[:2000])
        if not self.head:
            self.apart = self.blank_since
        if len(self.head) < MAX_TAIL:
            self.head.append(line)
        else:
            self.late.append(line)

    def forget_tail(self) -> None:
        self.head.clear()
        self.late.clear()
        self.blank_since = self.apart = self.cut_after = False
