"""Our NamedTuple does what that of typing does."""

from __future__ import annotations

import pickle
import typing

import pytest

from vm import namedtuples


class Ours(namedtuples.NamedTuple):
    """Some numbers."""

    first: int
    second: str = "b"
    third: tuple[int, ...] = ()

    @property
    def both(self) -> str:
        return f"{self.first}{self.second}"

    @classmethod
    def of(cls, number: int) -> Ours:
        return cls(number)

    def __str__(self) -> str:
        return self.both


class Theirs(typing.NamedTuple):
    """Some numbers."""

    first: int
    second: str = "b"
    third: tuple[int, ...] = ()


def test_it_is_a_named_tuple_as_of_typing() -> None:
    value = Ours(1, third=(2,))
    assert tuple(value) == tuple(Theirs(1, third=(2,))) == (1, "b", (2,))
    assert hash(value) == hash(Theirs(1, third=(2,)))
    assert (Ours._fields, Ours._field_defaults) == (Theirs._fields, Theirs._field_defaults)
    assert typing.get_type_hints(Ours) == typing.get_type_hints(Theirs)
    assert (Ours.__doc__, Ours.__module__, Ours.__qualname__) == (Theirs.__doc__, __name__, "Ours")
    assert repr(value) == repr(Theirs(1, third=(2,))).replace("Theirs", "Ours")
    assert pickle.loads(pickle.dumps(value)) == value
    assert value._replace(first=3) == Ours(3, "b", (2,))


def test_its_body_has_methods() -> None:
    value = Ours.of(1)
    assert (value.both, str(value), type(value)) == ("1b", "1b", Ours)


def test_a_field_without_a_default_does_not_follow_one_with_a_default() -> None:
    body = {"__module__": __name__, "__annotations__": {"a": "int", "b": "int"}, "a": 1}
    with pytest.raises(TypeError, match="without a default"):
        type(namedtuples.NamedTuple)("Wrong", (namedtuples.NamedTuple,), body)  # type: ignore[misc]
