"""All limits of requests, jobs, workers and client addresses, and the sentences for limits that a job exceeded.

The settings take defaults and allowed ranges from this table, workers get their part as JSON, and docs/operating.md
shows it. It imports nothing from Django, because workers read it too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final, NamedTuple

# Limits of a request, in bytes as the user sees them (before base64).
SOURCE_BYTES: Final = 64 << 10
FILES_BYTES: Final = 256 << 10
"""All files beside a source."""
ELF_BYTES: Final = 1 << 20
"""An object file in a link."""
PCAP_BYTES: Final = 1 << 20
"""A capture in a link."""
OBJECT_BYTES: Final = 16 << 20
"""An object file that is uploaded."""
CAPTURE_BYTES: Final = 16 << 20
"""A capture that is uploaded."""
RECORDING_BYTES: Final = 1 << 20
INPUT_BYTES: Final = 1 << 20
"""The JSON text of a counterexample."""
PACKET_BYTES: Final = 64 << 10
LOG_BYTES: Final = 2 << 20
"""A log that is pasted; a longer one is uploaded."""
SHARED_LOG_BYTES: Final = 256 << 10
"""A log that a link carries."""
MESSAGE_BYTES: Final = 128 << 10
"""One WebSocket message. What does not fit is uploaded, and the message names the upload."""
BODY_BYTES: Final = 3 << 20
"""The body of an HTTP request: an object file and a capture of a link in base64 take 2.7 MiB."""
INLINE_BYTES: Final = 32 << 10
"""A message up to this size is parsed in the event loop; a larger one in a thread, one at a time."""


class Limit(NamedTuple):
    """A limit that an operator can set by the environment variable of that name.

    default   -- the value if it is not set
    low, high -- the range that is accepted, both included
    meaning   -- for docs/operating.md
    """

    default: int
    low: int
    high: int
    meaning: str


OPEN_FILES: Final = 128
"""Descriptors of a worker."""

LIMITS: Final[Mapping[str, Limit]] = {
    "WORKERS": Limit(
        max(1, (os.cpu_count() or 1) - 1), 1, 64,
        "jobs that run at the same time; one more worker is kept ready to replace one that is killed",
    ),
    "QUEUE_LENGTH": Limit(64, 1, 1000, "runs that may wait for a worker; further ones are refused as busy"),
    "QUEUE_PER_ADDRESS": Limit(16, 1, 1000, "runs of one client address (IPv6: one /64) that may wait"),
    "QUEUE_SECONDS": Limit(60, 1, 3600, "seconds a run may wait; one that would wait longer is refused as busy"),
    "RUNS_PER_MINUTE": Limit(600, 1, 1 << 20, "runs that one client address (IPv6: one /64) may start in a minute"),
    "JOB_SECONDS": Limit(90, 1, 600, "seconds a job may take"),
    "JOB_CPU_SECONDS": Limit(60, 1, 600, "seconds of CPU time of a job, all its processes together"),
    "JOB_MEMORY_MB": Limit(2048, 256, 65536, "MiB of memory of a job, all its processes together"),
    "JOB_OUTPUT_MB": Limit(256, 1, 4096, "MiB that a job may send, compressed"),
    "JOB_FILE_MB": Limit(32, 1, 1024, "MiB of the largest file a job may write"),
    "JOBS_PER_WORKER": Limit(
        100, 1, 100_000,
        "runs and questions about programs after which a worker process is replaced, once its successor has started",
    ),
    "WORKER_GROWTH_PERCENT": Limit(
        50, 5, 100, "growth of a worker's memory or open files since its start, in percent of what its limits leave, "
        "above which it is replaced when it is idle",
    ),
    "SHUTDOWN_SECONDS": Limit(
        10, 0, 600, "seconds after SIGTERM within which runs may end; the others are notified and stopped"
    ),
    "UPLOAD_MB": Limit(100, 1, 4096, "MiB of a log that is uploaded"),
    "UPLOADS_PER_HOUR": Limit(600, 1, 1 << 30, "files that one client address (IPv6: one /64) may upload in an hour"),
    "UPLOADS_MB": Limit(
        1024, 1, 1 << 20, "MiB of uploaded files together; beyond it those that were not used for longest are removed"
    ),
    "UPLOADS_MB_PER_ADDRESS": Limit(
        256, 1, 1 << 20, "MiB of uploaded files of one client address (IPv6: one /64) that are kept at the same time"
    ),
    "SPOOL_MB": Limit(1024, 16, 1 << 20, "MiB for stored runs; the least recently used are removed first"),
    "DISK_FREE_MB": Limit(
        512, 0, 1 << 20, "MiB of free disk below which runs and links are refused and `/healthz` answers 503"
    ),
    "REPORTS_PER_HOUR": Limit(
        10, 1, 1 << 20, "reports about shared programs that one client address (IPv6: one /64) may send in an hour"
    ),
    "SHARES_PER_HOUR": Limit(600, 1, 1 << 30, "programs that one client address (IPv6: one /64) may share in an hour"),
    "SHARE_MB_PER_HOUR": Limit(64, 1, 1 << 20, "MiB that one client address (IPv6: one /64) may share in an hour"),
    "SOCKETS_PER_ADDRESS": Limit(300, 1, 1 << 20, "WebSockets that one client address (IPv6: one /64) may have open"),
    "MAX_CONNECTIONS": Limit(
        4096, 16, 1 << 20, "connections at the same time; the limit of open files of the process bounds it too"
    ),
    "CONNECTIONS_PER_ADDRESS": Limit(
        1024, 1, 1 << 20, "connections of one address at the same time; without effect behind `TRUSTED_PROXIES`"
    ),
    "HEADER_SECONDS": Limit(10, 1, 600, "seconds within which the header of a request has to arrive"),
    "STALL_SECONDS": Limit(
        30, 1, 600, "seconds for which a body may pause and a client may read nothing, before it is disconnected"
    ),
    "TRUSTED_PROXIES": Limit(0, 0, 5, "reverse proxies that set `X-Forwarded-For`; 0 ignores the header"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class JobLimits:
    """Seconds and bytes. cpu and memory count the worker and all processes it started together."""

    seconds: float = LIMITS["JOB_SECONDS"].default
    cpu_seconds: float = LIMITS["JOB_CPU_SECONDS"].default
    memory: int = LIMITS["JOB_MEMORY_MB"].default << 20
    output: int = LIMITS["JOB_OUTPUT_MB"].default << 20
    file_size: int = LIMITS["JOB_FILE_MB"].default << 20

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> JobLimits:
        return cls(**json.loads(text))

    def sentence(self, limit: str) -> str:
        said = {
            "time": f"This run was stopped: it took longer than {self.seconds:g} seconds.",
            "cpu": f"This run was stopped: it used more than {self.cpu_seconds:g} seconds of CPU time.",
            "memory": f"This run was stopped: it used more than {self.memory >> 20} MiB of memory.",
            "output": f"This run was stopped: its output is larger than {self.output >> 20} MiB.",
            "size": f"This run was stopped: it wrote a file larger than {self.file_size >> 20} MiB.",
        }
        return said[limit]
