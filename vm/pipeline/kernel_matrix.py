"""The verdicts of real kernels: one source on several kernels, each in a separate guest."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from queue import Queue
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, Final

from vm.errors import InputError
from vm.isa.insn import encode
from vm.kernel.release import VERSION
from vm.pipeline.objects import load
from vm.pipeline.source import BuildOptions, Source, compile_source, compilers, usual_compiler

if TYPE_CHECKING:
    from vm.compile import Compilation
    from vm.guests.kernel import GuestKernel
    from vm.guests.loading import Answer
    from vm.guests.states import State
    from vm.program import Object, Program

GUEST_SECONDS: Final = 60.0  # of one program in one kernel
MAX_DIAGNOSIS: Final = 200
"""Lines of a diagnosis that are told."""
_AT_ONCE: Final = 2
_LATE: Final = "What was asked before took the time that there is."


@dataclass(frozen=True, slots=True)
class Cell:
    """The result of one kernel for one program.

    source -- name of the source
    kernel, release -- of its image ("7.3") and in full ("7.3.1-cloud-amd64")
    clang, mcpu, opt -- the compiler and its options; "" if the source is not C
    verdict -- accept; reject (by the verifier); error (refused before, by libbpf's rules or the kernel); limit (no
               answer within the limits, or the kernel crashed)
    errno   -- negative, 0 if accepted or not known
    message -- the last message of the verifier, or why there is no verdict; "" for an accepted program
    code    -- the same text for the same instructions as they were loaded; "" if none were
    states  -- checkpoints that the verifier stored (total_states); -1: not known
    diagnosis -- what Linux 7.3 says beside the message of a rejected program, line by line; of the emulation, its own
                 explanation
    """

    source: str
    program: str
    kernel: str
    release: str
    clang: str
    mcpu: str
    opt: str
    verdict: str
    errno: int = 0
    insns_processed: int = 0
    message: str = ""
    log: str = ""
    code: str = ""
    diagnosis: tuple[str, ...] = ()
    states: int = -1

    def as_json(self) -> dict[str, Any]:
        """The fields of the JSON line, without the file and what changed."""
        return {
            "program": self.program, "kernel": self.kernel, "release": self.release, "clang": self.clang,
            "mcpu": self.mcpu, "opt": self.opt, "verdict": self.verdict, "errno": self.errno,
            "insns_processed": self.insns_processed, "states": self.states, "message": self.message, "log": self.log,
            "code": self.code, "diagnosis": list(self.diagnosis),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Build:
    """A source as one compiler made it.

    compiled -- the object of a C source
    failed   -- why the compiler made none, a sentence: then no kernel is asked
    """

    source: Source
    options: BuildOptions
    compiled: bytes | None = None
    clang: str = ""
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Guests:
    """The saved guests, oldest kernel first; missing -- what is not installed, if there are none."""

    states: tuple[State, ...]
    missing: str

    def named(self, names: Sequence[str]) -> tuple[State, ...]:
        """Those of these names, in the kernels' order; all without names. InputError for a name that is not there."""
        there = [state.name for state in self.states]
        unknown = next((name for name in names if name not in there), None)
        if unknown is not None and there:
            raise InputError(f"There is no kernel {unknown[:16]!r}; there are: {', '.join(there)}.")
        return tuple(state for state in self.states if not names or state.name in names)

    def one(self, name: str) -> State:
        """The one of that series, "" for the usual one; InputError if it is not there."""
        return self.named([name])[0] if name else self.usual()

    def usual(self) -> State:
        """The emulated kernel's, else the newest; there are some."""
        return next((state for state in self.states if state.name == VERSION), self.states[-1])


_prepared: list[Guests] = []


def prepare_guests() -> None:
    """Finds the saved guests and starts the process that restores them; called before the process is confined."""
    from vm.guests import broker

    found = _find()
    _prepared[:] = [found]
    if found.states:
        broker.start()


def saved_guests() -> Guests:
    """The guests that prepare_guests() found, or that exist now. Boots nothing."""
    return _prepared[0] if _prepared else _find()


def guest_folders() -> tuple[str, ...]:
    """What a confined process must be able to read to use guests: the saved guests, the catalogue of changes."""
    from vm.guests.changes import FOLDER
    from vm.guests.images import states_folder

    return str(states_folder()), str(FOLDER)


def _find() -> Guests:
    from vm.guests.images import images, missing
    from vm.guests.states import saved

    lacking = missing()
    states = () if lacking else tuple(state for state in map(saved, images()) if state is not None)
    if not states and not lacking:
        lacking = "No kernel was booted and saved yet: run `make kernels`."
    return Guests(states, lacking)


def built(source: Source, options: BuildOptions) -> tuple[Compilation, Build | None]:
    """A compiled C source; None instead of a Build if it does not compile."""
    from vm.compile import compiler_version

    made = compile_source(source, options)
    if not made.ok or made.object is None:
        return made, None
    return made, Build(source, options, made.object, compiler_version(options.clang))


