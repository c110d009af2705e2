"""What a job may use, and the sentences for what it used up."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class JobLimits:
    """Seconds and bytes. cpu and memory are of the worker and everything it started, together."""

    seconds: float = 30
    cpu_seconds: float = 25
    memory: int = 2 << 30
    output: int = 256 << 20
    file_size: int = 32 << 20

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> JobLimits:
        return cls(**json.loads(text))

    def sentence(self, limit: str) -> str:
        said = {
            "time": f"This run was stopped: it took longer than {self.seconds:g} seconds.",
            "cpu": f"This run was stopped: it used more than {self.cpu_seconds:g} seconds of processor time.",
            "memory": f"This run was stopped: it used more than {self.memory >> 20} MiB of memory.",
            "output": f"This run was stopped: it had more than {self.output >> 20} MiB to show.",
            "size": f"This run was stopped: it wrote a file larger than {self.file_size >> 20} MiB.",
        }
        return said[limit]
