"""Log entries of the walk as data. report/ converts them to the kernel's text.

The kernel compares positions in its log to decide what to join on a line; here a position is
the number of entries, which orders the same way because nothing empty is ever logged.
"""

from __future__ import annotations

from typing import Final, final

from vm.namedtuples import NamedTuple
from vm.verifier.state.frame import FuncState, Reference
from vm.verifier.state.reg import RegState
from vm.verifier.state.reg_types import STACK_DYNPTR

BPF_LOG_LEVEL1: Final = 1
BPF_LOG_LEVEL2: Final = 2

TEXT: Final = 0
LINE: Final = 1
INSN: Final = 2
STATE: Final = 3
MARK: Final = 4
INSTEAD: Final = 5


class SlotSnapshot(NamedTuple):
    """A register or stack slot as it was when it was logged. idx: 0-10, or 11 + spi."""

    idx: int
    live: int
    slot_type: tuple[int, ...]
    reg: RegState


class StateSnapshot(NamedTuple):
    """The slots of one frame that print_verifier_state() prints."""

    frameno: int
    slots: tuple[SlotSnapshot, ...]
    refs: tuple[Reference, ...]
    in_callback_fn: bool
    in_async_callback_fn: bool


class LogEntry(NamedTuple):
    """One piece of log.

    TEXT: `text` as it stands. LINE: source line of line-info record `number`.
    INSN: instruction `number`, "7: (bf) r1 = r2\\n"; with `text` that stands in the place of its newline.
    STATE: `state`; `number` -2: a separate state after the previous text, -1: on the line of the previous
    instruction, else the insn_idx at the beginning of its line.
    INSTEAD: `text` instead of instruction `number`.
    MARK: precision is tracked back over it; `mark` is (frame, mask of registers, mask of stack slots).
    `step` is the trace step it belongs to.
    """

    kind: int
    number: int
    text: str
    state: StateSnapshot | None
    step: int
    mark: tuple[int, int, int] = (0, 0, 0)


def snapshot(state: FuncState, print_all: bool, regs_mask: int, stack_mask: int) -> StateSnapshot:
    """The slots that print_verifier_state() considers: all, or the scratched ones."""
    marks = state.live.marks
    slots = [
        SlotSnapshot(i, marks[i], (), reg)
        for i, reg in enumerate(state.regs)
        if reg.type != 0 and (print_all or regs_mask >> i & 1)
    ]
    wanted = 0
    for i, slot in enumerate(state.stack):
        # A dynptr's text stands in its second slot, which need not have changed itself.
        if print_all or stack_mask >> i & 1 or wanted >> i & 1:
            slots.append(SlotSnapshot(11 + i, marks[11 + i], slot.slot_type, slot.spilled_ptr))
            if slot.slot_type[7] == STACK_DYNPTR and not wanted >> i & 1:
                wanted |= 1 << i + 1
    return StateSnapshot(state.frameno, tuple(slots), state.refs, state.in_callback_fn, state.in_async_callback_fn)


_LAST: Final = 8  # pieces of text kept after stop()


