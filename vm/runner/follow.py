"""The verifier's state at each step of a run: the state on the path of the walk that the run took.

The path is found from the recorded instructions and registers (vm/trace/follow.py). A state comes with the names of
the registers for which it does not hold: after the path was pruned at a checkpoint, the walk's states contain facts
about registers that the comparison with the checkpoint ignored; about those nothing is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from vm.bits import U64
from vm.isa import opcodes as o
from vm.runner.execution import PROGRAM
from vm.runner.memory import PACKET_BASE, USER_BASE
from vm.runner.packet import PACKET_SIZE
from vm.trace.follow import CALL, EXIT, Arrival, Position, WalkPaths, may_be_null, outside
from vm.verifier.state import reg_types as t

if TYPE_CHECKING:
    from vm.isa.insn import Insn
    from vm.rewritten import Rewritten
    from vm.runner.execution import Execution, RunStep
    from vm.trace.recorder import Recorder
    from vm.trace.snapshots import FrameSnapshot
    from vm.verifier.env import VerifierEnv
    from vm.verifier.state.reg import RegState

MAX_FOLLOWED: Final = 20_000
"""Steps of a job's runs that are followed: some 50 microseconds each."""


class Known(NamedTuple):
    """What the verifier knew after a step of a run.

    step    -- of the walk; its state holds after the run's step
    before  -- the state this step of the walk found, not the one it left
    frame   -- number of the frame the registers are of, in that state
    outside -- registers whose values the state does not hold for
    wrong   -- the run is on the very path of that state, so that their values contradict the verifier
    """

    step: int
    before: bool
    frame: int
    outside: tuple[str, ...] = ()
    wrong: bool = False


def walk_paths(env: VerifierEnv, trace: Recorder, rewritten: Rewritten) -> WalkPaths:
    """The paths of an accepted program's walk, as its rewritten code follows them."""
    starts = frozenset(sub.start for sub in env.subprogs[1:] if sub.is_global)
    removed = frozenset(range(len(rewritten.program.insns))) - frozenset(rewritten.orig_idx)
    return WalkPaths(trace, rewritten.program.insns, starts, removed)


MACHINE_PACKETS: Final = range(PACKET_BASE, PACKET_BASE + PACKET_SIZE + 1)
"""Where packets lie in a run of the machine."""
KERNEL_PACKETS: Final = range(1 << 63, 1 << 64)
"""Where they may lie in a kernel."""


def known_states(
    paths: Sequence[WalkPaths | None], run: Execution, most: int = MAX_FOLLOWED, packets: range = MACHINE_PACKETS
) -> Iterator[Known | None]:
    """For each step of a run what the verifier knew after it, in the walk of the program that the step is of.

    None where nothing is known: of a tail call, behind which another program's walk begins, and from where the run
    could not be followed: a program without a walk, the step number `most`. What a subprogram's tail call entered
    returns to the subprogram's caller, which is followed further in its own walk.

    paths -- of the walks, by the numbers of the programs (PROGRAM); packets -- addresses that a packet may have
    """
    if not run.steps:
        return
    last = min(len(run.steps), most)
    calls = {event.step for event in run.events if event.kind == "tail_call"}
    follower = _Follower(paths, run.steps, 0, packets)
    waiting: list[_Follower] = []  # those of callers whose subprograms made a tail call
    for i in range(1, len(run.steps)):
        if i >= last:
            yield None
        elif i - 1 in calls:
            yield None
            if follower.below(i - 1):
                waiting.append(follower)
            follower = _Follower(paths, run.steps, i, packets)
        elif follower.left(i):
            yield follower.end(i - 1)
            follower = waiting.pop() if waiting else follower
            follower.resume(i)
        else:
            yield follower.arrive(i)
    whole = run.fault is None and not run.steps_cut and len(run.steps) == last
    yield follower.end(last - 1) if whole and last - 1 not in calls else None


