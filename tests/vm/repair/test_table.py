"""The tables of proposals name what there is."""

from __future__ import annotations

import re

from vm.kernel.helpers import helper_proto
from vm.repair import held, table
from vm.repair.cview import NEUTRAL
from vm.verifier.rules.catalogue import all_rules
from vm.verifier.rules.rule import Topic


def test_every_rule_named_exists() -> None:
    assert set(table.RULES) <= {rule.name for rule in all_rules()}


def test_every_topic_has_its_proposals() -> None:
    assert set(table.TOPICS) == set(Topic)
    assert all(table.TOPICS[topic] for topic in Topic if topic is not Topic.KERNEL)


def test_what_is_taken_is_given_back_by_a_call() -> None:
    for taken, given in {**held.RELEASE, **held.FINAL}.items():
        assert re.fullmatch(r"bpf_\w+", taken)
        assert re.fullmatch(r"bpf_\w+\((\{(0|c|a\d)\}(, 0)?)?\)", given), given


def test_neutral_results_are_of_program_types_that_there_are() -> None:
    assert all(helper_proto(prog_type, 0, 1, sleepable=False) is not None for prog_type in NEUTRAL)
