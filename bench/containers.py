"""docker-compose.yml as it stands, brought up with Docker; the interface of bench.composition.Composition.

It needs Docker, docker-compose, and root: a container is killed as its first process, for Docker to start it again.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from bench.kills import ask
from bench.submit import ROOT

COMPOSE: Final = ROOT / "docker-compose.yml"
HOST: Final = "127.0.0.1"
START_SECONDS: Final = 900
"""A machine that is busy with other work may need minutes."""
KILLED: Final = (("db", 1), ("redis", 1), ("web", 2), ("worker", 2), ("reader", 1))
"""Services and the number of their containers, in the order in which they are killed."""
ATTEMPT: Final = """
import socket, sys
for name in sys.argv[1:]:
    host, _, port = name.partition(":")
    try:
        socket.create_connection((host, int(port)), 2).close()
        print(name)
    except OSError:
        pass
"""
"""Prints which of the addresses can be connected to."""
LISTENS: Final = {"db": 5432, "redis": 6379, "web": 8000, "proxy": 8080}


class Containers:
    """The composition, gone with its volumes when the block ends. names -- the containers that are killed in turn"""

    def __init__(self, port: int) -> None:
        self._project = f"bpfscope-test-{os.getpid()}"
        self._compose = _compose()
        self.address = f"http://{HOST}:{port}"
        self._owner = secrets.token_hex(16)
        self._environment = {
            **{name: secrets.token_hex(16) for name in ("DATABASE_PASSWORD", "REDIS_PASSWORD", "WORKER_PASSWORD")},
            **{name: secrets.token_hex(32) for name in ("JOB_KEY", "SECRET_KEY", "LINK_KEY")},
            "POSTGRES_PASSWORD": self._owner, "ALLOWED_HOSTS": HOST, "PORT": str(port), "WORKERS": "1",
            # The clients tell their addresses, as a proxy with TLS in front would do.
            "TRUSTED_PROXIES": "2", "RUNS_PER_MINUTE": "100000", "SHARES_PER_HOUR": "1000000", "QUEUE_SECONDS": "20",
        }  # fmt: skip
        self.names = tuple(f"{name}-{n + 1}" for name, count in KILLED for n in range(count))
        self.webs = tuple(name for name in self.names if name.startswith("web"))
        self._ids: dict[str, str] = {}

    def __enter__(self) -> Containers:
        try:
            self.compose("up", "-d", "--no-build", "--scale", "web=2", "--scale", "worker=2")
            for service, _ in (*KILLED, ("proxy", 1)):
                for n, container in enumerate(sorted(self.compose("ps", "-q", service).split())):
                    self._ids[f"{service}-{n + 1}"] = container
            self.until(self.healthy, START_SECONDS)
            self.until(lambda: all(map(self.ready, self.webs)), START_SECONDS)
        except BaseException:
            self._end(failed=True)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(failed=kind is not None)

    def _end(self, *, failed: bool) -> None:
        if failed:
            print(self.compose("logs", "--no-color", "--tail", "40"), file=sys.stderr)
        self.compose("down", "-v", "--timeout", "20")

    def compose(self, *command: str) -> str:
        """What docker-compose prints. CalledProcessError."""
        return _said([*self._compose, "-p", self._project, "-f", str(COMPOSE), *command], self._environment)

    def inspect(self, name: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = json.loads(_said(["docker", "inspect", self._ids[name]]))
        return found[0]

    def execute(self, name: str, *command: str, **environment: str) -> str:
        """What a command in a container prints. CalledProcessError."""
        set_ = [word for item in environment.items() for word in ("-e", "=".join(item))]
        return _said(["docker", "exec", *set_, self._ids[name], *command])

    def healthy(self) -> bool:
        """Whether the health check of every container says so."""
        return all(self.inspect(name)["State"]["Health"]["Status"] == "healthy" for name in self._ids)

    def kill(self, name: str) -> None:
        """SIGKILL for the first process of a container, and with it for all others of it."""
        os.kill(self.inspect(name)["State"]["Pid"], signal.SIGKILL)

    def start(self, name: str) -> None:
        """Wait until Docker has started a killed container again: `restart: unless-stopped`."""
        self.until(lambda: bool(self.inspect(name)["State"]["Running"]))

    def ready(self, name: str) -> bool:
        """Whether a web container answers, and has workers."""
        networks = self.inspect(name)["NetworkSettings"]["Networks"]
        address = next(each["IPAddress"] for key, each in networks.items() if key.endswith("front"))
        with contextlib.suppress(OSError, http.client.HTTPException):
            return bool(address) and ask(f"http://{address}:8000", "/readyz", headers={"Host": HOST})[0] == 200
        return False

    def until(self, condition: Any, seconds: float = 300) -> float:
        """Wait; seconds that it took. TimeoutError."""
        start = time.monotonic()
        while not condition():
            if time.monotonic() - start > seconds:
                raise TimeoutError("the containers did not become ready")
            time.sleep(0.2)
        return time.monotonic() - start

    def restored(self) -> set[str]:
        """The links of a database that was made empty and got a backup of the composition's one."""
        empty = {"DATABASE_URL": f"postgres://bpfscope:{self._owner}@db:5432/restored"}
        self.execute("web-1", "python", "manage.py", "export_links", "/tmp/backup")
        self._psql("bpfscope", "CREATE DATABASE restored")
        self.execute("web-1", "python", "manage.py", "migrate", "-v0", **empty)
        self.execute("web-1", "python", "manage.py", "import_links", "/tmp/backup", **empty)
        return set(self._psql("restored", "SELECT id FROM playground_link").split())

    def _psql(self, database: str, statement: str) -> str:
        return self.execute("db-1", "psql", "-h", "/tmp", "-U", "bpfscope", "-Atq", database, "-c", statement)

    def unconfined(self) -> list[str]:
        """What of docker-compose.yml does not hold the containers that run, as `NAME: WHAT`."""
        found = []
        for name in self._ids:
            said = self.inspect(name)
            host = said["HostConfig"]
            first = Path(f"/proc/{said['State']['Pid']}/status").read_text()
            holds = {
                "a user of its own": "\nUid:\t0\t" not in first,
                "no capabilities": "CapEff:\t0000000000000000" in first and "CapBnd:\t0000000000000000" in first,
                "no new privileges": "NoNewPrivs:\t1" in first,
                "read-only": host["ReadonlyRootfs"],
                "an init": host["Init"],
                "a limit of memory": host["Memory"] > 0,
                "a limit of processors": host["NanoCpus"] > 0,
                "a limit of processes": host["PidsLimit"],
                "log rotation": host["LogConfig"]["Config"].get("max-size"),
                "a restart": host["RestartPolicy"]["Name"] == "unless-stopped",
            }
            found += [f"{name}: {what}" for what, held in holds.items() if not held]
        layers = json.loads(self.execute("worker-1", "python", "manage.py", "sandbox_check", "--json"))
        return found + [f"worker-1: {each['layer']}" for each in layers["layers"] if not each["active"]]

    def reached(self) -> list[str]:
        """What workers can connect to besides Redis: other containers, this machine; AssertionError if not to Redis."""
        places, found = {}, []
        with socket.create_server(("0.0.0.0", 0)) as here:
            for name in self._ids:
                port = LISTENS.get(name.split("-")[0])
                for network in self.inspect(name)["NetworkSettings"]["Networks"].values():
                    places[f"{network['Gateway']}:{here.getsockname()[1]}"] = "this machine"
                    if port:
                        places[f"{network['IPAddress']}:{port}"] = name
            for name in self.names:
                if name.startswith(("worker", "reader")):
                    can = self.execute(name, "python", "-c", ATTEMPT, "redis:6379", *places).split()
                    assert can[:1] == ["redis:6379"], f"{name} does not reach Redis"
                    found += [f"{name}: {places[each]}" for each in can[1:] if not places[each].startswith("redis")]
        return found


def _compose() -> list[str]:
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    if shutil.which("docker") and not subprocess.run(["docker", "compose", "version"], capture_output=True).returncode:
        return ["docker", "compose"]
    sys.exit("bench: docker-compose is not installed")


def _said(command: list[str], environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **(environment or {})}, capture_output=True, text=True)
    if done.returncode:
        print(done.stderr[-4000:], file=sys.stderr)
        done.check_returncode()
    return done.stdout
