"""run_job() executes one request and yields the messages of docs/protocol.md. Called in a worker only.

Each stage is a generator of messages that takes the value of the previous stage and returns the value for the next one.
STAGES is the sequence.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from playground.present import passed
from playground.present.analyses import ANALYSES, analysis_job
from playground.present.inputs import RECORDING, input_json, run_inputs
from playground.present.log import log_job
from playground.present.machine import run_blocks, runs_json
from playground.present.parts import divided, parts
from playground.present.programs import (
    entered_json,
    entered_names,
    index_json,
    insns_json,
    lines_json,
    load_summary,
    maps_json,
    programs_json,
    remarks_json,
)
from playground.present.reads import READS
from playground.present.reasons import numbers_message
from playground.present.replayed import recording_stage
from playground.present.request import Asked, read_request
from playground.present.uploaded import filled
from playground.present.value import facts_told
from playground.present.walk import WalkEncoder, unfinished_json, verdict_json
from playground.present.window import KEEP_LOG, Blocks, program_message
from vm import pipeline
from vm.errors import InputError, LimitError, NotEmulated
from vm.jit.listing import listing as machine_listing
from vm.listing import listing
from vm.program import Object, Program
from vm.trace.blocks import FIRST_BLOCK

if TYPE_CHECKING:
    from vm.compile import Compilation
    from vm.jit.image import Image
    from vm.rewritten import Rewritten
    from vm.runner.tail_calls import Companion
    from vm.trace.follow import WalkPaths
    from vm.trace.recorder import Recorder
    from vm.verifier.env import VerifierEnv

# Number of steps for which the log is written during the walk; the log of a longer walk is written on request.
LOG_STEPS: Final = 1_000
FACTS_STEPS: Final = 4_000
"""Steps of a walk whose first facts go with the verdict."""
INSNS_WHOLE: Final = 32_000
"""Largest size, in bytes, of instructions that are in the `load` message completely; else it has INSNS_HEAD bytes."""
INSNS_HEAD: Final = 14_000
Message: TypeAlias = dict[str, Any]


class StageFailed(Exception):
    """A stage failed and has sent the reason; the later stages are skipped."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """object: made by clang; None if the source is not C."""

    asked: Asked
    object: bytes | None


@dataclass(frozen=True, slots=True)
class Loaded:
    """The object and the requested program. compiled: the object file from clang; None if the source is not C."""

    asked: Asked
    object: Object
    program: Program
    compiled: bytes | None


@dataclass(frozen=True, slots=True)
class Verified:
    """env: the verifier's state, for the rewrites; trace: its walk. Both None if the program was not verified."""

    loaded: Loaded
    env: VerifierEnv | None
    trace: Recorder | None


@dataclass(frozen=True, slots=True)
class Translated:
    """The program to run, and its machine code; without machine code the interpreter runs it.

    paths: of the walk that accepted the program; None if it was not verified
    """

    loaded: Loaded
    rewritten: Rewritten
    image: Image | None
    paths: WalkPaths | None


@dataclass(frozen=True, slots=True)
class Ran:
    """The value of the last stage."""


def prepare() -> dict[str, Any]:
    """Start the processes that a confined process cannot start. Called once, before the first job.

    The result is sent to the web process: `guests` has the names of the saved guests of real kernels, `kernels_missing`
    what the machine lacks for them, a sentence ("": nothing).
    """
    import vm.runner.replay  # noqa: F401 - the first recording would wait for it

    pipeline.prepare_counterexamples()
    pipeline.prepare_guests()
    there = pipeline.saved_guests()
    return {"guests": [state.folder.name for state in there.states], "kernels_missing": there.missing}


def readable() -> tuple[str, ...]:
    """Directories that a confined worker reads besides the library: the saved guests."""
    return pipeline.guest_folders()


def run_job(request: Message) -> Iterator[Message]:
    """Yields the messages of a run between `accepted` and `done`, or the answer to a question about one."""
    if request["kind"] in READS:
        yield from READS[request["kind"]](request)
        return
    request = filled(request)
    if request["kind"] in ANALYSES:
        yield from analysis_job(request)
        return
    if request["kind"] == "log":
        try:
            yield from log_job(request)
        except InputError as e:
            yield from _failed("load", e, time.perf_counter(), passed.log_command(request.get("options") or {}))
            yield from _skip(2)
        return
    later: list[Iterator[Message]] = []
    yield from _stages(read_request(request), later)
    # Messages that no client waits for are made after the results of all stages.
    for messages in later:
        yield from messages


