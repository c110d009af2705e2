"""A server of this checkout as a process of its own, for clients that are one too."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]


@contextmanager
def live(var: Path) -> Iterator[str]:
    """The address of a server with one worker that keeps its data in `var`."""
    environment = {
        **os.environ, "BPFSCOPE_VAR": str(var), "WORKERS": "1", "SHUTDOWN_SECONDS": "0",
        "BPFSCOPE_ALLOW_UNSANDBOXED_WORKER": "yes", "DJANGO_SETTINGS_MODULE": "playground.settings",
    }  # fmt: skip
    server = subprocess.Popen(
        [sys.executable, "-m", "playground"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    try:
        yield server.stdout.readline().split()[-1]
    finally:
        server.terminate()
        server.communicate(timeout=20)
