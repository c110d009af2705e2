"""Every rule stands for a kind of cause, or leaves it to the facts; every kind is written down once."""

from __future__ import annotations

from vm.explain.kinds import kind_of, named_rules
from vm.trace.root_cause import CauseKind
from vm.verifier.rules.catalogue import all_rules
from vm.verifier.rules.rule import Topic

LEFT_TO_THE_FACTS = frozenset({Topic.POINTER, Topic.OFFSET, Topic.SIZE, Topic.PACKET, Topic.KERNEL})


def test_every_rule_has_a_kind_or_leaves_it_to_the_facts() -> None:
    unknown = {r.name for r in all_rules() if kind_of(r) is CauseKind.NONE and r.topic not in LEFT_TO_THE_FACTS}
    assert unknown == {
        "register-invariants", "ld-abs-without-skb", "struct-memory-space", "function-address-removed",
        "verifier-misconfigured",
    }  # fmt: skip


def test_the_table_names_rules_that_there_are() -> None:
    assert named_rules() <= {rule.name for rule in all_rules()}


def test_kinds_are_words_joined_by_hyphens() -> None:
    assert all(kind.value == kind.name.lower().replace("_", "-") for kind in CauseKind)
