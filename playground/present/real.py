"""A run on a real kernel as messages. Called in a worker only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from playground.present.inputs import run_inputs
from playground.present.request import Asked
from vm import pipeline
from vm.program import Program
from vm.runner.inputs import PacketInput

Message = dict[str, Any]
DEFAULT_SECONDS: Final = 5
_LINES: Final = ("printk", "shell", "record")


def real_job(asked: Asked, build: Callable[[], tuple[pipeline.Build, Program]]) -> Iterator[Message]:
    """`real`, then `real_packet`, `real_attached`, `real_output` and `real_map` as they come, and `real_done`.

    build -- compiles the source; InputError
    """
    started = time.monotonic()
    there = pipeline.saved_guests()
    state = there.one(asked.more.get("kernel") or "") if there.states else None
    yield {
        "type": "real",
        "kernels": [{"name": each.name, "release": each.release} for each in there.states],
        "missing": there.missing,
        "kernel": state.name if state is not None else "",
        "release": state.release if state is not None else "",
        "workloads": list(pipeline.workloads()),
    }
    end: Message = {"status": None, "lost": 0, "left_out": (0, 0), "stopped": ""}
    if state is not None:
        source, program = build()
        packets = [each for each in run_inputs(asked.input, program) if isinstance(each, PacketInput)]
        for events in pipeline.real(source, state, program=program.name, packets=packets, **given(asked)):
            lines = [_line(event) for event in events if event["what"] in _LINES]
            if lines:
                yield {"type": "real_output", "ms": _since(started), "lines": lines}
            for message in _others(events):
                if message["type"] == "real_end":
                    end = {name: message[name] for name in end}
                else:
                    yield message
    yield {"type": "real_done", **end, "ms": _since(started)}


def given(asked: Asked) -> dict[str, Any]:
    """What a question says of a run in a guest, as real() and record() of the pipeline take it."""
    more = asked.more
    setup = more.get("setup") or {}
    return {
        "workload": more.get("workload") or "shell",
        "shell": more.get("shell") or "",
        "seconds": float(more.get("seconds") or DEFAULT_SECONDS),
        "setup": pipeline.Setup(
            setup.get("values") or {},
            setup.get("sizes") or {},
            tuple((each["map"], each["key"], each["value"]) for each in setup.get("entries") or ()),
            setup.get("targets") or {},
        ),
    }


def _others(events: Iterable[Message]) -> Iterator[Message]:
    for event in events:
        if event["what"] not in _LINES:
            yield {"type": f"real_{event['what']}", **{name: each for name, each in event.items() if name != "what"}}


def _line(event: Message) -> Message:
    if event["what"] != "record":
        return {"kind": event["what"], "source": "", "text": event["text"], "bytes": "", "size": len(event["text"])}
    return {
        "kind": "record", "source": event["map"], "text": event["decoded"], "bytes": event["bytes"],
        "size": event["size"],
    }  # fmt: skip


def _since(started: float) -> int:
    return int(1000 * (time.monotonic() - started))
