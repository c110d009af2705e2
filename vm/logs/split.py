"""The physical lines of a text that comes in pieces, and the kernel's lines in them.

Bounds: a line longer than MAX_LINE is cut into pieces of that length, an escaped one at its escaped newlines. Every
pass is linear in the text.
"""

from __future__ import annotations

import codecs
import html
import re
from collections.abc import Iterable, Iterator
from itertools import chain
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
_INVISIBLE: Final = re.compile("[\u200b-\u200d\u2060\ufeff]")
_COLOUR: Final = re.compile(
    r"(?:\x1b|\^\[)(?:\[[0-9;?]{0,20}[A-Za-z]|\][^\x07\x1b]{0,300}(?:\x07|\x1b\\|\^\[\\)|[()][A-B0])"
)
"""Colours, titles of windows and links, as programs send them to a terminal."""
_PARTIAL: Final = re.compile(r"(\S{10,40} std(?:out|err) )([PF]) ")
_QUOTED_PRINTABLE: Final = "=3D"
"""An equals sign in a mail: no kernel prints this, and no C has it."""
_OCTET: Final = re.compile(r"=([0-9A-F]{2})")
_EXPORTED: Final = re.compile(r"_{1,2}[A-Z][A-Z0-9_]{1,40}=|(?:PRIORITY|SYSLOG_[A-Z]{2,20})=")
_BREAK: Final = re.compile(r"<br ?/?>", re.IGNORECASE)


def physical_lines(chunks: Iterable[str | bytes]) -> Iterator[str]:
    """Lines without their ends: line feeds, carriage returns or both. Bytes are read as UTF-8, or UTF-16 if they begin
    as such.
    """
    for line in _line_feeds(chunks):
        if "\r" in line:
            yield from line.split("\r")
        else:
            yield line


def _encoding(begin: bytes) -> str:
    """The encoding of a text that begins with these bytes: a Windows console writes UTF-16 to a file."""
    if begin.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if len(begin) >= 4 and not any(begin[1:4:2]) and all(begin[0:4:2]):
        return "utf-16-le"
    return "utf-8-sig"


def _line_feeds(chunks: Iterable[str | bytes]) -> Iterator[str]:
    """The lines that end with line feeds."""
    chunks = iter(chunks)
    begin: str | bytes = next(chunks, b"")
    while isinstance(begin, bytes) and len(begin) < 4 and (more := next(chunks, None)) is not None:
        begin = begin + more if isinstance(more, bytes) else begin.decode("utf-8-sig", "replace") + more
    decoder = codecs.getincrementaldecoder(_encoding(begin) if isinstance(begin, bytes) else "utf-8-sig")("replace")
    chunks = chain((begin,), chunks)
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


def has_entities(line: str) -> bool:
    """Whether HTML's names of characters stand in a line: no kernel prints them, and no C has them but in strings."""
    return "&" in line and _ENTITY.search(line) is not None


def without_markup(line: str) -> list[str]:
    """The lines that a line of HTML shows."""
    if "<" in line:
        line = _TAG.sub("", _BREAK.sub("\n", line))
    for _ in range(2):  # what was escaped twice is text
        if "&" in line and _ENTITY.search(line) is not None:
            line = html.unescape(line)
    return line.replace("\xa0", " ").split("\n")


def mended(lines: Iterable[str]) -> Iterator[str]:
    """Lines without colours and invisible characters; those that a container's runtime or a mail divided are whole, in
    the place of their last part, and so are those of a journal's export without its other fields.
    """
    held = ""
    mail = False
    for raw in lines:
        line = raw
        if "\x1b" in line or "^[[" in line:
            line = _COLOUR.sub("", line)
        if not line.isascii():
            line = _INVISIBLE.sub("", line)
        mail = mail or _QUOTED_PRINTABLE in line
        if mail:
            if line.endswith("=") and len(held) < MAX_LINE:
                held += line[:-1]
                yield ""
                continue
            yield _OCTET.sub(lambda found: chr(int(found[1], 16)), held + line)
            held = ""
            continue
        part = _PARTIAL.match(line) if " std" in line[:64] else None
        if part is not None and (held or part[2] == "P"):
            held = held + line[part.end() :] if held else f"{part[1]}F {line[part.end() :]}"
            if part[2] == "P" and len(held) < MAX_LINE:
                yield ""
                continue
            line = held
            held = ""
        elif held:
            yield held
            held = ""
        if _EXPORTED.match(line):
            line = ""
        if line.endswith(" \\") and line[:1] != ";":
            line = line[:-1].rstrip()
        yield line
    if held:
        yield held


def quoted(text: str, quote: str) -> str:
    """What stands in quotes, from behind the first quote on: without the last one and what follows it."""
    at = text.rfind(quote)
    if at >= 0:
        text = text[:at]
    return as_text(_ENDS.sub("", text))


def listed_strings(line: str) -> list[str] | None:
    """The strings of a list that is written on one line, of which one is a line of a log; None if it is none."""
    if _IN_LIST.search(line) is None:
        return None
    return [as_text(found[1] if found[1] is not None else found[2]) for found in _STRING.finditer(line)]


_ENDS: Final = re.compile(r"(?:\\[nrt]){1,8}$")
_IN_LIST: Final = re.compile(r"[\"'], ?[\"'](?:\d{1,7}: \([0-9a-f]{2}\) |processed \d)")
_STRING: Final = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'")
