"""A Python worker confines itself: what it imports later it must be able to read, and nothing else."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from vm.sandbox import layers
from vm.sandbox.layers import LAYERS, MIB, Limits

# What shared libraries of Python packages, time zones and random numbers may need.
_SYSTEM_FILES: Final = (
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache", "/etc/localtime",
    "/usr/share/zoneinfo", "/dev/null", "/dev/zero", "/dev/urandom",
)  # fmt: skip

WORKER_LIMITS: Final = Limits(cpu=None, memory=2048 * MIB, file_size=16 * MIB, open_files=128)


class Confinement(NamedTuple):
    """Which layers hold now; `missing` pairs each other one with the reason."""

    active: tuple[str, ...]
    missing: tuple[tuple[str, str], ...]


def python_paths() -> tuple[str, ...]:
    """What this interpreter reads to import modules: its own files, site-packages, this library, shared libraries."""
    found = {os.path.realpath(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    found.update((sysconfig.get_config_var("LIBDIR") or "", str(Path(__file__).resolve().parents[1])))
    found.update(_SYSTEM_FILES)
    return tuple(sorted(path for path in found if path and os.path.exists(path)))


def confine_self(
    *,
    read: Sequence[str] = (),
    write: Sequence[str] = (),
    limits: Limits = WORKER_LIMITS,
    python: bool = True,
    die_with_parent: bool = True,
    wanted: Sequence[str] = LAYERS,
) -> Confinement:
    """Confine the calling process for good: limits, no new privileges, Landlock, seccomp.

    read, write -- further paths (directories with all below them, or files) it may read, or change
    limits -- `wall` and `text` mean nothing here: the parent process holds those
    python -- whether modules not yet imported must stay importable (scapy opens a socket when it is: import it before)
    die_with_parent -- kill this process when the *thread* that started it ends
    wanted -- layers to apply; the others of Landlock and seccomp are left out (vm.sandbox.launcher.wanted_layers)

    Afterwards the process can neither start others nor open sockets; descriptors it has already
    stay usable, so connect (and start a `vm.sandbox.launcher.Launcher`) first. Threads that exist
    already are not covered by Landlock and seccomp: call it before starting any.

    Never raises for a layer the kernel lacks: see `Confinement.missing`, and refuse to go on if it matters.
    """
    active: list[str] = []
    missing: list[tuple[str, str]] = []
    if not sys.platform.startswith("linux"):
        layers.set_rlimits(limits)
        reason = f"{sys.platform} has none"
        return Confinement(("rlimits",), (("landlock", reason), ("seccomp", reason)))
    if die_with_parent:
        layers.die_with_parent(os.getppid())
    layers.set_rlimits(limits)
    active.append("rlimits")
    layers.no_new_privileges()
    readable = (*(python_paths() if python else ()), *read)
    steps: dict[str, Callable[[], None]] = {
        "landlock": lambda: layers.apply_landlock(readable, write),
        "seccomp": lambda: layers.apply_seccomp(allow_exec=False),
    }
    for name, apply in steps.items():
        if name not in wanted:
            missing.append((name, "switched off by BPFSCOPE_SANDBOX_OFF"))
            continue
        try:
            apply()
        except OSError as error:
            missing.append((name, error.strerror or str(error)))
        else:
            active.append(name)
    return Confinement(tuple(active), tuple(missing))
