"""The services of docker-compose.yml as plain processes on loopback, to be started, killed and measured."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final
from urllib.parse import urlsplit

from bench.kills import ask
from bench.submit import ROOT

KEY: Final = "a key for this measure alone, of 32 characters"
PATH: Final = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
CPU: Final = Path("/sys/fs/cgroup/cpu")
SERVICES: Final = "services"
"""The control group of all but the workers: web process, Redis, PostgreSQL, nginx, and the clients."""
NGINX: Final = """daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    {kept}
    map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
    upstream scope {{ {webs} }}
    server {{
        listen 127.0.0.1:{port};
        client_max_body_size 100m;
        location / {{
            proxy_pass http://scope;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_connect_timeout 2s;
            proxy_read_timeout 120s;
            proxy_buffering off;
            proxy_request_buffering off;
        }}
    }}
}}
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def program(name: str) -> str:
    """The path of a program; exits if it is not installed."""
    found = shutil.which(name, path=PATH) or next(map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), "")
    if not found:
        sys.exit(f"bench: {name} is not installed")
    return found


def enter(group: str, process: int, quota: float) -> None:
    """Put a process into a control group that gets its processors whatever else this machine does.

    quota -- processors that the group may use, 0 without a limit
    """
    folder = CPU / f"bpfscope-{group}"
    folder.mkdir(exist_ok=True)
    (folder / "cpu.cfs_quota_us").write_text(str(int(quota * 100_000) or -1))
    (folder / "cpu.shares").write_text("262144")
    (folder / "cgroup.procs").write_text(str(process))