def builds(
    source: Source,
    options: BuildOptions,
    clangs: Sequence[str] = (),
    mcpus: Sequence[str] = (),
    opts: Sequence[str] = (),
) -> list[Build]:
    """A source as several compilers make it, each with several options; what one lacks or refuses is in `failed`.

    clangs -- major versions of other compilers, "": the usual one; none: only that one. Other sources are one Build.
    """
    if source.kind != "c":
        return [Build(source, options)]
    found = []
    for clang in clangs or (options.clang,):
        for mcpu in mcpus or (options.mcpu,):
            for opt in opts or (options.opt,):
                found.append(_one_build(source, replace(options, clang=clang, mcpu=mcpu, opt=opt)))
    return found


def _one_build(source: Source, options: BuildOptions) -> Build:
    try:
        made, build = built(source, options)
    except InputError as error:
        return Build(source, options, None, f"clang {options.clang}".strip(), error.message)
    if build is not None:
        return build
    first = next((each.message for each in made.diagnostics if "error" in each.severity), "it made no object")
    return Build(source, options, None, made.compiler, f"{made.compiler} does not compile it: {first}")


def named_compilers(names: Iterable[str]) -> tuple[str, ...]:
    """The compilers of these major versions, as builds() takes them: "" is the usual one, whose own number stands for
    it too. InputError for one that is not there."""
    there = compilers()
    usual = usual_compiler().removeprefix("clang ").partition(".")[0]
    found = {name: "" if name in ("", usual) else name for name in names}
    unknown = next((name for name in found.values() if name and name not in there), None)
    if unknown is not None:
        raise InputError(f"There is no clang {unknown[:16]!r}; there are: {', '.join([*there, usual])}.")
    return tuple(dict.fromkeys(found.values()))


def guests(names: Sequence[str] = ()) -> list[State]:
    """The saved guests of kernels by the names of their images, of all of them by default.

    Boots a kernel that was not booted before, which takes seconds. InputError says what is missing.
    """
    from vm.guests.images import folder, images, missing
    from vm.guests.states import prepare
    from vm.guests.wire import GuestError

    lacking = missing()
    if lacking:
        raise InputError(lacking)
    there = {image.name: image for image in images()}
    unknown = [name for name in names if name not in there]
    if unknown:
        raise InputError(f"There is no kernel {unknown[0]} in {folder()}; there are: {', '.join(there)}.")
    try:
        return [prepare(image) for name, image in there.items() if not names or name in names]
    except GuestError as error:
        raise InputError(f"A kernel could not be made ready: {error.message}") from None


