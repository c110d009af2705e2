"""The start of a command: it imports what it needs, and the process ends without looking for cycles."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
CODE = """
import contextlib, gc, io, json, runpy, sys
sys.argv = ["vm", "verify", "--log-level", "0", "tests/golden/objects/xdp.o"]
said, errors = io.StringIO(), io.StringIO()
with contextlib.redirect_stdout(said), contextlib.redirect_stderr(errors):
    try:
        runpy.run_module("vm", run_name="__main__")
    except SystemExit as end:
        status = end.code
print(json.dumps([status, said.getvalue(), gc.get_freeze_count(), sorted(sys.modules)]))
"""
# Each takes a millisecond or more of CPU time, and has nothing to do with the verdict of an object.
SPARED = {
    "pathlib", "shutil", "subprocess", "tempfile", "urllib.parse", "vm.cli.remote", "vm.compile.model", "tree_sitter",
    "tree_sitter_c",
    "vm.elf.struct_ops", "vm.jit", "vm.runner", "vm.runner.machine", "vm.sandbox", "vm.verifier.fixups.passes",
}  # fmt: skip


def test_verifying_an_object_imports_nothing_that_it_does_not_need() -> None:
    done = subprocess.run([sys.executable, "-S", "-c", CODE], cwd=ROOT, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    status, said, frozen, modules = json.loads(done.stdout)
    assert status == 1 and "accept" in said and "reject" in said
    assert SPARED & set(modules) == set()
    assert frozen > 10_000
