"""A snapshot as a PNG, for previews of links. Text is drawn as text: nothing in it means anything to the drawing."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Mapping
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from playground.snapshot import Row, Snapshot

WIDTH, HEIGHT, EDGE = 1200, 630, 40
MOST: Final = 400
"""Characters of a text that are looked at."""
COLOURS: Final[Mapping[str, str]] = {
    "paper": "#16181d", "ink": "#eceef2", "dim": "#9aa3b2", "cursor": "#4a4020", "accepted": "#6fd3a8",
    "rejected": "#ff8f80", "failed": "#ff8f80", "": "#9aa3b2", "changed": "#f0d060",
}  # fmt: skip
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def picture(shown: Snapshot) -> bytes:
    """The PNG's bytes, 1200 x 630 pixels."""
    image = Image.new("RGB", (WIDTH, HEIGHT), COLOURS["paper"])
    draw = ImageDraw.Draw(image)
    title, text, code = (ImageFont.load_default(size) for size in (40, 28, 23))
    _fit(draw, (EDGE, 30), shown.title, title, COLOURS["ink"], WIDTH - 2 * EDGE - 180)
    draw.text((WIDTH - EDGE, 40), "bpfscope", COLOURS["dim"], text, anchor="ra")
    said = ": ".join(filter(None, (shown.outcome, shown.said)))
    _fit(draw, (EDGE, 92), said, text, COLOURS[shown.outcome], WIDTH - 2 * EDGE)
    rows, top = shown.lines or shown.insns, 150
    split = 760 if shown.values else WIDTH - EDGE
    for n, row in enumerate(rows[:13]):
        _row(draw, row, top + n * 33, split - EDGE - 20, code)
    for n, value in enumerate(shown.values[:12]):
        colour = COLOURS["changed" if value.changed else "ink"]
        _fit(draw, (split, top + n * 33), value.name, code, COLOURS["dim"], 80)
        _fit(draw, (split + 84, top + n * 33), value.text, code, colour, WIDTH - EDGE - split - 84)
    draw.text((EDGE, HEIGHT - 46), shown.where, COLOURS["dim"], text)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def _row(draw: ImageDraw.ImageDraw, row: Row, top: int, width: int, font: Font) -> None:
    if row.here:
        draw.rectangle((EDGE - 8, top - 3, EDGE + width, top + 28), COLOURS["cursor"])
    draw.text((EDGE + 44, top), str(row.number), COLOURS["dim"], font, anchor="ra")
    indent = len(row.text) - len(row.text.lstrip(" "))
    left = EDGE + 60 + indent * 9
    _fit(draw, (left, top), row.text.strip(), font, COLOURS["ink"], max(20, EDGE + width - left))


def _fit(draw: ImageDraw.ImageDraw, place: tuple[int, int], text: str, font: Font, colour: str, width: int) -> None:
    """Text on one line, cut where it is wider."""
    shown = text[:MOST]
    if draw.textlength(shown, font) > width:
        fits = bisect_right(range(1, len(shown)), width, key=lambda n: int(draw.textlength(f"{shown[:n]}…", font)))
        shown = f"{shown[:fits]}…" if fits else ""
    draw.text(place, shown, colour, font)
