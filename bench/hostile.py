"""What a server makes of input that is made to harm it: every answer is a result or a sentence, and nothing crashes."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import struct
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from websockets.asyncio.client import ClientConnection

from bench.measures import asm_request
from bench.rows import Row
from bench.submit import ROOT, Playground, socket_from
from playground.config.limits import LIMITS

CLIENT: Final = "127.0.0.3"
SECONDS: Final = 120
"""Longest wait for an answer: more than a job may take."""
OVER: Final = frozenset({"bad_request", "size", "busy", "disk", "unknown_run", "upload"})
"""Codes of errors after which no `done` follows."""
HARM: Final = frozenset({"internal", "crashed", "traceback"})
"""Codes of errors that are the server's own fault, and a traceback in any answer."""
LOOK: Final = 20
"""Answers after which the memory of the workers is looked at."""
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
            return Counter([found or "answered"])


async def _message(opened: ClientConnection, text: str) -> Counter[str]:
    """The same of a message: all answers until that to a last one, whose answer is known."""
    await opened.send(text)
    await opened.send('{"type":"the last"}')
    while True:
        answer = str(await asyncio.wait_for(opened.recv(), SECONDS))
        if found := _harm(answer):
            return Counter([found])
        if '"code":"bad_request"' in answer and "type has to be one of" in answer:
            return Counter(["answered"])


def _harm(text: str) -> str:
    if "Traceback (most recent" in text:
        return "traceback"
    if not text.startswith('{"type":"error"'):
        return ""
    code = str(json.loads(text)["code"])
    return code if code in HARM else ""


KINDS: Final[Mapping[str, tuple[Callable[[random.Random], Any], int]]] = {
    "mutated objects": (mutated_object, 100),
    "random sources": (random_source, 10),
    "hostile messages": (hostile_message, 10),
    "hostile packets and captures": (hostile_input, 1),
}
"""What is sent, and how many of each for one of the last."""


def hostile(count: int, seed: int | None = None) -> Iterator[Row]:
    """Damaged objects, random sources, messages, packets and captures: crashes, tracebacks and internal errors."""
    seed = random.randrange(1 << 32) if seed is None else seed
    chance = random.Random(seed)
    slowest, largest = 0.0, 0

    async def go(playground: Playground, make: Callable[[random.Random], Any], number: int) -> Counter[str]:
        nonlocal slowest, largest
        found: Counter[str] = Counter()
        async with socket_from(CLIENT, playground.address) as opened:
            for n in range(number):
                made = make(chance)
                start = time.monotonic()
                outcome = await (_message(opened, made) if isinstance(made, str) else run_to_end(opened, made))
                if HARM & outcome.keys():
                    _keep(made)
                found += outcome
                slowest = max(slowest, time.monotonic() - start)
                if n % LOOK == 0:
                    largest = max(largest, playground.peak_memory())
        return found

    with Playground(WORKERS="1", RUNS_PER_MINUTE="1000000") as playground:
        web = playground.processes()[0]
        for what, (make, times) in KINDS.items():
            found = asyncio.run(go(playground, make, count * times))
            harmful = sum(found.values()) - found["answered"]
            note = f"{dict(found)}, --seed {seed}"
            yield Row(f"harm by {sum(found.values()):,} {what}", [harmful], "", 0, note=note)
        yield Row("web processes that ended", [playground.ended() or playground.processes()[0] != web], "", 0)
    yield Row("the slowest answer", [slowest], " s", LIMITS["JOB_SECONDS"].default)
    yield Row("memory of the largest worker", [largest / 2**20], " MiB", LIMITS["JOB_MEMORY_MB"].default)


def _keep(made: Any) -> None:
    """Leave what did harm in a file, to be sent once more."""
    with tempfile.NamedTemporaryFile("w", prefix="bpfscope-harm-", suffix=".json", delete=False) as file:
        file.write(made if isinstance(made, str) else json.dumps(made))
    print(f"  harm: {file.name}", flush=True)
