"""One value of a stored walk or run: its history, readers and writers; and facts proven by branches.

Called in a worker only. A request has the headings of all blocks of the walk and some of the blocks; if others are
needed, the answer is a message `wanted` with their numbers, unless the request is the last one.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from playground.jobs.frames import DAMAGED, WANTED
from playground.present.window import asked_program
from vm import pipeline
from vm.errors import InputError
from vm.logs.history import log_history
from vm.program import Program
from vm.runner.accesses import Place, RunPart
from vm.runner.execution import PROGRAM
from vm.runner.stored import BlockError, read_block
from vm.trace import as_json
from vm.trace.blocks import HEADER_SIZE, TraceError
from vm.trace.history import Accesses, NotHereError, Sparse, read_touched
from vm.trace.records import RegView
from vm.trace.snapshots import slot_index
from vm.trace.stored import StoredTrace

if TYPE_CHECKING:
    from vm.explain.history import History
    from vm.trace.recorder import Recorder

Message = dict[str, Any]
_run_block = lru_cache(maxsize=4)(read_block)  # 40 ms each, and the next question is mostly about the same run
Answer = Callable[[Message, "AskedWalk"], Message | None]
NO_STEP: Final = "There is no such step."
KEPT_WALKS: Final = 4
"""Walks of programs that tail calls entered; the next question is mostly about the same one."""
TOO_LONG: Final = (
    "The verifier's walk of {name} is too long to be told beside a program whose tail call enters it. "
    "It is told beside runs of {name} itself."
)
TOO_FAR: Final = "This lies too far from the step to be looked at."


def value_job(request: Message) -> Iterator[Message]:
    """The `value` message, or `wanted`."""
    yield from answered(request, _value)


def facts_job(request: Message) -> Iterator[Message]:
    """The `facts` message, or `wanted`."""
    yield from answered(request, _facts)


def answered(request: Message, answer: Answer) -> Iterator[Message]:
    """The message that `answer` makes of a request and its walk, `wanted`, or an error message."""
    try:
        walk = AskedWalk(request)
        try:
            said = answer(request, walk)
        except NotHereError:
            said = None
        missing = walk.missing if walk.missing is not None and said is not None else list(walk.sparse.missing)
        if missing and request["more"]:
            yield {"type": WANTED, "blocks": missing}
        else:
            yield said if said is not None else refused(TOO_FAR, request["kind"])
    except (TraceError, BlockError) as error:
        yield {"type": "error", "code": DAMAGED, "message": f"What was stored of these steps cannot be read: {error}."}
    except IndexError:
        yield refused(NO_STEP, request["kind"])
    except InputError as error:
        yield refused(error.message, request["kind"])


def refused(message: str, asked: str) -> Message:
    """The error message that answers a question of the kind `asked`."""
    return {"type": "error", "code": "window", "message": message, "asked": asked}


class AskedWalk:
    """The walk of a request, as far as it is at hand.

    trace   -- None for a log, and for a program that was not verified
    missing -- numbers of the needed blocks; None: every one that was looked for
    """

    def __init__(self, request: Message) -> None:
        about = json.loads(request["program"]) if request["program"] else None
        heads = [base64.b64decode(head)[:HEADER_SIZE] for head in request["heads"]]
        bodies = {int(number): base64.b64decode(data) for number, data in request["blocks"].items()}
        self.sparse = Sparse(heads, bodies)
        self.touched = {n: read_touched(base64.b64decode(data)) for n, data in enumerate(request.get("touched", ()))}
        self.more = bool(request["more"])
        self.log = about is not None and about["kind"] == "log"
        self.trace: StoredTrace | None = None
        self.program: Program | None = None
        self.missing: list[int] | None = None
        if about is not None and not self.log:
            self.program, caps = asked_program(request["program"])
            self.trace = pipeline.stored_trace(self.program, self.sparse, caps=caps)
            self.trace.touched = self.touched
            for head in self.sparse.heads:
                self.trace.add_block(head)

    def settle(self) -> None:
        """Blocks that are missing from here on are not requested."""
        self.missing = list(self.sparse.missing)

    def run(self, request: Message, entered: Entered | None = None, number: int = 0) -> RunPart | None:
        """The blocks of the run that the request contains, for questions about a program.

        number -- of a program that a tail call entered; entered -- what is known of it
        """
        parts = [_run_block(base64.b64decode(data)) for data in request["runs"]]
        program = self.program if not number else entered.program if entered is not None else None
        return RunPart(parts, program.insns if program is not None else (), number) if parts else None


class Entered(NamedTuple):
    """A program that a tail call entered.

    trace -- its walk; None if nothing of it can be told: then `why_not` is a sentence
    """

    program: Program
    trace: Recorder | None
    why_not: str = ""


@lru_cache(maxsize=KEPT_WALKS)
def _entered(text: str, name: str) -> Entered:
    """A program that a tail call of the program in a program_message() entered: its walk is made once more.

    InputError if the object has no such program.
    """
    program, caps = asked_program(text, name)
    trace = pipeline.entered_trace(program, caps)
    return Entered(program, trace, "" if trace is not None else TOO_LONG.format(name=name))


def _value(request: Message, walk: AskedWalk) -> Message | None:
    ask = request["ask"]
    out: Message = {
        "type": "value", "stage": ask["stage"], "run": ask["run"], "step": ask["step"], "name": ask["name"],
        "frame": ask["frame"], "walk_step": None, "reg": None, "writer": -1, "events": [], "repeated": False,
        "cut": False, "writes": [], "reads": [], "first": ask["step"], "last": ask["step"], "begun": False,
        "ended": False, "concrete": None,
    }  # fmt: skip
    if ask["stage"] == "run":
        return _of_run(request, walk, walk.run(request), out)
    asked = pipeline.Asked(ask["step"], _named(ask["name"], ask["frame"]), ask["before"])
    _of_walk(asked, walk, lambda: walk.run(request), None, out)
    return out


def _named(name: str, frame: int) -> str:
    return f"{frame}:{name}" if frame else name


def _of_run(request: Message, walk: AskedWalk, run: RunPart | None, out: Message) -> Message:
    """What a step of a run asks: the run's own reads and writes, and the history of what the verifier knew there."""
    ask = request["ask"]
    step = ask["step"]
    if run is None or not run.has(step):
        raise IndexError(step)
    number, entered = run.program_at(step), None
    if number:
        if ask.get("program") and walk.program is not None:
            entered = _entered(request["program"], ask["program"])
            out |= {"program": ask["program"], **({"why_not": entered.why_not} if entered.why_not else {})}
        run = walk.run(request, entered, number)
        assert run is not None
    place = run.place(step, ask["name"])
    if place is None:
        return out
    found = run.accesses(step, ask["frame"], place)
    known = run.known[step - run.first]
    if known is not None and place.regno >= 0:
        asked = pipeline.Asked(known.step, _named(ask["name"], known.frame), known.before)
        if entered is not None and entered.trace is not None:
            _add(asked, pipeline.value(entered.trace, asked), run, step, out, PROGRAM * number)
        elif not number and walk.trace is not None:
            _of_walk(asked, walk, lambda: run, step, out)
    value = run.value(step, place)
    return out | {
        "writes": list(found.writes), "reads": list(found.reads), "first": found.first, "last": found.last,
        "begun": found.first == 0, "ended": found.last + 1 >= ask["total"],
        "concrete": {"value": f"{value:#x}", "at": step, "times": 1} if value is not None else None,
    }  # fmt: skip