@final
class Log:
    """The verifier's log as a list of entries, at one level (0: nothing is kept).

    keep -- how many entries to keep at the beginning and at the end of a long level-2 log (0: all).
    `left_out` counts the entries between them; the end, which has the decisive lines, is never lost.
    steps -- stop() is called after this number of steps (0: never), because the log costs more than the walk. The
    message of a rejection and the last line are kept in any case.
    settled -- number of entries that were removed at the beginning because they are text already (take()); 0 after
    the whole log was reset.
    """

    __slots__ = (
        "level", "keep", "steps", "head", "entries", "left_out", "settled", "step", "stopped", "stopped_at", "last",
    )  # fmt: skip

    def __init__(self, level: int, keep: int = 0, steps: int = 0) -> None:
        self.level: int = level
        self.steps: int = steps if level else 0
        self.stopped: bool = False
        self.stopped_at: int = 0
        self.last: list[LogEntry] = []  # what was said in words after stop()
        self.keep: int = keep if level & BPF_LOG_LEVEL2 else 0
        self.head: list[LogEntry] = []
        self.entries: list[LogEntry] = []
        self.left_out: int = 0
        self.settled: int = 0
        self.step: int = 0

    @property
    def pos(self) -> int:
        """bpf_verifier_log.end_pos."""
        return self.settled + len(self.head) + self.left_out + len(self.entries)

    def reset(self, pos: int) -> None:
        """bpf_vlog_reset(): remove the entries after `pos` (level 1 only, which keeps everything).

        A state on an instruction's line had removed that line's newline: a blank remains there.
        """
        if self.stopped:
            return
        entries = self.entries
        if pos == 0:
            self.settled = 0
        pos -= self.settled
        if 0 < pos < len(entries) and entries[pos].kind == STATE and entries[pos].number == -1:
            entries[pos - 1] = entries[pos - 1]._replace(text=" ")
        del entries[pos:]

    def take(self, pos: int) -> list[LogEntry]:
        """Remove and return the entries before `pos`; reset() never goes back there, unless it removes all entries."""
        # The last entries, and the one before a state, may still be replaced or extended by a state.
        cut = min(pos - self.settled, len(self.entries) - _LAST)
        while cut > 0 and self.entries[cut].kind == STATE:
            cut -= 1
        if cut <= 0:
            return []
        taken = self.entries[:cut]
        del self.entries[:cut]
        self.settled += cut
        return taken

    def all(self) -> list[LogEntry]:
        """The kept entries, with a line in place of those that were left out."""
        if self.stopped:
            gap = LogEntry(TEXT, 0, f"… the log after step {self.stopped_at:,} is left out …\n", None, -1)
            return [*self.head, *self.entries, gap, *self.last]
        if not self.left_out:
            return self.head + self.entries
        gap = LogEntry(TEXT, 0, f"… {self.left_out:,} pieces of the log left out …\n", None, -1)
        return [*self.head, gap, *self.entries]

    def _make_room(self) -> None:
        if not self.head:
            self.head, self.entries = self.entries[: self.keep], self.entries[self.keep :]
        # A state may be on the line of the instruction before it: never cut between the two.
        cut = len(self.entries) - self.keep
        while cut < len(self.entries) and self.entries[cut].kind == STATE:
            cut += 1
        self.left_out += cut
        del self.entries[:cut]

    def stop(self) -> None:
        """Keep only messages from here on."""
        self.stopped = True
        self.stopped_at = self.step
        self.level = 0

    def text(self, text: str) -> None:
        if self.stopped:
            if text:
                self.last.append(LogEntry(TEXT, 0, text, None, self.step))
                del self.last[:-_LAST]
        elif self.level and text:
            if self.keep and len(self.entries) >= 3 * self.keep:
                self._make_room()
            self.entries.append(LogEntry(TEXT, 0, text, None, self.step))

    def line(self, record: int) -> None:
        self.entries.append(LogEntry(LINE, record, "", None, self.step))

    def insn(self, insn_idx: int) -> None:
        if self.keep and len(self.entries) >= 3 * self.keep:
            self._make_room()
        self.entries.append(LogEntry(INSN, insn_idx, "", None, self.step))

    def mark(self, insn_idx: int, frame: int, regs: int, slots: int) -> None:
        if self.keep and len(self.entries) >= 3 * self.keep:
            self._make_room()
        # Tens of these a step in a loop: tuple.__new__ makes one in a third of the constructor's time.
        self.entries.append(tuple.__new__(LogEntry, (MARK, insn_idx, "", None, self.step, (frame, regs, slots))))

    def state(self, state: StateSnapshot, heading: int) -> None:
        self.entries.append(LogEntry(STATE, heading, "", state, self.step))
