"""`python -m vm compile|disasm|verify|jit|run`."""

from __future__ import annotations

import gc

# Importing makes many objects and next to no cycles: looking for them takes a tenth of the time of a short command.
gc.disable()

import atexit  # noqa: E402
import contextlib  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
from importlib import import_module  # noqa: E402
from types import ModuleType  # noqa: E402


def _import_dataclasses() -> None:
    """Import dataclasses without inspect, which it uses only for classes that have no docstring.

    inspect imports ast, dis and tokenize: a twentieth of the CPU time of a short command.
    """
    later = ModuleType("inspect")
    later.__dict__["__getattr__"] = lambda name: getattr(import_module("inspect"), name)
    if sys.modules.setdefault("inspect", later) is later:
        import_module("dataclasses")
        del sys.modules["inspect"]


_import_dataclasses()

from vm.cli.main import main  # noqa: E402


def end(status: int) -> None:
    """Ends the process as sys.exit() does, but does not free its objects one by one, which takes milliseconds."""
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, AttributeError):  # the reader went away, or there was none
            stream.flush()
    os._exit(status)


end(main(sys.argv[1:]))