class _Follower:
    """Follows a run, step by step, in one program: from its first instruction to a tail call or to its end.

    Where a subprogram made the tail call, the run comes back to its caller, as the subprogram's return would.
    """

    def __init__(self, paths: Sequence[WalkPaths | None], steps: Sequence[RunStep], first: int, packets: range) -> None:
        """first -- the step that is about to run"""
        program, insn_idx = divmod(steps[first].insn_idx, PROGRAM)
        walked = paths[program] if program < len(paths) else None
        self._steps = steps
        self._program = program
        self._frame = steps[first].frameno
        self._at: list[Position] = []
        self._bodies: list[tuple[int, list[Position]]] = []  # depth of a function walked alone, positions at its call
        self._values = _Values(packets)
        self._returned: Known | None = None  # of the caller's state where the run came back to it, if it contradicts it
        if walked is not None:
            self._paths = walked
            self._at = [walked.start().position] if insn_idx == walked.trace.insn_idx(0) else []

    def below(self, i: int) -> bool:
        """Whether step i is one of a subprogram."""
        return self._steps[i].frameno > self._frame

    def left(self, i: int) -> bool:
        """Whether the program has returned before step i: to a caller of the subprogram that made the tail call."""
        step = self._steps[i]
        return step.frameno < self._frame or step.insn_idx // PROGRAM != self._program

    def resume(self, i: int) -> None:
        """Step i is about to run: the program that a subprogram's tail call entered has returned to its caller.

        The verifier looked at the subprogram's rest instead, which did not run. So the states in which the walk came
        back to the caller, by whatever way, are what it knew; those that hold for the run are followed.
        """
        at, self._at = self._at, []
        step = self._steps[i]
        program, insn_idx = divmod(step.insn_idx, PROGRAM)
        if program != self._program or step.frameno < self._frame or not (at or self._bodies):
            self._bodies = []
            return
        self._values.forget()
        if self._bodies and step.frameno < self._bodies[-1][0]:
            outer = self._bodies.pop()[1]
            found = list(self._paths.next(outer, insn_idx, True))
        else:
            found = self._paths.returned(at, insn_idx, self._depth(step.frameno))
        # The caller's registers are those that it had at its call, but for the result.
        before = (self._steps[j] for j in range(i - 1, -1, -1) if self._steps[j].frameno <= step.frameno)
        regs = (self._steps[i - 1].regs[0], *next(before, step).regs[1:])
        known = self._choose(found, regs, self._depth(step.frameno), doubt=True)
        if known is not None and known.wrong:
            self._returned = known
            self._at = [each.position for each in found]

    def _depth(self, frameno: int) -> int:
        """Number of a frame of the run in the states of the walk that is followed."""
        return frameno - (self._bodies[-1][0] if self._bodies else self._frame)

    def _before(self, i: int) -> Insn:
        return self._paths.insns[self._steps[i - 1].insn_idx % PROGRAM]

    def arrive(self, i: int) -> Known | None:
        """Step i is about to run: what was known after step i - 1."""
        if not self._at and not self._bodies:
            return None
        step, paths = self._steps[i], self._paths
        insn_idx = step.insn_idx % PROGRAM
        before = self._before(i)
        if paths.enters_alone(before, insn_idx):
            self._bodies.append((step.frameno, self._at))
            found = [paths.enter(insn_idx)]
        else:
            if self._bodies and step.frameno < self._bodies[-1][0]:
                self._at = self._bodies.pop()[1]
            found = list(paths.next(self._at, insn_idx, before.code == EXIT))
        if before.code == CALL and before.src_reg != o.PSEUDO_CALL:
            self._values.forget()
        returned, self._returned = self._returned, None
        known = self._choose(found, self._steps[i - 1].regs, self._depth(step.frameno))
        return known if found else returned

    def _choose(self, found: list[Arrival], regs: Sequence[int], depth: int, *, doubt: bool = False) -> Known | None:
        """Keeps the positions whose states hold for the registers; the one that holds for most is what was known.

        doubt -- the run did not take the ways to these positions: wrong is only what is wrong by all of them
        """
        kept: dict[int, bool] = {}
        best: Known | None = None
        wrong: Known | None = None
        broken: list[int] = []
        common: set[str] | None = None
        for arrival in found:
            position, frames = arrival.position, arrival.frames
            if len(frames) - 1 != depth:
                continue
            out = self._values.outside(frames, regs)
            if out and not position.loose:
                broken.append(position.step)
                common = set(out) if common is None else common & set(out)
                if arrival.shown >= 0 and (wrong is None or len(out) < len(wrong.outside)):
                    wrong = Known(arrival.shown, arrival.before, frames[-1].frameno, tuple(out), wrong=True)
                continue
            own = self._paths.trace.raw_before(position.step)
            loose = bool(out) if own is frames else bool(self._values.outside(own, regs))
            kept[position.step] = kept.get(position.step, True) and loose
            if arrival.shown < 0:
                continue
            shown = self._paths.state(arrival)
            if shown is not frames:
                out = self._values.outside(shown, regs)
            if best is None or len(out) < len(best.outside):
                best = Known(arrival.shown, arrival.before, shown[-1].frameno, tuple(out))
        self._at = [Position(step, loose) for step, loose in kept.items()]
        if not kept and wrong is not None:
            # No path of the walk has these values: the run is followed further without comparing.
            self._at = [Position(step, True) for step in broken]
            if doubt:
                said = tuple(name for name in wrong.outside if name in (common or ()))
                return wrong._replace(outside=said) if said else None
            return wrong
        return best

    def end(self, i: int) -> Known | None:
        """Step i was the program's return."""
        last = self._steps[i]
        for position in self._at:
            frames = self._paths.trace.raw(position.step)
            out = self._values.outside(frames, last.regs)
            # Of a program that returns to a frame the other registers are those of that frame.
            if position.loose or not out or (self._frame and "r0" not in out):
                return Known(position.step, False, frames[-1].frameno, tuple(out))
        return None


