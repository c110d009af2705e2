"""Every helper of 6.12 is in the table or named as not emulated; the text and number helpers' corners."""

from __future__ import annotations

import pytest

from tests.vm.runner.programs import EXIT, call, mov, program
from vm.errors import NotEmulated
from vm.kernel.helpers import all_helpers
from vm.kernel.names import MAP_TYPES
from vm.program import MapSpec
from vm.runner.helpers import HELPERS, NOT_EMULATED, TABLE, find_helper, helper_name
from vm.runner.helpers.printf import FormatError, format_text
from vm.runner.inputs import NoInput, RunLimits
from vm.runner.interp import interpret
from vm.runner.maps import BEHAVIOUR
from vm.runner.maps import NOT_EMULATED as MAPS_NOT_EMULATED
from vm.runner.world import World
from vm.verifier.fixups.maps import MAP_HELPERS, direct_function

BY_ENGINE = {"tail_call"}  # the engines do these themselves


def test_every_helper_is_emulated_or_named() -> None:
    for name in HELPERS[1:]:
        ways = (name in TABLE) + (name in NOT_EMULATED) + (name in BY_ENGINE)
        assert ways == 1, f"{name} is in {ways} of the tables"
    assert set(NOT_EMULATED) <= set(HELPERS)


def test_numbers_are_the_kernels() -> None:
    for helper in all_helpers():
        assert helper.name.removeprefix("bpf_") == helper_name(helper.id)


def test_every_map_type_is_emulated_or_named() -> None:
    for number in range(1, len(MAP_TYPES)):
        assert (number in BEHAVIOUR) != (number in MAPS_NOT_EMULATED), MAP_TYPES[number]


def test_map_operations_called_directly_are_found() -> None:
    for number in BEHAVIOUR:
        for helper in MAP_HELPERS:
            name = direct_function(MapSpec("m", number, 8, 8, 4), helper)
            if name is not None:
                assert callable(find_helper(name)), name


def test_an_unknown_number_is_refused() -> None:
    with pytest.raises(NotEmulated, match="helper number 5000"):
        helper_name(5000)


def world() -> World:
    return World([program(EXIT)], RunLimits())


@pytest.mark.parametrize(
    ("fmt", "args", "want"),
    [
        ("%d|%5u|%-4x|", [-1, 7, 255], "-1|    7|ff  |"),
        ("%lld %llx", [-5, -1], "-5 ffffffffffffffff"),
        ("%05d|%+d|% d", [-42, 3, 4], "-0042|+3| 4"),
        ("%%%c", [65], "%A"),
        ("%p %px", [0, 255], "0000000000000000 00000000000000ff"),
        ("é %X", [255], "é FF"),
    ],
)
def test_formats(fmt: str, args: list[int], want: str) -> None:
    words = [arg % (1 << 64) for arg in args]
    assert format_text(world(), fmt.encode() + b"\0", words, 1024).decode() == want


@pytest.mark.parametrize("fmt", ["%", "%q", "%zu", "%#x", "%lc", "%pX4", "%d", "%sx", "%pi5", "a\x01"])
def test_formats_the_kernel_refuses(fmt: str) -> None:
    with pytest.raises(FormatError):
        format_text(world(), fmt.encode() + b"\0", [0] if fmt != "%d" else [], 1024)


def test_a_format_without_its_end_is_refused() -> None:
    with pytest.raises(FormatError):
        format_text(world(), b"abc", [], 1024)


def test_random_numbers_and_time_repeat() -> None:
    p = program(call(7), mov(0, 0), call(5), EXIT)
    runs = [interpret(p, NoInput(), RunLimits(seed=3)).steps for _ in range(2)]
    assert runs[0] == runs[1]
    assert interpret(p, NoInput(), RunLimits(seed=4)).steps[0] != runs[0][0]
