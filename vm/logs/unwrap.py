"""From the lines of a text to the kernel's lines: what wraps them is taken away and remembered.

Known prefixes (dates, hosts, log levels, quoting) are taken away by shape. A prefix that is not known is learnt from
the instructions behind it: two lines with an instruction at the same place after the same shape of text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from vm.logs.lines import BLANK, Kind, Line, told_apart
from vm.logs.split import (
    MAX_LINE,
    as_text,
    has_entities,
    is_escaped,
    listed_strings,
    mended,
    physical_lines,
    quoted,
    unescaped,
    without_markup,
    without_syslog_codes,
)
from vm.logs.wrappers import SIGNS, Effect, Sign, kernel_named, sign_in


class Told(NamedTuple):
    """A line of the text.

    number -- of the physical line, from 1; text -- without prefix; line -- told apart
    sign -- of a loader, where it has one; what follows a head (Effect.HEAD) is a Told of its own; name -- the
    program's name, where the sign has one
    """

    number: int
    text: str
    line: Line
    sign: Sign | None = None
    name: str = ""


_DATE: Final = r"\d{4}[-/]\d{2}[-/]\d{2}[T ]\d{2}:\d{2}:\d{2}(?:[.,]\d{1,9})?(?: ?Z| ?[+-]\d{2}:?\d{2}| UTC)?"
_PREFIX: Final = re.compile(
    r"\x1b\[[0-9;]{0,20}[A-Za-z]"
    r"|>(?: ?>){0,8} ?"
    r"|" + _DATE + r":?(?:[ \t]|$)"
    r"|\[ {0,6}\d{1,9}\.\d{1,9}\][ \t]"
    r"|\[(?:" + _DATE + r")[^\]\n]{0,60}\][ \t]?"
    r"|[^\W\d_]{3,4}\.? {1,2}\d{1,2} \d{2}:\d{2}:\d{2}(?:\.\d{1,9})? "
    r"(?:(?:[\w.-]{1,64} )?(?!\d+: )[\w./@()-]{1,64}(?:\[\d{1,9}\])?: )?"
    r"|(?:DEBU|INFO|WARN|ERRO|FATA|TRAC)\[\d{4,10}\] "
    r"|\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?:?[ \t]"
    r"|(?:WARNING|WARN|INFO|DEBUG|ERROR|ERR|TRACE|NOTICE|warning|warn|info|debug|error|trace):?[ \t]"
    r"|(?:libbpf|libxdp):(?:[ \t]|$)"
    r"|[\w.-]{1,64} {1,20}\| "
    r"|\| "
    r"|MESSAGE="
    r"|@[0-9a-f]{16,24} "
    r"|(?:stdout|stderr) [FP] "
)
_WORD_BEFORE: Final = re.compile(r"[ \t|>:\"'`+-](\d{1,7}: \([0-9a-f]{2}\) \S)")
_DIGITS: Final = re.compile(r"\d+")
_ONE_QUOTE: Final = re.compile(r"[\"']")
_SPACES: Final = re.compile(r"(?:\\[ \t])+")
_MAX_ROUNDS: Final = 8
_MAX_PREFIX: Final = 200
_NOT_A_PREFIX: Final = ("regs=", "before", " // ", "stack=")


class Unwrapper:
    """Gives the lines of a text. What it saw of wrappers is in its attributes when the text has ended."""

    def __init__(self, keep: Callable[[str], None] | None = None) -> None:
        """keep -- is given every physical line, as it is."""
        self._keep = keep
        self.loaders: dict[str, int] = {}
        self.carriers: dict[str, None] = {}
        self.named = ""
        self.unknown_text = 0
        self._shape: re.Pattern[str] | None = None
        self._shape_text = ""

    def lines(self, chunks: Iterable[str | bytes]) -> Iterator[Told]:
        """Every line of the text, in order."""
        keep = self._keep
        for number, raw in enumerate(mended(physical_lines(chunks)), 1):
            if keep is not None:
                keep(raw)
            if not raw:
                yield Told(number, "", BLANK)
                continue
            line = told_apart(raw[:MAX_LINE])
            if line.kind is not Kind.TEXT and not is_escaped(raw) and not has_entities(raw):
                yield Told(number, raw[:MAX_LINE], line)
                continue
            for each in self._taken_apart(raw):
                yield from self._told(number, each[:MAX_LINE])

    def _taken_apart(self, raw: str) -> list[str]:
        if "\xa0" in raw:
            raw = raw.replace("\xa0", " ")
        if "<" in raw or "&" in raw:
            return [piece for line in without_markup(raw) for piece in self._unescaped(line)]
        return self._unescaped(raw)

    def _unescaped(self, raw: str) -> list[str]:
        if is_escaped(raw):
            self.carriers["logfmt" if _LOGFMT.search(raw) else "json-escaped"] = None
            return unescaped(raw)
        values = _values(raw)
        if values is None and (strings := listed_strings(raw)) is not None:
            return strings
        if values is not None:
            self.carriers[values[0]] = None
            return values[1]
        lines = without_syslog_codes(raw)
        return lines if lines is not None else [raw]

    def _told(self, number: int, raw: str) -> Iterator[Told]:
        text = self._without_prefix(raw)
        line = told_apart(text)
        if line.kind is not Kind.TEXT:
            yield Told(number, text, line)
            return
        found = sign_in(text)
        whole = sign_in(raw) if raw != text else None  # a prefix can be a sign
        if whole is not None and (found is None or SIGNS.index(whole[0]) < SIGNS.index(found[0])):
            found, text = whole, raw
        if found is not None:
            sign, match = found
            self.loaders[sign.wrapper] = self.loaders.get(sign.wrapper, 0) + 1
            name = match.groupdict().get("prog") or ""
            yield Told(number, text, line, sign, name)
            if sign.effect is Effect.HEAD:
                rest = text[match.end() :]
                again = sign_in(rest) if len(rest) < 400 else None
                if again is not None and again[0].effect in (Effect.HEAD, Effect.BEGIN):
                    yield from self._told(number, rest)
                elif rest.strip():
                    inner = told_apart(rest)
                    if inner.kind is Kind.TEXT:
                        rest = rest.strip()
                        inner = told_apart(rest)
                    yield Told(number, rest, inner)
            return
        if text.strip():
            self.unknown_text += 1
            self.named = self.named or kernel_named(text[:400])
        yield Told(number, text, line)

    def _without_prefix(self, raw: str) -> str:
        text = raw
        for _ in range(_MAX_ROUNDS):
            found = _PREFIX.match(text)
            if found is None or not found.end():
                break
            if _JOURNALD.match(text):
                self.carriers["journald"] = None
            text = text[found.end() :]
            if told_apart(text).kind is not Kind.TEXT:
                return text
        stripped = text.lstrip()
        if stripped is not text and told_apart(stripped).kind is not Kind.TEXT:
            return stripped
        if stripped[:1] == "`" and told_apart(alone := stripped.strip("` \t")).kind is Kind.STATS:
            return alone
        if self._shape is not None:
            found = self._shape.match(raw)
            if found is not None:
                text = _inside(found[0], raw[found.end() :])
                return text if told_apart(text).kind is not Kind.TEXT else text.lstrip()
        inside = _WORD_BEFORE.search(text[: _MAX_PREFIX + 40])
        if inside is not None and sign_in(text[: inside.start(1)]) is None:
            prefix = raw[: len(raw) - len(text) + inside.start(1)]
            if len(prefix) <= _MAX_PREFIX and not any(word in prefix for word in _NOT_A_PREFIX):
                self._learn(prefix)
                return _inside(prefix, text[inside.start(1) :])
        return text

    def _learn(self, prefix: str) -> None:
        """Two instructions behind the same shape of text make it a prefix."""
        shape = r"\d+".join(re.escape(part) for part in _DIGITS.split(prefix.rstrip())) + r"[ \t]?"
        shape = _SPACES.sub(r"[ \\t]{0,20}", shape)  # a column of numbers is as wide as its widest
        shape = _ONE_QUOTE.sub("[\"']", shape)  # which one it is depends on what stands inside
        if shape == self._shape_text:
            self._shape = re.compile(shape)
        self._shape_text = shape


def _inside(prefix: str, text: str) -> str:
    """The text behind a prefix; if that ends with a quote, up to the one that closes it."""
    quote = prefix.rstrip()[-1:]
    return quoted(text, quote) if quote in _QUOTES_BEFORE else text


def _values(raw: str) -> tuple[str, list[str]] | None:
    """(what carries it, the lines) of a record whose fields hold one line of a log each; None if it is none."""
    carrier = "logfmt" if _LOGFMT_RECORD.search(raw[:300]) else "json-escaped" if raw[:1] == "{" else ""
    if not carrier:
        return None
    if carrier != "logfmt" and (octets := _JSON_OCTETS.search(raw)) is not None:
        data = bytes(min(int(each), 255) for each in octets[1].split(",") if each.strip().isdecimal())
        return carrier, data.decode(errors="replace").rstrip("\n").split("\n")
    shape = _FIELD if carrier == "logfmt" else _JSON_FIELD
    found = [line for match in shape.finditer(raw) for line in as_text(match[1]).rstrip("\n").split("\n")]
    if carrier == "logfmt":
        return carrier, found or [""]
    return (carrier, found) if found else None


_LOGFMT_RECORD: Final = re.compile(r"(?:^|\s)level=\w{1,10}\s\S")
_FIELD: Final = re.compile(r'\b(?:msg|error|err|message|log)="((?:[^"\\]|\\.)*)"')
_JSON_FIELD: Final = re.compile(r'"(?:log|msg|message|MESSAGE|error)" ?: ?"((?:[^"\\]|\\.)*)"')
_JSON_OCTETS: Final = re.compile(r'"MESSAGE" ?: ?\[([\d, ]{1,400000})\]')
_QUOTES_BEFORE: Final = ('"', "'", "`")
_LOGFMT: Final = re.compile(r"(?:^|\s)(?:level|msg|time|ts)=\S")
_JOURNALD: Final = re.compile(
    r"[^\W\d_]{3,4}\.? {1,2}\d{1,2} \d{2}:\d{2}:\d{2}(?:\.\d{1,9})? [\w.-]{1,64} [\w./@()-]{1,64}(?:\[\d{1,9}\])?: "
)
