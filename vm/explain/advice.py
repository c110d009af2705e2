"""What is wrong at a rejection and what would help, as far as it follows from the facts at that instruction.

A rule names its topic; the topic's function looks at the state, the path and the kernel's facts. Where nothing
follows from them it says nothing: category, state and causes then stand for themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Final

from vm.explain import arguments, pointers, refused
from vm.explain.facts import Advice, Facts
from vm.verifier.rules.rule import Topic


def _of(module: str, name: str) -> Callable[[Facts], Advice]:
    """A function of a module of this package, which is imported with the first rejection of its topic."""

    def advice(facts: Facts) -> Advice:
        found: Advice = getattr(import_module(f"vm.explain.{module}"), name)(facts)
        return found

    return advice


def _nothing_more(facts: Facts) -> Advice:
    return Advice()


ADVICE: Final[dict[Topic, Callable[[Facts], Advice]]] = {
    Topic.VALUE: _of("values", "value"),
    Topic.POINTER: pointers.pointer,
    Topic.STACK: pointers.stack,
    Topic.PACKET: _of("packets", "packet"),
    Topic.OFFSET: _of("bounds", "offset"),
    Topic.SIZE: _of("bounds", "size"),
    Topic.CONTEXT_FIELD: _of("context_fields", "context_field"),
    Topic.RESULT: _of("results", "result"),
    Topic.HELPER: _of("permissions", "call"),
    Topic.KFUNC: _of("permissions", "kfunc"),
    Topic.HELD: _of("held", "held"),
    Topic.LIMIT: _of("limits", "limit"),
    Topic.PROGRAM: _of("programs", "program"),
    Topic.KERNEL: _nothing_more,
}

"""What explains the rules of a topic."""

OWN: Final[dict[str, Callable[[Facts], Advice]]] = {**refused.REFUSED, **arguments.ARGUMENTS, **pointers.ARITHMETIC}
"""What explains a rule before its topic is looked at, by the rule's name."""


def advise(facts: Facts) -> Advice:
    """What explains the rule itself, or its topic; of a pointer that may be NULL, the same for all rules."""
    null = pointers.may_be_null(facts)
    if null is not None:
        return null
    own = OWN.get(facts.rejected.rule.name)
    found = own(facts) if own is not None else Advice()
    if found != Advice():
        return found
    return ADVICE[facts.rejected.rule.topic](facts)
