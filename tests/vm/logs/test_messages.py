"""Every rule is found by its own message."""

from __future__ import annotations

from string import Formatter
from types import MappingProxyType

import pytest

from vm.logs.messages import Text, category_of, first_reason, insn_of, patterns, register_of
from vm.logs.wordings import NOT_REASONS, WORDINGS
from vm.verifier.rules.catalogue import all_notes, all_rules
from vm.verifier.rules.rule import CATEGORIES, By, Rule

SAID = [rule for rule in all_rules() if rule.message and rule.by is not By.KERNEL]
# Values for the fields whose words matter; any number and any name for the others.
VALUES = MappingProxyType({
    "what": "only read", "where": "At program exit", "forbidden": "write into", "bounds": " smin=7 smax=7",
    "register": "R0", "type": "ctx", "access": " indirect", "var_off": "(0x0; 0xff)", "expected": "fp, pkt",
})  # fmt: skip


def filled(template: str) -> str:
    """A template with a value in each field."""
    out = ""
    for literal, field, spec, _ in Formatter().parse(template):
        out += literal
        if field is not None:
            out += str(VALUES.get(field) or ("f" if (spec or "").endswith("x") else "3"))
    return out


def found(text: str) -> tuple[str, ...]:
    lines = [Text(number, line) for number, line in enumerate(text.split("\n"), 1) if line]
    message = first_reason(lines)
    assert message is not None, text
    assert message.text == lines[0].text
    assert [message.text, *message.partners] == [line.text.strip() for line in lines]
    return message.rules


@pytest.mark.parametrize("rule", SAID, ids=lambda rule: rule.name)
def test_a_rule_is_found_by_its_own_words(rule: Rule) -> None:
    rules = found(filled(rule.message))
    assert rule.name in rules
    # Whoever shares the wording stands beside it.
    sharing = {each.name for each in SAID if filled(each.message) == filled(rule.message)}
    assert sharing <= set(rules)
    assert set(rules) - sharing <= {name for each in WORDINGS for name in each.rules}


@pytest.mark.parametrize("number", range(len(WORDINGS)))
def test_a_wording_is_found_as_its_rules(number: int) -> None:
    wording = WORDINGS[number]
    rules = found(filled(wording.template))
    assert set(wording.rules) <= set(rules)


def test_wordings_name_rules_and_categories_that_there_are() -> None:
    names = {rule.name for rule in all_rules()}
    for wording in WORDINGS:
        assert set(wording.rules) <= names, wording
        assert bool(wording.category) != bool(wording.rules), wording
        assert wording.category in ("", *CATEGORIES)


@pytest.mark.parametrize("template", [*NOT_REASONS, *(note.message for note in all_notes())])
def test_what_stands_beside_a_reason_is_none(template: str) -> None:
    text = filled(template).strip()
    assert first_reason([Text(1, text)]) is None
    assert patterns().at([text], 0) is not None


def test_register_and_instruction_of_a_message() -> None:
    def of(text: str) -> tuple[str, int | None, str]:
        message = first_reason([Text(number, line) for number, line in enumerate(text.split("\n"), 1)])
        assert message is not None
        return register_of(message), insn_of(message), category_of(message)

    assert of("R3 !read_ok") == ("R3", None, "Register Type Safety")
    assert of("invalid access to map value, value_size=8 off=8 size=2\nR0 min value is outside of the array range") == (
        "R0",
        None,
        "Memory Safety",
    )
    assert of("back-edge from insn 9 to 2") == ("", 9, "Program Structure")
    assert of("Unreleased reference id=2 alloc_insn=5") == ("", None, "Resource Lifetime Safety")
    assert of("recursive call from a() to a()") == ("", None, "Program Structure")


def test_half_of_two_lines_is_all_rules_that_begin_so() -> None:
    message = first_reason([Text(1, "invalid access to map value, value_size=8 off=8 size=2")])
    assert message is not None
    assert set(message.rules) == {"memory-access-out-of-range-min", "memory-access-out-of-range-max"}


@pytest.mark.parametrize(
    "text", ["C++ is supported", "Nothing is sleepable today", "foo bar cannot write into x", "R99"]
)
def test_other_sentences_are_no_reasons(text: str) -> None:
    assert first_reason([Text(1, text)]) is None
