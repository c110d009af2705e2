"""Processes of a server killed at random while clients share and run programs: what is lost, and what is left."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import random
import socket
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import WebSocketException

from bench.killer import EVERY, Killer
from bench.measures import asm_request, c_request
from bench.rows import Row
from bench.submit import FORWARDED, Playground, socket_from

VISITORS: Final = 6
QUEUE_SECONDS: Final = 20
ANSWER_SECONDS: Final = 150
"""A run without an end after so long counts as lost; the time begins anew where a page starts it once more. It may wait
in the queue, for a worker that is dead (10 s), and for one that begins it (60 s), and then be told so."""
MOST_SECONDS: Final = 600
SETTLED_SECONDS: Final = 5
"""After the last kill, and after the end."""
LOST: Final = "no end"


class Client:
    """Shares programs and runs them, over and over, and notes what was acknowledged."""

    def __init__(self, address: str, server: str) -> None:
        self.address, self.server = address, server
        self.links: dict[str, str] = {}
        self.outcomes: Counter[str] = Counter()
        self.again = 0
        """Runs that were started once more, because the server that they waited in was killed."""
        self.longest = 0.0
        """Seconds from the start of a run, by the page for the last time, to its end."""
        self._number = 0
        self._story: list[str] = []
        self._began = 0.0

    async def go(self, until: float) -> None:
        while time.monotonic() < until:
            self._number += 1
            request = asm_request(f"r0 = {self._number}\nr1 = {random.randrange(1 << 30)}\nexit\n")
            await asyncio.to_thread(self._share, request)
            self._story, self._began = [], time.monotonic()
            try:
                async with asyncio.timeout(MOST_SECONDS):
                    self.outcomes[await self._run(random.choice((request, c_request())))] += 1
            except TimeoutError:
                self.outcomes[LOST] += 1
                print(f"  no end for {self.address}: {'; '.join(self._story)}", flush=True)

    def _note(self, what: str) -> None:
        """For a run without an end: what its client saw, and after how many seconds."""
        self._story.append(f"{time.monotonic() - self._began:.1f} s {what}")

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
        run, outcome = "", ""
        message = {"type": "run", "v": 1, "request": request}
        end = time.monotonic() + ANSWER_SECONDS
        while True:
            limit = asyncio.timeout(end - time.monotonic())
            try:
                async with limit, socket_from(self.address, self.server) as opened:
                    self._note(f"connected, resuming {run}" if run else "connected")
                    await opened.send(json.dumps({"type": "resume", "run": run} if run else message))
                    resumed, (run, outcome) = run, await _ended(opened, run, self._note)
            except (OSError, WebSocketException) as error:
                if limit.expired():
                    raise
                self._note(f"not connected: {error!r:.80}")
                end = time.monotonic() + ANSWER_SECONDS  # there is no server that could answer
                await asyncio.sleep(0.3)
                continue
            if resumed and outcome == "unknown_run":
                run, outcome = "", ""
                self.again += 1
                end = time.monotonic() + ANSWER_SECONDS
            if outcome:
                self.longest = max(self.longest, time.monotonic() - end + ANSWER_SECONDS)
                return outcome


async def _ended(opened: ClientConnection, run: str, note: Callable[[str], None]) -> tuple[str, str]:
    """(the run's id, how it ended); without an end where the connection is lost. note -- told of each message"""
    outcome = ""
    try:
        while True:
            told = json.loads(await opened.recv())
            note(" ".join(str(told[name]) for name in ("type", "stage", "position", "code") if name in told))
            if told["type"] == "accepted":
                run = told["run"]
            elif told["type"] == "done":
                return run, outcome or "done"
            elif told["type"] in ("error", "limit"):
                outcome = str(told.get("code") or f"limit {told['limit']}")
                if outcome in ("unknown_run", "busy", "bad_request"):  # nothing follows
                    return run, outcome
    except WebSocketException as error:
        note(f"disconnected: {error!r:.80}")
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


@dataclass(frozen=True)
class Servers:
    """Servers whose processes are killed; what rows call them, the folders in which workers have theirs.

    roots, keep -- as Killer takes them
    ready -- waits until all work again
    stop  -- ends them
    """

    name: str
    address: str
    folders: Sequence[Path]
    roots: Callable[[], Mapping[str, int]]
    keep: Callable[[], None]
    ready: Callable[[], object]
    stop: Callable[[], None]


def kills(seconds: float) -> list[Row]:
    """kill -9 of a random process every 2 s while clients share and run programs; then a look at what is there."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    with Playground(
        PORT=str(port), WORKERS="2", SHARES_PER_HOUR="1000000", QUEUE_SECONDS=str(QUEUE_SECONDS)
    ) as playground:

        def keep() -> None:
            if playground.ended():
                playground.begin()

        def roots() -> dict[str, int]:
            return {} if playground.ended() else {"web process": playground.processes()[0]}

        servers = Servers(
            "server", playground.address, [playground.folder], roots, keep, playground.wait_for_workers, playground.stop
        )
        return killed_at_random(servers, [f"127.0.5.{n + 1}" for n in range(VISITORS)], seconds)


def killed_at_random(servers: Servers, addresses: Sequence[str], seconds: float) -> list[Row]:
    """Kill processes beside clients at these addresses: what is lost, and what is left after the servers' end."""
    clients = [Client(address, servers.address) for address in addresses]
    killer = Killer(seconds, servers.roots, servers.keep)
    killer.start()
    asyncio.run(all_of_them(clients, killer))
    killer.join()
    servers.ready()
    time.sleep(EVERY + SETTLED_SECONDS)
    links = {name: source for client in clients for name, source in client.links.items()}
    missing = sum(not is_there(servers.address, *link) for link in links.items())
    killer.look()
    zombies, folders = killer.zombies(), killer.folders(*servers.folders)
    servers.stop()
    time.sleep(SETTLED_SECONDS)
    return [
        Row("acknowledged links that are not there", [missing], "", 0, note=f"of {len(links):,}"),
        *ends(clients, killer),
        Row("zombies", [len(zombies)], "", 0, note=", ".join(zombies)),
        Row(f"processes that outlive the {servers.name}", [len(killer.left())], "", 0),
        Row("folders of workers that are gone", [folders], "", 0),
    ]


async def all_of_them(clients: Sequence[Client], killer: Killer) -> None:
    """All clients, until no process is killed any more."""
    await asyncio.gather(*(client.go(killer.until) for client in clients))


def ends(clients: Sequence[Client], killer: Killer) -> list[Row]:
    """How runs ended, and what was killed."""
    outcomes = sum((client.outcomes for client in clients), Counter[str]())
    note = f"of {outcomes.total():,}: {dict(outcomes)}"
    killed = f"{dict(killer.killed)}, every {killer.seconds / max(1, killer.killed.total()):.2f} s"
    return [
        Row(f"runs without an end within {ANSWER_SECONDS} s", [outcomes[LOST]], "", 0, note=note),
        Row("the longest run", [max(client.longest for client in clients)], " s"),
        Row("runs that their page started once more", [sum(client.again for client in clients)]),
        Row("processes killed", [killer.killed.total()], note=killed),
    ]


def is_there(server: str, name: str, source: str) -> bool:
    status, answer = ask(server, f"/s/{name}.json")
    return status == 200 and json.loads(answer)["program"]["request"]["source"] == source
