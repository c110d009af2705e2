"""The physical lines of a text that comes in pieces, and the kernel's lines in them.

Bounds: a line longer than MAX_LINE is cut into pieces of that length, an escaped one at its escaped newlines. Every
pass is linear in the text.
"""

from __future__ import annotations

import codecs
import html
import re
from collections.abc import Iterable, Iterator
from typing import Final

MAX_LINE: Final = 1 << 16
_MAX_UNESCAPED: Final = 1 << 20  # an escaped log is one line; it is taken apart in pieces of this size

# A line feed that was escaped: what follows it is a line of a log.
_ESCAPED: Final = re.compile(
    r"\\n(?:\\t|[ \t])*(?:\d{1,7}: [(RfPs]|; |from \d|processed \d|func#\d|verification time|last_idx"
    r"|regs=|mark_precise|R\d{1,2} )"
)
_SYSLOG: Final = re.compile(r"#012(?:#011|[ \t])*(?:\d{1,7}: |; |from \d|processed \d|R\d)")
_SYSLOG_CODES: Final = re.compile(r"#(0[01]\d)")
_ESCAPES: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)")
_LETTERS: Final = {"n": "\n", "t": "\t", "r": "\n", "0": "\n"}
_QUOTE: Final = re.compile(r'(?<!\\)(?:\\\\)*"')
_ENTITY: Final = re.compile(r"&(?:lt|gt|amp|quot|apos|nbsp|#\d{1,6}|#x[0-9a-fA-F]{1,5});")
_TAG: Final = re.compile(r"</?(?:p|pre|code|div|span|br|li|ul|blockquote|td|tr|table)\b[^<>]{0,200}>", re.IGNORECASE)
_BREAK: Final = re.compile(r"<br ?/?>", re.IGNORECASE)


def physical_lines(chunks: Iterable[str | bytes]) -> Iterator[str]:
    """Lines without their ends; bytes are read as UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
    held: list[str] = []
    size = 0
    for chunk in chunks:
        text = decoder.decode(chunk) if isinstance(chunk, bytes) else chunk
        if "\n" not in text:
            held.append(text)
            size += len(text)
            if size > _MAX_UNESCAPED:
                text, held, size = "".join(held), [], 0
                cut = max(text.rfind("\\n", _MAX_UNESCAPED // 2), 0) or len(text)
                yield text[:cut]
                held.append(text[cut:])
                size = len(held[0])
            continue
        parts = text.split("\n")
        held.append(parts[0])
        yield "".join(held).rstrip("\r")
        for part in parts[1:-1]:
            yield part.rstrip("\r")
        held, size = [parts[-1]], len(parts[-1])
    held.append(decoder.decode(b"", final=True))
    last = "".join(held)
    if last:
        yield last.rstrip("\r")


def is_escaped(line: str) -> bool:
    """Whether a line holds several lines of a log with their ends escaped."""
    return "\\n" in line and _ESCAPED.search(line) is not None


def unescaped(line: str) -> list[str]:
    """The lines that an escaped line holds. What stands before and after the value's quotes are lines too."""
    found = _ESCAPED.search(line)
    if found is None:
        return [line]
    before: list[str] = []
    rest = ""
    for _ in range(4):
        found = _ESCAPED.search(line)
        if found is None:
            break
        opening = 0
        for quote in _QUOTE.finditer(line, 0, found.start()):
            opening = quote.end()
        if opening:
            closing = _QUOTE.search(line, found.start())
            if closing is not None:
                rest = f"{rest} {line[closing.end() :]}"
                line = line[: closing.end() - 1]
            before.append(line[:opening])
            line = line[opening:]
        line = _ESCAPES.sub(_letter, line)
    out = [*before, *line.split("\n")]
    if rest.strip():
        out.append(rest)
    return out


def as_text(value: str) -> str:
    """What an escaped value stands for."""
    return _ESCAPES.sub(_letter, value) if "\\" in value else value


def _letter(found: re.Match[str]) -> str:
    what = found[1]
    if len(what) > 1:
        return chr(int(what[1:], 16))
    return _LETTERS.get(what, what)


def without_syslog_codes(line: str) -> list[str] | None:
    """The lines in a line in which rsyslog wrote control characters as #012; None if it did not."""
    if "#012" not in line or _SYSLOG.search(line) is None:
        return None
    return _SYSLOG_CODES.sub(lambda found: chr(int(found[1], 8)), line).split("\n")


def without_markup(line: str) -> list[str]:
    """The lines that a line of HTML shows."""
    if "<" in line:
        line = _TAG.sub("", _BREAK.sub("\n", line))
    if "&" in line and _ENTITY.search(line) is not None:
        line = html.unescape(line)
    return line.replace("\xa0", " ").split("\n")
