"""`python -m bench.load [--long] [--seed N] [--progress FILE] [NAME...]`: what hostile and many clients do to a server.

It uses loopback only, and takes a few minutes, or with --long some hours: 10,000 mixed runs, 100,000 damaged objects,
and processes killed for five minutes.

Each measure starts a server of its own. Clients of several network addresses connect from several addresses of
127.0.0.0/8. Times are compared with those of the idle server in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import http.client
import itertools
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from bench import walks
from bench.hostile import hostile, run_to_end
from bench.kills import kills
from bench.measures import asm_request, c_request
from bench.overload import bombs, overload
from bench.rows import Row
from bench.submit import ROOT, Held, Playground, socket_from
from bench.visits import Ended, one, p, small_request, submit
from vm.remote import Connection

__all__ = ["MEASURES", "Ended", "main", "submit"]
HONEST: Final = "127.0.0.3"
ATTACKER: Final = "127.0.0.2"
SMALL_RUNS: Final = 100
ENDLESS_SOCKETS: Final = 45
HALF_OPEN, IDLE, STALLED = 1000, 500, 50
OBJECT: Final = ROOT / "tests" / "golden" / "objects" / "code.o"
WARM_UP: Final = 700
"""Runs before a measure: more than the server keeps an index of (KEPT_RUNS in playground/jobs/service.py)."""
SAMPLED: Final = 10
PARTS: Final = 20
LARGE: Final = 300_000
_number = itertools.count()


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


def mixed(count: int) -> Iterator[Row]:
    """Many runs of all kinds in a row: what the server holds at each tenth, and in the last quarter against the first.

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

    async def go(playground: Playground, runs: int) -> list[Held]:
        found = []
        async with socket_from(HONEST, playground.address) as opened:
            for n in range(runs):
                await run_to_end(opened, kinds[n % len(kinds)]())  # a run that is left kills its worker
                if n % SAMPLED == 0:
                    found.append(playground.held())
        return found

    def upload() -> None:
        with Connection(playground.address) as server:
            options = {"program": f"none{next(_number)}"}
            for _ in server.run({"kind": "elf", "source": large, "options": options}):
                pass

    found: list[Held] = []
    with Playground(WORKERS="1", RUNS_PER_MINUTE="1000000") as playground:
        asyncio.run(go(playground, WARM_UP))
        for part in range(1, PARTS + 1):
            found += asyncio.run(go(playground, count // PARTS))
            upload()
            if part % (PARTS // 10) == 0:
                web, workers, *others = _medians(found[-len(found) // part * (PARTS // 10) :])
                note = "workers {} MiB, {} descriptors, {} processes, {} files".format(workers >> 20, *others)
                label = f"memory of the web process after {part * count // PARTS:,} runs"
                yield Row(label, [web / 2**20], " MiB", note=note)
    quarter = max(len(found) // 4, 1)
    first, last = _medians(found[:quarter]), _medians(found[-quarter:])
    for name, what in (
        ("web", "memory of the web process"),
        ("workers", "memory of workers"),
        ("descriptors", "descriptors"),
        ("processes", "processes"),
        ("files", "files but stored runs"),
    ):
        ratio = getattr(last, name) / getattr(first, name)
        yield Row(f"{what}, the last quarter of {count:,} runs / the first", [ratio], "", 1.1)


def _medians(found: Sequence[Held]) -> Held:
    return Held(*(int(statistics.median(values)) for values in zip(*found, strict=True)))


class Measure(NamedTuple):
    """run -- called with `short`, or with `long` where --long is given: how many runs, for how many seconds"""

    run: Callable[..., Iterable[Row]]
    short: tuple[int, ...] = ()
    long: tuple[int, ...] = ()


MEASURES: Final = {
    "fairness": Measure(fairness),
    "connections": Measure(connections),
    "bombs": Measure(bombs, (20,), (100,)),
    "overload": Measure(overload, (20,), (60,)),
    "mixed": Measure(mixed, (600,), (10_000,)),
    "kills": Measure(kills, (60,), (300,)),
    "hostile": Measure(hostile, (5,), (1000,)),
}


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"measures: {', '.join(MEASURES)}; all without one")
    parser.add_argument("--long", action="store_true", help="the long form of those that have one")
    parser.add_argument("--seed", type=int, help="what `hostile` printed: the same input once more")
    parser.add_argument(
        "--progress", type=Path, metavar="FILE", help="where `hostile` keeps what it sent; it goes on from it"
    )
    given = parser.parse_args(words)
    unknown = [name for name in given.names if name not in MEASURES]
    if unknown:
        sys.exit(f"no such measure: {', '.join(unknown)}; there are {', '.join(MEASURES)}")
    for name in given.names or MEASURES:
        measure = MEASURES[name]
        print(f"\n{name}: {(measure.run.__doc__ or '').splitlines()[0]}", flush=True)
        more = {"seed": given.seed, "file": given.progress} if name == "hostile" else {}
        for row in measure.run(*(measure.long if given.long else measure.short), **more):
            print(f"  {row.text()}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