def _stages(asked: Asked, later: list[Iterator[Message]]) -> Iterator[Message]:
    """Yields the messages of all stages; appends iterators of later messages to `later`."""
    value: Any = asked
    for number, (stage, work) in enumerate(STAGES):
        yield {"type": "stage", "stage": stage, "status": "working"}
        started = time.perf_counter()
        try:
            value = yield from _timed(work(value), started, passed.command(stage, asked), later)
        except StageFailed:
            yield from _skip(number + 1)
            return
        except InputError as e:
            yield from _failed(stage, e, started, passed.command(stage, asked))
            yield from _skip(number + 1)
            return
        if isinstance(value, Loaded) and len(value.object.programs) > 1:
            asked = replace(asked, program=value.program.name)  # what the commands are about from here on


def _timed(
    said: Generator[Message, None, Any], started: float, command: str, later: list[Iterator[Message]]
) -> Generator[Message, None, Any]:
    """Yields the messages of a stage, and returns its value.

    Adds the elapsed time to messages about the stage, and the equivalent command to its result.
    """
    while True:
        try:
            message = next(said)
        except StopIteration as end:
            return end.value
        if message["type"] == "later":
            later.append(message["messages"])
            continue
        if message["type"] == "stage":
            message.setdefault("ms", _since(started))
            if message["status"] in ("done", "failed"):
                message["command"] = command
        yield message


def _next_compiler() -> Iterator[Message]:
    """Start the compiler for the next C source; after this job, so that it does not slow it down."""
    pipeline.start_compiler()
    yield from ()


def _later(lists: Mapping[str, Iterable[Any]]) -> Message:
    """The message with which a stage defers the parts of these lists until all stages have ended."""
    messages = (part for name, items in lists.items() for part in parts(name, items))
    return {"type": "later", "messages": messages}


def _since(started: float) -> float:
    return round(1000 * (time.perf_counter() - started), 1)


def _failed(stage: str, error: InputError, started: float, command: str) -> Iterator[Message]:
    if isinstance(error, LimitError):
        yield {"type": "limit", "limit": error.limit, "message": error.message}
    failed: Message = {
        "type": "stage", "stage": stage, "status": "failed", "ms": _since(started), "message": error.message,
        "command": command,
    }  # fmt: skip
    if isinstance(error, NotEmulated):
        failed |= {"not_emulated": [error.what], "not_covered": [error.as_json()]}
    if error.line is not None:
        failed["diagnostics"] = [
            {
                "line": error.line, "column": error.column or 1, "end_column": None, "severity": "error",
                "message": error.message,
            }
        ]  # fmt: skip
    yield failed


def _skip(first: int) -> Iterator[Message]:
    for stage, _ in STAGES[first:]:
        yield {"type": "stage", "stage": stage, "status": "skipped"}


def _skipped(stage: str) -> Message:
    """The stage has nothing to do; the next stage follows."""
    return {"type": "stage", "stage": stage, "status": "skipped", "ms": 0}


def compile_stage(asked: Asked) -> Generator[Message, None, Compiled]:
    if asked.source.kind != "c":
        yield _skipped("compile")
        return Compiled(asked, None)
    yield {"type": "later", "messages": _next_compiler()}
    c = pipeline.compile_source(asked.source, asked.build)
    if c.limit:
        yield {"type": "limit", "limit": c.limit, "message": _compile_failure(c)}
    size = len(c.object) if c.object is not None else 0
    errors = sum(d.severity in ("error", "fatal error") for d in c.diagnostics)
    yield {
        "type": "stage",
        "stage": "compile",
        "status": "done" if c.ok else "failed",
        "summary": c.compiler if c.ok else f"{errors} error{'s' if errors != 1 else ''}",
        "message": "" if c.ok else _compile_failure(c),
        "compiler": c.compiler,
        "object_bytes": size,
        "diagnostics": [
            {
                "line": d.line, "column": d.column, "end_column": d.end_column, "severity": d.severity,
                "message": d.message, **({"file": d.file} if d.file else {}),
            }
            for d in c.diagnostics
        ],
        "missing": [
            {"what": m.what, "add": m.add, "message": m.message} | ({"absent": True} if m.absent else {})
            for m in c.missing
        ],
        "added": list(c.added),
        "remarks": remarks_json(c.remarks),
        **passed.compiled(asked, c.object),
    }  # fmt: skip
    if not c.ok:
        raise StageFailed
    return Compiled(asked, c.object)


