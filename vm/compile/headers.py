"""The include tree a source sees: virtual directories, mapped onto real ones by the compiler's own overlay.

With the overlay in "redirect-only" mode nothing else exists for the preprocessor, and no message or object
can hold a path of this machine, because the compiler only ever hears the virtual ones.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

OUR_INCLUDE: Final = Path(__file__).with_name("include")
HELPER_DEFS: Final = "bpf_helper_defs.h"
VMLINUX: Final = "vmlinux.h"
PROGRAM: Final = "program.c"
ADDED: Final = "added.h"
EMPTY: Final = "empty.h"
OWN: Final = "/include/own"
"""Where the user's own files are. Beside it stand folders below it that hold nothing, from which "../x.h" is found for
a source that lies deeper in its folder than what it includes."""
_BELOW: Final = (f"{OWN}/_", f"{OWN}/_/_")

# Virtual directories in the order they are searched.
SEARCH: Final = (
    "/include/src", "/include/libbpf", "/include/libc", "/include/arch", "/include/uapi", "/include/clang",
    "/include/alias", "/include/libbpf/bpf",
)  # fmt: skip


def own_file(number: int) -> str:
    """What one of the user's own files is called in the job's directory."""
    return f"own{number}"


def own_directories(names: Iterable[str]) -> tuple[str, ...]:
    """Virtual directories in which the user's own files are looked for, the folder itself first."""
    found = dict.fromkeys([OWN])
    for name in names:
        parts = name.split("/")[:-1]
        found |= dict.fromkeys("/".join((OWN, *parts[: n + 1])) for n in range(len(parts)))
    return (*found, *_BELOW)


def overlay(directories: Mapping[str, str], empty: Iterable[str] = (), own: Iterable[str] = ()) -> bytes:
    """clang's -ivfsoverlay file; @JOB@ stands for the job's directory.

    directories -- virtual directory -> real one
    empty -- names of headers that are there and hold nothing
    own -- names of the user's own files, in the order of own_file()
    """
    files = {
        f"@JOB@/{PROGRAM}": f"@JOB@/{PROGRAM}",
        f"/include/src/{ADDED}": f"@JOB@/{ADDED}",
        f"/include/src/{VMLINUX}": f"@JOB@/{VMLINUX}",
        f"/include/src/bpf/{HELPER_DEFS}": f"@JOB@/{HELPER_DEFS}",
        f"/include/src/{HELPER_DEFS}": f"@JOB@/{HELPER_DEFS}",
    }
    files |= {os.path.normpath(f"/include/src/{name}"): f"@JOB@/{EMPTY}" for name in empty}
    names = tuple(own)
    if names:
        files |= {f"{OWN}/{name}": f"@JOB@/{own_file(number)}" for number, name in enumerate(names)}
        files |= {f"{directory}/.none": f"@JOB@/{EMPTY}" for directory in _BELOW}
    roots = [{"type": "file", "name": name, "external-contents": real} for name, real in files.items()]
    roots += [
        {"type": "directory-remap", "name": name, "external-contents": real} for name, real in directories.items()
    ]
    return json.dumps(
        {
            "version": 0,
            "case-sensitive": True,
            "use-external-names": False,
            "redirecting-with": "redirect-only",
            "overlay-relative": False,
            "roots": roots,
        }
    ).encode()


@cache
def helper_defs() -> bytes:
    """bpf_helper_defs.h: each helper as a constant function pointer, its value the helper's number."""
    from vm.kernel.helpers import all_helpers

    helpers = all_helpers()
    types = (type_ for h in helpers for type_ in (h.ret, *(p.type for p in h.params)))
    tags = sorted({tag for type_ in types for tag in re.findall(r"struct (\w+)", type_)})
    lines = [
        "/* SPDX-License-Identifier: GPL-2.0-only */",
        "/* Generated from the table of helpers that the verifier uses. */",
        "#pragma once",
        *(f"struct {tag};" for tag in tags),
    ]
    for h in helpers:
        params = ", ".join(_declare(p.type, p.name) for p in h.params) or "void"
        lines.append(f"static {_declare(h.ret, '')}(* const {h.name})({params}) = (void *) {h.id};")
    return ("\n".join(lines) + "\n").encode()


def _declare(type_: str, name: str) -> str:
    if not name:
        return type_ if type_.endswith("*") or type_ == "..." else type_ + " "
    return f"{type_}{name}" if type_.endswith("*") else f"{type_} {name}"
