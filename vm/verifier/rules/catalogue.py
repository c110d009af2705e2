"""All rules, collected from the modules that define them."""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import Final

from vm.verifier.rules import (
    attach,
    context,
    fields,
    functions,
    helper_args,
    internal,
    kfunc_args,
    lifetime,
    limits,
    loader,
    memory,
    notes,
    policy,
    register,
    structure,
    types,
)
from vm.verifier.rules.rule import Note, Rule

TABLES: Final[tuple[ModuleType, ...]] = (
    register,
    memory,
    fields,
    lifetime,
    helper_args,
    kfunc_args,
    functions,
    context,
    structure,
    types,
    internal,
    policy,
    attach,
    limits,
    loader,
)


@cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule, in the order of the tables."""
    return tuple(value for table in TABLES for value in vars(table).values() if isinstance(value, Rule))


@cache
def all_notes() -> tuple[Note, ...]:
    """Everything the kernel says beside a rejection."""
    return tuple(value for value in vars(notes).values() if isinstance(value, Note))


def rule_named(name: str) -> Rule:
    """The rule of that name; KeyError if there is none."""
    for rule in all_rules():
        if rule.name == name:
            return rule
    raise KeyError(name)
