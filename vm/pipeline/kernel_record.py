"""Recording what programs do in a real kernel, and stepping a recording: see docs/recordings.md."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from vm.caps import ROOT, Caps
from vm.errors import InputError, LimitError
from vm.guests.events import Attached, Codes, Content, Ended, Event, Noted, Printed, Recorded
from vm.guests.recorder import Choice as Choice
from vm.pipeline.kernel_matrix import Build, guest_kernel
from vm.pipeline.kernel_run import DEFAULT_SECONDS, MAX_SECONDS
from vm.pipeline.kernel_setup import NOTHING, Setup, prepared
from vm.pipeline.objects import load
from vm.pipeline.running import companions, with_walks
from vm.pipeline.source import BuildOptions, Source
from vm.program import Object
from vm.recorded.format import MAX_TEXT, MAX_TEXTS, decode, encode
from vm.recorded.kernel_types import kernel_types
from vm.recorded.values import RecordedCode, RecordedEvent, RecordedMap
from vm.recorded.values import Recording as Recording

if TYPE_CHECKING:
    from vm.btf.types import Btf
    from vm.guests.conditions import Condition
    from vm.guests.states import State
    from vm.jit.image import Image
    from vm.rewritten import Rewritten
    from vm.runner.execution import Execution
    from vm.runner.follow import Known
    from vm.runner.replay import Replay
    from vm.runner.replay_structs import HeldStruct
    from vm.runner.tail_calls import Companion
    from vm.trace.follow import WalkPaths

_SPARE: Final = 25.0  # seconds for loading, attaching and reading maps
_MOST_TEXT: Final = 64 << 10  # bytes of printed lines that are kept
_MOST_STATES: Final = 100_000  # of all events
_CHANGED: Final = (
    "Variables or targets were changed before the programs were loaded. Where the events are stepped the programs are "
    "verified without these changes."
)


@dataclass(frozen=True, slots=True)
class Taken:
    """An event that was recorded: which program, its number among that program's, seconds that it took."""

    program: str
    event: RecordedEvent
    seconds: float


def record(
    build: Build,
    given: Source,
    state: State,
    choice: Choice,
    *,
    workload: str = "shell",
    shell: str = "",
    seconds: float = DEFAULT_SECONDS,
    setup: Setup = NOTHING,
) -> Iterator[tuple[str, bool, str] | Taken | Recording]:
    """Attach an object's programs, run the workload and record: what was attached, the events, and the recording last.

    given -- the source as the user gave it, which goes into the recording
    setup -- what is changed before
    InputError if the object cannot be loaded, changed or attached, LimitError if the guest was lost.
    """
    from vm.guests import running
    from vm.guests.conditions import condition
    from vm.guests.wire import GuestError

    asked = condition(choice.where)  # InputError before anything is started
    kernel = guest_kernel(state, attaches=True)
    obj, before = prepared(build, kernel, setup)
    for name, why in obj.errors:
        yield name, False, why
    if asked is not None and asked.outcome() is None:
        _nameable(obj, asked, kernel.btf)
    line = shell or running.WORKLOADS[workload]
    seconds = min(seconds, MAX_SECONDS)
    taken = _Collected(seconds + running.RECORDING_SPARE, [_CHANGED] if setup.values or setup.targets else [])
    try:
        with state.restore(seconds + _SPARE, debug=True) as machine:
            told = running.run(machine, kernel, obj, line, seconds, choice=choice, before=before)
            for event in chain.from_iterable(told):
                said = taken.add(event)
                if taken.full:
                    break
                if said is not None:
                    yield said
    except GuestError as error:
        if not taken.events:
            raise LimitError(error.message, "time" if error.kind == "time" else "memory") from None
        taken.notes.append(f"The guest was lost: {error.message}")
    recorded = {code.name for code in taken.codes}
    types = kernel_types((program for program in obj.programs if program.name in recorded), kernel.btf)
    yield Recording(
        state.name, state.release, _source_json(given, build.options), line,
        taken.codes, tuple(taken.events), tuple(taken.maps.values()), tuple(taken.printed[:MAX_TEXTS]),
        tuple(note[:MAX_TEXT] for note in taken.notes[:MAX_TEXTS]), types,
    )  # fmt: skip


@dataclass
class _Collected:
    """What goes into a recording, of what the run of an object tells.

    waited -- seconds after which the workload is stopped
    room   -- bytes of printed lines that are still kept
    states -- number of the states of all events
    full   -- nothing more is taken
    """

    waited: float
    notes: list[str]
    codes: tuple[RecordedCode, ...] = ()
    events: list[RecordedEvent] = field(default_factory=list)
    maps: dict[str, RecordedMap] = field(default_factory=dict)
    printed: list[str] = field(default_factory=list)
    room: int = _MOST_TEXT
    states: int = 0
    full: bool = False

    def add(self, told: Event) -> tuple[str, bool, str] | Taken | None:
        """Take what was told; returns what is told further."""
        match told:
            case Attached():
                return told.program, told.ok, told.why
            case Codes():
                self.codes = told.codes
            case Recorded():
                return self._event(told)
            case Printed():
                self.room -= len(told.text) + 1
                if self.room > 0:
                    self.printed.append(told.text[:MAX_TEXT])
            case Content():
                name = told.spec.full_name or told.spec.name
                self.maps[name] = RecordedMap(name, told.entries)
            case Noted():
                self.notes.append(told.text)
            case Ended() if self.codes and told.status is None:
                late = f"The workload had not ended after {self.waited:g} s, and was stopped."
                self.notes.append(told.stopped or late)
        return None

    def _event(self, told: Recorded) -> Taken | None:
        self.states += len(told.event.offsets)
        self.full = self.states > _MOST_STATES
        if self.full:
            self.notes.append(f"Events after the first {len(self.events)} are left out: they are too long together.")
            return None
        self.events.append(told.event)
        return Taken(self.codes[told.event.program].name, told.event, told.seconds)


