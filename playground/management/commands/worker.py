"""`manage.py worker`: take jobs from Redis and run them here, for web processes on this or other machines."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from playground.jobs.service import local_pool, store, version

READY_SECONDS = 180
KINDS = ("all", "runs", "reads", "guests")
ALIVE = "worker.alive"
"""File below VAR_DIR that is touched every other second while Redis hears of the worker: for health checks."""


class Command(BaseCommand):
    help = "Run users' programs for the web processes that share REDIS_URL. Stop it with SIGTERM."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--kind",
            choices=KINDS,
            default="all",
            help="which jobs: runs, short reads of stored runs, jobs for the real kernels of this machine, or all",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.REDIS_URL:
            raise CommandError("REDIS_URL is not set. Without it the web process has its own workers.")
        from celery.apps.worker import Worker
        from celery.signals import setup_logging, worker_ready, worker_shutting_down

        from playground.jobs import engine  # celery and redis are installed only where they are used
        from playground.jobs.taker import Taker

        loop = asyncio.new_event_loop()
        threading.Thread(target=loop.run_forever, name="pool", daemon=True).start()

        async def begin() -> Taker:
            here = store()
            here.start()
            taker = Taker(settings.REDIS_URL, settings.JOB_KEY, local_pool(), here, version())
            taker.start()
            if not await taker.pool.ready(READY_SECONDS):
                raise CommandError(taker.pool.start_error or "no worker process is ready")
            return taker

        taker = asyncio.run_coroutine_threadsafe(begin(), loop).result()
        app = engine.application(settings.REDIS_URL)
        queues = engine.queues(options["kind"], taker.pool.about.get("guests", []))
        if not queues:
            raise CommandError("this machine has no kernels for guests: see BPFSCOPE_KERNELS in docs/kernels.md")
        app.conf.task_queues = engine.declared(queues)

        @app.task(name=engine.TASK)  # type: ignore[untyped-decorator]
        def job(name: str) -> None:
            asyncio.run_coroutine_threadsafe(taker.run(name), loop).result()

        def ready(**_: Any) -> None:
            loop.call_soon_threadsafe(taker.report, queues)

        def reconnect() -> None:
            # A job that could not be acknowledged would keep Celery from taking another one on its old connection.
            worker.consumer.hub.call_soon(_lose)

        def stopping(**_: Any) -> None:
            taker.stop(settings.SHUTDOWN_SECONDS)

        setup_logging.connect(_keep_logging, weak=False)
        worker_ready.connect(ready, weak=False)
        worker_shutting_down.connect(stopping, weak=False)
        worker = Worker(
            app=app,
            hostname=f"{options['kind']}-{taker.name}",
            pool="threads",
            concurrency=taker.pool.size,
            loglevel="WARNING",
            redirect_stdouts=False,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
        )
        taker.on_return = reconnect
        taker.on_told = (settings.VAR_DIR / ALIVE).touch
        try:
            worker.start()
        finally:
            asyncio.run_coroutine_threadsafe(taker.close(), loop).result()
            self.stderr.write("worker: stopped")


def _lose() -> None:
    """Called by Celery's event loop: what is raised there makes it connect anew."""
    raise ConnectionError("Redis was away")


def _keep_logging(**_: Any) -> None:
    """Django has set up the log already; with this receiver Celery leaves it as it is."""
