"""The services of docker-compose.yml, on loopback: `python -m bench.composition`.

    python -m bench.composition [--random [SECONDS] | --throughput | --containers]

As plain processes: PostgreSQL, Redis with deploy/users.acl, two web processes behind nginx, two workers and a reader.
50 clients share and run programs while each is killed in turn and started again a second later. Then a backup is
restored. It takes two minutes. With --random a process of a random kind, of the services' own and of those below them,
is killed every 2 s, for 5 minutes if no time is given, and what ended is started again at once. It needs redis-server,
PostgreSQL and nginx, and for --throughput, as root, control groups of version 1. With --containers
(`make compose-test`) Docker runs the images of tools/images.py, and a browser comes first.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from bench.kills import LOST, Client, Servers, is_there, killed_at_random
from bench.load import Ended, submit
from bench.measures import asm_request
from bench.rows import Row
from bench.services import CPU, SERVICES, Composition, enter, free_port
from bench.submit import ROOT, socket_from

if TYPE_CHECKING:
    from bench.containers import Containers

CLIENTS: Final = 50
BETWEEN: Final = 8.0
"""Seconds from the start of one service to the kill of the next one."""


class Killer(threading.Thread):
    """Kills each service in turn, as `restart: unless-stopped` starts it again; then waits until all are ready."""

    def __init__(self, services: Composition | Containers) -> None:
        super().__init__(daemon=True)
        self.services = services
        self.recovered: dict[str, float] = {}
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            time.sleep(BETWEEN)
            for name in self.services.names:
                self.services.kill(name)
                time.sleep(1)
                self.services.start(name)
                took = self.services.until(lambda: all(map(self.services.ready, self.services.webs)))
                self.recovered[name] = round(took + 1, 1)
                time.sleep(BETWEEN)
        except BaseException as error:
            self.error = error


def kills(services: Composition | Containers) -> list[Row]:
    """Each service killed in turn beside 50 clients, then a backup restored into an empty database."""
    clients = [Client(f"127.0.6.{n + 1}", services.address) for n in range(CLIENTS)]
    killer = Killer(services)
    killer.start()

    async def go(client: Client) -> None:
        while killer.is_alive():
            await client.go(time.monotonic() + 1)

    async def all_of_them() -> None:
        await asyncio.gather(*map(go, clients))

    asyncio.run(all_of_them())
    if killer.error is not None:
        raise killer.error
    links = {name: source for client in clients for name, source in client.links.items()}
    missing = sum(not is_there(services.address, *link) for link in links.items())
    restored = services.restored()
    outcomes = sum((client.outcomes for client in clients), Counter[str]())
    ended, again = sum(outcomes.values()), sum(client.again for client in clients)
    return [
        Row("acknowledged links that are not there", [missing], "", 0, note=f"of {len(links):,}"),
        Row("runs without an end", [outcomes[LOST]], "", 0, note=f"of {ended:,}: {dict(outcomes)}"),
        Row("the longest run", [max(client.longest for client in clients)], " s"),
        Row("runs that their page started once more", [again], ""),
        Row("links missing in a restored backup", [len(links.keys() - restored)], "", 0, note=f"of {len(restored):,}"),
        *(Row(f"ready again after kill -9 of {name}", [took], "s") for name, took in killer.recovered.items()),
    ]  # fmt: skip


def kills_at_random(services: Composition, seconds: float) -> list[Row]:
    """A process of a random kind killed every 2 s beside 50 clients; then a look at what is there."""
    servers = Servers(
        "services", services.address, [services.folder / name for name in services.names], services.roots,
        services.keep, lambda: services.until(lambda: all(map(services.ready, services.webs))), services.stop,
    )  # fmt: skip
    return killed_at_random(servers, [f"127.0.6.{n + 1}" for n in range(CLIENTS)], seconds)


def containers() -> list[Row]:
    """The same with Docker, after the main browser flow went through the proxy."""
    from bench.containers import Containers

    with Containers(free_port()) as services:
        unconfined, reached = services.unconfined(), services.reached()
        flow = [sys.executable, "-m", "pytest", "-q", "-m", "browser", "tests/browser/test_flow.py"]
        environment = {**os.environ, "BPFSCOPE_TEST_SERVER": services.address}
        failed = subprocess.run(flow, cwd=ROOT, env=environment).returncode
        notes = ", ".join(unconfined), ", ".join(reached)
        return [
            Row("containers not confined as docker-compose.yml says", [len(unconfined)], "", 0, note=notes[0]),
            Row("what a worker container reaches besides Redis", [len(reached)], "", 0, note=notes[1]),
            Row("exit status of the browser flow through the proxy", [failed], "", 0),
            *kills(services),
        ]  # fmt: skip


def throughput(seconds: float = 30.0) -> list[Row]:
    """Runs a second of one worker that may use half a processor, and of two of them; how busy the workers were."""
    rates, busy = [], []
    for workers in (1, 2):
        with Composition(workers, webs=1, quota=0.5) as services:
            services.until(services.idle, 240)  # the server has walked its examples
            enter(SERVICES, os.getpid(), 0.0)
            try:
                before = [_periods(n + 1) for n in range(workers)]
                rates.append(asyncio.run(_visitors(services.address, seconds, workers)) / seconds)
                after = [_periods(n + 1) for n in range(workers)]
            finally:
                (CPU / "cgroup.procs").write_text(str(os.getpid()))
            all_of_them, used_up = (
                sum(now[n] - then[n] for now, then in zip(after, before, strict=True)) for n in (0, 1)
            )
            busy.append(100 * used_up / max(1, all_of_them))
    return [
        Row("one worker of half a processor", [rates[0]], "runs/s", note=f"used up in {busy[0]:.0f} % of the time"),
        Row("two of them", [rates[1]], "runs/s", note=f"used up in {busy[1]:.0f} % of the time"),
        Row("two against one", [rates[1] / rates[0]], "x", 1.8, at_least=True),
    ]


def _periods(worker: int) -> tuple[int, int]:
    """(periods of 100 ms in which a worker ran, those in which it used up its half of a processor), since its start."""
    stat = (CPU / f"bpfscope-worker-{worker}" / "cpu.stat").read_text().split()
    found = dict(zip(stat[::2], map(int, stat[1::2]), strict=True))
    return found["nr_periods"], found["nr_throttled"]


async def _visitors(server: str, seconds: float, workers: int) -> int:
    """Number of runs that ended within so many seconds, with four visitors for each worker."""
    until, done = time.monotonic() + seconds, 0

    async def visit(address: str) -> None:
        nonlocal done
        async with socket_from(address, server) as opened:
            while time.monotonic() < until:
                # Some 1,000 rounds to verify: the worker does the work, not the web process.
                number = time.monotonic_ns() & 0xFFFFF
                source = f"r0 = {number}\nr1 = 0\nagain:\nr1 += 1\nif r1 < 1000 goto again\nr0 = 0\nexit\n"
                ended: Ended = await submit(opened, asm_request(source))
                done += ended.outcome == "accept" and time.monotonic() < until

    await asyncio.gather(*(visit(f"127.0.7.{n + 1}") for n in range(4 * workers)))
    return done


def main(arguments: Sequence[str]) -> None:
    parser = ArgumentParser(prog="python -m bench.composition", description="The services of docker-compose.yml.")
    other = parser.add_mutually_exclusive_group()
    other.add_argument("--random", type=float, nargs="?", const=300.0, metavar="SECONDS", help=kills_at_random.__doc__)
    other.add_argument("--throughput", action="store_true", help=throughput.__doc__)
    other.add_argument("--containers", action="store_true", help=containers.__doc__)
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended
    if options.throughput:
        rows = throughput()
    elif options.containers:
        rows = containers()
    else:
        with Composition() as services:
            rows = kills(services) if options.random is None else kills_at_random(services, options.random)
    for row in rows:
        print(row.text())
    if any(row.met is False for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
