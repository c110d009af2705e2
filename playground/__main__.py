"""`python -m playground`: one web process on HOST:PORT, the next free port where the usual one is taken."""

from __future__ import annotations

import argparse
import fcntl
import logging
import os
import socket
import sys
from collections.abc import Sequence

import uvicorn

PORTS = range(8000, 8100)
BACKLOG = 2048
"""Connections that wait to be accepted."""
ACCEPTED_AT_ONCE = 64
"""Connections that are accepted before others are served."""


def main(words: Sequence[str], prog: str = "python -m playground") -> int:
    """Serve until a signal ends it; the exit status. words -- the command line, of which only --help is known"""
    argparse.ArgumentParser(
        prog=prog,
        description="Serves the page at HOST:PORT, or at the first free port from 8000 of 127.0.0.1.",
        epilog="HOST, PORT and all other settings are environment variables: docs/operating.md lists them.",
    ).parse_args(words)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "playground.settings")
    from django.core.exceptions import ImproperlyConfigured

    host = os.environ.get("HOST", "").strip() or "127.0.0.1"
    try:
        listener = listen(host, os.environ.get("PORT", "").strip())
        # Settings are read here, so that what is wrong with them is a sentence and not a traceback.
        from playground.asgi import application
    except (ImproperlyConfigured, OSError, ValueError) as error:
        print(f"bpfscope: {error}", file=sys.stderr)
        return 1
    from django.conf import settings
    from django.core.management import call_command

    from playground.connections import LimitedProtocol, LimitedWebSocket, connections

    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        # Our own file: its tables are made or brought up to date here. Those of a server are its operator's to change.
        with open(settings.VAR_DIR / "migrate.lock", "w") as lock:  # another server may start at this moment
            fcntl.flock(lock, fcntl.LOCK_EX)
            call_command("migrate", verbosity=0)
    connections.configure()
    config = uvicorn.Config(
        application,
        http=LimitedProtocol,
        ws=LimitedWebSocket,
        ws_max_size=2 * settings.MESSAGE_BYTES,  # what is a little too long is refused with a sentence
        ws_per_message_deflate=True,
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=3,
        backlog=ACCEPTED_AT_ONCE,
    )
    port = listener.getsockname()[1]
    server = Server(config, f"http://{f'[{host}]' if ':' in host else host}:{port}")
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        return 0
    return 0 if server.started else 1


class Server(uvicorn.Server):
    """Says its address once it answers there."""

    def __init__(self, config: uvicorn.Config, address: str) -> None:
        super().__init__(config)
        self.address = address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(BACKLOG)  # asyncio takes one number for how many wait and how many it accepts in a row
        if self.started:
            print(f"bpfscope is at {self.address}", flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let runs end first; then close sockets with 1012 (service restart) and stop."""
        from django.conf import settings

        from playground.jobs import service

        here = service.current()
        if here is not None:
            await here.drain(settings.SHUTDOWN_SECONDS, lambda: self.force_exit)
        await super().shutdown(sockets)


def listen(host: str, wanted: str) -> socket.socket:
    """A listening socket. OSError with a sentence when the wanted port, or every usual one, is taken."""
    if wanted and not (wanted.isdecimal() and int(wanted) < 65536):
        raise ValueError(f"PORT is {wanted!r}: it has to be a number below 65536.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in [int(wanted)] if wanted else PORTS:
        # With the protocol named, asyncio sets TCP_NODELAY: else a small message waits 40 ms for the last one's ACK.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            # SO_REUSEADDR lets several bind, before one of them listens: only this tells whether the port is ours.
            listener.listen(BACKLOG)
        except OSError as error:
            listener.close()
            if wanted:
                raise OSError(f"PORT {port} on {host} cannot be used: {error.strerror}.") from None
            logging.getLogger("playground").debug("port %d is taken", port)
        else:
            listener.set_inheritable(True)
            return listener
    raise OSError(f"no port from {PORTS[0]} to {PORTS[-1]} is free on {host}; name one with PORT.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
