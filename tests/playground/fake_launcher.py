"""A job whose worker starts a process of its own before it confines itself, as the compiler's launcher is one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from typing import Any

launcher = subprocess.Popen(["sleep", "600"], start_new_session=True)


def run_job(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """`about`: says which process that is. `need`: needs it once it was killed. `need nothing`: fails by itself."""
    source = request.get("source")
    if source == "about":
        yield {"type": "stage", "stage": "compile", "launcher": launcher.pid}
    if source == "need":
        yield {"type": "stage", "stage": "compile", "status": "working"}
        os.waitid(os.P_PID, launcher.pid, os.WEXITED | os.WNOWAIT)
        raise PermissionError("a confined process starts no other")
    if source == "need nothing":
        raise PermissionError("of its own")
