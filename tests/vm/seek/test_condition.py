"""Conditions: what they mean, and what is said of text that is none."""

from __future__ import annotations

import pytest

from vm.seek.condition import FIELDS, KINDS, LONGEST, OF_A_RUN, ConditionError, Place, number, parse
from vm.trace.records import RegView, ScalarView
from vm.trace.views import KINDS as OF_VALUES

RANGE = RegView("number", "", scalar=ScalarView(3, 9, 3, 9, 0, 15, 3, 9, 3, 9))
ANY = RegView("number", "", scalar=ScalarView(0, 2**64 - 1, -(2**63), 2**63 - 1, 0, 2**64 - 1, 0, 2**32 - 1, -1, 1))
PACKET = RegView("packet", "", off=14, range=34, id=2)
MAYBE = RegView("map_value", "", maybe_null=True, size=8, map="m")
STATE = {
    Place(-1, 3): RANGE,
    Place(-1, 4): ANY,
    Place(-1, 2): PACKET,
    Place(1, 0): MAYBE,
    Place(-1, 11): number(2**64 - 1),
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("r3.umax > 8", True),
        ("r3.umax > 9", False),
        ("r3.umax == 0x9", True),
        ("r3 >= 3", True),  # for all of 3…9
        ("r3 > 3", False),
        ("r3 < 10 && r3 != 2", True),
        ("r3 != 4", False),
        ("r3 == 4", False),
        ("r4 > 0", False),
        ("r4.smin < -1", True),
        ("r4.umin == 0 || r3 == 1", True),
        ("!(r3 == 4)", True),
        ("!r2.null", True),
        ("1:r0.null && 1:r0.type == map_value", True),
        ("r2.range >= 34 && r2.off == 14", True),
        ("r2 == 14", False),  # a pointer is no number
        ("r2.type != packet", False),
        ("r9.type == none", True),
        ("r9 == 0", False),
        ("r9 != 0", False),
        ("r3.range == 0", False),  # a number has none
        ("fp-8 == -1", True),
        ("fp-8 == 0xffffffffffffffff", True),
        ("fp-8.s32max == -1", True),
        ("5 > r3.umin", True),
        ("r3 < r4", False),
        ("r3 <= r3.umax", True),
        ("r3.precise", False),
    ],
)
def test_what_holds(text: str, holds: bool) -> None:
    assert parse(text).holds(STATE.get) is holds


@pytest.mark.parametrize(
    ("text", "column", "part"),
    [
        ("", 1, "not complete"),
        ("r0 ==", 6, "not complete"),
        ("r0 = 0", 4, "“=”"),
        ("r0 == 0 0", 9, "not expected"),
        ("(r0 == 0", 9, "not complete"),
        ("r33 == 1", 1, "neither a register"),
        ("fp-9 == 1", 1, "fp-8, fp-16"),
        ("fp-520 == 1", 1, "fp-8, fp-16"),
        ("r3.top > 1", 4, "There is no “.top”"),
        ("r3 > 1 && r1.type > ctx", 11, "Types"),
        ("r1 == map_value", 1, "type"),
        ("r1.type", 1, "Compare .type"),
        ("r0 == 18446744073709551616", 7, "64 bits"),
        ("1 == 1", 1, "register"),
        ("r0 == 1 # \u202e", 9, "not part"),
        ("(" * LONGEST + "r0", LONGEST + 1, "characters"),
    ],
)
def test_what_is_wrong_is_said_with_its_column(text: str, column: int, part: str) -> None:
    with pytest.raises(ConditionError) as raised:
        parse(text)
    assert raised.value.column == column
    assert part in raised.value.message


@pytest.mark.parametrize(
    ("text", "column"), [("r3.type == ctx", 4), ("fp-8 == 0", 1), ("1:r3 == 0", 1), ("r3.range > 1", 4)]
)
def test_a_run_has_numbers_only(text: str, column: int) -> None:
    parse(text)
    with pytest.raises(ConditionError) as raised:
        parse(text, run=True)
    assert raised.value.column == column
    assert parse("r3.smax == -1 && r3 == 0xffffffffffffffff", run=True).holds(lambda place: number(2**64 - 1))


def test_the_deepest_text_is_parsed() -> None:
    assert parse("(" * 90 + "r3.umax" + ")" * 90).holds(STATE.get)


def test_every_kind_and_field_can_be_asked_for() -> None:
    assert {*OF_VALUES.values(), "none"} == set(KINDS)
    assert set(OF_A_RUN) < set(FIELDS)
    for kind in KINDS:
        parse(f"r1.type == {kind}")
    for name, read in FIELDS.items():
        read(RANGE)
        if name != "type":
            parse(f"r1.{name} == 1")


NUMBERS = (0, 1, 5, -1, -5, 64, 65, 1 << 31, (1 << 31) - 1, -(1 << 31), 1 << 32, (1 << 63) - 1, -(1 << 63))


@pytest.mark.parametrize("sign", ["==", "!=", "<", "<=", ">", ">="])
@pytest.mark.parametrize("field", ["", *(f".{name}" for name in OF_A_RUN)])
def test_known_numbers_are_decided_by_their_values(field: str, sign: str) -> None:
    for wanted in (0, 5, -5, 64, 0xFFFFFFFF, 1 << 31, (1 << 64) - 1, -(1 << 63)):
        for text in (f"r3{field} {sign} {wanted}", f"!(r3{field} {sign} {wanted}) || r3.type == ctx"):
            condition = parse(text)
            (need,) = condition.needs
            assert condition.whole
            assert need.of_number is not None
            for value in NUMBERS:
                view = number(value & (1 << 64) - 1)
                assert need.of_number(value) == condition.holds(lambda place, view=view: view), (text, value)  # type: ignore[misc]


def test_what_a_condition_needs() -> None:
    assert parse("r3 > 5 || r4 == 1").needs == ()
    assert not parse("r3 > 5 || r4 == 1").whole
    both = parse("r3 > 5 && (r4 == 1 || r3 == r5) && r6.off == 14")
    assert [(need.place.slot, need.of_number is None) for need in both.needs] == [(3, False), (6, True)]
    assert not both.whole
    assert [need.of_nothing for need in parse("r3.type == none && !r4").needs] == [True, True]
    assert not parse("r3 > 1 && r3 < 9").whole


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ('r0 == "a"', 7, "Values are numbers"),
        ('returns == "a"', 12, "Values are numbers"),
        ("r0 = 1", 4, "Equal is ==."),
        ("r3 > 1 and r4 < 2", 8, "Write &&."),
        ("R6 > 1500", 1, "Registers have small letters: r6."),
    ],
)
def test_what_was_probably_meant(text: str, column: int, words: str) -> None:
    with pytest.raises(ConditionError) as raised:
        parse(text)
    assert raised.value.column == column and words in raised.value.message
