"""The events of a recording made in a real kernel, as messages of the `run` stage (docs/recordings.md)."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
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
REPLAYED: Final = ("events", "memory", "returned", "recorded")
"""Fields of the stage's message that are whole only when all events are replayed."""
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
    events = _Events(translated, recording, replay)
    yield from events.told(1 if replay.steps > REPLAYED_AT_ONCE else len(events.runs))
    yield events.result()
    # The rest comes after what the other stages have to say: should it fail, nothing else is missing.
    yield {"type": "later", "messages": events.rest()}


class _Events:
    """The events of a recording while they are replayed, in order."""

    def __init__(self, translated: Translated, recording: Recording, replay: Replay) -> None:
        self._translated, self._recording, self._replay = translated, recording, replay
        self.runs = replay.outlines()
        """All of them, those that are replayed already in full."""
        self._events: list[Event] = []
        self._failed: Exception | None = None

    def told(self, count: int) -> Iterator[Message]:
        """Replay events until so many are replayed, or one fails.

        A failure of the first one is raised. Another one is kept: rest() raises it when what there is was told.
        """
        try:
            while len(self._events) < count:
                number = len(self._events)
                event = self._replay.event(number)
                yield from run_blocks(number, event.run, event.known)
                self.runs[number] = event.run
                self._events.append(event)
        except Exception as error:
            if not self._events:
                raise
            self._failed = error

    def rest(self) -> Iterator[Message]:
        """The events that the result does not tell; nothing where it tells all of them."""
        told = len(self._events)
        if self._failed is None and told < len(self.runs):
            yield from self.told(len(self.runs))
            if len(self._events) > told:
                whole = self.result()
                yield {"type": "replayed", **{name: whole[name] for name in REPLAYED}}
        if self._failed is not None:
            raise self._failed

    def result(self) -> Message:
        """The message of the stage, as far as the events are replayed."""
        from vm.runner.replay import counts

        recording, events, runs = self._recording, self._events, self.runs
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
            **runs_json(self._translated.loaded.program, runs),
            **entered_json(self._replay.entered),
            "recorded": {
                "kernel": recording.release, "workload": recording.workload, "matched": self._replay.matched.how,
                "tasks": [f"{event.comm} ({event.pid})" for event in self._replay.matched.events],
                "programs": [
                    {"name": code.name, "events": count}
                    for code, count in zip(recording.codes, counts(recording), strict=True)
                ],
                "notes": list(recording.notes), "printed": list(recording.printed), "outside": outside[:MAX_OUTSIDE],
                **structs_json([event.structs for event in events]),
                **({"replayed": len(events)} if len(events) < len(runs) else {}),
                **_lacking_json(runs),
            },
            **passed.ran(
                passed.item("recording", f"Linux {recording.release}", len(recording.events), "event"), [], runs
            ),
        }  # fmt: skip


def _lacking_json(runs: Sequence[Execution]) -> Message:
    """The field `lacking`: the events that cannot be told in full, by the reason."""
    found: dict[str, list[int]] = {}
    for n, run in enumerate(runs):
        if run.lacking:
            found.setdefault(run.lacking, []).append(n)
    return {"lacking": [{"events": events, "why": why} for why, events in found.items()]} if found else {}
