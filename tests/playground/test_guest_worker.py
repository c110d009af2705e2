"""Workers of the kind `guests` between two that have no kernels: jobs for real kernels reach them, by kernel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings

from playground.jobs import service as services
from tests.playground.test_remote import KEY, connected, redis_server, redis_url, web
from vm.guests import images

__all__ = ["redis_server", "redis_url", "web"]
SECONDS = 300
"""For a guest's first start, on a busy machine without KVM."""
pytestmark = [
    pytest.mark.guests,
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed"),
    pytest.mark.skipif(bool(images.missing()), reason=images.missing() or "nothing is missing"),
]


@pytest.fixture(scope="module")
def workers(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Their folder, with one log each."""
    folder = tmp_path_factory.mktemp("workers")
    none = {"BPFSCOPE_KERNELS": str(folder / "none"), "BPFSCOPE_GUESTS": str(folder / "none")}
    kinds: dict[str, dict[str, str]] = {"all": none, "guests": {}}
    running = []
    for kind, more in kinds.items():
        environment = {
            **os.environ, **more, "REDIS_URL": redis_url.replace("web:web", "worker:worker"), "WORKERS": "1",
            "BPFSCOPE_VAR": str(folder / kind), "JOB_KEY": KEY, "SHUTDOWN_SECONDS": "1",
            "DJANGO_SETTINGS_MODULE": "playground.settings",
        }  # fmt: skip
        with (folder / f"{kind}.log").open("w") as log:
            command = [sys.executable, "manage.py", "worker", "--kind", kind]
            running.append(
                subprocess.Popen(command, cwd=django_settings.BASE_DIR, env=environment, stdout=log, stderr=log)
            )
    yield folder
    for process in running:
        process.terminate()
    for process in running:
        process.wait(60)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("asked", "last"), [({"type": "matrix", "kernels": ["{}"]}, "cells_done"),
                                             ({"type": "matrix"}, "cells_done"),
                                             ({"type": "real", "kernel": "{}"}, "real_done")])  # fmt: skip
async def test_real_kernels_are_asked_through_redis(web: None, workers: Path, asked: dict[str, Any], last: str) -> None:
    pool = services.service().pool
    end = time.monotonic() + SECONDS
    while not await pool.ready(1) or not pool.about.get("guests"):
        logs = [log.read_text()[-2000:] for log in workers.glob("*.log")]
        assert time.monotonic() < end, (pool.status(), pool.about, logs)
    first = pool.about["guests"][0].partition("-")[0]
    named = {key: [first] if isinstance(value, list) else first for key, value in asked.items() if "{}" in value}
    client = await connected()
    request = {"kind": "asm", "source": "r0 = 2\nexit\n", "options": {}}
    await client.send(**{**asked, **named}, request=request)
    said = await client.until(last, SECONDS)
    assert not [message for message in said if message["type"] == "error"]
    cells = [message for message in said if message["type"] == "cell"]
    if last == "cells_done":
        kernels = {first} if named else {name.partition("-")[0] for name in pool.about["guests"]}
        assert {cell["kernel"] for cell in cells} == kernels
        assert {cell["verdict"] for cell in cells} == {"accept"}
    else:
        assert [message["kernel"] for message in said if message["type"] == "real"] == [first]
    await client.close()


def test_a_worker_for_kernels_has_kernels(redis_url: str, tmp_path: Path) -> None:
    environment = {
        **os.environ, "REDIS_URL": redis_url, "JOB_KEY": KEY, "BPFSCOPE_VAR": str(tmp_path), "WORKERS": "1",
        "BPFSCOPE_KERNELS": str(tmp_path / "none"), "DJANGO_SETTINGS_MODULE": "playground.settings",
    }  # fmt: skip
    command = [sys.executable, "manage.py", "worker", "--kind", "guests"]
    done = subprocess.run(
        command, cwd=django_settings.BASE_DIR, env=environment, capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == 1
    assert "kernels" in done.stderr