class _Values:
    """Registers of a run beside the registers of a state. The packet's address is found from pointers into it."""

    def __init__(self, packets: range) -> None:
        self._packets = packets
        self._packet: int | None = None

    def forget(self) -> None:
        """Forget the packet's address: a call may have moved it."""
        self._packet = None

    def outside(self, frames: tuple[FrameSnapshot, ...], regs: Sequence[int]) -> list[str]:
        """Names of the innermost frame's registers whose values the state does not hold for."""
        pairs = list(zip(frames[-1].regs, regs, strict=False))
        ends = (value for reg, value in pairs if reg.type & t.BPF_BASE_TYPE_MASK == t.PTR_TO_PACKET_END)
        end = next(ends, self._packets.stop - 1)
        return [f"r{n}" for n, (reg, value) in enumerate(pairs) if not self._holds(reg, value, end)]

    def _holds(self, reg: RegState, value: int, end: int) -> bool:
        """Whether the state holds for the value; end: of the packet, where a register has it."""
        base = reg.type & t.BPF_BASE_TYPE_MASK
        if base == t.NOT_INIT:
            return True
        if base == t.SCALAR_VALUE:
            return not outside(reg.scalar, value)
        if value == 0:
            return may_be_null(reg.type)
        if base == t.PTR_TO_PACKET:
            # Bytes proven on a path that was not taken may lie behind the end of this packet.
            return self._in_packet(reg, value) and value - reg.off + max(reg.range, 0) <= end
        if base in (t.PTR_TO_PACKET_END, t.PTR_TO_PACKET_META):
            return value in self._packets
        return value >= USER_BASE

    def _in_packet(self, reg: RegState, value: int) -> bool:
        if value not in self._packets:
            return False
        if self._packet is None:
            if reg.scalar.var_off.mask:
                return True
            self._packet = (value - reg.off - reg.scalar.var_off.value) & U64
        return not outside(reg.scalar, (value - self._packet - reg.off) & U64)
