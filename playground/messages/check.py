"""Values from outside as typed structures; what is wrong with one is said in a sentence.

msgspec decides whether a value fits a field. It is asked field by field, so that the sentence can name the field and
what it may hold: both come from the field's own description in the schema.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Meta, Struct, UnsetType

from playground.messages.base import Wire

T = TypeVar("T", bound=Wire)
SHOWN: Final = 40
"""Characters of a name from outside that a sentence repeats."""


class WrongValue(Exception):  # noqa: N818 - a value, not a failure of ours
    """A sentence for the person who sent it; `code` is that of the `error` message."""

    def __init__(self, message: str, code: str = "bad_request") -> None:
        super().__init__(message)
        self.message = message
        self.code = code


def checked(value: Any, kind: type[T], title: str) -> T:
    """`value`, parsed JSON, as a `kind`, with the defaults of what is absent. WrongValue if it does not fit.

    title -- the subject of the sentences: "The request"
    """
    return _checked(value, kind, _Place(title))


class _Place(NamedTuple):
    """What a sentence is about.

    title -- its subject: "The request"
    path  -- names of the fields from there to the value
    keys  -- of the objects by name around the value, for sentences that repeat them
    """

    title: str
    path: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.title}'s {'.'.join(self.path)}" if self.path else self.title

    def below(self, name: str) -> _Place:
        """A field of it; of an object by name, one that is said so."""
        shown = name[:SHOWN]
        return self._replace(path=(*self.path, shown if shown.isascii() and shown.isidentifier() else repr(shown)))


def _checked(value: Any, kind: type[T], place: _Place) -> T:
    fields, names = _layout(kind)
    if not isinstance(value, dict):
        raise WrongValue(f"{place} has to be an object with {listed(names, 'and')}.")
    for name in value:
        if name not in names:
            where = f"{str(place)[0].lower()}{str(place)[1:]}"
            raise WrongValue(
                f"There is a field {name[:SHOWN]!r} in {where} that is not known here; "
                f"known {'are' if len(names) > 1 else 'is'} {listed(names, 'and')}."
            )
    given = {}
    for name, field in fields.items():
        if name in value:
            given[field.name] = _fits(value[name], field.type, place.below(name))
        elif field.required:
            raise _wrong(field.type, place.below(name))
    return kind(**given)


@functools.cache
def _layout(kind: type[Wire]) -> tuple[Mapping[str, msgspec.structs.FieldInfo], Sequence[str]]:
    """The fields of a structure by name, and all names with its tag's: msgspec evaluates annotations each time."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    tag = kind.__struct_config__.tag_field
    return fields, (*([tag] if tag else []), *fields)


def listed(names: Sequence[str], word: str) -> str:
    """["a", "b", "c"] -> "a, b and c"."""
    return f" {word} ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else "no fields"


def opened(kind: Any) -> tuple[Any, Meta]:
    """A field's type without UNSET and Annotated, and what the schema says of it."""
    said = Meta()
    while True:
        if get_origin(kind) is Annotated:
            kind, *notes = get_args(kind)
            said = next((note for note in notes if isinstance(note, Meta)), said)
        elif is_union(kind) and UnsetType in get_args(kind):
            kind = Union[tuple(arm for arm in get_args(kind) if arm is not UnsetType)]  # noqa: UP007
        else:
            return kind, said


def is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType)


def is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Struct)


def tagged(kind: Any) -> Mapping[str, type[Wire]]:
    """The arms of a union of structures by their tag; empty for another type."""
    arms = get_args(kind) if is_union(kind) else ()
    if not arms or not all(is_struct(arm) and arm.__struct_config__.tag_field for arm in arms):
        return {}
    return {arm.__struct_config__.tag: arm for arm in arms}


def _fits(value: Any, kind: Any, place: _Place) -> Any:
    inner, said = opened(kind)
    if said.title:
        place = _Place(said.title, keys=place.keys)
    if is_struct(inner):
        if not isinstance(value, dict) and said.extra:
            raise _wrong(kind, place)
        return _checked(value, inner, place)
    if arms := tagged(inner):
        return _arm(value, arms, place)
    try:
        if get_origin(inner) is not dict:
            return msgspec.convert(value, kind)
        if not isinstance(value, dict):
            raise _wrong(kind, place)
        name_type, item_type = get_args(inner)
        found = {}
        for name, item in value.items():
            here = place._replace(keys=(*place.keys, name[:SHOWN]))
            _fits(name, name_type, here._replace(title=f"{place}: the name {name[:SHOWN]!r}", path=()))
            found[name] = _fits(item, item_type, here.below(name))
        msgspec.convert(dict.fromkeys(found, 0), Annotated[dict[str, int], Meta(max_length=said.max_length)])
        return found
    except msgspec.ValidationError:
        raise _wrong(kind, place) from None


def _arm(value: Any, arms: Mapping[str, type[Wire]], place: _Place) -> Wire:
    field = next(iter(arms.values())).__struct_config__.tag_field or ""
    chosen = value.get(field) if isinstance(value, dict) else None
    if not isinstance(chosen, str) or chosen not in arms:
        raise WrongValue(f"{place} has to be an object whose {field} is one of {', '.join(arms)}.")
    return _checked(value, arms[chosen], _Place(f"The {chosen} {str(place).lower().removeprefix('the ')}"))


def _wrong(kind: Any, place: _Place) -> WrongValue:
    inner, said = opened(kind)
    extra = said.extra or {}
    sentence = extra.get("sentence")
    if sentence is not None:
        return WrongValue(sentence.format(*map(repr, place.keys)), extra.get("code", "bad_request"))
    return WrongValue(f"{said.title or place} has to be {wanted(inner, said)}.")


def wanted(kind: Any, said: Meta) -> str:
    """What a field may hold, in words: "text of at most 128 characters"."""
    if kind is bool:
        return "one of: no, yes"
    if get_origin(kind) is Literal:
        return f"one of: {', '.join(map(str, get_args(kind)))}"
    if is_struct(kind) or get_origin(kind) is dict or tagged(kind):
        return "an object"
    if kind is str:
        return "text" if said.max_length is None else f"text of at most {said.max_length} characters"
    if kind is int:
        most = "" if said.le is None else f" to {said.le:,}"
        return "a whole number" if said.ge is None else f"a whole number from {said.ge}{most}"
    if get_origin(kind) is list:
        return "a list" if said.max_length is None else f"a list of at most {said.max_length}"
    if is_union(kind):
        return " or ".join(wanted(*opened(arm)) for arm in get_args(kind))
    raise TypeError(f"a field of a request is a {kind}, which has no words here")
