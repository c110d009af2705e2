"""A job whose worker starts a process of its own before it confines itself, as the compiler's launcher is one."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

launcher = subprocess.Popen(["sleep", "60"], start_new_session=True)


def run_job(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from ()
