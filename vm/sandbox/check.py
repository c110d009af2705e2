"""Which layers hold on this machine: measured by trying, not declared."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from vm.errors import InternalError
from vm.sandbox.confine import python_paths
from vm.sandbox.launcher import FILE_SYSTEM_LAYERS, Launcher, Tool, wanted_layers
from vm.sandbox.layers import LAYERS, MIB, Limits


class Row(NamedTuple):
    """One line of the report.

    layer  -- rlimits, landlock, seccomp, bubblewrap, supervisor, together, compiler
    active -- whether it does what it is there for
    why    -- where it does not: the reason; else what it does
    leaks  -- what got through that it should have stopped
    """

    layer: str
    active: bool
    why: str
    leaks: tuple[str, ...]


# What each layer alone must refuse, in the words of the probe.
_REFUSES: Final[dict[str, tuple[str, ...]]] = {
    "rlimits": ("memory", "open files", "file size"),
    "landlock": ("read a file", "read the parent's environment", "write outside", "list a directory"),
    "seccomp": ("socket", "fork", "ptrace", "symlink", "unshare"),
    "bubblewrap": ("read a file", "write outside", "list a directory"),
}
_ALWAYS: Final = ("set-uid",)
_DOES: Final = {
    "rlimits": "processor time, memory, file size and open files are limited",
    "landlock": "only the toolchain can be read, only the job's directory written",
    "seccomp": "no sockets, processes, links, namespaces",
    "bubblewrap": "its own view of the file system, processes and network",
    "supervisor": "a job that hangs or floods is killed with all it started",
    "together": "nothing that was tried got through",
}
_PROBE_LIMITS: Final = Limits(wall=5.0, cpu=5, memory=1024 * MIB, file_size=4 * MIB, open_files=64, text=256 * 1024)


Canaries = Callable[[], tuple[tuple[str, ...], str]]


def measure(canaries: Canaries | None = None, layers: Sequence[str] = LAYERS) -> list[Row]:
    """A row for each layer alone, one for the supervisor, one for all together, and one for the compiler.

    canaries -- compiles sources that try to read a file: (what leaked, why nothing could be compiled or "").
                `vm.compile.measure` gives it; without it the compiler has no row.
    layers -- those to try alone
    Takes a few seconds; starts launchers, so call it from a process that is not confined.
    """
    with tempfile.TemporaryDirectory(prefix="bpfscope-canary-") as outside:
        canary = Path(outside) / "canary"
        canary.write_text("canary\n")
        rows = [_alone(layer, str(canary), outside) for layer in layers]
        rows.append(_supervisor(str(canary), outside))
        rows.append(_together(str(canary), outside))
    if canaries is not None:
        leaks, why = canaries()
        good = "C is compiled, and its canaries stayed unread"
        rows.append(Row("compiler", not leaks and not why, why or ("files can be read" if leaks else good), leaks))
    return rows


def _probe_tool() -> Tool:
    return Tool((sys.executable, "-I", "-S", "-B", str(Path(__file__).with_name("probe.py"))), _python_files())


def _python_files() -> tuple[str, ...]:
    here = os.path.dirname(os.path.realpath(sys.executable))
    return (*python_paths(), os.path.dirname(here), os.path.dirname(os.path.dirname(sys.executable)))


def _try(launcher: Launcher, canary: str, outside: str) -> Mapping[str, str]:
    result = launcher.run("probe", [canary, outside, "try"], files={}, limits=_PROBE_LIMITS)
    try:
        said = json.loads(result.text)
    except ValueError:
        words = result.text.decode(errors="replace").strip()[-200:]
        raise InternalError(f"the probe ended with {result.status}: {words}") from None
    return {str(name): str(what) for name, what in said.items()}


def _allowed(said: Mapping[str, str], names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in names if said.get(name) == "allowed")


def _alone(layer: str, canary: str, outside: str) -> Row:
    """The layer with no other beside it (but the limits, for the machine's sake), so that a leak is its own."""
    if layer not in wanted_layers():
        return Row(layer, False, "switched off by BPFSCOPE_SANDBOX_OFF", ())
    launcher = Launcher({"probe": _probe_tool()}, layers=tuple(dict.fromkeys(("rlimits", layer))))
    try:
        launcher.start()
        missing = dict(launcher.missing)
        if layer in missing:
            return Row(layer, False, missing[layer], ())
        leaks = _allowed(_try(launcher, canary, outside), (*_REFUSES[layer], *_ALWAYS))
    except InternalError as error:
        return Row(layer, False, str(error), ())
    finally:
        launcher.close()
    return Row(layer, not leaks, "it lets through what it should stop" if leaks else _DOES[layer], leaks)


def _together(canary: str, outside: str) -> Row:
    launcher = Launcher({"probe": _probe_tool()})
    try:
        said = _try(launcher, canary, outside)
    except InternalError as error:
        return Row("together", False, str(error), ())
    finally:
        launcher.close()
    leaks = _allowed(said, tuple(said))
    if not FILE_SYSTEM_LAYERS & set(launcher.active):
        return Row("together", False, "no layer guards the file system: C is refused", leaks)
    return Row("together", not leaks, "some of what was tried got through" if leaks else _DOES["together"], leaks)


def _supervisor(canary: str, outside: str) -> Row:
    launcher = Launcher({"probe": _probe_tool()})
    leaks = []
    try:
        for mode, limits, expected in (
            ("sleep", Limits(wall=0.4), "time"),
            ("chatter", Limits(wall=3.0, text=100_000), "output"),
        ):
            result = launcher.run("probe", [canary, outside, mode], files={}, limits=limits)
            if result.limit != expected:
                leaks.append(f"{mode} ended with {result.limit or result.status}")
    except InternalError as error:
        return Row("supervisor", False, str(error), ())
    finally:
        launcher.close()
    return Row("supervisor", not leaks, "a job was not stopped" if leaks else _DOES["supervisor"], tuple(leaks))
