"""What kind of rule each message is about, and what would have satisfied it.

The names are Linux 7.3's seven groups of rejections, and Limits. The table is by message as this verifier gives it
({} is what is filled in); a test holds it against every message in the sources. A sentence here is what can be said
without the numbers: where these matter, the place of rejection says its own (Reject.needed).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from vm.verifier.explain import (
    call_rules,
    context_rules,
    lifetime_rules,
    limit_rules,
    memory_rules,
    policy_rules,
    register_rules,
    structure_rules,
)

REGISTER: Final = "Register Type Safety"
MEMORY: Final = "Memory Safety"
LIFETIME: Final = "Resource Lifetime Safety"
CALL: Final = "Call Type Safety"
CONTEXT: Final = "Execution Context Safety"
STRUCTURE: Final = "Program Structure"
POLICY: Final = "Policy"
LIMITS: Final = "Limits"

CATEGORIES: Final = (REGISTER, MEMORY, LIFETIME, CALL, CONTEXT, STRUCTURE, POLICY, LIMITS)

TABLES: Final = {
    REGISTER: register_rules.RULES,
    MEMORY: memory_rules.RULES,
    LIFETIME: lifetime_rules.RULES,
    CALL: call_rules.RULES,
    CONTEXT: context_rules.RULES,
    STRUCTURE: structure_rules.RULES,
    POLICY: policy_rules.RULES,
    LIMITS: limit_rules.RULES,
}


class Rule(NamedTuple):
    """A message's category, and what was needed instead."""

    category: str
    needed: str


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[re.Pattern[str], Rule], ...]:
    return tuple(
        (re.compile(re.escape(template).replace(r"\{\}", ".*?"), re.DOTALL), Rule(category, needed))
        for category, rules in TABLES.items()
        for needed, templates in rules
        for template in templates
    )


def rules_for(message: str) -> list[Rule]:
    """Every rule whose template the message is an instance of: one, but for holes in the table."""
    text = message.strip()
    return [rule for pattern, rule in _patterns() if pattern.fullmatch(text)]


def rule_for(message: str) -> Rule:
    """The rule of a message; a message the table does not know (there is none) is about the program's structure."""
    found = rules_for(message)
    return found[0] if found else Rule(STRUCTURE, "")
