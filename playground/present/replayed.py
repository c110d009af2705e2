"""The events of a recording made in a real kernel, as messages of the `run` stage (docs/recordings.md)."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from playground.present import passed
from playground.present.inputs import from_base64
from playground.present.machine import run_blocks, runs_json
from playground.present.programs import entered_json
from playground.present.structs import structs_json
from vm import pipeline

if TYPE_CHECKING:
    from playground.present.run import Translated
    from vm.pipeline.kernel_record import Recording
    from vm.runner.execution import Execution
    from vm.runner.replay import Event, Replay

MAX_OUTSIDE: Final = 100
"""Steps of a recording that are named as outside what the verifier had proved."""
REPLAYED_AT_ONCE: Final = 500
"""Steps of a recording's events up to which the result tells all of them; that takes 20 ms."""
Message: TypeAlias = dict[str, Any]


def recording_stage(translated: Translated) -> Generator[Message, None, None]:
    """The events of a recording, told as runs. Of a long one the result comes with the first event."""
    from vm.runner.inputs import RunLimits

    asked = translated.loaded.asked
    recording = pipeline.recording_of(from_base64(str((asked.input or {}).get("base64", "")), "The recording"))
    replay = pipeline.replayed(
        recording, translated.rewritten, translated.image, RunLimits().steps, translated.paths,
        obj=translated.loaded.object, caps=asked.caps,
    )  # fmt: skip
    early = replay.steps > REPLAYED_AT_ONCE
    runs = replay.outlines()
    events: list[Event] = []
    for n, event in enumerate(replay.events()):
        yield from run_blocks(n, event.run, event.known)
        runs[n] = event.run
        events.append(event)
        if early and n == 0 and len(runs) > 1:
            yield _result(translated, recording, replay, runs, events)
    whole = _result(translated, recording, replay, runs, events)
    if early and len(runs) > 1:
        whole = {"type": "replayed", **{name: whole[name] for name in ("events", "memory", "returned", "recorded")}}
    yield whole


def _result(
    translated: Translated, recording: Recording, replay: Replay, runs: Sequence[Execution], events: Sequence[Event]
) -> Message:
    """The message of the stage. events -- those that are replayed, the first of `runs`"""
    program = translated.loaded.program
    outside = [
        [n, i]
        for n, event in enumerate(events)
        for i, each in enumerate(event.known)
        if each is not None and each.wrong
    ]
    return {
        "type": "stage",
        "stage": "run",
        "status": "done",
        "summary": runs[-1].result,
        "message": "",
        "packet_in": [],
        **runs_json(program, runs),
        **entered_json(replay.entered),
        "recorded": {
            "kernel": recording.release, "workload": recording.workload, "matched": replay.matched.how,
            "tasks": [f"{event.comm} ({event.pid})" for event in replay.matched.events],
            "programs": [
                {"name": code.name, "events": sum(event.program == number for event in recording.events)}
                for number, code in enumerate(recording.codes)
            ],
            "notes": list(recording.notes), "printed": list(recording.printed), "outside": outside[:MAX_OUTSIDE],
            **structs_json([event.structs for event in events]),
            **({"replayed": len(events)} if len(events) < len(runs) else {}),
        },
        **passed.ran(passed.item("recording", f"Linux {recording.release}", len(recording.events), "event"), [], runs),
    }  # fmt: skip
