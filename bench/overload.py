"""Many more visitors than a server has room for: how long the admitted ones wait, and how soon the others know."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from bench.measures import c_request
from bench.rows import Row
from bench.submit import Playground
from bench.visits import Ended, one, p, posted, small_request

WORKERS: Final = 1
WAITING: Final = 2
CAPACITY: Final = WORKERS + 1 + WAITING
"""Visitors that have room at the same time: on the workers, on the spare one, and in the queue."""
TIMES: Final = 20
PATIENT_SECONDS: Final = 2
"""A visitor who is refused tries again no later, whatever it was told."""
NICE: Final = 10
PROBE_PAUSE: Final = 0.05
BOMBERS: Final = 10
BOMBED_SECONDS: Final = 3
"""A run may wait so long: then its own time is left of the five seconds."""


def flood(server: str, visitors: int, seconds: float) -> list[Ended]:
    """So many visitors at any time. In a process of its own, which gets what the server leaves of the processors."""
    os.nice(NICE)

    async def go() -> list[Ended]:
        end = time.monotonic() + seconds
        found: list[Ended] = []

        async def visitor(n: int) -> None:
            address = f"127.{n // 250 + 3}.1.{n % 250 + 1}"
            while time.monotonic() < end:
                ended = await one(address, server, small_request())
                found.append(ended)
                if ended.outcome == "busy":
                    await asyncio.sleep(min(ended.retry_after, PATIENT_SECONDS) * random.uniform(0.5, 1))

        await asyncio.gather(*(visitor(n) for n in range(visitors)))
        return found

    return asyncio.run(go())


def _probe(server: str, going: Callable[[], bool]) -> tuple[list[Ended], list[Ended]]:
    """One more visitor, whose times are its own: by the socket, and by HTTP."""
    sockets, posts = [], []
    while going():
        sockets.append(asyncio.run(one("127.0.0.8", server, small_request())))
        posts.append(posted("127.0.0.9", server, small_request()))
        time.sleep(PROBE_PAUSE)
    return sockets, posts


def overload(seconds: float) -> Iterator[Row]:
    """As many visitors as the server has room for, then 20 times as many: who is admitted, and who is told to wait."""
    with (
        Playground(WORKERS=str(WORKERS), QUEUE_LENGTH=str(WAITING)) as playground,
        ProcessPoolExecutor(1, get_context("spawn")) as clients,
    ):
        web = playground.processes()[0]
        clients.submit(flood, playground.address, 1, 2).result()
        usual = clients.submit(flood, playground.address, CAPACITY, seconds / 2).result()
        before = _cpu(web)
        flooding = clients.submit(flood, playground.address, CAPACITY * TIMES, seconds)
        sockets, posts = _probe(playground.address, lambda: not flooding.done())
        much = [*flooding.result(), *sockets, *posts]
        used = _cpu(web) - before
    outcomes = Counter(each.outcome for each in much)
    at_capacity = [each.seconds for each in usual if each.outcome == "accept"]
    admitted = [each.seconds for each in much if each.outcome == "accept"]
    note = f"{p(0.95, admitted) * 1000:.0f} / {p(0.95, at_capacity) * 1000:.0f} ms"
    yield Row("admitted runs, p95 / p95 at capacity", [p(0.95, admitted) / p(0.95, at_capacity)], "", 2, note=note)
    harmed = sum(count for outcome, count in outcomes.items() if outcome not in ("accept", "busy"))
    yield Row("neither admitted nor told to come back", [harmed], "", 0, note=str(dict(outcomes)))
    untimed = sum(not each.retry_after for each in much if each.outcome == "busy")
    yield Row("refusals without a time", [untimed], "", 0)
    for what, probed in (("message on a socket", sockets), ("POST with its connection", posts)):
        refused = [each.seconds * 1000 for each in probed if each.outcome == "busy"]
        if refused:
            yield Row(f"refusal of a {what}, median", [p(0.5, refused)], " ms", 50, note=f"p95 {p(0.95, refused):.0f}")
    yield Row("CPU time of the web process for a visit", [used / len(much) * 1000], " ms")


def bombs(runs: int) -> list[Row]:
    """Ten addresses whose C sources compile until they are stopped; another address' small C program meanwhile."""

    async def go(server: str) -> list[Ended]:
        async def attack(n: int) -> None:
            while True:
                source = f"int a{random.randrange(1 << 60)}[] = {{[200000000] = 7, 1}};"
                await one(f"127.0.6.{n + 1}", server, {"kind": "c", "source": source, "options": {}})
                await asyncio.sleep(0.2)

        attackers = [asyncio.create_task(attack(n)) for n in range(BOMBERS)]
        try:
            await asyncio.sleep(2)
            return [await one("127.0.0.8", server, c_request()) for _ in range(runs)]
        finally:
            for task in attackers:
                task.cancel()
            await asyncio.gather(*attackers, return_exceptions=True)

    with Playground(WORKERS="1", QUEUE_SECONDS=str(BOMBED_SECONDS)) as playground:
        found = asyncio.run(go(playground.address))
    outcomes = Counter(each.outcome for each in found)
    waited = [each.seconds for each in found if each.outcome == "accept"]
    lost = len(found) - len(waited) - sum(each.outcome == "busy" and each.retry_after > 0 for each in found)
    rows = [Row("neither a verdict nor a time to come back", [lost], "", 0, note=str(dict(outcomes)))]
    if waited:
        rows.append(Row("verdict beside ten addresses of bombs, p95", [p(0.95, waited)], " s", 5))
    return rows


def _cpu(process: int) -> float:
    """Seconds of CPU time of a process so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
