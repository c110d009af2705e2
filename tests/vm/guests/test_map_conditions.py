"""Conditions of what maps hold: which value they ask for, what is refused, and that a guest's kernel keeps it there."""

from __future__ import annotations

from pathlib import Path

import pytest

from vm import pipeline
from vm.errors import InputError
from vm.guests.conditions import condition
from vm.guests.map_conditions import KEYED, map_check, unknown
from vm.guests.map_memory import jhash
from vm.kernel.release import VERSION
from vm.pipeline import BuildOptions, Choice, Recording, Source
from vm.pipeline.kernel_matrix import Build
from vm.program import Object

SOURCE = Source("c", (Path(__file__).parent / "map_conditions.c").read_bytes(), "map_conditions")
SHELL = "for i in 1 2 3 4 5; do /bin/busybox true; done"


@pytest.fixture(scope="module")
def build() -> Build:
    _, found = pipeline.built(SOURCE, BuildOptions())
    assert found is not None
    return found


@pytest.fixture(scope="module")
def obj(build: Build) -> Object:
    return pipeline.load(build.source, build.options, build.compiled)


@pytest.mark.parametrize(
    ("text", "name", "key", "place"),
    [
        ("total == 2", ".bss", "00000000", (0, 8, False, False)),
        ("cfg.level & 0x8000", ".data", "00000000", (4, 2, True, False)),
        ("sizes[2] == 0xffffffff", ".bss", "00000000", (16, 4, False, False)),
        ("sizes[2] == -1", ".bss", "00000000", (16, 4, False, False)),
        ("sizes[2] >= 2", ".bss", "00000000", (16, 4, False, False)),
        ("cfg.level == -3", ".data", "00000000", (4, 2, True, False)),
        ('cfg.who == "sh"', ".data", "00000000", (6, 16, False, True)),
        ("counts[0x3] == 2", "counts", "03000000", (0, 8, False, False)),
        ("each_cpu[1].last == 2", "each_cpu", "01000000", (8, 8, False, False)),
        ("hashed[{.pid = 7, .slot = 2}].calls & 2", "hashed", "0700000002000000", (0, 8, False, False)),
        ("hashed[{7, 2}].last == 2", "hashed", "0700000002000000", (8, 8, False, False)),
        ('by_name["execs"] == 2', "by_name", "657865637300", (0, 8, False, False)),
        ('by_name["a]b"] == 2', "by_name", "615d62000000", (0, 8, False, False)),
        ("""by_name["]\\"]"] == 2""", "by_name", "5d225d000000", (0, 8, False, False)),
        ("by_name[hex:657865637300] == 2", "by_name", "657865637300", (0, 8, False, False)),
    ],
)  # fmt: skip
def test_the_value_that_is_asked(
    obj: Object, text: str, name: str, key: str, place: tuple[int, int, bool, bool]
) -> None:
    asked = condition(text)
    assert asked is not None and asked.outcome() is None
    found = map_check(obj, asked)
    assert found is not None and obj.maps[found.number] is found.spec
    assert (found.spec.full_name, found.key.hex(), found.check.field) == (name, key, place)
    assert found.check.packet is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("counts == 1", "as in counts[0] == 1"), ("counts[8] == 1", "has 8 entries, from 0 on; there is no 8"),
        ("counts[many] == 1", "The key of the map counts"), ("sizes[4] == 1", "has 4 elements"),
        ("sizes[x] == 1", "'x' is none"), ("total[0] == 1", "is no array and no map"),
        ("sizes == 1", "neither a number nor a text"), ("cfg == 1", "fields enabled, level, who"),
        ("hashed[{7, 2}] == 1", "It has the fields calls, last"), ("cfg.bit == 1", "cannot be compared"),
        ("cfg.nope == 1", "has no field nope; there are: enabled, level, who, bit"),
        ('total == "sh"', "is a number, and no text"), ("cfg.who == 3", "write it in quotation marks"),
        ("routes[1] == 2", "none of array, percpu_array, hash,"),
        ("ones == 1", "ones is neither a number nor a text"), ("ratio == 1", "ratio is neither a number nor a text"),
        ("sizes[2] == 4294967296", "sizes[2] is a number from 0 to 4294967295, and is not compared with 4294967296"),
        ("cfg.level > 40000", "from -32768 to 32767"),
        ("total < -9223372036854775809", "from 0 to 18446744073709551615"),
        ('cfg.who == "a name of 17 char"', "has room for 16 bytes: a text of 17 bytes is never in it"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_said(obj: Object, text: str, said: str) -> None:
    asked = condition(text)
    assert asked is not None
    with pytest.raises(InputError) as found:
        map_check(obj, asked)
    assert said in found.value.message


def test_a_name_that_nothing_has_is_answered_with_those_there_are(obj: Object) -> None:
    for text in ("nothing == 1", "nothing[3].field == 1", "ctx+4:4 == 1"):
        asked = condition(text)
        assert asked is not None and map_check(obj, asked) is None
        said = unknown(obj, asked).message
        assert asked.name in said and "cfg, total, sizes, ones, ratio, counts[…]" in said and "routes" not in said


def test_the_kernel_s_hash_is_jenkins() -> None:
    text = b"Four score and seven years ago"
    assert (jhash(text, 0), jhash(text, 1)) == (0x17770551, 0xCD628161)  # of its author, in lookup3.c
    assert jhash(b"", 0) == 0xDEADBEEF
    assert len({jhash(bytes(n), 0) for n in range(30)}) == 30


def test_each_kind_of_map_that_is_asked_is_in_the_program(obj: Object) -> None:
    assert set(KEYED) <= {spec.map_type for spec in obj.maps}


EACH = (
    "total == 2", "sizes[2] == 2", "counts[3] == 2", "each_cpu[1].last == 2",
    "hashed[{.pid = 7, .slot = 2}].calls == 2", "recent[3] == 2", 'by_name["execs"] == 2', "of_cpu[9] == 2",
)  # fmt: skip
DIFFERENT = (EACH[0], EACH[4], EACH[6])
"""A variable, a hash, and a per-CPU hash whose keys are not whole words: kernels keep these in different ways."""


@pytest.mark.guests
@pytest.mark.parametrize(
    ("kernel", "text"),
    [*((VERSION, text) for text in EACH), *((name, text) for name in ("5.10", "6.1", "7.3") for text in DIFFERENT)],
)
def test_the_memory_of_a_kernel_holds_it(build: Build, kernel: str, text: str) -> None:
    found = pipeline.saved_guests()
    state = next((state for state in found.states if state.name == kernel), None)
    if state is None:
        pytest.skip(found.missing or f"there is no saved guest of {kernel}")
    *_, last = pipeline.record(build, SOURCE, state, Choice(2, where=text), shell=SHELL, seconds=30)
    assert isinstance(last, Recording)
    assert last.events, last.notes
    assert [run.r0 for _, run, _ in pipeline.stepped(last, "on_exec")] == [3]  # it counts itself


@pytest.mark.guests
def test_a_condition_that_names_nothing_starts_no_guest(build: Build) -> None:
    found = pipeline.saved_guests()
    state = next((state for state in found.states if state.name == VERSION), None)
    if state is None:
        pytest.skip(found.missing or f"there is no saved guest of {VERSION}")
    with pytest.raises(InputError, match="no global variable and no map of that name"):
        list(pipeline.record(build, SOURCE, state, Choice(1, where="nothing > 3"), shell="true", seconds=5))
    *_, last = pipeline.record(build, SOURCE, state, Choice(1, where="recent[77] == 0"), shell=SHELL, seconds=30)
    assert isinstance(last, Recording) and not last.events
    assert any("never with recent[77] == 0" in note for note in last.notes)
