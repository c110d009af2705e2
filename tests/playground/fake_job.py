"""A job for tests of what stands around jobs: it does what the source says, one word and a number a line."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playground.jobs.frames import (
    COMPARE,
    CONTENTS,
    DAMAGED,
    LOG,
    MATRIX,
    REAL,
    SEEK,
    SETTINGS,
    UPLOAD,
    VALUE,
    WANTED,
    WINDOW,
)
from vm.errors import InputError, LimitError

Message = dict[str, Any]
BESIDE = {COMPARE: "compare", SETTINGS: "settings_done"}


def run_job(request: Message) -> Iterator[Message]:
    if request["kind"] == WINDOW:
        yield from window(request)
        return
    if request["kind"] == VALUE:
        yield from value(request)
        return
    if request["kind"] == SEEK:
        yield from seek(request)
        return
    if request["kind"] == LOG:
        yield from run_job({"kind": "asm", "source": json.loads(request["program"])["script"]})
        yield {"type": "log", "log": "whole"}
        return
    if request["kind"] == CONTENTS:
        yield from run_job(request["request"])
        yield {"type": "contents", "bytes": 5}
        time.sleep(request.get("linger", 0))  # as a worker that puts its virtual machine away
        return
    if request["kind"] in BESIDE:
        yield from run_job(request["request"])
        yield {"type": BESIDE[request["kind"]]}
        return
    if request["kind"] == MATRIX:
        yield from run_job(request["request"])
        held = {"release": "6.12.117", "where": request["kernels"][0], "ours": "accept", "theirs": "reject"}
        yield {"type": "emulated", "verified": held if held["where"] != "none" else None}
        yield {"type": "cells_done"}
        return
    if request["kind"] == REAL:
        yield from run_job(request["request"])
        yield {
            "type": "real_done",
            "status": request["seconds"],
            "lost": time.monotonic_ns(),
            "shell": request["shell"],
        }
        return
    if request.get("upload"):
        yield from uploaded(request["upload"])
    for line in request["source"].splitlines():
        word, _, rest = line.partition(" ")
        if word in ACTIONS:
            yield from ACTIONS[word](rest)


def window(request: Message) -> Iterator[Message]:
    """What `program` says; then the chunks of a window."""
    yield from run_job({"kind": "asm", "source": json.loads(request["program"])["script"]})
    for first in range(request["from"] // 256 * 256, min(request["to"], request["total"]), 256):
        part = [{"insn": n} for n in range(first, min(first + 256, request["total"]))]
        yield {"type": "steps", "stage": "verify", "from": first, "total": request["total"], "steps": part}


def value(request: Message) -> Iterator[Message]:
    """Asks for block 0 until it is there, or for as long as it may where the program says "never"."""
    here = sorted(map(int, request["blocks"]))
    script = json.loads(request["program"])["script"]
    if request["more"] and (0 not in here or script == "never"):
        yield {"type": WANTED, "blocks": [0]}
        return
    yield from run_job({"kind": "asm", "source": script})
    yield {"type": "value", "blocks": here, "heads": len(request["heads"]), "ask": request["ask"]}


def uploaded(name: str) -> Iterator[Message]:
    """The length and the digest of the file that came with the request."""
    data = (Path(os.environ["TMPDIR"]) / f"{UPLOAD}{name}").read_bytes()
    found = {"bytes": len(data), "digest": hashlib.sha256(data).hexdigest()}
    yield {"type": "stage", "stage": "load", "status": "done", **found}


def seek(request: Message) -> Iterator[Message]:
    """What `program` says; then that step 7000 is found, or what condition is none."""
    yield from run_job({"kind": "asm", "source": json.loads(request["program"])["script"]})
    at = 7000 if request["first"] <= 7000 < request["end"] else None
    assert len(request["outlines"]) == 3
    told = [{"stop": 0, "column": len(request["blocks"]), "message": f"{request['first']}-{request['end']}"}]
    yield {"type": "found", "step": at, "stop": None if at is None else 0, "problems": told}


def outlines(rest: str) -> Iterator[Message]:
    """Outlines of so many steps, three of them."""
    third = int(rest) // 3
    for n in range(3):
        to = int(rest) if n == 2 else third * (n + 1)
        yield {"type": "outline", "stage": "verify", "from": third * n, "to": to, "data": b"outline"}


def blocks(rest: str) -> Iterator[Message]:
    """Steps in blocks of 4,096."""
    for first in range(0, int(rest), 4096):
        yield {"type": "block", "stage": "verify", "from": first, "to": min(first + 4096, int(rest)), "data": b"block"}


def block(rest: str) -> Iterator[Message]:
    """One block of any stage: stage, from, to, KiB."""
    name, first, to, size = rest.split()
    yield {"type": "block", "stage": name, "from": int(first), "to": int(to), "data": bytes(int(size) << 10)}


def program(rest: str) -> Iterator[Message]:
    """What is done at each window of the blocks."""
    yield {"type": "program", "script": rest.replace(";", "\n")}


def damaged(rest: str) -> Iterator[Message]:
    yield {"type": "error", "code": DAMAGED, "message": rest}


def stage(rest: str) -> Iterator[Message]:
    yield {"type": "stage", "stage": rest, "status": "done", "ms": 1, "summary": rest, "pid": os.getpid()}


def steps(rest: str) -> Iterator[Message]:
    name, count, *more = rest.split()
    run = int(more[0]) if more else 0
    for first in range(0, int(count), 256):
        part = [{"insn": n} for n in range(first, min(first + 256, int(count)))]
        yield {
            "type": "steps", "stage": name, "run": run, "from": first, "total": first + len(part),
            "keyframe": {"state": {}, "depth": 1}, "steps": part,
        }  # fmt: skip


def sleep(rest: str) -> Iterator[Message]:
    time.sleep(float(rest))
    yield from ()


def spin(rest: str) -> Iterator[Message]:
    end = time.monotonic() + float(rest)
    while time.monotonic() < end:
        pass
    yield from ()


def allocate(rest: str) -> Iterator[Message]:
    """MiB at once: the address space's limit."""
    yield {"type": "stage", "stage": "load", "status": "done", "size": len(bytearray(int(rest) << 20))}


