"""The worker: reads one job at a time from standard input and writes the job's messages to standard output.

Started by playground.jobs.process as `python -m playground.jobs.worker`. It imports the stack before the first
job, confines itself, and then processes requests. It uses neither Django nor the database.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import fcntl
import gc
import importlib
import json
import os
import resource
import select
import shutil
import signal
import tempfile
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec

from playground.config.limits import OPEN_FILES, JobLimits
from playground.jobs.frames import (
    DAMAGED,
    END,
    LISTS,
    MESSAGE,
    PART,
    PARTS,
    PATIENCE,
    PROGRAM,
    READY,
    REASONS,
    SHORT,
    STAGES,
    STEPS,
    WINDOW,
    Frame,
    FrameError,
    pack,
    pack_block,
    pack_outline,
)
from playground.jobs.helpers import Helpers
from vm.errors import InputError, LimitError
from vm.sandbox import Limits, confine_self, layers
from vm.sandbox.launcher import SPOOL_PREFIX, wanted_layers

Job = Callable[[dict[str, Any]], Iterable[dict[str, Any]]]
REQUEST_BYTES = 16 << 20
SOON_SECONDS = 0.3
MOST_UNSEARCHED = 64
"""Short reads after which cycles are searched for even if the next one comes at once."""
TRACEBACK_CHARS = 8000
_WARM_UP_C = """#include <linux/bpf.h>
__attribute__((section("xdp"), used)) int warm_up(struct xdp_md *ctx)
{
    return (void *)(long)ctx->data + 14 > (void *)(long)ctx->data_end ? XDP_DROP : XDP_PASS;
}
char LICENSE[] __attribute__((section("license"), used)) = "GPL";
"""
_INPUT = {"kind": "packet", "hex": "ff" * 64}
_FORM = {"kind": "form", "layers": {"eth": {}, "ip": {}, "udp": {}}}
# Only for operators who trust all users: without Landlock a program that escapes from the emulation could
# read every file that this process may read.
INSISTED = "BPFSCOPE_ALLOW_UNSANDBOXED_WORKER"
REFUSED = (
    "This server does not run programs: its kernel has no Landlock, so nothing would protect the server's files. "
    f"The operator of the server can allow it with {INSISTED}=yes."
)
HELPER_ENDED = (
    "A process that this run needs has ended in the middle. "
    "Your program is kept, and a new process is ready: press Run again."
)
WARM_UP: tuple[dict[str, Any], ...] = (
    {"kind": "c", "source": _WARM_UP_C, "options": {}, "input": _INPUT},
    # A form, because the library that builds packets opens sockets when it is imported.
    {"kind": "asm", "source": "r0 = 2\nexit\n", "options": {"engine": "interpreter"}, "input": _FORM},
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--job", required=True)
    parser.add_argument("--limits", required=True)
    parser.add_argument("--parent", type=int, required=True)
    args = parser.parse_args()
    limits = JobLimits.from_json(args.limits)
    requests, out = _take_pipes()
    layers.die_with_parent(args.parent)
    module = importlib.import_module(args.job.partition(":")[0])
    job: Job = getattr(module, args.job.partition(":")[2])
    about = _warm_up(job, getattr(module, "prepare", None))
    helpers = Helpers()
    readable: Callable[[], tuple[str, ...]] = getattr(module, "readable", tuple)
    held = confine_self(
        read=readable(),
        write=[tempfile.gettempdir()],
        limits=Limits(cpu=None, memory=limits.memory, file_size=limits.file_size, open_files=OPEN_FILES),
        wanted=wanted_layers(),
    )
    allowed = "landlock" in held.active or os.environ.get(INSISTED) == "yes"
    about["sandbox"] = {"active": list(held.active), "missing": [list(pair) for pair in held.missing]}
    gc.collect()
    gc.freeze()
    # A walk creates millions of values and hardly any cycles: searching for cycles would take a third of its time.
    gc.disable()
    _send(out, READY, {**about, "files": _open_files()})
    unsearched = 0
    while True:
        with helpers.watched():
            request = _next_request(requests)
        # The pool gives a job to another worker if this one ends before it says anything.
        if request is None or helpers.ended():
            return
        if not allowed:
            _send(out, MESSAGE, {"type": "error", "code": "input", "message": REFUSED})
            _send(out, END, {"cacheable": False, "reuse": True})
        elif not _serve(job, request, limits, out, helpers):
            return
        # What follows a question mostly is the next one: it does not wait for this.
        unsearched += 1
        if unsearched >= MOST_UNSEARCHED or request.get("kind") not in SHORT or not _comes(requests):
            gc.collect()
            unsearched = 0


def _warm_up(job: Job, prepare: Callable[[], dict[str, Any]] | None) -> dict[str, Any]:
    """Prepare what must exist before the worker confines itself: run our own programs through every stage.

    This imports all modules before the first request, and starts the compiler's launcher outside the confinement.
    prepare -- starts other processes that a confined process cannot start, and returns facts about them
    """
    about: dict[str, Any] = {"compiler": "", "kernel": "", "failed": []}
    if prepare is not None:
        try:
            about |= prepare()
        except Exception as error:
            about["failed"].append(f"{type(error).__name__}: {error}")
    for request in WARM_UP:
        try:
            for message in job(request):
                for fact in ("compiler", "kernel"):
                    about[fact] = message.get(fact) or about[fact]
                if message["type"] in ("error", "limit") or message.get("status") == "failed":
                    about["failed"].append(f"{message.get('stage', message['type'])}: {message.get('message', '')}")
        except Exception as error:
            about["failed"].append(f"{type(error).__name__}: {error}")
    return about


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The pipes to the parent, moved to other descriptors, so that print() and input() do not use them."""
    requests = os.fdopen(os.dup(0), "rb")
    out = os.fdopen(os.dup(1), "wb", buffering=1 << 16)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the terminal is the parent's to handle
    return requests, out


