"""The Celery application that web processes and workers share, and the names of what they keep in Redis.

A Celery message holds the name of a job, nothing else. The job itself is a signed value under `key("want", name)`,
which the web process removes when nobody wants the job any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from celery import Celery
from kombu.entity import Queue

from playground.jobs.frames import MATRIX, REAL, RECORD, SHORT

PREFIX: Final = "bpfscope:3:"
"""Of all keys. The number is a version: processes of two releases do not take each other's jobs."""
TASK: Final = "playground.job"
READS, FIRST, RUNS, GUESTS = "reads", "first", "runs", "guests"
"""Queues: short reads of stored runs; runs of clients that have none running, while all workers of RUNS are in use;
other runs and analyses; jobs for real kernels. Jobs for one kernel are in a queue of that kernel, see `guests`."""
KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "all": (READS, FIRST, RUNS, GUESTS),
    "runs": (FIRST, RUNS),
    "reads": (READS, FIRST),
    "guests": (GUESTS,),
}
"""The queues from which each kind of worker takes jobs, the first one first."""
ASKS_KERNELS: Final = frozenset({MATRIX, REAL, RECORD})
"""The kinds of jobs for GUESTS."""
URGENT, USUAL, LATER = 0, 3, 9
"""Priorities inside a queue: what users run, what is asked about it, what the server does by itself."""
STEPS: Final = (URGENT, USUAL, LATER)
VISIBLE_SECONDS: Final = 3600
"""Seconds after which Redis gives out a job once more that was taken and neither done nor returned. Web processes
notice a lost worker much earlier; such a job is not wanted any more."""


def key(kind: str, name: str) -> str:
    return f"{PREFIX}{kind}:{name}"


def guests(series: str) -> str:
    """The queue of jobs for one kernel, by its series ("6.1")."""
    return f"{GUESTS}.{series}"


def queues(kind: str, kernels: Iterable[str]) -> tuple[str, ...]:
    """The queues of a worker of a kind that has these kernels (names as `6.1-…`); without any, jobs for kernels are not
    for it."""
    named = KINDS[kind]
    series = sorted({name.partition("-")[0] for name in kernels})
    if not series:
        return tuple(name for name in named if name != GUESTS)
    return (*named, *map(guests, series)) if GUESTS in named else named


def queue_of(request: Mapping[str, Any], served: frozenset[str]) -> str:
    """The queue of a job: READS, RUNS, GUESTS, or that of a kernel.

    served -- the queues from which workers take jobs. Without a worker that has the kernel, one that has none answers
    """
    kind = request.get("kind")
    if kind in SHORT:
        return READS
    if kind not in ASKS_KERNELS:
        return RUNS
    kernels = {request["kernel"]} if request.get("kernel") else set(request.get("kernels", ()))
    one = guests(next(iter(kernels))) if len(kernels) == 1 else GUESTS
    return next((name for name in (one, GUESTS) if name in served), RUNS)


def application(url: str) -> Celery:
    """The Celery application with Redis at `url` as its broker."""
    app = Celery("playground", broker=url, set_as_current=False, fixups=[])
    app.conf.update(
        # A job is done when its last message is in Redis; the job of a worker that ends before is given out again.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        task_ignore_result=True,
        accept_content=["json"],
        task_serializer="json",
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "global_keyprefix": PREFIX,
            "queue_order_strategy": "priority",
            "priority_steps": list(STEPS),
            "sep": ":",
            "visibility_timeout": VISIBLE_SECONDS,
            "socket_connect_timeout": 3,
            "socket_timeout": 10,
            "socket_keepalive": True,
        },
    )
    return app


def declared(names: Iterable[str]) -> list[Queue]:
    """For Celery's `task_queues`: without an exchange, jobs are addressed to queues."""
    return [Queue(name, routing_key=name) for name in names]  # type: ignore[no-untyped-call]