class _Shares:
    """How long each kernel may take, if all of them together have so many seconds and _AT_ONCE are asked at a time."""

    def __init__(self, seconds: float | None, kernels: int) -> None:
        self._until = None if seconds is None else time.monotonic() + seconds
        self._kernels = kernels
        self._lock = Lock()

    def take(self) -> float | None:
        """The seconds of the next kernel, None: there is no limit. What earlier ones left is shared by the others."""
        with self._lock:
            turns = -(-self._kernels // _AT_ONCE)
            self._kernels -= 1
        return None if self._until is None else max(0.0, self._until - time.monotonic()) / max(1, turns)


def matrix(
    builds: Sequence[Build],
    states: Sequence[State],
    *,
    program: str = "",
    log_level: int = 1,
    seconds: float | None = None,
) -> Iterator[Cell]:
    """Yields a cell for each program of each build on each kernel. Each kernel runs in a new guest.

    seconds -- for all of them; a kernel that is not done within its share says so in its cells
    """
    cells: Queue[Cell | BaseException | None] = Queue()
    stopped = Event()
    shares = _Shares(seconds, len(states))

    def ask(state: State) -> None:
        try:
            for cell in _asked(builds, state, program, log_level, shares.take()):
                if stopped.is_set():
                    break
                cells.put(cell)
        except BaseException as error:
            cells.put(error)
        cells.put(None)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        asked = [pool.submit(ask, state) for state in states]
        left = len(asked)
        try:
            while left:
                cell = cells.get()
                if isinstance(cell, BaseException):
                    raise cell
                if cell is None:
                    left -= 1
                else:
                    yield cell
        finally:
            stopped.set()
            for each in asked:
                each.cancel()


def with_changes(cells: Iterable[Cell], states: Sequence[State]) -> Iterator[tuple[Cell, dict[str, str] | None]]:
    """Cells with the likely cause of a difference from the next older kernel; one waits until that kernel has answered.

    The cause is {"id", "title", "commit"} of docs/verifier-changes; its id is "" if no entry fits.
    """
    from vm.guests.changes import likely

    older = {after.name: before.name for before, after in pairwise(states)}
    seen: dict[tuple[str, ...], Cell] = {}
    waiting: list[Cell] = []
    for cell in cells:
        seen[_place(cell, cell.kernel)] = cell
        waiting.append(cell)
        for each in list(waiting):
            before = older.get(each.kernel)
            other = seen.get(_place(each, before)) if before is not None else None
            if before is None or other is not None:
                waiting.remove(each)
                yield each, likely(_said(other), _said(each)) if other is not None else None
    for each in waiting:
        yield each, None


def _place(cell: Cell, kernel: str) -> tuple[str, ...]:
    return cell.source, cell.program, cell.clang, cell.mcpu, cell.opt, kernel


def _said(cell: Cell) -> tuple[str, str, str]:
    return cell.kernel, cell.verdict, cell.message


def guest_kernel(state: State, *, attaches: bool = False) -> GuestKernel:
    """A saved guest's kernel. attaches -- whether programs are attached as well"""
    from vm.guests.kernel import GuestKernel

    return GuestKernel(state, attaches)


def _asked(builds: Sequence[Build], state: State, name: str, log_level: int, seconds: float | None) -> Iterator[Cell]:
    """The cells of one kernel; programs that libbpf's rules exclude are not sent to it."""
    kernel = guest_kernel(state)
    todo: list[tuple[Build, Object, Program]] = []
    for build in builds:
        if build.failed:
            yield _cell(build, state, name, "error", message=build.failed)
            continue
        try:
            obj = load(build.source, build.options, build.compiled, kernel)
        except InputError as error:
            yield _cell(build, state, name, "error", errno=error.errno, message=error.message)
            continue
        errnos = dict(obj.errnos)
        for program, why in obj.errors:
            if name in ("", program):
                yield _cell(build, state, program, "error", errno=errnos.get(program, 0), message=why)
        todo += [(build, obj, program) for program in obj.programs if name in ("", program.name)]
    yield from _answers(kernel, todo, log_level, seconds)


def _answers(
    kernel: GuestKernel, todo: Sequence[tuple[Build, Object, Program]], log_level: int, seconds: float | None
) -> Iterator[Cell]:
    """The kernel's answers for programs, in order; if a guest is lost, the remaining programs get a new one.

    seconds -- for all of them, None: GUEST_SECONDS for each
    """
    from vm.guests.loading import Load
    from vm.guests.wire import GuestError

    until = None if seconds is None else time.monotonic() + seconds
    left = list(todo)
    while left:
        with kernel.state.restore(GUEST_SECONDS if seconds is None else seconds) as machine:
            while left:
                build, obj, program = left.pop(0)
                given = GUEST_SECONDS if until is None else min(GUEST_SECONDS, until - time.monotonic())
                machine.limit(given)
                try:
                    said = Load(machine, kernel, obj, program).answer(log_level)
                except GuestError as error:
                    said_late = f"No answer within {given:.0f} seconds." if given >= 1 else _LATE
                    message = said_late if error.kind == "time" else error.message
                    yield _cell(build, kernel.state, program.name, "limit", message=message)
                    break
                yield _told(build, kernel.state, program, said)
        if until is not None and time.monotonic() > until:
            for build, _, program in left:
                yield _cell(build, kernel.state, program.name, "limit", message=_LATE)
            return


def _told(build: Build, state: State, program: Program, said: Answer) -> Cell:
    from vm.guests.loading import named_in

    rejected = said.verdict == "reject"
    text = (named_in(program, said.log) if rejected else said.log).decode("utf-8", "replace")
    message, diagnosis = _message(text) if rejected else ("", ())
    return _cell(
        build, state, program.name, said.verdict,
        errno=said.errno, insns=said.insns_processed, message=said.why or message, log=text, code=code_of(program),
        diagnosis=diagnosis, states=said.states,
    )  # fmt: skip


def code_of(program: Program) -> str:
    """The same text for the same instructions as they are loaded, maps by their places."""
    return hashlib.sha256(encode(program.insns)).hexdigest()[:16]


def _message(log: str) -> tuple[str, tuple[str, ...]]:
    """The verifier's last message, and the diagnosis after it."""
    from vm.logs.answer import read_log

    found = read_log([log]).program
    return found.message.text if found.message is not None else "", found.diagnosis[:MAX_DIAGNOSIS]


def _cell(
    build: Build,
    state: State,
    program: str,
    verdict: str,
    *,
    errno: int = 0,
    insns: int = 0,
    message: str = "",
    log: str = "",
    code: str = "",
    diagnosis: tuple[str, ...] = (),
    states: int = -1,
) -> Cell:
    options = build.options
    c = build.source.kind == "c"
    return Cell(
        build.source.name,
        program, state.name, state.release, build.clang, options.mcpu if c else "", options.opt if c else "",
        verdict, errno, insns, message, log, code, diagnosis, states,
    )  # fmt: skip