LEAKED: list[Any] = []


def leak(rest: str) -> Iterator[Message]:
    """MiB that are never freed, for a real job with much memory leaves as much."""
    LEAKED.append(b"x" * (int(rest) << 20))
    yield {"type": "stage", "stage": "load", "status": "done"}


def leak_files(rest: str) -> Iterator[Message]:
    """Descriptors that are never closed."""
    LEAKED.extend(os.dup(0) for _ in range(int(rest)))
    yield {"type": "stage", "stage": "load", "status": "done"}


def leak_thread(rest: str) -> Iterator[Message]:
    """A thread that computes on for seconds."""
    end = time.monotonic() + float(rest)

    def compute() -> None:
        while time.monotonic() < end:
            pass

    threading.Thread(target=compute, daemon=True).start()
    yield {"type": "stage", "stage": "load", "status": "done"}


def say(rest: str) -> Iterator[Message]:
    """KiB that do not compress."""
    yield {"type": "stage", "stage": "verify", "status": "done", "log": os.urandom(int(rest) << 9).hex()}


def crash(rest: str) -> Iterator[Message]:
    """SIGSEGV, as a fault in a library written in C."""
    ctypes.string_at(0)
    yield from ()


def fail(rest: str) -> Iterator[Message]:
    yield from ()
    raise ZeroDivisionError(f"a bug of ours, not to be shown: {rest}")


def bad_input(rest: str) -> Iterator[Message]:
    yield from ()
    raise InputError(rest)


def limit(rest: str) -> Iterator[Message]:
    yield from ()
    raise LimitError("clang was stopped", rest)


def temporary(rest: str) -> Iterator[Message]:
    """Leave a file; say what lay there before."""
    folder = Path(os.environ["TMPDIR"])
    yield {"type": "stage", "stage": "load", "status": "done", "found": sorted(p.name for p in folder.iterdir())}
    (folder / rest).write_text("left behind")


def write(rest: str) -> Iterator[Message]:
    (Path(os.environ["TMPDIR"]) / "large").write_bytes(bytes(int(rest) << 20))
    yield from ()


def probe(rest: str) -> Iterator[Message]:
    """What this process may do to the machine."""
    found = {}
    for name, action in {
        "read": lambda: Path("/etc/passwd").read_text(),
        "start": lambda: subprocess.run([sys.executable, "-c", ""], check=True),
        "secrets": lambda: [name for name in os.environ if name.endswith(("_KEY", "_URL"))][0],
    }.items():
        try:
            action()
            found[name] = True
        except (OSError, IndexError):
            found[name] = False
    yield {"type": "stage", "stage": "load", "status": "done", "may": found}


def nonsense(rest: str) -> Iterator[Message]:
    yield {"type": "steps", "stage": "verify", "from": 7, "total": 9, "keyframe": None, "steps": [{}, {}]}


ACTIONS = {
    name: globals()[name]
    for name in (
        "stage", "steps", "sleep", "spin", "allocate", "say", "crash", "fail", "bad_input", "limit", "temporary",
        "write", "probe", "nonsense", "blocks", "block", "outlines", "program", "damaged", "leak", "leak_files",
        "leak_thread",
    )
}  # fmt: skip
