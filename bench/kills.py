"""Processes of a server killed at random while clients share and run programs: what is lost, and what is left."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import random
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import WebSocketException

from bench.measures import asm_request, c_request
from bench.rows import Row
from bench.submit import FORWARDED, Playground, socket_from

EVERY: Final = 2.0
VISITORS: Final = 6
ANSWER_SECONDS: Final = 45
"""A run without an end after so long counts as lost."""
LOST: Final = "no end"
Seen = set[tuple[int, str]]
"""Processes by number and start time: a number may be used again."""


class Client:
    """Shares programs and runs them, over and over, and notes what was acknowledged."""

    def __init__(self, address: str, server: str) -> None:
        self.address, self.server = address, server
        self.links: dict[str, str] = {}
        self.outcomes: Counter[str] = Counter()
        self.again = 0
        """Runs that were started once more, because the server that they waited in was killed."""
        self._number = 0

    async def go(self, until: float) -> None:
        while time.monotonic() < until:
            self._number += 1
            request = asm_request(f"r0 = {self._number}\nr1 = {random.randrange(1 << 30)}\nexit\n")
            await asyncio.to_thread(self._share, request)
            try:
                self.outcomes[
                    await asyncio.wait_for(self._run(random.choice((request, c_request()))), ANSWER_SECONDS)
                ] += 1
            except TimeoutError:
                self.outcomes[LOST] += 1

    def _share(self, request: dict[str, Any]) -> None:
        """Note the link, if the server acknowledges it."""
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            status, answer = ask(self.server, "/api/share", json.dumps(request), {FORWARDED: self.address})
            if status in (200, 201):
                self.links[json.loads(answer)["id"]] = request["source"]

    async def _run(self, request: dict[str, Any]) -> str:
        """How a run ended: "done", or the code of a sentence.

        As a page does, it is resumed after a lost connection, and run again where the server no longer knows it.
        """
        run = ""
        message = {"type": "run", "v": 1, "request": request}
        while True:
            try:
                async with socket_from(self.address, self.server) as opened:
                    await opened.send(json.dumps({"type": "resume", "run": run} if run else message))
                    resumed, (run, outcome) = run, await _ended(opened, run)
                if resumed and outcome == "unknown_run":
                    run, outcome = "", ""
                    self.again += 1
                if outcome:
                    return outcome
            except (OSError, WebSocketException):
                await asyncio.sleep(0.3)


async def _ended(opened: ClientConnection, run: str) -> tuple[str, str]:
    """(the run's id, how it ended); without an end where the connection is lost."""
    outcome = ""
    try:
        while True:
            told = json.loads(await opened.recv())
            if told["type"] == "accepted":
                run = told["run"]
            elif told["type"] == "done":
                return run, outcome or "done"
            elif told["type"] in ("error", "limit"):
                outcome = str(told.get("code") or f"limit {told['limit']}")
                if outcome in ("unknown_run", "busy", "bad_request"):  # nothing follows
                    return run, outcome
    except WebSocketException:
        return run, ""


def ask(
    server: str, path: str, body: str | None = None, headers: Mapping[str, str] = MappingProxyType({})
) -> tuple[int, bytes]:
    """(status, body) of a request. OSError, HTTPException."""
    parts = urlsplit(server)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    try:
        kind = {"Content-Type": "application/json"} if body else {}
        connection.request("POST" if body else "GET", path, body, {**kind, **headers})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _started(pid: int) -> str | None:
    """A process' start time; None if it is gone, or waits to be reaped."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


def _zombies(playground: Playground) -> int:
    count = 0
    for pid in playground.processes():
        with contextlib.suppress(OSError):
            count += Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return count


class Killer(threading.Thread):
    """Kills a process of the server every few seconds, the web process too; starts that again."""

    def __init__(self, playground: Playground, seconds: float) -> None:
        super().__init__(daemon=True)
        self.playground, self.until = playground, time.monotonic() + seconds
        self.killed: Counter[str] = Counter()
        self.seen: Seen = set()

    def run(self) -> None:
        while time.monotonic() < self.until:
            end = time.monotonic() + EVERY
            while time.monotonic() < end:
                self.look()
                time.sleep(0.1)
            processes = self.playground.processes()
            victim = processes[0] if random.random() < 0.2 else random.choice(processes)
            with contextlib.suppress(OSError):
                os.kill(victim, signal.SIGKILL)
                self.killed["web process" if victim == processes[0] else "below it"] += 1
            if victim == processes[0]:
                while not self.playground.ended():
                    time.sleep(0.05)
                self.playground.start()

    def look(self) -> None:
        for pid in self.playground.processes():
            if (started := _started(pid)) is not None:
                self.seen.add((pid, started))


def kills(seconds: float) -> list[Row]:
    """kill -9 of a random process every 2 s while clients share and run programs; then a look at what is there."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    with Playground(PORT=str(port), WORKERS="2", SHARES_PER_HOUR="1000000") as playground:
        clients = [Client(f"127.0.5.{n + 1}", playground.address) for n in range(VISITORS)]
        killer = Killer(playground, seconds)
        killer.start()

        async def all_of_them() -> None:
            await asyncio.gather(*(client.go(killer.until) for client in clients))

        asyncio.run(all_of_them())
        killer.join()
        time.sleep(3)
        links = {name: source for client in clients for name, source in client.links.items()}
        missing = sum(not _is_there(playground.address, *link) for link in links.items())
        zombies = _zombies(playground)
        workers = json.loads(ask(playground.address, "/healthz")[1])["workers"]
        folders = len([*(playground.folder / "tmp").glob("worker-*")]) - workers["idle"] - workers["running"]
        killer.look()
        playground.stop()
        time.sleep(3)
        left = [pid for pid, started in killer.seen if _started(pid) == started]
    outcomes = sum((client.outcomes for client in clients), Counter[str]())
    note = f"of {len(links):,}; killed {dict(killer.killed)}"
    return [
        Row("acknowledged links that are not there", [missing], "", 0, note=note),
        Row(f"runs without an end within {ANSWER_SECONDS} s", [outcomes[LOST]], "", 0, note=str(dict(outcomes))),
        Row("zombies", [zombies], "", 0),
        Row("processes that outlive the server", [len(left)], "", 0),
        Row("folders of workers that are gone", [folders], "", 0),
    ]  # fmt: skip


def _is_there(server: str, name: str, source: str) -> bool:
    status, answer = ask(server, f"/s/{name}.json")
    return status == 200 and json.loads(answer)["program"]["request"]["source"] == source
