"""Starts QEMU confined: limits, no new privileges, no capabilities, Landlock. It is a program, because it calls exec.

    python -I -S -B -c "…; from vm.guests.confined import main; main(SPEC)"

Layers that this machine does not support are left out, as for the other jobs (docs/sandbox.md); QEMU's own -sandbox and
the limits always hold.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, Final

from vm.sandbox import layers

_ROOT: Final = str(Path(__file__).resolve().parents[2])
# Files that QEMU reads at its start: libraries, firmware, and the features of the processor.
_READ: Final = (
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/libexec", "/usr/share/qemu",
    "/usr/share/seabios", "/usr/local/share/qemu", "/etc/ld.so.cache", "/etc/ld.so.conf", "/dev/null", "/dev/urandom",
    "/dev/kvm", "/sys/devices/system", "/proc/cpuinfo", "/proc/meminfo", "/proc/self",
)  # fmt: skip
_WRITE: Final = ("/dev/null", "/dev/kvm")


def command(argv: list[str], read: list[str], limits: layers.Limits) -> list[str]:
    """The command line that starts `argv` confined; it may read `read` in addition to the files that QEMU needs."""
    spec = json.dumps({"argv": argv, "read": [*read, argv[0]], "limits": limits.to_json(), "parent": os.getpid()})
    code = f"import sys; sys.path.insert(0, {_ROOT!r}); from vm.guests.confined import main; main(sys.argv[1])"
    return [sys.executable, "-I", "-S", "-B", "-c", code, spec]


def tied(argv: list[str]) -> list[str]:
    """The command line that starts `argv` unconfined; it is killed when this process ends."""
    spec = json.dumps({"argv": argv, "parent": os.getpid()})
    code = f"import sys; sys.path.insert(0, {_ROOT!r}); from vm.guests.confined import follow; follow(sys.argv[1])"
    return [sys.executable, "-I", "-S", "-B", "-c", code, spec]


def follow(spec: str) -> None:
    """Executes the program of `spec`, which is killed when its parent ends."""
    told: dict[str, Any] = json.loads(spec)
    layers.die_with_parent(int(told["parent"]))
    os.execve(told["argv"][0], told["argv"], {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})


def main(spec: str) -> None:
    """Confines this process and executes the program of `spec`."""
    told: dict[str, Any] = json.loads(spec)
    layers.die_with_parent(int(told["parent"]))
    layers.set_rlimits(layers.Limits(**told["limits"]))
    layers.drop_capabilities()
    layers.no_new_privileges()
    if "landlock" not in os.environ.get("BPFSCOPE_SANDBOX_OFF", "").split(",") and layers.landlock_abi():
        layers.apply_landlock([*_READ, *told["read"]], _WRITE)
    os.execve(told["argv"][0], told["argv"], {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})
