"""The process that runs z3: reads one request from a file, writes one answer and exits, or is killed after its time."""

from __future__ import annotations

import json
import pickle
import sys
import time
from typing import Any, Final

import z3

from vm.counterexample.execute import Execution
from vm.counterexample.forgotten import forgotten, lost_bounds
from vm.counterexample.later import Behind
from vm.counterexample.model import input_of
from vm.counterexample.request import Request
from vm.counterexample.state import State
from vm.counterexample.values import Pointer, UnsupportedError, boolean
from vm.counterexample.violation import Violation, violation
from vm.isa import opcodes as o
from vm.runner.given import as_json

REQUEST: Final = "request"
ANSWER: Final = "answer.json"
MAX_MODELS: Final = 3
MAX_DROPPED: Final = 12
LONG: Final = 300
GUESSES: Final = (0xFF, 0, 1, 0x7F, 0x10)
MAX_PLAIN: Final = 1.5
"""Seconds of one attempt to keep the preferences."""
MEMORY_MIB: Final = 1024
BEFORE_USE: Final = (
    "The verifier refuses the pointer where it is made: it does not look at the accesses through it, which stay inside."
)


class Search:
    """One question to z3, with a deadline (time.monotonic())."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline

    def left(self) -> float:
        return self.deadline - time.monotonic()

    def models(self, run: Execution, found: Violation) -> tuple[str, list[Any]]:
        """("sat" with models, the simplest first), "unsat" or "unknown"."""
        state = run.state
        constraints = [*state.constraints, boolean(found.condition)]
        preferences = [*state.preferences, *found.preferences, *state.plain_content()]
        if state.definitions:
            if self._asked(constraints, 0.3)[0] == z3.unsat:
                return "unsat", []
            constraints += state.definitions
        # Long paths: a guess is tried first, because the solver does not always stop at its time limit.
        model = self._guessed(constraints, state) if len(constraints) > LONG else None
        if model is not None:
            return "sat", [model]
        said, model = self._asked(constraints, 0.5)
        if said == z3.unsat:
            return "unsat", []
        if said != z3.sat:
            model = self._guessed(constraints, state)
            return ("sat", [model]) if model is not None else ("unknown", [])
        models = [model]
        plain = self._plainest(constraints, preferences)
        if plain is not None:
            models.insert(0, plain)
        return "sat", models

    def _asked(self, constraints: list[Any], share: float) -> tuple[Any, Any]:
        """(result of the solver within that share of the time, its model)."""
        solver = z3.SolverFor("QF_ABV")
        solver.set("timeout", max(int(self.left() * share * 1000), 1))
        solver.add(*constraints)
        said = solver.check()
        return said, solver.model() if said == z3.sat else None

    def _guessed(self, constraints: list[Any], state: State) -> Any | None:
        """A model in which all bytes of the packet, and of each map, are the same."""
        for guess in GUESSES:
            fixed = [byte == guess for content in state.contents() for byte in content.first.values()]
            said, model = self._asked([*constraints, *fixed], 0.15)
            if said == z3.sat:
                return model
        return None

    def _plainest(self, constraints: list[Any], preferences: list[Any]) -> Any | None:
        """A model that satisfies as many preferences as possible; they are added one by one."""
        # The general solver is faster for many checks with different assumptions.
        solver = z3.Solver()
        solver.set("timeout", max(int(min(self.left() / 2, MAX_PLAIN) * 1000), 1))
        solver.add(*constraints)
        kept: dict[str, Any] = {}
        for i, each in enumerate(preferences):
            mark = z3.Bool(f"preference {i}")
            solver.add(z3.Implies(mark, each))
            kept[mark.decl().name()] = mark
        for _ in range(MAX_DROPPED):
            if self.left() < 0.5:
                return None
            found = solver.check(*kept.values())
            if found == z3.sat:
                return solver.model()
            if found != z3.unsat:
                return None
            core = [each.decl().name() for each in solver.unsat_core()]
            if not core:
                return None
            del kept[core[-1]]
        return None


def answer(request: Request, seconds: float) -> dict[str, Any]:
    """The answer for the parent process: {"status": "sat", "inputs", "insn"} | {"status": "unsat", "forgotten"} |
    {"status": "unknown", "why"}."""
    search = Search(time.monotonic() + seconds)
    run = Execution(request)
    try:
        run.run()
        insn = request.insns[request.steps[-1].insn_idx]
        if insn.code & 7 in (o.ALU, o.ALU64):
            return _later(search, run)
        found = violation(run, insn)
    except UnsupportedError as error:
        return {"status": "unknown", "why": f"The path has {error}."}
    if found is None:
        why = "What the called function does with the memory it is given is not modelled."
        return {"status": "unknown", "why": why}
    return _ask(search, run, found)


def _ask(search: Search, run: Execution, found: Violation) -> dict[str, Any]:
    status, models = search.models(run, found)
    if status == "sat":
        return _sat(run, models)
    if status == "unsat":
        if run.state.partial:
            return {"status": "unknown", "why": f"No input was found, but {run.state.partial}."}
        return _race(search, run) | {"status": "unsat", "forgotten": forgotten(run, found, search.deadline)}
    return {"status": "unknown", "why": "The solver did not decide in time."}


def _race(search: Search, run: Execution) -> dict[str, Any]:
    """{"race": {"inputs", "insn"}} if the access fails when another program writes a map value between two reads."""
    if run.shared < 2:
        return {}
    racing = Execution(run.request, racing=True)
    racing.run()
    found = violation(racing, run.request.insns[run.request.steps[-1].insn_idx])
    if found is None:
        return {}
    status, models = search.models(racing, found)
    return {"race": _sat(racing, models)} if status == "sat" else {}


def _sat(run: Execution, models: list[Any]) -> dict[str, Any]:
    inputs = []
    for model in models[:MAX_MODELS]:
        made = as_json(input_of(run, model))
        if made not in inputs:
            inputs.append(made)
    return {"status": "sat", "inputs": inputs, "insn": run.request.steps[-1].insn_idx}


def _later(search: Search, run: Execution) -> dict[str, Any]:
    """The rejected instruction is pointer arithmetic: searches for a later access through its result that fails."""
    ways = Behind(run.request)
    undecided = False
    last: dict[str, Any] | None = None
    for behind, found in ways.accesses():
        if search.left() < 1:
            undecided = True
            break
        if found.condition is False:
            continue
        status, models = search.models(behind, found)
        if status == "sat":
            if not found.through_number:
                return _sat(behind, models)
            # The access is through a register of which nothing is known here: one through a pointer is a better answer.
            last = last or _sat(behind, models)
            continue
        undecided = undecided or status != "unsat"
    if last is not None:
        return last
    undecided = undecided or not ways.complete
    if undecided or run.state.partial:
        return {"status": "unknown", "why": "Not every way behind the refused arithmetic could be followed to its end."}
    return {"status": "unsat", "forgotten": _added(search, run) or [BEFORE_USE, -1]}


def _added(search: Search, run: Execution) -> list[Any]:
    """Which bounds the verifier lost of the number that is added to a pointer."""
    insn = run.request.insns[run.request.steps[-1].insn_idx]
    for regno in (insn.src_reg, insn.dst_reg) if insn.code & o.X else ():
        value = run.value(regno)
        if not isinstance(value, Pointer):
            return lost_bounds(run, Violation(False, (), value, regno), search.deadline)
    return []


def main() -> None:
    """Arguments: seconds. The working directory holds the request."""
    with open(REQUEST, "rb") as file:
        request = pickle.load(file)
    z3.set_param("memory_max_size", MEMORY_MIB)
    found = answer(request, float(sys.argv[1]))
    with open(ANSWER, "w", encoding="ascii") as file:
        json.dump(found, file)
