"""What the messages are made of."""

from __future__ import annotations

from typing import Any, TypeAlias

from msgspec import Meta, Struct, UnsetType

Unset: TypeAlias = UnsetType
"""In a union: the field may be absent."""

NAME_LENGTH = 128


class Wire(Struct, frozen=True, forbid_unknown_fields=True):
    """A JSON object of the protocol."""


def about(description: str, *, title: str = "", sentence: str = "", code: str = "", **limits: Any) -> Meta:
    """What a field means; for requests also what it is called in an error.

    description -- for docs/protocol.md, Markdown
    title       -- the subject of a sentence about a wrong value: "The option opt"
    sentence    -- the whole sentence, where the one made of title and type would say less
    code        -- of the `error` message, `bad_request` if not given
    limits      -- what msgspec.Meta takes: max_length, ge, …
    """
    extra = {name: text for name, text in (("sentence", sentence), ("code", code)) if text}
    return Meta(description=description, title=title or None, extra=extra or None, **limits)