def _of_walk(
    asked: pipeline.Asked, walk: AskedWalk, ran: Callable[[], RunPart | None], until: int | None, out: Message
) -> None:
    """Adds the answer of the walk. until: the last step of the run that is used."""
    if walk.log:
        name = slot_index(asked.name)
        told, accesses = log_history(walk.sparse, asked.step, *name, before=asked.before, touched=walk.touched)
        walk.settle()
    elif walk.trace is not None:
        told = pipeline.value(walk.trace, asked)
        walk.settle()
        if walk.missing and walk.more:
            return  # it is asked again
        accesses = pipeline.accesses(walk.trace, asked)
    else:
        return
    _add(asked, told, ran(), until, out)
    out |= _accesses(accesses)


def _add(
    asked: pipeline.Asked, told: History, run: RunPart | None, until: int | None, out: Message, first: int = 0
) -> None:
    """Adds what a walk tells of a value. first: number of the program's first slot"""
    frame = slot_index(asked.name)[0]
    base = run.base(until) if run is not None and until is not None else None
    short = asked.name.rpartition(":")[2]
    out |= {
        "walk_step": asked.step, "reg": reg_told(told.value), "writer": told.writer, "repeated": told.repeated,
        "cut": told.cut,
        "events": [
            {
                "step": event.step, "insn": event.insn_idx + first * (event.insn_idx >= 0), "name": event.name,
                "kind": event.kind, "why": event.why,
                "via": list(event.via), "was": reg_told(event.was), "now": reg_told(event.now),
                **_concrete(run, event.step, event.name, until),
            }
            for event in told.events
        ],
    }  # fmt: skip
    visits = run.visits(asked.step, base) if run is not None and not asked.before else []
    if run is not None and visits:
        place = _place(run, visits[0], short, frame)
        value = run.value(visits[0], place) if place is not None else None
        if value is not None:
            out["concrete"] = {"value": f"{value:#x}", "at": visits[0], "times": len(visits)}


