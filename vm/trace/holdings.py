"""Acquired resources that must be released: references, a lock, RCU and preempt-disabled sections.

Differences from the previous step are recorded during the walk; which release belongs to which acquisition, on which
path, is computed from them on request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, final

from vm.namedtuples import NamedTuple
from vm.trace.records import Holding, Path, Release
from vm.verifier.state.frame import Reference
from vm.verifier.state.vstate import NO_LOCK, ActiveLock, VerifierState

MAX_EVENTS: Final = 20_000

_Key = tuple[str, int]  # kind, number


class HeldEvent(NamedTuple):
    """An acquisition (`taken`) or a release at `step`; insn_idx is the acquiring instruction."""

    step: int
    taken: bool
    kind: str
    id: int
    insn_idx: int


class Held(NamedTuple):
    """All resources that a state holds."""

    refs: tuple[Reference, ...]
    lock: ActiveLock
    rcu: bool
    preempt: int


NOTHING: Final = Held((), NO_LOCK, False, 0)


@final
class HeldNotes:
    """Records how the held resources change from step to step."""

    def __init__(self) -> None:
        self.now: Held = NOTHING
        self.events: dict[int, list[HeldEvent]] = {}  # by path
        self.starts: dict[int, Held] = {}  # by path, where anything was held
        self.count: int = 0
        self.left_out: int = 0

    def begin(self, path: int, state: VerifierState) -> None:
        """A path starts with the resources of `state`."""
        if (
            not state.frame[-1].refs
            and state.active_lock == NO_LOCK
            and not state.active_rcu_lock
            and not state.active_preempt_lock
        ):
            self.now = NOTHING
            return
        self.now = Held(state.frame[-1].refs, state.active_lock, state.active_rcu_lock, state.active_preempt_lock)
        self.starts[path] = self.now

    def changed(self, path: int, step: int, insn_idx: int, state: VerifierState) -> None:
        """Step `step` acquired or released something."""
        was = self.now
        now = Held(state.frame[-1].refs, state.active_lock, state.active_rcu_lock, state.active_preempt_lock)
        self.now = now
        old, new = _keys(was), _keys(now)
        if self.count >= MAX_EVENTS:
            self.left_out += len(now.refs) > len(was.refs) or (bool(now.lock.ptr) and not was.lock.ptr)
            return
        for taken, there, other in ((False, old, new), (True, new, old)):
            for key, at in there.items():
                if key not in other:
                    self.count += 1
                    by = at if at >= 0 else insn_idx
                    self.events.setdefault(path, []).append(HeldEvent(step, taken, key[0], key[1], by))


def _keys(held: Held) -> dict[_Key, int]:
    """The held resources by kind and number, with the acquiring instruction, -1 if the state does not have it."""
    out: dict[_Key, int] = {("reference", ref.id): ref.insn_idx for ref in held.refs}
    if held.lock.ptr:
        out["lock", held.lock.id] = -1
    if held.rcu:
        out["rcu", 0] = -1
    for depth in range(held.preempt):
        out["preempt", depth] = -1
    return out


class _Open:
    """A holding under construction."""

    def __init__(self, path: int, event: HeldEvent) -> None:
        self.path = path
        self.event = event
        self.released: list[Release] = []
        self.still: list[int] = []


def holdings(
    notes: HeldNotes,
    paths: Sequence[Path],
    insn_at: Callable[[int], int],
    who: Callable[[int], str],
) -> list[Holding]:
    """All holdings in the order of acquisition. who: the name of the function that an instruction calls."""
    found: list[_Open] = []
    # By path: the resources held at its start, and after each of its events.
    lines: dict[int, tuple[list[int], list[dict[_Key, _Open]]]] = {}
    for path in paths:
        held = _at_start(path, notes, lines, insn_at, who)
        steps, states = [path.first_step - 1], [held]
        for event in notes.events.get(path.id, ()):
            held = dict(held)
            key = (event.kind, event.id)
            if event.taken:
                held[key] = _Open(path.id, event)
                found.append(held[key])
            elif key in held:
                how = _how(who, insn_at(event.step))
                held.pop(key).released.append(Release(event.step, path.id, insn_at(event.step), how))
            steps.append(event.step)
            states.append(held)
        if held or len(states) > 1:
            lines[path.id] = steps, states
        if path.end == "reject":
            for each in held.values():
                each.still.append(path.id)
    return [
        Holding(
            each.event.kind, each.event.id, who(each.event.insn_idx), each.event.step, each.event.insn_idx, each.path,
            tuple(each.released), tuple(each.still),
        )
        for each in found
    ]  # fmt: skip


def _at_start(
    path: Path,
    notes: HeldNotes,
    lines: dict[int, tuple[list[int], list[dict[_Key, _Open]]]],
    insn_at: Callable[[int], int],
    who: Callable[[int], str],
) -> dict[_Key, _Open]:
    """The resources that a path has from its parent; the fork released the parent's other resources."""
    if path.parent not in lines or path.push_step < 0:
        return {}
    steps, states = lines[path.parent]
    held: dict[_Key, _Open] = {}
    for step, state in zip(steps, states, strict=True):
        if step > path.push_step:
            break
        # The forking instruction may have released something on the parent path only.
        held = {**held, **state} if step == path.push_step else state
    has = _keys(notes.starts.get(path.id, NOTHING))
    for key, each in held.items():
        if key not in has:
            at = insn_at(path.push_step)
            each.released.append(Release(path.push_step, path.id, at, _how(who, at)))
    return {key: each for key, each in held.items() if key in has}


def _how(who: Callable[[int], str], insn_idx: int) -> str:
    return who(insn_idx) or "found to be NULL"
