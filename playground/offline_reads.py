"""Questions about steps of a walk whose answers a session's file holds: those that its page will probably ask."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

Message: TypeAlias = dict[str, Any]
Questions: TypeAlias = Generator[Message, Message | None, None]
"""Questions one after the other; each is sent its answer, None if there is none."""
MOST: Final = 128
"""Questions of each kind."""


class Walk(NamedTuple):
    """What is known of a finished walk.

    view -- what the page showed; steps -- how many there are
    lists -- the lists of its stage's message, whole; changed -- names that each step set, as far as steps were read
    loops -- slots with which loops begin
    """

    view: Mapping[str, Any]
    steps: int
    lists: Mapping[str, list[Message]]
    changed: Mapping[int, tuple[str, ...]]
    loops: tuple[int, ...]

    @property
    def step(self) -> int:
        """The selected step of the walk; 0 where a run is shown."""
        shown = self.view.get("step", 0) if self.view.get("stage", "verify") == "verify" else 0
        return min(shown, max(self.steps - 1, 0))


def walk_of(view: Mapping[str, Any], steps: int, said: Iterable[Message], texts: Iterable[str]) -> Walk:
    """A Walk of a run's messages, and of the texts of its parts, steps and answers."""
    lists: dict[str, dict[str, Message]] = {"prunings": {}, "arrivals": {}, "paths": {}}
    changed: dict[int, tuple[str, ...]] = {}
    loops: list[int] = []

    def add(name: str, items: Iterable[Message]) -> None:
        for item in items if name in lists else ():
            lists[name][json.dumps(item)] = item

    for message in [*said, *map(json.loads, texts)]:
        kind = message["type"]
        if kind == "stage" and message["stage"] == "verify":
            for name in lists:
                add(name, message.get(name) or ())
        elif kind == "part":
            add(message["list"], message["items"])
        elif kind == "steps" and message["stage"] == "verify":
            changed |= {message["from"] + i: tuple(step.get("set") or ()) for i, step in enumerate(message["steps"])}
        elif kind == "graph":
            loops += [loop["insn"] for loop in message["loops"]]
    return Walk(view, steps, {name: list(items.values()) for name, items in lists.items()}, changed, tuple(loops))


def _values(walk: Walk) -> Questions:
    """What is selected, then what each step set, from the selected step on to both sides."""
    names = [(walk.step, name) for name in [_selected(walk.view)] if name]
    near = sorted(walk.changed, key=lambda step: abs(step - walk.step))
    names += [(step, name) for step in near for name in walk.changed[step]]
    for step, name in list(dict.fromkeys(names))[:MOST]:
        frame, _, plain = name.rpartition(":")
        yield {"stage": "verify", "run": 0, "step": step, "name": plain, "frame": int(frame or 0), "before": False}


def _selected(view: Mapping[str, Any]) -> str:
    return "" if view.get("stage", "verify") != "verify" or "@" in view.get("reg", "") else view.get("reg", "")


def _facts(walk: Walk) -> Questions:
    """Of the selected step, then from the first on: an answer holds for a range of steps."""
    ranges: list[tuple[int, int]] = []
    step = walk.step
    for _ in range(MOST):
        if step >= walk.steps:
            return
        told = yield {"step": step}
        if told is None:
            return
        ranges.append((told["first"], told["last"]))
        step = 0
        while covering := [last for first, last in ranges if first <= step <= last]:
            step = max(covering) + 1


def _states(walk: Walk) -> Questions:
    """Both states of each comparison."""
    compared = [each for name in ("prunings", "arrivals") for each in walk.lists[name] if each["checkpoint"] >= 0]
    places = dict.fromkeys((each["after"], each["path"], each["checkpoint"]) for each in compared)
    for step, path, checkpoint in sorted(places, key=lambda place: abs(place[0] - walk.step))[:MOST]:
        yield {"step": step, "path": path, "checkpoint": checkpoint}


def _rounds(walk: Walk) -> Questions:
    """The rounds of each loop on each path, from its last step: the page knows them by their path."""
    ends = [walk.step, *(path["last_step"] for path in walk.lists["paths"])]
    for step, insn in [(step, insn) for step in dict.fromkeys(ends) for insn in walk.loops][:MOST]:
        yield {"step": step, "insn": insn}


READS: Final[Mapping[str, Callable[[Walk], Questions]]] = {
    "facts": _facts,
    "states": _states,
    "rounds": _rounds,
    "value": _values,
}
"""In the order in which they are asked; the one that may ask most is the last."""
