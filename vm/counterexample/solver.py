"""Runs the search in a confined child process with limits, which is killed when it exceeds its time."""

from __future__ import annotations

import json
import os
import pickle
import sys
import threading
from pathlib import Path
from typing import Any, Final

from vm.counterexample.request import Request
from vm.errors import InternalError
from vm.sandbox.confine import python_paths
from vm.sandbox.launcher import Launcher, Tool
from vm.sandbox.layers import MIB, Limits

SECONDS: Final = 10.0
# Part of the time that is reserved for starting the child, importing z3 and reading the answer.
_OVERHEAD: Final = 1.5
_VM: Final = Path(__file__).resolve().parents[1]
# The package is loaded from its own directory, without its parent directory, which holds other code, in sys.path.
_CODE: Final = f"""
import importlib.util, sys
found = {str(_VM)!r}
spec = importlib.util.spec_from_file_location("vm", found + "/__init__.py", submodule_search_locations=[found])
sys.modules["vm"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["vm"])
from vm.counterexample.child import main
main()
"""
_TOOL: Final = "counterexample"
_LIMIT_SENTENCES: Final = {
    "time": "The search was stopped after {seconds:g} seconds.",
    "cpu": "The search was stopped: it used more processor time than it may.",
    "memory": "The search was stopped: it used more memory than it may.",
    "output": "The search was stopped: its answer was too long.",
}

_lock = threading.Lock()
_launchers: dict[int, Launcher] = {}


def start() -> Launcher:
    """Starts the launcher of this process; must be called before the process confines itself."""
    with _lock:
        found = _launchers.get(os.getpid())
        if found is None:
            paths = (*python_paths(), os.path.realpath(sys.prefix), os.path.realpath(sys.base_prefix))
            found = Launcher({_TOOL: Tool((sys.executable, "-I", "-B", "-c", _CODE), tuple(sorted(set(paths))))})
            found.start()
            _launchers.clear()
            _launchers[os.getpid()] = found
    return found


def ask(request: Request, seconds: float = SECONDS) -> dict[str, Any]:
    """The answer of vm.counterexample.child.answer(); {"status": "unknown", "why"} if the child gave none."""
    limits = Limits(
        wall=seconds, cpu=int(seconds) + 1, memory=2048 * MIB, file_size=16 * MIB, open_files=64, text=64 * 1024,
        output=16 * MIB,
    )  # fmt: skip
    data = pickle.dumps(request, pickle.HIGHEST_PROTOCOL)
    try:
        done = start().run(
            _TOOL, [str(max(seconds - _OVERHEAD, 1.0))], files={"request": data}, outputs=["answer.json"], limits=limits
        )
    except InternalError as error:
        return {"status": "unknown", "why": str(error)}
    if done.limit:
        return {"status": "unknown", "why": _LIMIT_SENTENCES[done.limit].format(seconds=seconds)}
    text = done.outputs["answer.json"]
    if text is None:
        said = done.text.decode(errors="replace")
        return {"status": "unknown", "why": "The search ended without an answer.", "said": said}
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    return found if is_answer(found) else {"status": "unknown", "why": "The search ended without an answer."}


def is_answer(found: object) -> bool:
    """Whether the child's JSON has the shape of an answer; it is not trusted, since its input is hostile."""
    if not isinstance(found, dict):
        return False
    told, race = found.get("forgotten", []), found.get("race")
    shapes = {
        "sat": lambda: _is_sat(found),
        "unsat": lambda: _is_sentence(told) and (race is None or _is_sat(race)),
        "unknown": lambda: isinstance(found.get("why"), str),
    }
    status = found.get("status")
    return isinstance(status, str) and status in shapes and shapes[status]()


def _is_sat(found: object) -> bool:
    return isinstance(found, dict) and type(found.get("insn")) is int and isinstance(found.get("inputs"), list)


def _is_sentence(told: object) -> bool:
    if not isinstance(told, list):
        return False
    return not told or (len(told) == 2 and isinstance(told[0], str) and type(told[1]) is int)
