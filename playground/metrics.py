"""What the server counts for Prometheus. Names, labels and units are in docs/operating.md.

Nothing of a user is in a label: kinds, stages, codes and limits are words of ours.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.exposition import generate_latest

KINDS: Final = (
    "c", "asm", "hex", "elf", "listing", "log", "window", "walk_log", "contents", "rewritten", "fixes",
    "counterexample",
)  # fmt: skip
"""Kinds of jobs with a label of their own; others are "other"."""
STAGES: Final = ("compile", "load", "verify", "jit", "run")
_SECONDS: Final = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 90)

registry: Final = CollectorRegistry()
ProcessCollector(registry=registry)
PlatformCollector(registry=registry)

runs: Final = Counter("bpfscope_runs", "Jobs that ended.", ["kind", "outcome"], registry=registry)
run_seconds: Final = Histogram(
    "bpfscope_run_seconds", "Time of a job on a worker.", ["kind"], buckets=_SECONDS, registry=registry
)
stage_seconds: Final = Histogram(
    "bpfscope_stage_seconds", "Time of a stage.", ["stage"], buckets=_SECONDS, registry=registry
)
wait_seconds: Final = Histogram(
    "bpfscope_queue_wait_seconds", "Time a run waited for a worker.", buckets=_SECONDS, registry=registry
)
reports: Final = Counter("bpfscope_reports", "Reports about shared programs.", ["reason"], registry=registry)
refusals: Final = Counter("bpfscope_refusals", "Requests that were refused.", ["reason"], registry=registry)
worker_ends: Final = Counter("bpfscope_worker_ends", "Worker processes that ended.", ["reason"], registry=registry)
differences: Final = Counter(
    "bpfscope_kernel_differences", "Answers of the emulation that differ from the real kernel's.", registry=registry
)
queue_length: Final = Gauge("bpfscope_queue_length", "Runs that wait.", registry=registry)
workers: Final = Gauge("bpfscope_workers", "Worker processes.", ["state"], registry=registry)
worker_memory: Final = Gauge("bpfscope_worker_memory_bytes", "Memory of the largest worker.", registry=registry)
worker_files: Final = Gauge(
    "bpfscope_worker_open_files", "Open files of the worker that has most of them.", registry=registry
)
layers: Final = Gauge("bpfscope_sandbox_layer", "1 if the layer holds the workers.", ["layer"], registry=registry)
connections: Final = Gauge("bpfscope_connections", "Open connections.", registry=registry)
sockets: Final = Gauge("bpfscope_sockets", "Open WebSockets.", registry=registry)
disk_free: Final = Gauge("bpfscope_disk_free_bytes", "Free disk where runs and links are stored.", registry=registry)


def kind(request: Mapping[str, Any]) -> str:
    """The label for a job's request."""
    named = str(request.get("kind"))
    return named if named in KINDS else "other"


def stages(times: object) -> None:
    """Count the times of a job's stages, in milliseconds, as a worker gave them: which is not to be trusted."""
    if not isinstance(times, dict):
        return
    for stage in STAGES:
        ms = times.get(stage)
        if isinstance(ms, int | float) and math.isfinite(ms) and 0 <= ms < 1e7:
            stage_seconds.labels(stage).observe(ms / 1000)


def text() -> bytes:
    """All of it in Prometheus' text format."""
    return generate_latest(registry)
