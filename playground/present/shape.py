"""The shape of a stored walk: two states that were compared, and the rounds of a loop.

Called in a worker only; as in value.py, a request has some of the walk's blocks, and `wanted` asks for others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from playground.present.value import AskedWalk, answered, reg_told
from vm.trace.folded import Snapshot
from vm.trace.rounds import rounds
from vm.trace.snapshots import live_slots, slot_index
from vm.trace.stored import StoredTrace, writer_in

Message = dict[str, Any]


def states_job(request: Message) -> Iterator[Message]:
    """The `states` message, or `wanted`."""
    yield from answered(request, _states)


def rounds_job(request: Message) -> Iterator[Message]:
    """The `rounds` message, or `wanted`."""
    yield from answered(request, _rounds)


def _states(request: Message, walk: AskedWalk) -> Message | None:
    ask = request["ask"]
    trace = walk.trace
    if trace is None or ask["checkpoint"] >= len(trace) or ask["path"] >= trace.path_count():
        raise IndexError(ask["checkpoint"])
    stored = trace.raw_before(ask["checkpoint"])
    after, path = ask["step"], ask["path"]
    # Behind the branch that pushed it, a path has a state of its own.
    arrived = trace.raw(after) if after >= 0 and trace.path_of(after) == path else trace.start(path)
    return {
        "type": "states", "step": after, "path": path, "checkpoint": ask["checkpoint"],
        "insn": trace.insn_idx(ask["checkpoint"]), "stored": _told(trace, stored, live_slots(stored)),
        "arrived": _told(trace, arrived, live_slots(arrived)),
    }  # fmt: skip


def _rounds(request: Message, walk: AskedWalk) -> Message | None:
    ask = request["ask"]
    out: list[Message] = []
    about = {"type": "rounds", "step": ask["step"], "insn": ask["insn"], "rounds": out}
    if walk.trace is None:
        return about | {"begun": True, "ended": True}
    found = rounds(walk.trace, ask["step"], ask["insn"])
    old: Mapping[str, Any] = {}
    known: dict[str, Message] = {}
    for each in found.rounds:
        changed = {name: value for name, value in each.values.items() if old.get(name) is not value}
        told = _told(walk.trace, each.snap, changed)
        out.append(
            {
                "step": each.step, "path": each.path, "frame": each.snap[-1].frameno if each.snap else 0,
                "set": {name: reg for name, reg in told.items() if not _same(known.get(name), reg)},
                "gone": [name for name in old if name not in each.values],
            }
        )  # fmt: skip
        known = {name: reg for name, reg in (known | told).items() if name in each.values}
        old = each.values
    return about | {"begun": found.begun, "ended": found.ended}


def _same(old: Message | None, new: Message) -> bool:
    """Whether two values are the same, whoever wrote them."""
    return old is not None and {**old, "w": 0} == {**new, "w": 0}


def _told(trace: StoredTrace, snap: Snapshot, slots: Mapping[str, Any]) -> dict[str, Message]:
    """Slots of a state as Reg, with the steps that wrote them."""
    found = {}
    for name, value in slots.items():
        view = trace.view(value, snap, name)._replace(written_at=writer_in(snap, *slot_index(name)))
        told = reg_told(view)
        if told is not None:
            found[name] = told
    return found
