"""A running playground to submit to, over its own socket, as a browser does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


class Playground:
    """A web process with warm workers and an empty store, on a port of its own; gone when the block ends."""

    def __enter__(self) -> Playground:
        self._var = tempfile.TemporaryDirectory(prefix="bpfscope-bench-")
        env = {**os.environ, "BPFSCOPE_VAR": self._var.name, "HOST": "127.0.0.1", "SHUTDOWN_SECONDS": "0"}
        env.pop("PORT", None)
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=env, check=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "playground"], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        address = ""
        while "http://" not in address:
            address = self._process.stdout.readline()
            if not address:
                sys.exit("the playground did not start")
        self.address = address[address.index("http://") :].strip()
        self._wait_for_workers()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(10)
        self._var.cleanup()

    def _wait_for_workers(self) -> None:
        from urllib.request import urlopen

        for _ in range(120):
            with urlopen(self.address + "/healthz") as answer:
                if json.load(answer)["workers"]["idle"]:
                    return
            time.sleep(0.5)
        sys.exit("no worker came up")

    def verdict(self, request: dict[str, Any]) -> str:
        """Submit on a socket of its own and wait for the verifier's verdict."""
        from websockets.sync.client import connect

        url = self.address.replace("http://", "ws://") + "/ws/run"
        with connect(url, origin=self.address, max_size=None) as socket:  # type: ignore[arg-type]
            socket.send(json.dumps({"type": "run", "v": 1, "request": request}))
            for text in socket:
                message = json.loads(text)
                if message["type"] in ("error", "limit"):
                    sys.exit(f"bench: {message['message']}")
                if message.get("stage") == "verify" and message["type"] == "stage" and message["status"] != "working":
                    return str(message["verdict"])
        sys.exit("bench: the socket closed before the verdict")
