"""What a server makes of input that is made to harm it: every answer is a result or a sentence, and nothing crashes."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import random
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import WebSocketException

from bench.measures import asm_request
from bench.rows import Row
from bench.submit import ROOT, Playground, socket_from
from playground.config.limits import LIMITS

CLIENT: Final = "127.0.0.3"
SECONDS: Final = 120
"""Longest wait for an answer: more than a job may take."""
OVER: Final = frozenset({"bad_request", "size", "busy", "disk", "unknown_run", "upload"})
"""Codes of errors after which no `done` follows."""
REFUSED: Final = frozenset({"busy", "disk"})
"""Those of them that say nothing about what was sent."""
HARM: Final = frozenset({"internal", "crashed", "traceback"})
"""Codes of errors that are the server's own fault, and a traceback in any answer."""
ANSWERED: Final = "answered"
AT_ONCE: Final = max(2, os.cpu_count() or 1)
"""Workers, and sockets that send."""
JOBS: Final = "2000"
"""Jobs of a worker: to start one takes as long as 100 of these runs. One that has grown is replaced all the same."""
PART: Final = 200
"""Sent between two looks at the memory of the workers, and two times that the progress is kept."""
WORDS: Final = (
    "int", "char", "struct", "static", "const", "if", "else", "for", "while", "return", "goto", "x", "y", "ctx", "SEC",
    '"xdp"', '"tc"', "(", ")", "{", "}", "[", "]", ";", ",", "*", "&", "->", "=", "+", "-", "<<", "0", "1",
    "0xffffffff",
    "#include <linux/bpf.h>\n", "#define x(y) y y\n", "__attribute__((section(", "asm(", "sizeof", "void", "/*", "\\",
    "#if 1\n", "#endif\n", "bpf_map_lookup_elem", "union", "typedef", "_Generic", "\u202e", "'", "??/",
    "#line 1 \"/etc/passwd\"\n",
)  # fmt: skip
VALUES: Final[tuple[Any, ...]] = (
    None, True, -1, 0, 1 << 70, 1.5, "", "x" * 5000, "\u0000", "../../etc/passwd", "<script>", [], {}, [[[[]]]],
    {"type": "run"}, "0" * 32, ["a"] * 300,
)  # fmt: skip
MESSAGE: Final[dict[str, Any]] = {
    "type": "run",
    "v": 1,
    "instead": "",
    "request": {
        "kind": "c", "source": "int x;", "options": {"opt": "O2", "mcpu": "v3", "verify": True, "program": ""},
        "input": {"kind": "packet", "hex": "00"}, "files": {"a.h": ""}, "name": "x", "upload": "0" * 32,
    },
}  # fmt: skip
TYPES: Final = (
    "run", "window", "part", "log", "value", "facts", "seek", "states", "rounds", "contents", "fixes", "compare",
    "settings", "stop", "resume", "cancel", "rewritten",
)  # fmt: skip


def mutated_object(chance: random.Random) -> dict[str, Any]:
    """A real object in which some bytes are others."""
    path = chance.choice(sorted((ROOT / "tests" / "golden" / "objects").glob("*.o")))
    data = bytearray(path.read_bytes()[: 64 << 10])
    for _ in range(chance.choice((1, 2, 8, 64))):
        data[chance.randrange(len(data))] = chance.choice((0, 1, 0x7F, 0xFF, chance.randrange(256)))
    if chance.random() < 0.1:
        del data[chance.randrange(len(data)) :]
    return {"kind": "elf", "source": base64.b64encode(bytes(data) or b"\x7fELF").decode()}


def random_source(chance: random.Random) -> dict[str, Any]:
    """Words of C in any order."""
    kind = chance.choice(("c", "c", "asm", "hex", "listing", "log"))
    return {"kind": kind, "source": " ".join(chance.choices(WORDS, k=chance.randrange(1, 200)))}


def hostile_input(chance: random.Random) -> dict[str, Any]:
    """A packet or a capture of random bytes."""
    data = chance.randbytes(chance.randrange(1, 2000))
    request = asm_request("r0 = *(u32 *)(r1 + 0)\nr0 = 2\nexit\n")
    if chance.random() < 0.5:
        return {**request, "input": {"kind": "packet", "hex": data.hex()}}
    head = chance.choice((struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1), b"\x0a\x0d\x0d\x0a", b""))
    return {**request, "input": {"kind": "pcap", "base64": base64.b64encode(head + data).decode()}}


def hostile_message(chance: random.Random) -> str:
    """A message in which some fields are missing, others, or of another type; or no JSON."""
    message = json.loads(json.dumps(MESSAGE))
    message["type"] = chance.choice(TYPES)
    places = [message, message["request"], message["request"]["options"], message["request"]["input"]]
    for _ in range(chance.randrange(1, 4)):
        place = chance.choice(places)
        name = chance.choice([*place, "from", "to", "stage", "list", "upload", "x"])
        if chance.random() < 0.3:
            place.pop(name, None)
        else:
            place[name] = chance.choice(VALUES)
    text = json.dumps(message)
    return text[: chance.randrange(len(text))] if chance.random() < 0.2 else text


async def run_to_end(opened: ClientConnection, request: dict[str, Any]) -> Counter[str]:
    """What a run comes to: one of harmless, or the harm."""
    await opened.send(json.dumps({"type": "run", "v": 1, "request": request}))
    while True:
        text = str(await asyncio.wait_for(opened.recv(), SECONDS))
        found = _harm(text)
        message = json.loads(text)
        if found or message["type"] == "done" or (message["type"] == "error" and message["code"] in OVER):
            refused = message.get("code") in REFUSED
            return Counter([found or (str(message["code"]) if refused else ANSWERED)])


