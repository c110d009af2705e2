"""What the report says with every layer, and with each one off; what a confined worker can still do."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from vm.compile import measure
from vm.sandbox.check import Row
from vm.sandbox.launcher import bubblewrap
from vm.sandbox.layers import landlock_abi
from vm.sandbox.seccomp import build_filter, supported

linux = pytest.mark.skipif(landlock_abi() == 0, reason="the kernel has no Landlock")


@linux
def test_every_layer_holds_here() -> None:
    rows = {row.layer: row for row in measure()}
    assert list(rows) == ["rlimits", "landlock", "seccomp", "bubblewrap", "supervisor", "together", "compiler"]
    for name, row in rows.items():
        if name == "bubblewrap" and bubblewrap()[0] is None:
            assert not row.active
            continue
        assert (row.active, row.leaks) == (True, ()), row
        assert row.why


def report(off: str, **environment: str) -> dict[str, Row]:
    return run_report("print(json.dumps(measure(layers=['landlock'])))", off, **environment)


def run_report(last: str, off: str, **environment: str) -> dict[str, Row]:
    code = f"import json; from vm.sandbox.check import measure; from vm.compile.canary import compiler_row; {last}"
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path), "BPFSCOPE_SANDBOX_OFF": off, **environment}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=True)
    return {layer: Row(layer, active, why, tuple(leaks)) for layer, active, why, leaks in json.loads(done.stdout)}


@linux
def test_without_a_file_system_layer_c_is_refused_and_the_report_says_so() -> None:
    rows = report("landlock,bubblewrap")
    assert not rows["landlock"].active
    assert "BPFSCOPE_SANDBOX_OFF" in rows["landlock"].why
    assert not rows["together"].active
    assert {"read a file", "write outside", "list a directory"} <= set(rows["together"].leaks)
    assert "socket" not in rows["together"].leaks


CANARIES = 'print(json.dumps([("compiler", False, *reversed(compiler_row()))]))'


@linux
def test_without_a_file_system_layer_c_is_refused() -> None:
    row = run_report(CANARIES, "landlock,bubblewrap")["compiler"]
    assert "C is not compiled on this server" in row.why


@linux
def test_a_compiler_let_loose_is_seen_to_leak() -> None:
    row = run_report(CANARIES, "landlock,bubblewrap", BPFSCOPE_ALLOW_UNSANDBOXED_COMPILER="yes")["compiler"]
    assert row.leaks == (".incbin",)


@linux
def test_seccomp_off_shows_its_own_rows() -> None:
    rows = report("seccomp,bubblewrap")
    assert rows["landlock"].active
    assert {"socket", "fork", "unshare"} <= set(rows["together"].leaks)
    assert "read a file" not in rows["together"].leaks


CONFINED = """
import json, os, socket, subprocess, sys, threading
from vm.sandbox import confine_self
held = confine_self(write=[sys.argv[1]])
said = {}
def attempt(name, what):
    try:
        what()
        said[name] = "done"
    except OSError as error:
        said[name] = type(error).__name__
attempt("read", lambda: open("/etc/passwd").read())
attempt("write outside", lambda: open("/tmp/written-by-no-worker", "w"))
attempt("write inside", lambda: open(sys.argv[1] + "/x", "w").close())
attempt("socket", socket.socket)
attempt("fork", os.fork)
attempt("exec", lambda: os.execv("/bin/true", ["true"]))
attempt("import", lambda: __import__("decimal"))
thread = threading.Thread(target=lambda: said.__setitem__("thread", "done"))
thread.start(); thread.join()
print(json.dumps([held.active, said]))
"""


@linux
def test_a_worker_confines_itself(tmp_path: object) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CONFINED, str(tmp_path)],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    active, said = json.loads(done.stdout)
    assert active == ["rlimits", "landlock", "seccomp"]
    assert said == {
        "read": "PermissionError", "write outside": "PermissionError", "write inside": "done",
        "socket": "PermissionError", "fork": "PermissionError", "exec": "PermissionError",
        "import": "done", "thread": "done",
    }  # fmt: skip


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_filters_are_well_formed(machine: str) -> None:
    assert supported(machine)
    code = build_filter(machine, 1, allow_exec=False)
    assert len(code) % 8 == 0
    assert len(code) // 8 < 4096  # BPF_MAXINSNS
    assert len(code) > len(build_filter(machine, 1, allow_exec=True))
    assert not supported("vax")
