"""The start of a command imports what it needs; its end writes what was said and frees nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
VERIFY = ["verify", "--log-level", "0", "tests/golden/objects/xdp.o"]
CODE = f"""
import atexit, runpy, sys
sys.argv = ["vm", *{VERIFY}]
atexit.register(lambda: print("modules:", *sorted(sys.modules)))
runpy.run_module("vm", run_name="__main__")
"""
# Each takes a millisecond or more of CPU time, and has nothing to do with the verdict of an object.
SPARED = {
    "ast", "inspect", "pathlib", "shutil", "subprocess", "tempfile", "urllib.parse", "vm.cli.remote",
    "vm.compile.model", "tree_sitter", "tree_sitter_c",
    "vm.csource.syntax", "vm.elf.guess", "vm.elf.relo_core", "vm.elf.struct_ops", "vm.explain.permissions", "vm.jit",
    "vm.pipeline.repair", "vm.runner", "vm.runner.machine", "vm.sandbox", "vm.verifier.call.kfunc",
    "vm.verifier.fixups.passes",
}  # fmt: skip
FROM_TYPING = re.compile(r"^from typing import .*\bNamedTuple\b", re.MULTILINE)


def test_verifying_an_object_imports_nothing_that_it_does_not_need() -> None:
    done = subprocess.run([sys.executable, "-S", "-c", CODE], cwd=ROOT, text=True, capture_output=True, check=False)
    assert done.returncode == 1, done.stderr[-2000:]
    said, _, modules = done.stdout.partition("modules: ")
    assert "accept" in said and "reject" in said
    assert "vm.explain.packets" in modules.split()
    assert SPARED & set(modules.split()) == set()
    places = [ROOT / f"{module.replace('.', '/')}.py" for module in modules.split() if module.startswith("vm.")]
    texts = {place: place.read_text() for place in places if place.is_file() and place.name != "namedtuples.py"}
    assert len(texts) > 100
    checked = [place for place, text in texts.items() if FROM_TYPING.search(text)]
    assert not checked, "vm.namedtuples has a NamedTuple that costs less"


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = [sys.executable, "-m", "vm", *VERIFY]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert "Error" not in process.stderr.read()
    assert process.returncode in (0, 1)
