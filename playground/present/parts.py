"""Long lists of a run: a stage's message has the beginning, and clients request the rest in parts.

A short list is in the message completely, so that small programs need no further request.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any, Final

Json = dict[str, Any]

WHOLE: Final = 28_000
"""Largest size of a list, in bytes of JSON, that is in its stage's message completely."""
HEAD: Final = 5_000
"""Bytes of a longer list in the message."""
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
    """(items in the message, iterator over all items), or (all items, None) if they have at most `whole` bytes.

    Items of a longer list that do not fit into `whole` bytes are made when the iterator reaches them.
    records -- number of items, if each is a record; if so many records have more than `whole` bytes in any case, only
               those in the message are made
    least   -- lower limit of the bytes of each record
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
    """The `part` messages with items of the list `name`. first: the number of the first item."""
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
    """Every `every`-th pair, starting with the first."""
    return list(islice(pairs, 0, None, every))
