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
    paths: WalkPaths, run: Execution, most: int = MAX_FOLLOWED, packets: range = MACHINE_PACKETS
) -> Iterator[Known | None]:
    """For each step of a run what the verifier knew after it; None where nothing is known, or from where the run
    could not be followed: a tail call, or the step number `most`. packets -- addresses that a packet may have"""
    follower = _Follower(paths, run, packets)
    last = min(len(run.steps), most)
    leaves = min((event.step for event in run.events if event.kind == "tail_call"), default=last)
    for i in range(1, len(run.steps)):
        yield follower.arrive(i) if i < last and i <= leaves else None
    ended = run.fault is None and not run.steps_cut and len(run.steps) == last and leaves >= last
    if run.steps:
        yield follower.end() if ended else None


class _Follower:
    """Follows one run, step by step."""

    def __init__(self, paths: WalkPaths, run: Execution, packets: range) -> None:
        self._paths = paths
        self._steps: Sequence[RunStep] = run.steps
        self._at: list[Position] = []
        self._bodies: list[tuple[int, list[Position]]] = []  # depth of a function walked alone, positions at its call
        self._values = _Values(packets)
        if run.steps:
            start = paths.start()
            self._at = [start.position] if run.steps[0].insn_idx == paths.trace.insn_idx(0) else []

    def _before(self, i: int) -> Insn:
        return self._paths.insns[self._steps[i - 1].insn_idx]

    def arrive(self, i: int) -> Known | None:
        """Step i is about to run: what was known after step i - 1."""
        if not self._at and not self._bodies:
            return None
        step, paths = self._steps[i], self._paths
        before = self._before(i)
        if paths.enters_alone(before, step.insn_idx):
            self._bodies.append((step.frameno, self._at))
            found = [paths.enter(step.insn_idx)]
        else:
            if self._bodies and step.frameno < self._bodies[-1][0]:
                self._at = self._bodies.pop()[1]
            found = list(paths.next(self._at, step.insn_idx, before.code == EXIT))
        base = self._bodies[-1][0] if self._bodies else 0
        if before.code == CALL and before.src_reg != o.PSEUDO_CALL:
            self._values.forget()
        return self._choose(found, self._steps[i - 1].regs, step.frameno - base)

    def _choose(self, found: list[Arrival], regs: Sequence[int], depth: int) -> Known | None:
        """Keeps the positions whose states hold for the registers; the one that holds for most is what was known."""
        kept: dict[int, bool] = {}
        best: Known | None = None
        wrong: Known | None = None
        broken: list[int] = []
        for arrival in found:
            position, frames = arrival.position, arrival.frames
            if len(frames) - 1 != depth:
                continue
            out = self._values.outside(frames, regs)
            if out and not position.loose:
                broken.append(position.step)
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
            return wrong
        return best

    def end(self) -> Known | None:
        """End: the last step has been executed."""
        last = self._steps[-1]
        for position in self._at:
            frames = self._paths.trace.raw(position.step)
            out = self._values.outside(frames, last.regs)
            if position.loose or not out:
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
