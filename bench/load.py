"""`python -m bench.load [--long] [NAME...]`: what hostile and many clients do to a server. Loopback only.

It takes a few minutes, or with --long some hours: 10,000 mixed runs, 100,000 damaged objects, and processes killed for
five minutes.

Each measure starts a server of its own. Clients of several network addresses connect from several addresses of
127.0.0.0/8. Times are compared with those of the idle server in the same run.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import http.client
import itertools
import json
import random
import socket
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import WebSocketException

from bench import walks
from bench.hostile import hostile, run_to_end
from bench.kills import kills
from bench.measures import asm_request, c_request
from bench.rows import Row
from bench.submit import ROOT, Held, Playground, socket_from
from vm.remote import Connection

HONEST: Final = "127.0.0.3"
ATTACKER: Final = "127.0.0.2"
SMALL_RUNS: Final = 100
ENDLESS_SOCKETS: Final = 45
HALF_OPEN, IDLE, STALLED = 1000, 500, 50
OVERLOAD_SECONDS: Final = 20
OVERLOAD: Final = 20
OBJECT: Final = ROOT / "tests" / "golden" / "objects" / "code.o"
WARM_UP: Final = 700
"""Runs before a measure: more than the server keeps an index of (KEPT_RUNS in playground/jobs/service.py)."""
SAMPLED: Final = 10
PARTS: Final = 20
LARGE: Final = 300_000
_number = itertools.count()


class Ended(NamedTuple):
    """How a submission ended: outcome is a verdict, "busy", or another code; seconds until then."""

    outcome: str
    seconds: float
    retry_after: int = 0


def small_request() -> dict[str, Any]:
    return asm_request("r0 = 2\nexit\n")


async def submit(opened: ClientConnection, request: dict[str, Any]) -> Ended:
    """Run a program; until its verdict."""
    start = time.perf_counter()
    await opened.send(json.dumps({"type": "run", "v": 1, "request": request}))
    while True:
        message = json.loads(await opened.recv())
        seconds = time.perf_counter() - start
        if message["type"] == "stage" and message["stage"] == "verify" and message["status"] != "working":
            return Ended(str(message.get("verdict") or message["status"]), seconds)
        if message["type"] in ("error", "limit"):
            code = message.get("code") or f"limit {message['limit']}"
            return Ended(str(code), seconds, int(message.get("retry_after", 0)))


async def one(address: str, server: str, request: dict[str, Any]) -> Ended:
    """A visitor: a socket of its own, one run, and away."""
    try:
        async with socket_from(address, server) as opened:
            return await submit(opened, request)
    except (OSError, WebSocketException, TimeoutError) as error:
        return Ended(type(error).__name__, 0.0)


def p(share: float, values: Sequence[float]) -> float:
    """A percentile."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def fairness() -> list[Row]:
    """45 sockets of one address with endless programs; another address' small C program meanwhile."""

    async def go(server: str) -> tuple[list[Ended], list[Ended]]:
        idle = [await one(HONEST, server, c_request()) for _ in range(15)][5:]

        async def attack() -> None:
            while True:
                await one(ATTACKER, server, asm_request(walks.ENDLESS))
                await asyncio.sleep(0.2)

        attackers = [asyncio.create_task(attack()) for _ in range(ENDLESS_SOCKETS)]
        try:
            await asyncio.sleep(3)
            return idle, [await one(HONEST, server, c_request()) for _ in range(SMALL_RUNS)]
        finally:
            for task in attackers:
                task.cancel()
            await asyncio.gather(*attackers, return_exceptions=True)

    with Playground() as playground:
        idle, busy = asyncio.run(go(playground.address))
    usual = statistics.median(each.seconds for each in idle)
    good = [each.seconds / usual for each in busy if each.outcome == "accept"]
    within = sum(ratio <= 3 for ratio in good)
    return [
        Row("verdict for another address / idle, median", [p(0.5, good)], "", 3),
        Row("verdict for another address / idle, slowest", [max(good)], "", 3),
        Row(f"verdicts within 3 x idle, of {SMALL_RUNS}", [within], "", SMALL_RUNS, at_least=True),
    ]


