"""What a job leaves behind in its worker: nothing that grows with the number of jobs."""

from __future__ import annotations

import json
import subprocess
import sys

from django.conf import settings

JOBS = """
import base64, gc, json, resource
from playground.present.run import run_job
from vm.btf.types import Btf

def alive():
    gc.collect()
    return sum(isinstance(value, Btf) for value in gc.get_objects())

def used():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

names = ("typed_maps", "objects", "attaching")
sources = [base64.b64encode(open(f"tests/golden/objects/{name}.o", "rb").read()).decode() for name in names]
found = []
for job in range(30):
    request = {"kind": "elf", "source": sources[job % 3], "options": {}, "input": {"kind": "none"}}
    done = [message["status"] for message in run_job(request) if message["type"] == "stage"]
    assert "done" in done
    found.append([alive(), used()])
print(json.dumps(found))
"""


def test_thirty_jobs_leave_one_set_of_types_alive_the_kernels() -> None:
    done = subprocess.run(
        [sys.executable, "-c", JOBS], cwd=settings.BASE_DIR, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    alive, used = zip(*json.loads(done.stdout), strict=True)
    assert max(alive) <= 2
    assert used[29] - used[9] < 8 << 20
