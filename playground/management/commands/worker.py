"""`manage.py worker`: take jobs from Redis and run them here, for web processes on this or other machines."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from playground.jobs.service import local_pool, store


class Command(BaseCommand):
    help = "Run users' programs for the web processes that share REDIS_URL. Stop it with SIGTERM."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.REDIS_URL:
            raise CommandError("REDIS_URL is not set. Without it the web process has its own workers.")
        with asyncio.Runner() as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        from playground.jobs.remote import Taker

        here = store()
        here.start()
        taker = Taker(settings.REDIS_URL, local_pool(), here, last_seconds=settings.SHUTDOWN_SECONDS)
        serving = asyncio.create_task(taker.serve())
        signals = iter((taker.stop,))

        def on_signal() -> None:
            """The first asks it to end when its jobs have; the next ends it."""
            next(signals, serving.cancel)()

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, on_signal)
        with contextlib.suppress(asyncio.CancelledError):
            await serving
        self.stderr.write("worker: stopped")