def _accesses(found: Accesses) -> Message:
    return {
        "writes": list(found.writes), "reads": list(found.reads), "first": found.first, "last": found.last,
        "begun": found.begun, "ended": found.ended,
    }  # fmt: skip


def _place(run: RunPart, step: int, name: str, frame: int) -> Place | None:
    """The place of a name of the walk at a step of the run; None if it is in another frame."""
    known = run.known[step - run.first]
    return run.place(step, name) if known is not None and known.frame == frame else None


def _concrete(run: RunPart | None, walk_step: int, name: str, until: int | None) -> Message:
    """The run's step and value at a step of the walk."""
    base = run.base(until) if run is not None and until is not None else None
    visits = run.visits(walk_step, base) if run is not None and walk_step >= 0 else []
    if until is not None:
        visits = [step for step in visits if step <= until][-1:]
    if run is None or not visits:
        return {"at": None, "concrete": None}
    frame, _ = slot_index(name)
    place = _place(run, visits[0], name.rpartition(":")[2], frame)
    value = run.value(visits[0], place) if place is not None else None
    return {"at": visits[0], "concrete": f"{value:#x}" if value is not None else None}


def reg_told(view: RegView | None) -> Message | None:
    """A Reg with the step that wrote it."""
    return {**as_json.reg(view), "w": view.written_at} if view is not None else None


def _facts(request: Message, walk: AskedWalk) -> Message | None:
    step = request["ask"]["step"]
    if walk.trace is None or walk.program is None:
        return {"type": "facts", "step": step, "first": step, "last": step, "facts": [], "cut": False}
    said = facts_told(walk.trace, walk.program, step)
    walk.missing = []  # blocks that are farther back are not requested
    return said


def facts_told(trace: StoredTrace, program: Program, step: int) -> Message:
    """The `facts` message of a step. NotHereError, IndexError."""
    found = pipeline.facts(trace, program, step)
    return {
        "type": "facts", "step": step, "first": found.first, "last": found.last, "cut": found.cut,
        "facts": [
            {
                "insn": fact.insn_idx, "line": fact.line, "text": fact.text, "first": fact.first, "last": fact.last,
                "lost": fact.lost,
            }
            for fact in found.facts
        ],
    }  # fmt: skip
