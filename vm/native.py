"""The modules of the verifier and its trace as machine code, if tools/native.py has compiled them (see docs/speed.md).

`vm.verifier` calls use() before its first module is imported; from then on those modules are taken from
the compiled copy. A copy is used only if it was made from exactly the current sources: after any edit
the `.py` files run until they are compiled again.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    from mypy_extensions import i64 as i64
    from mypy_extensions import mypyc_attr as mypyc_attr
    from mypy_extensions import trait as trait
else:
    i64 = int
    """An integer of 64 bits for mypyc, for annotations only: in plain Python it is any integer, and never overflows."""

    def mypyc_attr(**_attributes: int) -> Callable[[type], type]:
        """What mypyc is told of a class, such as `free_list_len=1`: a freed instance is kept for the next one."""
        return lambda cls: cls

    def trait(cls: type) -> type:
        """What mypyc is told of a class that others have as a second base."""
        return cls


ROOT: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SWITCH: Final = "BPFSCOPE_COMPILED"
"""Environment variable: 0 never uses a compiled copy, 1 requires one, otherwise it is used if present."""

GROUP: Final = "bpfscope_verifier"
LIBRARY: Final = f"{GROUP}__mypyc"
STORE: Final = os.path.join("vm", ".native")
INDEX: Final = "current.json"

COMPILED: Final = ("vm/verifier/", "vm/trace/")
PLAIN: Final = (
    "vm/verifier/fixups/", "vm/verifier/rules/", "vm/verifier/prepass/protos.py", "vm/verifier/mem/ctx_rules.py",
    "vm/trace/retell.py", "vm/trace/reasons.py", "vm/trace/views.py", "vm/trace/follow.py", "vm/trace/history.py",
)  # fmt: skip
"""Not worth compiling: code that runs once per program, and tables."""

READ: Final = (
    "vm/verifier",
    "vm/trace",
    "vm/isa",
    "vm/btf",
    "vm/kernel",
    "vm/bits.py",
    "vm/program.py",
    "vm/errors.py",
    "vm/caps.py",
    "vm/namedtuples.py",
    "vm/native.py",
)
"""What the compiled modules import: its constants and types are compiled in."""


def sources(root: str = ROOT) -> list[str]:
    """Paths, relative to `root`, of all files that a compiled copy depends on."""
    found = []
    for place in READ:
        path = os.path.join(root, place)
        found += [place] if place.endswith(".py") else [os.path.relpath(p, root) for p in _python_files(path)]
    return sorted(found)


def _python_files(folder: str) -> Iterator[str]:
    for here, _, names in os.walk(folder):
        yield from (os.path.join(here, name) for name in names if name.endswith(".py"))


def modules(root: str = ROOT) -> list[str]:
    """Paths, relative to `root`, of the compiled modules. Packages themselves contain no code and are not compiled."""
    return [
        path
        for path in sources(root)
        if path.startswith(COMPILED) and not path.startswith(PLAIN) and not path.endswith("__init__.py")
    ]


def tag() -> str:
    """Identifies the interpreter of a compiled copy. Patch releases of Python load each other's extension modules."""
    from importlib.machinery import EXTENSION_SUFFIXES

    return f"{EXTENSION_SUFFIXES[0]}\0{sys.platform}\0{os.uname().machine}"


def digest(root: str = ROOT) -> str:
    """The name of a compiled copy: a digest of the interpreter's tag and of all sources it depends on."""
    import hashlib

    result = hashlib.sha256(tag().encode())
    for path in sources(root):
        with open(os.path.join(root, path), "rb") as file:
            result.update(b"\0" + path.encode() + b"\0" + file.read())
    return result.hexdigest()[:24]


def stamps(paths: Sequence[str], root: str = ROOT) -> dict[str, list[int]]:
    """Size, times and inode of each file: if all are unchanged, so is the content."""
    found = {}
    for path in paths:
        stat = os.stat(os.path.join(root, path))
        found[path] = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
    return found


def find(root: str = ROOT) -> dict[str, str] | None:
    """Module name -> file of the compiled copy of the current sources; None if there is none."""
    import json

    store = os.path.join(root, STORE)
    try:
        with open(os.path.join(store, INDEX)) as file:
            index = json.load(file)
    except (OSError, ValueError):
        return None
    unchanged = _same_as(index, root)
    folder = unchanged or digest(root)
    try:
        with open(os.path.join(store, folder, "modules.json")) as file:
            names: list[str] = json.load(file)
    except (OSError, ValueError):
        return None
    if unchanged is None:
        remember(folder, stamps(sources(root), root), root)
    return {name: os.path.join(store, folder, f"{name}.so") for name in names}


def _same_as(index: Any, root: str) -> str | None:
    """The folder the index names, if no source changed since it was written."""
    try:
        if index["python"] == tag() and index["stamps"] == stamps(list(index["stamps"]), root):
            return str(index["folder"])
    except (OSError, KeyError, TypeError):
        pass
    return None


def remember(folder: str, seen: dict[str, list[int]], root: str = ROOT) -> None:
    """Write the index, so that the next process need not read the sources. Errors are ignored."""
    import contextlib
    import json

    path = os.path.join(root, STORE, INDEX)
    with contextlib.suppress(OSError):
        with open(f"{path}.{os.getpid()}", "w") as file:
            json.dump({"folder": folder, "python": tag(), "stamps": seen}, file)
        os.replace(f"{path}.{os.getpid()}", path)


class Finder:
    """Finds the modules of a compiled copy; first in sys.meta_path."""

    def __init__(self, files: dict[str, str]) -> None:
        self._files = files

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        file = self._files.get(fullname)
        if file is None:
            return None
        from importlib.machinery import ExtensionFileLoader
        from importlib.util import spec_from_file_location

        return spec_from_file_location(fullname, file, loader=ExtensionFileLoader(fullname, file))


def use() -> None:
    """From now on import the verifier's modules from the compiled copy, if there is one and SWITCH allows it.

    ImportError if SWITCH requires one and there is none.
    """
    wanted = os.environ.get(SWITCH, "")
    if wanted == "0":
        return
    files = find()
    if files is None:
        if wanted == "1":
            raise ImportError(f"{SWITCH}=1, and there is no compiled copy of these sources: run tools/native.py")
        return
    finder = Finder(files)
    sys.meta_path.insert(0, finder)
    try:
        __import__(LIBRARY)
    except ImportError:
        sys.meta_path.remove(finder)
        if wanted == "1":
            raise


def in_use() -> bool:
    """Whether this process runs the compiled copy."""
    return LIBRARY in sys.modules
