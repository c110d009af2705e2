"""The compiler: found, named, and run through a sandbox launcher."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from vm.compile.headers import OUR_INCLUDE
from vm.compile.others import others
from vm.errors import InputError
from vm.sandbox.launcher import FILE_SYSTEM_LAYERS, Launcher, Tool
from vm.sandbox.layers import Limits

# Shared libraries of a compiler that is not the static one of the wheel.
_LIBRARIES: Final = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache")


@dataclass(frozen=True, slots=True)
class Toolchain:
    """argv -- the driver's first arguments; read -- what it reads; directories -- virtual include tree."""

    argv: tuple[str, ...]
    read: tuple[str, ...]
    directories: tuple[tuple[str, str], ...]


@cache
def toolchain(clang: str = "") -> Toolchain:
    """The clang of the ziglang wheel, or the one BPFSCOPE_CLANG names. InputError if there is none.

    clang -- major version of another one (vm.compile.others), with the usual one's headers of the kernel
    """
    if clang:
        return _other(clang)
    wheel = _wheel()
    named = os.environ.get("BPFSCOPE_CLANG")
    if named:
        real = os.path.realpath(named)
        if not os.access(real, os.X_OK):
            raise InputError(f"BPFSCOPE_CLANG names no program that can be run: {named}.")
        argv: tuple[str, ...] = (real,)
        installed = str(Path(real).parents[1])
        read = [installed, *_LIBRARIES]
        clang_include = str(_resource_dir(named) / "include")
        read.append(clang_include)
    elif wheel is not None:
        argv = (str(wheel / "zig"), "clang")
        read = []
        clang_include = str(wheel / "lib/include")
    else:
        raise InputError("There is no C compiler: install the ziglang package, or name a clang in BPFSCOPE_CLANG.")
    if wheel is not None:
        headers = wheel / "lib/libc/include"
        arch, uapi = str(headers / "x86-linux-any"), str(headers / "any-linux-any")
        read.append(str(wheel))
    else:
        arch, uapi = "/usr/include/x86_64-linux-gnu", "/usr/include"
        read += [arch, uapi]
    directories = {
        "/include/libbpf": str(OUR_INCLUDE),
        "/include/libbpf/bpf": str(OUR_INCLUDE / "bpf"),
        "/include/libc": str(OUR_INCLUDE / "libc"),
        "/include/arch": arch,
        "/include/uapi": uapi,
        "/include/alias/uapi": uapi,
        "/include/clang": clang_include,
    }
    return Toolchain(argv, (*read, str(OUR_INCLUDE)), tuple(directories.items()))


def _other(clang: str) -> Toolchain:
    """A compiler of the operator's folder. InputError if it is not there."""
    place = others().get(clang)
    if place is None:
        raise InputError(f"There is no clang {clang} here: run `make compilers`.")
    usual = toolchain()
    include = str(place / "lib/include")
    directories = {**dict(usual.directories), "/include/clang": include}
    return Toolchain((str(place / "zig"), "clang"), (*usual.read, str(place)), tuple(directories.items()))


def tool_name(clang: str) -> str:
    """The name of a compiler for the launcher."""
    return f"clang-{clang}" if clang else "clang"


def _wheel() -> Path | None:
    spec = importlib.util.find_spec("ziglang")
    if spec is None or spec.origin is None:
        return None
    directory = Path(spec.origin).resolve().parent
    return directory if (directory / "zig").exists() else None


def _resource_dir(clang: str) -> Path:
    done = subprocess.run([clang, "-print-resource-dir"], capture_output=True, text=True, timeout=10, check=False)
    return Path(os.path.realpath(done.stdout.strip()))


_lock = threading.Lock()
_launchers: dict[int, Launcher] = {}
_offered: tuple[str, ...] = ()


def launcher(timeout: float = 20.0) -> Launcher:
    """This process's compiler launcher, started. InputError where no file-system layer holds (see `refusal`).

    timeout -- seconds that starting it may take, if it is not there yet; InternalError after that
    """
    global _offered
    with _lock:
        found = _launchers.get(os.getpid())
        if found is None:
            chains = {clang: toolchain(clang) for clang in ("", *others())}
            found = Launcher({tool_name(clang): Tool(chain.argv, chain.read) for clang, chain in chains.items()})
            found.start(timeout)
            _offered = tuple(clang for clang in chains if clang)
            _launchers.clear()
            _launchers[os.getpid()] = found
    refused = refusal(found)
    if refused:
        raise InputError(refused)
    return found


def start() -> Launcher:
    """Start the compiler's launcher now: before the calling process confines itself, and off the first user's clock."""
    found = launcher()
    compiler_version(timeout=20.0)
    return found


def refusal(found: Launcher) -> str | None:
    """Why C is refused on this server, or None: a compiler reads any file its source names unless a layer stops it."""
    if FILE_SYSTEM_LAYERS & set(found.active) or os.environ.get("BPFSCOPE_ALLOW_UNSANDBOXED_COMPILER") == "yes":
        return None
    return (
        "C is not compiled on this server, because nothing here keeps the compiler from reading the server's files "
        "(neither Landlock nor bubblewrap works). Assembly, raw instructions and objects are."
    )


_versions: dict[str, str] = {}


def compiler_version(timeout: float = 4.0, clang: str = "") -> str:
    """ "clang 22.1.8", asked once a process; "clang" where it does not say so within `timeout` seconds.

    clang -- major version of another compiler than the usual one
    """
    if clang not in _versions:
        done = launcher().run(tool_name(clang), ["--version"], files={}, limits=Limits(wall=timeout))
        found = re.search(r"clang version (\d+[\w.]*)", done.text.decode(errors="replace"))
        if found is None:
            return "clang"
        _versions[clang] = f"clang {found[1]}"
    return _versions[clang]


def compilers() -> tuple[str, ...]:
    """Major versions of the other compilers that this process can use, oldest first.

    They are found before it confines itself, when it starts its launcher.
    """
    launcher()
    return _offered
