"""Machines give their memory back: many runs in a process that may not grow."""

from __future__ import annotations

import subprocess
import sys

MANY = """
import gc, resource
gc.disable()
resource.setrlimit(resource.RLIMIT_AS, (600 << 20, 600 << 20))
from tests.vm.runner.programs import EXIT, mov, program, rewritten
from vm.jit import translate
from vm.program import MapSpec
from vm.runner.inputs import NoInput, RunLimits
from vm.runner.machine import run
fixed = rewritten(program(mov(0, 2), EXIT, maps=(MapSpec("big", 1, 4, 64, 200_000),)))
image = translate(fixed)
for _ in range(40):
    assert run(fixed, image, NoInput(), RunLimits()).r0 == 2
print("done")
"""


def test_forty_machines_in_600_mib() -> None:
    done = subprocess.run([sys.executable, "-c", MANY], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "done\n", done.stderr[-2000:]
