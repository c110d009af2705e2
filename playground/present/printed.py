"""Converts the steps of a log to protocol messages; values are the printed texts. Called in a worker only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from vm.logs import stored
from vm.logs.printed import view
from vm.logs.stored import Slots, StoredStep
from vm.trace import as_json
from vm.trace.blocks import TraceError
from vm.trace.snapshots import slot_name

Message = dict[str, Any]
CHUNK: Final = 256


def chunk(parts: Sequence[bytes], start: int, total: int) -> Message:
    """Up to CHUNK steps from `start` on, which is in the first of these blocks; TraceError if they are damaged."""
    blocks = stored.blocks(parts)
    here = next((block for block in blocks if block.first <= start < block.first + len(block.insn)), None)
    if here is None:
        raise TraceError("the steps are not in these blocks")
    state, depth = stored.keyframe(here, start)
    steps = []
    for block in blocks:
        steps += [_step(step) for step in stored.steps(block, start, start + CHUNK)]
    return {
        "type": "steps",
        "stage": "verify",
        "from": start,
        "total": total,
        "keyframe": {"state": {_name(place): _reg(value, writer=-2) for place, value in _known(state)}, "depth": depth},
        "steps": steps,
    }


def chunks(parts: Sequence[bytes], first: int, to: int, total: int) -> Iterable[Message]:
    """The chunks that hold the steps [first, to) of these blocks."""
    blocks = stored.blocks(parts)
    if not blocks:
        return
    begin = max(first // CHUNK * CHUNK, blocks[0].first)
    end = min(to, blocks[-1].first + len(blocks[-1].insn))
    for start in range(begin, end, CHUNK):
        yield chunk(parts, start, total)


def _step(step: StoredStep) -> Message:
    frame = step.depth - 1
    last = step.last if step.number else step.found  # the keyframe of the first chunk is the first path's start
    out: Message = {"insn": step.insn_idx, "path": step.path, "frame": frame}
    changed = {
        _name(place): _reg(value, writer=step.number) for place, value in _known(step.after) if last.get(place) != value
    }
    gone = [_name(place) for place, _ in _known(last) if not step.after.get(place, ("", 0))[0]]
    if changed:
        out["set"] = changed
    if gone:
        out["del"] = gone
    if step.number == 0 or _depth(step.after) != _depth(last):
        out["depth"] = step.depth
    if step.before != step.number - 1:
        wrote = [place for place, value in _known(step.after) if step.found.get(place) != value]
        ended = [place for place, _ in _known(step.found) if not step.after.get(place, ("", 0))[0]]
        out["prev"] = step.before
        out["wrote"] = [_name(place) for place in wrote]
        out["was"] = {
            _name(place): _reg(step.found[place], writer=-2)
            for place in (*wrote, *ended)
            if step.found.get(place, ("", 0))[0]
        }
    if step.reads:
        out["read"] = list(step.reads)
    return out


def _known(state: Slots) -> list[tuple[tuple[int, int], tuple[str, int]]]:
    return [(place, value) for place, value in state.items() if value[0]]


def _depth(state: Slots) -> int:
    return max((frame for frame, _ in state), default=-1)


def _name(place: tuple[int, int]) -> str:
    return slot_name(*place)


def _reg(value: tuple[str, int], writer: int) -> Message:
    """A Reg; `w` is left out where `writer`, the step itself, wrote it."""
    reg = as_json.reg(view(value[0]))
    return reg if value[1] == writer else {**reg, "w": value[1]}