async def _message(opened: ClientConnection, text: str) -> Counter[str]:
    """The same of a message: all answers until that to a last one, whose answer is known."""
    await opened.send(text)
    await opened.send('{"type":"the last"}')
    while True:
        answer = str(await asyncio.wait_for(opened.recv(), SECONDS))
        if found := _harm(answer):
            return Counter([found])
        if '"code":"bad_request"' in answer and "type has to be one of" in answer:
            return Counter([ANSWERED])


def _harm(text: str) -> str:
    if "Traceback (most recent" in text:
        return "traceback"
    if not text.startswith('{"type":"error"'):
        return ""
    code = str(json.loads(text)["code"])
    return code if code in HARM else ""


KINDS: Final[Mapping[str, tuple[Callable[[random.Random], Any], int]]] = {
    "random sources": (random_source, 10),
    "hostile messages": (hostile_message, 10),
    "hostile packets and captures": (hostile_input, 1),
    "mutated objects": (mutated_object, 100),
}
"""What is sent, and how many of each for one of the packets and captures; most at the end."""


@dataclass
class Progress:
    """What was sent so far, and what came of it; kept in a file, a later start goes on where this one ended.

    seed     -- with the kind and its number among its kind, it decides each thing that is sent
    file     -- where it is kept; None: nowhere
    outcomes -- of each kind: how many had which outcome
    slowest  -- seconds; largest -- bytes of the largest worker
    ended    -- web processes that ended
    """

    seed: int
    file: Path | None = None
    outcomes: dict[str, Counter[str]] = field(default_factory=lambda: {what: Counter() for what in KINDS})
    slowest: float = 0.0
    largest: int = 0
    ended: int = 0

    @classmethod
    def of(cls, seed: int | None, file: Path | None) -> Progress:
        """What a file holds, or a new one. SystemExit if the file is of another seed."""
        if file is None or not file.exists():
            return cls(random.randrange(1 << 32) if seed is None else seed, file)
        kept = json.loads(file.read_text())
        if seed not in (None, kept["seed"]):
            sys.exit(f"bench: {file} was begun with --seed {kept['seed']}")
        outcomes = {what: Counter(kept["outcomes"].pop(what)) for what in KINDS}
        return cls(**{**kept, "file": file, "outcomes": outcomes})

    def save(self) -> None:
        if self.file is not None:
            made = self.file.with_suffix(".new")
            made.write_text(json.dumps({**vars(self), "file": None}))
            made.replace(self.file)


async def _sent(playground: Playground, made: Sequence[Any], progress: Progress) -> Counter[str]:
    """What a part came to, by as many sockets as there are workers."""
    found: Counter[str] = Counter()
    left = iter(made)

    async def one_socket() -> None:
        opened: Any = None
        async with contextlib.AsyncExitStack() as stack:
            for each in left:
                start = time.monotonic()
                try:
                    if opened is None:
                        opened = await stack.enter_async_context(socket_from(CLIENT, playground.address))
                    outcome = await (_message(opened, each) if isinstance(each, str) else run_to_end(opened, each))
                except (OSError, WebSocketException) as error:  # OSError: TimeoutError, too
                    outcome, opened = Counter([type(error).__name__]), None
                if outcome.keys() != {ANSWERED}:
                    _keep(each)
                found.update(outcome)
                progress.slowest = max(progress.slowest, time.monotonic() - start)

    await asyncio.gather(*(one_socket() for _ in range(AT_ONCE)))
    return found


def hostile(count: int, seed: int | None = None, file: Path | None = None) -> Iterator[Row]:
    """Damaged objects, random sources, messages, packets and captures: crashes, tracebacks and internal errors."""
    progress = Progress.of(seed, file)
    with Playground(WORKERS=str(AT_ONCE), RUNS_PER_MINUTE="1000000", JOBS_PER_WORKER=JOBS) as playground:
        for what, (make, times) in KINDS.items():
            outcomes = progress.outcomes[what]
            while (begun := outcomes.total()) < count * times:
                numbers = range(begun, min(begun + PART, count * times))
                made = [make(random.Random(f"{progress.seed} {what} {n}")) for n in numbers]
                outcomes.update(asyncio.run(_sent(playground, made, progress)))
                progress.largest = max(progress.largest, playground.peak_memory())
                if playground.ended():
                    progress.ended += 1
                    playground.start()
                progress.save()
            harmful = outcomes.total() - outcomes[ANSWERED]
            note = f"{dict(outcomes)}, --seed {progress.seed}"
            yield Row(f"harm by {outcomes.total():,} {what}", [harmful], "", 0, note=note)
    yield Row("web processes that ended", [progress.ended], "", 0)
    yield Row("the slowest answer", [progress.slowest], " s", LIMITS["JOB_SECONDS"].default)
    yield Row("memory of the largest worker", [progress.largest / 2**20], " MiB", LIMITS["JOB_MEMORY_MB"].default)


def _keep(made: Any) -> None:
    """Leave what did harm in a file, to be sent once more."""
    with tempfile.NamedTemporaryFile("w", prefix="bpfscope-harm-", suffix=".json", delete=False) as file:
        file.write(made if isinstance(made, str) else json.dumps(made))
    print(f"  harm: {file.name}", flush=True)