class Composition:
    """The services, gone when the block ends. names -- which are killed in turn; address -- of nginx

    workers -- how many; quota -- processors that each may use, 0 without a limit
    """

    def __init__(self, workers: int = 2, webs: int = 2, quota: float = 0.0) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="bpfscope-services-"))
        self.folder.chmod(0o755)
        self._user = "postgres" if os.getuid() == 0 else None
        self._quota = quota
        self._running: dict[str, subprocess.Popen[Any]] = {}
        database, redis, proxy = free_port(), free_port(), free_port()
        ports = [free_port() for _ in range(webs)]
        self.address = f"http://127.0.0.1:{proxy}"
        self.webs = {f"web-{n + 1}": f"http://127.0.0.1:{port}" for n, port in enumerate(ports)}
        self.owner = f"postgres://owner@127.0.0.1:{database}/postgres"
        data = self.folder / "postgres"
        self._commands: dict[str, list[str]] = {
            "postgres": [
                program("postgres"), "-D", f"{data}/data", "-p", str(database), "-k", str(data),
                "-c", "listen_addresses=127.0.0.1",
            ],
            "redis": [
                program("redis-server"), "--port", str(redis), "--bind", "127.0.0.1", "--save", "",
                "--maxmemory", "512mb", "--aclfile", str(self.folder / "users.acl"),
            ],
            **{name: [sys.executable, "-m", "playground"] for name in self.webs},
            **{f"worker-{n + 1}": [sys.executable, "manage.py", "worker", "--kind", "runs"] for n in range(workers)},
            "reader": [sys.executable, "manage.py", "worker", "--kind", "reads"],
            "nginx": [program("nginx"), "-p", str(self.folder), "-c", str(self.folder / "nginx.conf")],
        }  # fmt: skip
        shared = {"JOB_KEY": KEY, "BPFSCOPE_CACHE": os.environ.get("BPFSCOPE_CACHE", str(Path.home() / ".cache"))}
        web = {
            **shared, "SECRET_KEY": KEY, "LINK_KEY": KEY, "TRUSTED_PROXIES": "1", "HOST": "127.0.0.1",
            "DATABASE_URL": self.owner.replace("owner@", "web:web@"), "REDIS_URL": f"redis://web:web@127.0.0.1:{redis}/0",
            "RUNS_PER_MINUTE": "100000", "SHARES_PER_HOUR": "1000000", "QUEUE_SECONDS": "20", "SHUTDOWN_SECONDS": "2",
        }  # fmt: skip
        worker = {**shared, "REDIS_URL": f"redis://worker:worker@127.0.0.1:{redis}/0", "WORKERS": "1"}
        self.environments = {
            **{name: {**web, "PORT": str(port)} for name, port in zip(self.webs, ports, strict=True)},
            **{name: worker for name in self._commands if name.startswith("worker")},
            # With two, it takes a client's first run while all workers are in use; those are not to be counted.
            "reader": {**worker, "WORKERS": "1" if quota else "2"},
        }
        users = (ROOT / "deploy" / "users.acl").read_text()
        (self.folder / "users.acl").write_text(
            users.replace("WEB_PASSWORD", "web").replace("WORKER_PASSWORD", "worker")
        )
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        kept = " ".join(f"{kind}_temp_path {self.folder}/{kind};" for kind in kinds)
        servers = " ".join(f"server 127.0.0.1:{port};" for port in ports)
        config = NGINX.format(folder=self.folder, kept=kept, webs=servers, port=proxy)
        (self.folder / "nginx.conf").write_text(config)
        self.names = tuple(name for name in self._commands if name != "nginx")

    def __enter__(self) -> Composition:
        data = self.folder / "postgres"
        data.mkdir()
        if self._user:
            shutil.chown(data, self._user, self._user)
        options = ["-U", "owner", "-A", "trust", "--no-instructions", "--no-sync"]
        subprocess.run(
            [program("initdb"), "-D", data / "data", *options],
            user=self._user, cwd=data, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        self.start("postgres")
        self.start("redis")
        self.until(lambda: subprocess.run([program("pg_isready"), "-q", "-d", self.owner], check=False).returncode == 0)
        self.manage("migrate", "-v0", DATABASE_URL=self.owner)
        rights = ["-v", "ON_ERROR_STOP=1", "-v", "password=web", "-f", str(ROOT / "deploy" / "rights.sql")]
        subprocess.run([program("psql"), "-q", self.owner, *rights], check=True, stdout=subprocess.DEVNULL)
        for name in self._commands:
            if name not in self._running:
                self.start(name)
        self.until(lambda: all(self.ready(name) for name in self.webs))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        for group in CPU.glob("bpfscope-*") if self._quota else ():
            with contextlib.suppress(OSError):
                group.rmdir()
        if kind is None:
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            print(f"the logs are in {self.folder}", file=sys.stderr)

    def stop(self) -> None:
        """End all services."""
        for name in reversed(self._commands):
            with contextlib.suppress(KeyError, ProcessLookupError):
                self._running[name].send_signal(signal.SIGINT if name == "postgres" else signal.SIGTERM)
        for process in self._running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)

    def roots(self) -> dict[str, int]:
        """The kind and the number of each service's first process, of those that run; nginx is not one of them."""
        return {name: self._running[name].pid for name in self.names if self._running[name].poll() is None}

    def keep(self) -> None:
        """Start again what has ended."""
        for name in self.names:
            if self._running[name].poll() is not None:
                self.start(name)

    def start(self, name: str) -> None:
        environment = {**os.environ, **self.environments.get(name, {}), "BPFSCOPE_VAR": str(self.folder / name)}
        log = (self.folder / f"{name}.log").open("ab")
        own: dict[str, Any] = {"user": self._user, "cwd": self.folder / name} if name == "postgres" else {"cwd": ROOT}
        process = subprocess.Popen(self._commands[name], env=environment, stdout=log, stderr=log, **own)
        log.close()
        self._running[name] = process
        if self._quota:  # before it has started any of its own
            of_workers = name.startswith("worker")
            enter(name if of_workers else SERVICES, process.pid, self._quota if of_workers else 0.0)

    def kill(self, name: str) -> None:
        self._running[name].kill()
        self._running[name].wait()

    def ready(self, name: str) -> bool:
        """Whether a web process answers, and has workers."""
        with contextlib.suppress(OSError, ValueError):
            return ask(self.webs[name], "/readyz")[0] == 200
        return False

    def idle(self) -> bool:
        """Whether no run waits or runs, now and a second later."""
        found = []
        for _ in range(2):
            said = json.loads(ask(self.webs["web-1"], "/healthz")[1])
            found.append(said["workers"]["running"] + said["queue"]["length"])
            time.sleep(1)
        return not any(found)

    def until(self, condition: Any, seconds: float = 90) -> float:
        """Wait; seconds that it took. TimeoutError."""
        start = time.monotonic()
        while not condition():
            if time.monotonic() - start > seconds:
                raise TimeoutError("the services did not become ready")
            time.sleep(0.2)
        return time.monotonic() - start

    def manage(self, *command: str, **more: str) -> str:
        """Run manage.py as a web process would."""
        environment = {**os.environ, **self.environments["web-1"], "BPFSCOPE_VAR": str(self.folder / "manage"), **more}
        done = subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def restored(self) -> set[str]:
        """The links of a database that was made empty and got a backup of the services' one."""
        empty = urlsplit(self.owner)._replace(path="/restored").geturl()
        file = self.folder / "backup"
        self.manage("export_links", str(file))
        subprocess.run([program("psql"), "-q", self.owner, "-c", "CREATE DATABASE restored"], check=True)
        self.manage("migrate", "-v0", DATABASE_URL=empty)
        self.manage("import_links", str(file), DATABASE_URL=empty)
        found = subprocess.run(
            [program("psql"), "-At", empty, "-c", "SELECT id FROM playground_link"],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        return set(found.stdout.split())