def load_stage(compiled: Compiled) -> Generator[Message, None, Loaded]:
    asked = compiled.asked
    obj = pipeline.load(asked.source, asked.build, compiled.object)
    try:
        program = pipeline.choose(obj, asked.program)
    except InputError as e:
        yield {
            "type": "stage", "stage": "load", "status": "failed", "message": e.message, "programs": programs_json(obj),
        }  # fmt: skip
        raise StageFailed from None
    listed = listing(program)
    insns, rest = divided(insns_json(program, listed), INSNS_WHOLE, INSNS_HEAD, records=len(listed))
    yield {
        "type": "stage",
        "stage": "load",
        "status": "done",
        "summary": load_summary(obj, program),
        "programs": programs_json(obj),
        "program": program.name,
        "maps": maps_json(program),
        "insns": insns,
        **(index_json(program, listed) if rest is not None else {}),
        **(lines_json(program) if asked.source.kind == "elf" else {"lines": {}}),
        "remarks": remarks_json(pipeline.remarks_of(obj, program.name)),
        "input": input_json(program),
        **passed.loaded(asked, compiled.object, obj, program),
    }
    if rest is not None:
        yield from parts("insns", rest)
    return Loaded(asked, obj, program, compiled.object)


def verify_stage(loaded: Loaded) -> Generator[Message, None, Verified]:
    asked, program = loaded.asked, loaded.program
    if not asked.verify:
        yield _skipped("verify")
        return Verified(loaded, None, None)
    blocks = Blocks()
    check = pipeline.Check(
        loaded.object, program, caps=asked.caps, keep_log=KEEP_LOG, log_steps=LOG_STEPS, storage=blocks
    )
    recorder = check.recorder
    assert recorder is not None
    yield program_message(asked.source, asked.build, loaded.compiled, program.name, asked.caps)
    encoder = WalkEncoder(program, recorder)
    try:
        for _ in check.advance():
            yield from blocks.take(encoder)
    except NotEmulated as e:
        # There is no verdict, but the walk so far is valid.
        recorder.flush()
        yield from blocks.take(encoder, last=True)
        told = unfinished_json(program, check.walk.env, recorder, e)
        yield {
            "type": "stage", "stage": "verify", "status": "failed", "summary": "not emulated", "message": e.message,
            **told.fields,
        }  # fmt: skip
        if told.reasons:
            yield numbers_message(recorder)
        yield _later(told.lists)
        raise StageFailed from None
    # The few steps of a short walk follow the verdict, which is not delayed by them. The steps of a longer walk come
    # before it: a client may request any of them as soon as it has the verdict.
    short = len(recorder) <= FIRST_BLOCK
    if not short:
        recorder.flush()
        yield from blocks.take(encoder, last=True)
    verdict = check.result()
    told = verdict_json(program, verdict, recorder, log_stopped=check.walk.env.log.stopped)
    yield {
        "type": "stage",
        "stage": "verify",
        "status": "done" if verdict.accepted else "failed",
        "summary": f"{verdict.insns_processed:,} steps",
        **told.fields,
        **passed.verified(program, verdict, told.fields["steps"]),
    }
    if short:
        recorder.flush()
        yield from blocks.take(encoder, last=True)
    yield from _first_facts(program, recorder, verdict.failure.step if verdict.failure is not None else 0)
    if told.reasons:
        yield numbers_message(recorder)
    yield _later(told.lists)
    if not verdict.accepted:
        if asked.unchecked:
            return Verified(loaded, None, None)
        raise StageFailed
    return Verified(loaded, verdict.env, recorder)


