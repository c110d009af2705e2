"""Rejections of the program as a whole, as far as a place in it is the cause."""

from __future__ import annotations

from vm.explain.facts import Advice, Facts
from vm.explain.source_nulls import null_at_use
from vm.trace.root_cause import CauseKind
from vm.verifier.rules.types import KFUNC_UNRESOLVED

_TRAP = "__bpf_trap"


def program(facts: Facts) -> Advice:
    """What the loader or the kernel has against the program."""
    if facts.rejected.rule is KFUNC_UNRESOLVED and facts.rejected.values.get("name") == _TRAP:
        return _trap(facts)
    return Advice()


def _trap(facts: Facts) -> Advice:
    """Code that the compiler replaced because only undefined behaviour leads there."""
    said = (
        f"The compiler put a call of {_TRAP}() here: it found that whatever comes here does something that C does not "
        "define, as an access through NULL."
    )
    found = null_at_use(facts)
    if found is not None:
        return found._replace(what=f"{said} {found.what}")
    return Advice(said, "code in which the access is defined", CauseKind.LOST_IN_COMPILATION)
