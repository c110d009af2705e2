"""A running playground to submit to, over its own socket, as a browser does."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from websockets.asyncio.client import connect
from websockets.typing import Origin

from vm.remote import Connection

ROOT = Path(__file__).resolve().parent.parent
FORWARDED = "X-Forwarded-For"
"""Header with a visitor's address, for servers that trust a proxy to tell it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back on the socket: seconds until the verdict, and bytes until the run had ended."""

    verdict: str
    seconds: float
    received: int
    steps: int


class Held(NamedTuple):
    """web, workers -- bytes of memory; descriptors of all processes; processes; files, but for stored runs"""

    web: int
    workers: int
    descriptors: int
    processes: int
    files: int


class Playground:
    """A web process with warm workers and an empty store, on a port of its own; gone when the block ends.

    more -- further settings (docs/operating.md), as environment variables
    """

    def __init__(self, **more: str) -> None:
        self._more = {"RUNS_PER_MINUTE": "100000", **more}

    def __enter__(self) -> Playground:
        self._var = tempfile.TemporaryDirectory(prefix="bpfscope-bench-")
        self.folder = Path(self._var.name)
        self._log = self.folder / "server.log"
        self.start()
        return self

    def start(self) -> None:
        """Start the web process; wait until a worker is there."""
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=self._environment(), check=True)
        self.begin()
        assert self._process.stdout is not None
        address = ""
        while "http://" not in address:
            address = self._process.stdout.readline()
            if not address:
                sys.exit(f"bench: the playground did not start:\n{self._log.read_text()[-2000:]}")
        self.address = address[address.index("http://") :].strip()
        self.wait_for_workers()

    def begin(self) -> None:
        """Start the web process, also once more after it was killed, and wait for nothing."""
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "playground"], cwd=ROOT, env=self._environment(), stdout=subprocess.PIPE,
                stderr=log, text=True,
            )  # fmt: skip

    def _environment(self) -> dict[str, str]:
        env = {**os.environ, "BPFSCOPE_VAR": self._var.name, "HOST": "127.0.0.1", "SHUTDOWN_SECONDS": "0"}
        env.pop("PORT", None)
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        return env | self._more

    def stop(self) -> None:
        """End the web process, and with it its workers."""
        self._process.terminate()
        self._process.wait(10)

    def ended(self) -> bool:
        """Whether the web process is gone; one that was killed is waited for here."""
        return self._process.poll() is not None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._var.cleanup()

    def wait_for_workers(self) -> None:
        """Until a run could begin at once; SystemExit after a minute."""
        from urllib.request import urlopen

        for _ in range(120):
            # 503 until a worker has started
            with contextlib.suppress(OSError), urlopen(self.address + "/healthz") as answer:
                if json.load(answer)["workers"]["idle"]:
                    return
            time.sleep(0.5)
        sys.exit(f"bench: no worker came up:\n{self._log.read_text()[-2000:]}")

    def wait_for_all_workers(self, seconds: float = 20) -> None:
        """Until each worker is idle, or the time is over."""
        from urllib.request import urlopen

        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(OSError), urlopen(self.address + "/healthz") as answer:
                workers = json.load(answer)["workers"]
                if workers["idle"] > workers["size"]:
                    return
            time.sleep(0.1)

    def submit(self, request: dict[str, Any], *, to_the_end: bool = True) -> Answer:
        """Submit on a socket of its own; wait for the verifier's verdict, and for the end of the run if asked to."""
        verdict: tuple[str, float, int] | None = None
        with Connection(self.address) as server:
            start = time.perf_counter()
            for message in server.run(request):
                if message["type"] in ("error", "limit"):
                    sys.exit(f"bench: {message['message']}")
                if message.get("stage") == "verify" and message["type"] == "stage" and message["status"] != "working":
                    found = str(message.get("verdict") or message.get("message"))
                    verdict = found, time.perf_counter() - start, int(message.get("steps") or 0)
                if verdict is not None and (not to_the_end or message["type"] == "done"):
                    return Answer(verdict[0], verdict[1], server.received, verdict[2])
        sys.exit("bench: the run ended before the verdict")

    def verdict(self, request: dict[str, Any]) -> str:
        """Submit and wait for the verifier's verdict only."""
        return self.submit(request, to_the_end=False).verdict

    @property
    def log_bytes(self) -> int:
        """Bytes that the server has logged."""
        return self._log.stat().st_size

    def held(self) -> Held:
        """What the web process and all below it hold now."""
        memory, files, count = [], 0, 0
        for process in self.processes():
            try:
                memory.append(int(Path(f"/proc/{process}/statm").read_text().split()[1]) * 4096)
                files += len(list(Path(f"/proc/{process}/fd").iterdir()))
            except OSError:
                continue
            count += 1
        # os.walk passes over folders that go meanwhile.
        left = sum(not name.endswith(".run") for _, _, names in os.walk(self._var.name) for name in names)
        return Held(memory[0], sum(memory[1:]), files, count, left)

    def processes(self) -> list[int]:
        """The web process and all below it, it first."""
        children: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                except (OSError, ValueError):
                    continue
                children.setdefault(parent, []).append(int(entry.name))
        found = [self._process.pid]
        for process in found:
            found += children.get(process, ())
        return found

    def peak_memory(self) -> int:
        """Bytes that the largest process below the web process has had at most, since it was started."""
        peak = 0
        for process in self.processes()[1:]:
            try:
                found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
            except OSError:
                continue
            peak = max(peak, int(found[1]) << 10 if found else 0)
        return peak


@contextlib.asynccontextmanager
async def socket_from(address: str, server: str) -> Any:
    """An open run socket from a local address, after its hello; the address is in a header, too."""
    async with connect(
        server.replace("http", "ws") + "/ws/run", origin=Origin(server), local_addr=(address, 0), max_size=None,
        open_timeout=30, ping_interval=None, additional_headers={FORWARDED: address},
    ) as opened:  # fmt: skip
        await opened.recv()
        yield opened