def _get(server: str, path: str) -> tuple[int, float]:
    """(status, seconds); status 0 if there was no answer."""
    parts = urlsplit(server)
    start = time.perf_counter()
    found = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20, source_address=(HONEST, 0))
    try:
        found.request("GET", path)
        answer = found.getresponse()
        answer.read()
        return answer.status, time.perf_counter() - start
    except OSError:
        return 0, time.perf_counter() - start
    finally:
        found.close()


def connections() -> list[Row]:
    """1,000 half-open requests, 500 idle sockets, 50 stalled readers; /healthz and a page meanwhile."""

    def stalled(parts: Any) -> socket.socket:
        found = socket.socket()
        found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        found.bind(("127.0.0.4", 0))
        found.connect((parts.hostname, parts.port))
        found.sendall(b"GET /static/reference.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50)
        return found

    async def idle_sockets(server: str, work: Callable[[], list[tuple[int, float]]]) -> list[tuple[int, float]]:
        async with contextlib.AsyncExitStack() as held:
            for n in range(IDLE):
                await held.enter_async_context(socket_from(f"127.0.1.{n % 200 + 1}", server))
            return await asyncio.to_thread(work)

    with Playground() as playground:
        parts = urlsplit(playground.address)
        before = playground.log_bytes
        half = []
        for n in range(HALF_OPEN):
            found = socket.create_connection(
                (parts.hostname, parts.port), timeout=10, source_address=(f"127.0.2.{n % 4 + 1}", 0)
            )
            found.sendall(b"GET / HTTP/1.1\r\nHost: loc")
            half.append(found)
        slow = [stalled(parts) for _ in range(STALLED)]

        def ask() -> list[tuple[int, float]]:
            return [_get(playground.address, "/healthz" if n % 4 else "/about") for n in range(200)]

        said = asyncio.run(idle_sockets(playground.address, ask))
        grown = playground.log_bytes - before
        for each in [*half, *slow]:
            each.close()
    health = [seconds for n, (status, seconds) in enumerate(said) if n % 4 and status]
    return [
        Row("/healthz, p99", [p(0.99, health) * 1000], " ms", 200),
        Row("answers that are not 200", [sum(status != 200 for status, _ in said)], "", 0),
        Row("log", [grown / 1e6], " MB", 1),
    ]


def overload() -> list[Row]:
    """As many visitors as the server has room for, then 20 times as many: who is admitted, and who is told to wait."""

    async def flood(server: str, visitors: int, seconds: float) -> list[Ended]:
        end = time.monotonic() + seconds
        found: list[Ended] = []

        async def visitor(n: int) -> None:
            address = f"127.{n // 250 + 3}.1.{n % 250 + 1}"
            while time.monotonic() < end:
                ended = await one(address, server, small_request())
                found.append(ended)
                if ended.outcome == "busy":
                    await asyncio.sleep(min(ended.retry_after, 2) * random.uniform(0.5, 1))

        await asyncio.gather(*(visitor(n) for n in range(visitors)))
        return found

    with Playground(WORKERS="1", QUEUE_SECONDS="2") as playground:
        asyncio.run(flood(playground.address, 1, 2))
        usual = asyncio.run(flood(playground.address, 4, OVERLOAD_SECONDS / 2))
        much = asyncio.run(flood(playground.address, 4 * OVERLOAD, OVERLOAD_SECONDS))
    outcomes = Counter(each.outcome for each in much)
    at_capacity = [each.seconds for each in usual if each.outcome == "accept"]
    admitted = [each.seconds for each in much if each.outcome == "accept"]
    refused = [each for each in much if each.outcome == "busy"]
    rows = [
        Row("admitted runs, p95 / p95 at capacity", [p(0.95, admitted) / p(0.95, at_capacity)], "", 2),
        Row(
            "neither admitted nor told to come back",
            [sum(count for outcome, count in outcomes.items() if outcome not in ("accept", "busy"))], "", 0,
            note=str(dict(outcomes)),
        ),
        Row("refusals without a time", [sum(not each.retry_after for each in refused)], "", 0),
    ]  # fmt: skip
    if refused:
        rows.append(Row("a refusal, median", [p(0.5, [each.seconds for each in refused]) * 1000], " ms", 50))
    return rows


def mixed(count: int) -> list[Row]:
    """Many runs of all kinds in a row: what the server holds in the last quarter, against the first one.

    As many runs as the server keeps an index of come before. Workers are replaced after some jobs, so that what they
    hold goes up and down: medians are compared.
    """
    large = base64.b64encode(OBJECT.read_bytes() + bytes(LARGE)).decode()
    kinds: tuple[Callable[[], dict[str, Any]], ...] = (
        small_request,
        c_request,
        lambda: asm_request("r0 = *(u8 *)(r1 + 9999)\nexit\n"),
        lambda: asm_request("this is no program\n"),
        lambda: {"kind": "elf", "source": "bm8gRUxG", "options": {}},
        lambda: {"kind": "log", "source": f"0: (b7) r0 = {next(_number)}\n", "options": {}},
    )
    found: list[Held] = []

    async def go(playground: Playground, runs: int) -> None:
        async with socket_from(HONEST, playground.address) as opened:
            for n in range(runs):
                await run_to_end(opened, kinds[n % len(kinds)]())  # a run that is left kills its worker
                if n % SAMPLED == 0:
                    found.append(playground.held())

    def upload() -> None:
        with Connection(playground.address) as server:
            options = {"program": f"none{next(_number)}"}
            for _ in server.run({"kind": "elf", "source": large, "options": options}):
                pass

    with Playground(WORKERS="1", RUNS_PER_MINUTE="1000000") as playground:
        asyncio.run(go(playground, WARM_UP))
        found.clear()
        for _ in range(PARTS):
            asyncio.run(go(playground, count // PARTS))
            upload()
    quarter = max(len(found) // 4, 1)

    def ratio(name: str) -> float:
        first, last = ([getattr(each, name) for each in part] for part in (found[:quarter], found[-quarter:]))
        return float(statistics.median(last) / statistics.median(first))

    return [
        Row(f"{what}, the last of {count:,} runs / the first", [ratio(name)], "", 1.1, note=f"at the end {at_end}")
        for name, what, at_end in (
            ("web", "memory of the web process", f"{found[-1].web >> 20} MiB"),
            ("workers", "memory of workers", f"{found[-1].workers >> 20} MiB"),
            ("descriptors", "descriptors", found[-1].descriptors),
            ("processes", "processes", found[-1].processes),
            ("files", "files but stored runs", found[-1].files),
        )
    ]


class Measure(NamedTuple):
    """run -- called with `short`, or with `long` where --long is given: how many runs, for how many seconds"""

    run: Callable[..., list[Row]]
    short: tuple[int, ...] = ()
    long: tuple[int, ...] = ()


MEASURES: Final = {
    "fairness": Measure(fairness),
    "connections": Measure(connections),
    "overload": Measure(overload),
    "mixed": Measure(mixed, (600,), (10_000,)),
    "kills": Measure(kills, (60,), (300,)),
    "hostile": Measure(hostile, (5,), (1000,)),
}


def main(words: list[str]) -> None:
    names = [word for word in words if word != "--long"]
    unknown = [name for name in names if name not in MEASURES]
    if unknown:
        sys.exit(f"no such measure: {', '.join(unknown)}; there are {', '.join(MEASURES)}")
    for name in names or MEASURES:
        measure = MEASURES[name]
        print(f"\n{name}: {(measure.run.__doc__ or '').splitlines()[0]}", flush=True)
        for row in measure.run(*(measure.long if "--long" in words else measure.short)):
            print(f"  {row.text()}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