def _first_facts(program: Program, recorder: Recorder, failed: int) -> Iterator[Message]:
    """Facts proven by branches at the page's first step; sent without a request for a short walk."""
    if not 0 < len(recorder) <= FACTS_STEPS:
        return
    first = facts_told(recorder, program, 0)
    yield first
    if failed >= 0 and not first["first"] <= failed <= first["last"]:
        yield facts_told(recorder, program, failed)


def jit_stage(verified: Verified) -> Generator[Message, None, Translated]:
    from vm.runner.follow import walk_paths

    loaded = verified.loaded
    if verified.env is None or verified.trace is None or loaded.asked.unchecked:
        # An unverified program runs only in the interpreter, which checks each access.
        yield _skipped("jit")
        return Translated(loaded, pipeline.unverified(loaded.program), None, None)
    rewritten = pipeline.rewrite(verified.env)
    image = pipeline.translate(rewritten)
    program = loaded.program
    rows = [
        {"off": row.off, "hex": row.hex, "text": row.text, "insn": row.insn_idx}
        for row in machine_listing(
            image, [m.full_name or m.name for m in program.maps], [f.name for f in program.functions]
        )
    ]
    size = len(image.code)
    told, rest = divided(rows, records=len(rows))
    yield {
        "type": "stage", "stage": "jit", "status": "done", "summary": f"{size:,} B", "bytes": size, "listing": told,
        "xlated_bytes": pipeline.xlated_bytes(rewritten),
        **passed.translated(program, rewritten, size),
        **({"more": {"listing": len(rows)}} if rest is not None else {}),
    }  # fmt: skip
    if rest is not None:
        yield from parts("listing", rest)
    return Translated(loaded, rewritten, image, walk_paths(verified.env, verified.trace, rewritten))


def run_stage(translated: Translated) -> Generator[Message, None, Ran]:
    from vm.runner.follow import MAX_FOLLOWED, known_states
    from vm.runner.inputs import PacketInput, RunLimits

    asked, obj = translated.loaded.asked, translated.loaded.object
    if asked.input is not None and asked.input.get("kind") == RECORDING:
        yield from recording_stage(translated)
        return Ran()
    inputs = run_inputs(asked.input, translated.loaded.program)
    image = translated.image if asked.engine == "jit" else None
    runs = pipeline.execute(translated.rewritten, image, inputs, RunLimits(), obj=obj, caps=asked.caps)
    others: Sequence[Companion] = ()
    if any(event.kind == "tail_call" for x in runs for event in x.events):
        verified = not translated.rewritten.plain
        others = pipeline.companions(
            obj, translated.loaded.program, verified=verified, machine=image is not None, caps=asked.caps
        )
        if verified:
            others = pipeline.with_walks(others, entered_names(runs, others), asked.caps)
    paths = [translated.paths, *(other.paths for other in others)]
    left = MAX_FOLLOWED
    for n, x in enumerate(runs):
        yield from run_blocks(n, x, known_states(paths, x, left))
        left = max(0, left - len(x.steps))
    last = runs[-1]
    yield {
        "type": "stage",
        "stage": "run",
        "status": "failed" if last.fault is not None else "done",
        "summary": last.result,
        "message": last.fault.message if last.fault is not None else "",
        "packet_in": [given.data.hex() for given in inputs if isinstance(given, PacketInput)],
        **runs_json(translated.loaded.program, runs),
        **entered_json(others),
        **passed.ran(
            passed.item("x86-64 code", translated.loaded.program.name, len(image.code))
            if image is not None
            else passed.as_rewritten(translated.rewritten),
            inputs,
            runs,
        ),
    }
    return Ran()


Stage: TypeAlias = Callable[[Any], Generator[Message, None, Any]]
STAGES: Final[tuple[tuple[str, Stage], ...]] = (
    ("compile", compile_stage),
    ("load", load_stage),
    ("verify", verify_stage),
    ("jit", jit_stage),
    ("run", run_stage),
)


def _compile_failure(compilation: Compilation) -> str:
    for d in compilation.diagnostics:
        if d.severity in ("error", "fatal error"):
            where = f"{d.file} " if d.file else ""
            where += f"line {d.line}: " if d.line else ""
            return f"{where}{d.message}"
    return "clang made no object."
