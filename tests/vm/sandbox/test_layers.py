"""What the report says with every layer, and with each one off; what a confined worker can still do."""

from __future__ import annotations

import errno
import json
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from vm.compile import measure
from vm.sandbox.check import Row
from vm.sandbox.launcher import bubblewrap
from vm.sandbox.layers import landlock_abi
from vm.sandbox.seccomp import ALLOWED, IOCTLS, NEWER, build_filter, supported

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
own = sys.argv[1] + "/x"
attempt("chmod", lambda: os.chmod(own, 0o777))
attempt("utime", lambda: os.utime(own))
attempt("setxattr", lambda: os.setxattr(own, "user.a", b""))
attempt("priority", lambda: os.setpriority(os.PRIO_PROCESS, os.getppid(), 19))
attempt("affinity", lambda: os.sched_setaffinity(os.getppid(), {0}))
attempt("scheduler", lambda: os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0)))
attempt("memfd", lambda: os.memfd_create("x"))
attempt("another's limits", lambda: __import__("resource").prlimit(os.getppid(), 7))
attempt("its own limits", lambda: __import__("resource").prlimit(0, 7))
attempt("terminal", lambda: __import__("fcntl").ioctl(1, 0x5412, b"x"))
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
        "chmod": "PermissionError", "utime": "PermissionError", "setxattr": "PermissionError",
        "priority": "PermissionError", "affinity": "PermissionError", "scheduler": "PermissionError",
        "memfd": "PermissionError", "another's limits": "PermissionError", "its own limits": "done",
        "terminal": "PermissionError",
        "import": "done", "thread": "done",
    }  # fmt: skip


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_filters_are_well_formed(machine: str) -> None:
    assert supported(machine)
    code = build_filter(machine, 1, allow_exec=False)
    assert len(code) % 8 == 0
    assert len(code) // 8 < 4096  # BPF_MAXINSNS
    assert len(code) < len(build_filter(machine, 1, allow_exec=True))
    assert not supported("vax")


def said(code: bytes, number: int, *, arch: int, arg0: int = 0, arg1: int = 0) -> int:
    """What a filter returns for a system call: an interpreter of the few instructions that filters here have."""
    data = struct.pack("<IIQQQ", number, arch, 0, arg0, arg1)
    value, place = 0, 0
    while True:
        what, true, false, k = struct.unpack_from("<HBBI", code, 8 * place)
        place += 1
        if what == 0x20:
            value = struct.unpack_from("<I", data, k)[0]
        elif what == 0x06:
            return int(k)
        else:
            place += true if {0x15: value == k, 0x35: value >= k, 0x45: bool(value & k)}[what] else false


ALLOW, EPERM, ENOSYS, KILL = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS, 0x80000000


@pytest.mark.parametrize(("arch", "column", "machine"), [(0xC000003E, 0, "x86_64"), (0xC00000B7, 1, "aarch64")])
def test_what_is_not_in_the_table_is_denied(arch: int, column: int, machine: str) -> None:
    code = build_filter(machine, 77, allow_exec=False)
    allowed = {numbers[column] for numbers in ALLOWED.values()}
    special = ((56, 220), (435, 435), (16, 29), (234, 131), (302, 261))
    for number in range(600):
        if number in {numbers[column] for numbers in special}:
            continue
        wanted = ALLOW if number in allowed else ENOSYS if number >= NEWER else EPERM
        assert said(code, number, arch=arch) == wanted, number
    clone, clone3, ioctl, tgkill, prlimit = (numbers[column] for numbers in special)
    assert said(code, clone, arch=arch, arg0=17) == EPERM and said(code, clone, arch=arch, arg0=0x3D0F00) == ALLOW
    assert said(code, clone3, arch=arch) == ENOSYS
    assert said(code, tgkill, arch=arch, arg0=77) == ALLOW and said(code, tgkill, arch=arch, arg0=78) == EPERM
    assert said(code, prlimit, arch=arch, arg0=0) == ALLOW and said(code, prlimit, arch=arch, arg0=1) == EPERM
    for command in (*IOCTLS, 0x5412, 0, 1 << 31):
        assert said(code, ioctl, arch=arch, arg0=1, arg1=command) == (ALLOW if command in IOCTLS else EPERM)
    assert said(code, 0, arch=arch ^ 1) == KILL
    if machine == "x86_64":
        assert said(code, 0x40000000, arch=arch) == EPERM  # the x32 system calls
    execve = {"x86_64": 59, "aarch64": 221}[machine]
    assert said(build_filter(machine, 77, allow_exec=True), execve, arch=arch) == ALLOW


@pytest.mark.parametrize(
    ("header", "column", "prefix"),
    [
        ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", 0, "__NR_"),
        ("/usr/include/asm-generic/unistd.h", 1, "__NR(?:3264)?_"),
    ],
)
def test_the_numbers_are_the_kernels(header: str, column: int, prefix: str) -> None:
    if not Path(header).exists():
        pytest.skip(f"{header} is not there")
    found = dict(re.findall(rf"#define {prefix}(\w+) (\d+)", Path(header).read_text()))
    # The generic header spells these with the name of the 32-bit or the 64-bit call.
    renamed = {"newfstatat": "fstatat"} if column else {}
    numbers = {name: numbers[column] for name, numbers in ALLOWED.items()}
    known = {name: found.get(renamed.get(name, name)) for name in numbers}
    assert {n: v for n, v in numbers.items() if v is not None and known[n] is not None} == {
        n: int(v) for n, v in known.items() if v is not None and numbers[n] is not None
    }
    assert sum(v is not None for v in known.values()) > 100