def _nameable(obj: Object, asked: Condition, btf: Btf) -> None:
    """InputError, with what there is, if a condition names nothing that can be asked."""
    from vm.guests.map_conditions import map_check, unknown

    if any(asked.check(program, btf) is not None for program in obj.programs):
        return
    if map_check(obj, asked) is None:
        raise unknown(obj, asked)


def _source_json(source: Source, options: BuildOptions) -> dict[str, object]:
    """The source as a request of the page has it."""
    text = base64.b64encode(source.data).decode() if source.kind == "elf" else source.data.decode("utf-8", "replace")
    told = {"opt": options.opt, "mcpu": options.mcpu, "prog_type": options.prog_type}
    if options.fix_includes:
        told["fix_includes"] = True  # type: ignore[assignment]
    return {"kind": source.kind, "source": text, "name": source.name, "options": told}


def source_of(recording: Recording) -> tuple[Source, BuildOptions]:
    """The source that a recording was made of."""
    told = recording.source
    kind, text = str(told["kind"]), str(told["source"])
    data = base64.b64decode(text) if kind == "elf" else text.encode()
    options: Any = told.get("options") or {}
    return Source(kind, data, str(told.get("name") or "program")), BuildOptions(
        opt=str(options.get("opt", "O2")), mcpu=str(options.get("mcpu", "v3")),
        prog_type=str(options.get("prog_type", "xdp")), fix_includes=bool(options.get("fix_includes")), guess=True,
    )  # fmt: skip


def recording_of(data: bytes) -> Recording:
    """The recording in a file; InputError if it is none."""
    return decode(data)


def recording_file(recording: Recording) -> bytes:
    """The file of a recording; LimitError if it would be too long."""
    return encode(recording)


def replayed(
    recording: Recording, rewritten: Rewritten, image: Image | None, steps: int, paths: WalkPaths | None = None,
    *, obj: Object | None = None, caps: Caps = ROOT,
) -> Replay:  # fmt: skip
    """The recorded events of a program as runs; InputError if there are none, or of other instructions.

    paths -- of the verifier's walk, for what it knew at each step
    obj   -- where the program is from: its other programs are verified too if tail calls entered some
    """
    from vm.runner.replay import Replay

    others: Sequence[Companion] = ()
    if obj is not None and any(event.continues for event in recording.events):
        entered = {recording.codes[event.program].name for event in recording.events}
        found = companions(obj, rewritten.program, verified=True, machine=True, caps=caps)
        others = [each for each in found if each.rewritten.program.name in entered]
        others = with_walks(others, entered, caps) if paths is not None else others
    return Replay(recording, rewritten, image, steps, paths, others)


def stepped(recording: Recording, name: str) -> Iterator[tuple[str, Execution, list[Known | None]]]:
    """The recorded events of a program, with its source compiled and verified here: how the steps were matched
    ("instruction" or "line"), the event, and what the verifier knew after each step.

    InputError if the source is refused, or has no such program.
    """
    replay = _here(recording, name)
    for run, known, _ in replay.events():
        yield replay.matched.how, run, known or [None] * len(run.steps)


def recorded_structs(recording: Recording, name: str) -> list[list[HeldStruct]]:
    """What the memory of a program's recorded events held, by struct; otherwise as stepped()."""
    return [each.structs for each in _here(recording, name).events()]


def _here(recording: Recording, name: str) -> Replay:
    """A recording beside its program, as it is compiled and verified here."""
    from vm.pipeline.kernel_matrix import built
    from vm.pipeline.objects import choose
    from vm.pipeline.translation import rewrite, translate
    from vm.pipeline.verdicts import Check
    from vm.runner.follow import walk_paths

    source, options = source_of(recording)
    build: Build | None = Build(source, options)
    if source.kind == "c":
        _, build = built(source, options)
    if build is None:
        raise InputError("The recording's source does not compile here.")
    obj = load(build.source, build.options, build.compiled)
    check = Check(obj, choose(obj, name), log_level=0)
    for _ in check.advance():
        pass
    verdict = check.result()
    if not verdict.accepted or verdict.env is None or check.recorder is None:
        raise InputError(f"The verifier rejects {name} here: {verdict.message}")
    rewritten = rewrite(verdict.env)
    paths = walk_paths(verdict.env, check.recorder, rewritten)
    return replayed(recording, rewritten, translate(rewritten), _MOST_STATES, paths, obj=obj)
