"""Long lists of a run: a stage's message holds the beginning, and a client asks for the rest in parts.

A list that is short goes into the message whole, so that small programs need no further request.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any, Final

Json = dict[str, Any]

WHOLE: Final = 28_000
"""Bytes of JSON up to which a list stays in its stage's message."""
HEAD: Final = 5_000
"""Bytes that the message holds of a longer one."""
LEAST: Final = 40
"""Bytes that each record of a list has at least."""
PART_BYTES: Final = 24_000
PART_ITEMS: Final = 256


def size(item: Any) -> int:
    """Bytes of an item as JSON, with its comma."""
    return len(json.dumps(item, separators=(",", ":"), ensure_ascii=False)) + 1


def divided(
    items: Iterable[Any], whole: int = WHOLE, head: int = HEAD, *, records: int = 0, least: int = LEAST
) -> tuple[list[Any], Iterator[Any] | None]:
    """(what the message holds, all items again), or (all items, None) where they have at most `whole` bytes.

    Of a longer list only the items that `whole` bytes hold are made now, the others when the iterator gets there.
    records -- how many items there are, where each is a record: of so many that they have more than `whole` bytes in
               any case, only those that the message holds are made; least -- bytes that each has at least
    """
    long = records * least > whole
    rest = iter(items)
    taken: list[Any] = []
    total, told = 0, 0
    for item in rest:
        taken.append(item)
        total += size(item)
        if total <= head or not told:
            told = len(taken)
        if total > whole or (long and total > head):
            return taken[:told], chain(taken, rest)
    return taken, None


def parts(name: str, items: Iterable[Any], first: int = 0) -> Iterator[Json]:
    """The `part` messages of items of the list `name`, in order. first: the number of the first item."""
    held: list[Any] = []
    held_bytes = 0
    for item in items:
        length = size(item)
        if held and (held_bytes + length > PART_BYTES or len(held) >= PART_ITEMS):
            yield _part(name, first, held)
            first, held, held_bytes = first + len(held), [], 0
        held.append(item)
        held_bytes += length
    if held:
        yield _part(name, first, held)


def _part(name: str, first: int, items: list[Any]) -> Json:
    return {"type": "part", "list": name, "from": first, "items": items}


def sampled(pairs: list[tuple[int, int]], every: int) -> list[tuple[int, int]]:
    """Each pair number `every`, from the first."""
    return list(islice(pairs, 0, None, every))