def _send(out: BinaryIO, kind: int, message: dict[str, Any]) -> None:
    _write(out, pack(kind, message))


def _write(out: BinaryIO, frame: Frame) -> None:
    out.write(frame.encoded())
    out.flush()


def _frame(message: dict[str, Any], as_json: set[str]) -> Frame:
    """A message of a job as it leaves the worker.

    as_json -- stages whose `steps`, and lists whose parts, leave as messages
    """
    kind = message["type"]
    if kind == "block":
        return pack_block(message)
    if kind in ("outline", "touched"):
        return pack_outline(message)
    if kind == "program":
        return pack(PROGRAM, message)
    if kind == "reasons":
        return pack(REASONS, message)
    if kind == "part" and message["list"] not in as_json:
        return pack(PART, message)
    return pack(STEPS if kind == "steps" and message["stage"] not in as_json else MESSAGE, message)


def _comes(requests: BinaryIO) -> bool:
    """Whether a request comes, or the parent ends, before SOON_SECONDS have passed. Nothing may be buffered."""
    return bool(select.select([requests], [], [], SOON_SECONDS)[0])


def _next_request(requests: BinaryIO) -> dict[str, Any] | None:
    """The next request; None when the parent has ended."""
    head = requests.read(4)
    if len(head) < 4:
        return None
    length = int.from_bytes(head, "little")
    if length > REQUEST_BYTES:
        return None
    data = requests.read(length)
    return unpacked(data) if len(data) == length else None


def unpacked(data: bytes) -> dict[str, Any]:
    """A request of process.packed()."""
    try:
        found = msgspec.json.decode(data)
    except msgspec.DecodeError:  # half of a surrogate pair
        found = json.loads(data)
    return cast("dict[str, Any]", found)


def _serve(job: Job, request: dict[str, Any], limits: JobLimits, out: BinaryIO, helpers: Helpers) -> bool:
    """Run one job; False if this worker should not take another one."""
    end: dict[str, Any] = {"cacheable": True, "reuse": True}
    # The steps of a stage are stored as blocks or as chunks: a chunk beside blocks is a message. All parts of an answer
    # to a question about an earlier run are messages.
    as_json = {*STAGES, *LISTS} if request.get("kind") in (WINDOW, PARTS) else set()
    stages: dict[str, float] = {}
    _limit_cpu(limits.cpu_seconds * request.pop(PATIENCE, 1))
    try:
        for message in job(request):
            kind = message["type"]
            if kind == "limit" or (kind == "error" and message.get("code") in ("internal", DAMAGED)):
                end["cacheable"] = False
            if kind == "stage" and (ms := message.get("ms")) is not None:
                stages[message["stage"]] = ms
            if kind == "block":
                as_json.add(message["stage"])
            if kind != "done":
                _write(out, _frame(message, as_json))
    except LimitError as error:
        end["cacheable"] = False
        _send(out, MESSAGE, {"type": "limit", "limit": error.limit, "message": error.message})
    except InputError as error:
        _send(out, MESSAGE, {"type": "error", "code": "input", "message": error.message})
    except BrokenPipeError:
        return False
    except Exception as error:
        end.update(cacheable=False, reuse=False, **_failed(error, limits, out, helpers))
    _clean_temporary_files()
    end["stages"] = stages
    end["files"] = _open_files()
    _send(out, END, end)
    return bool(end["reuse"])


def _failed(error: Exception, limits: JobLimits, out: BinaryIO, helpers: Helpers) -> dict[str, Any]:
    """Send an error to the user; internal errors are also written to the operator's log with the traceback."""
    limit = ""
    if isinstance(error, MemoryError):
        limit = "memory"
    elif isinstance(error, FrameError):
        limit = "output"
    elif isinstance(error, OSError) and error.errno == errno.EFBIG:
        limit = "size"
    elif isinstance(error, OSError) and error.errno == errno.ENOMEM:
        limit = "memory"
    if limit:
        _send(out, MESSAGE, {"type": "limit", "limit": limit, "message": limits.sentence(limit)})
        return {}
    if helpers.ended():
        _send(out, MESSAGE, {"type": "error", "code": "crashed", "message": HELPER_ENDED})
        return {}
    said = "".join(traceback.format_exception(error))[-TRACEBACK_CHARS:]
    message = "An internal error occurred; it is not your program's fault. It has been logged."
    _send(out, MESSAGE, {"type": "error", "code": "internal", "message": message})
    return {"traceback": said}


def _limit_cpu(seconds: float) -> None:
    """A second limit: the parent measures the whole group and acts first, unless it hangs."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    soft = int(used.ru_utime + used.ru_stime + seconds) + 5
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _open_files() -> int:
    """Number of open descriptors; the parent cannot see them, because this process is not dumpable."""
    count = 0
    for number in range(min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 4 * OPEN_FILES)):
        with contextlib.suppress(OSError):
            fcntl.fcntl(number, fcntl.F_GETFD)
            count += 1
    return count


def _clean_temporary_files() -> None:
    """Remove all files of a job before the next one."""
    for path in Path(tempfile.gettempdir()).iterdir():
        if path.name.startswith(SPOOL_PREFIX):  # the compiler's launcher has its own there, and sweeps it
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
