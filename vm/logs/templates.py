"""Messages recognised by the templates they were made from.

A template is text with named fields, as Rule.message. It is matched from left to right: each piece of text between two
fields is looked for once, so that matching is linear in the line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from string import Formatter
from typing import Final, NamedTuple

_MAX_WORD: Final = 160
_MAX_TEXT: Final = 400

_NUMBER: Final = re.compile(r"-?(?:0x)?[0-9a-fA-F]{1,20}$")
_REGNO: Final = re.compile(r"\d{1,2}$")


def _is_word(text: str) -> bool:
    return 0 < len(text) <= _MAX_WORD and " " not in text


def _is_text(text: str) -> bool:
    return len(text) <= _MAX_TEXT


def _is_number(text: str) -> bool:
    return _NUMBER.match(text) is not None


def _is_regno(text: str) -> bool:
    return _REGNO.match(text) is not None


def _is_expected(text: str) -> bool:
    """Names of types of registers. Where a line was broken the last one is the beginning of a name."""
    name = text.rpartition(", ")[2]
    return name in _TYPES.split() or not any(each.startswith(name) for each in _TYPES.split())


def _is_helper(text: str) -> bool:
    """A helper's name with its number; up to 4.9 the number."""
    return _HELPER.match(text) is not None


def _is_allowed(text: str) -> bool:
    """The values that a return value may have, whole: where a line was broken the rest of them is missing."""
    return text not in ("", "in") and text.count("(") == text.count(")") and len(text) <= _MAX_TEXT


_TYPES: Final = (
    "fp pkt pkt_meta pkt_end map_key map_value map_ptr mem ringbuf_mem rdonly_buf rdwr_buf buf ctx scalar inv sock "
    "sock_common tcp_sock xdp_sock func dynptr_ptr arena flow_keys tp_buffer const_ptr_to_dynptr trusted_ptr_ rcu_ptr_ "
    "percpu_ptr_ percpu_rcu_ptr_ percpu_trusted_ptr_ map_value_or_null mem_or_null sock_or_null"
)
"""What a register may be expected to be: words of the kernel."""
_HELPER: Final = re.compile(r"(?:\S+#)?-?\d{1,10}$")
_BEFORE_HELPER: Final = ("cannot use helper ", "unknown func ", "into func ", "invalid func ")
_NUMBERS: Final = (
    "align arg_type bits btf_id callsite code count depth end fd first func_id id idx imm index insn map_uid "
    "memory_size most op place previous processed range reg_off regs second size slot slots subprog target "
    "timer_uid type_id umax umin value_size wanted_off work_uid"
)
_WORDS: Final = (
    "buffer capability func graph iterator kfunc length map_type member operator region register return_type struct "
    "symbol"
)
_CHECKS: Final[dict[str, Callable[[str], bool]]] = {
    "regno": _is_regno,
    "allowed": _is_allowed,
    "expected": _is_expected,
    **dict.fromkeys(_NUMBERS.split(), _is_number),
    **dict.fromkeys(_WORDS.split(), _is_word),
}
# A template that begins with a field would match any sentence that ends like it.
_FIRST: Final[dict[str, Callable[[str], bool]]] = {
    "what": lambda text: text == "only read" or (text.startswith("only access to ") and " " not in text[15:]),
    "where": lambda text: text.startswith("At "),
    "forbidden": lambda text: text in ("write into", "read from", "write to"),
}


class Part(NamedTuple):
    """A field and the text after it."""

    field: str
    check: Callable[[str], bool]
    after: str


class Shape(NamedTuple):
    """One line of a template: `start`, then fields with the text after each."""

    start: str
    parts: tuple[Part, ...]

    def match(self, line: str) -> dict[str, str] | None:
        """The fields' values; None if the line was not made from this."""
        if not line.startswith(self.start):
            return None
        at = len(self.start)
        values: dict[str, str] = {}
        last = len(self.parts) - 1
        for number, part in enumerate(self.parts):
            if number == last:
                end = len(line) - len(part.after)
                if end < at or not line.endswith(part.after):
                    return None
            else:
                end = line.find(part.after, at, at + _MAX_TEXT + len(part.after)) if part.after else at
                if end < 0:
                    return None
            value = line[at:end]
            if not part.check(value):
                return None
            values.setdefault(part.field, value)
            at = end + len(part.after)
        return values if at == len(line) else None


def shape(template: str) -> Shape:
    """The shape of one line of a template."""
    start = ""
    parts: list[Part] = []
    pieces = list(Formatter().parse(template))
    for number, (literal, field, _, _) in enumerate(pieces):
        if number == 0:
            start = literal
        elif parts:
            parts[-1] = parts[-1]._replace(after=parts[-1].after + literal)
        else:
            start += literal
        if field is not None:
            check = _CHECKS.get(field, _is_text)
            if number == 0 and not literal:
                check = _FIRST.get(field, _is_word if field != "type" else _is_text)
            if field == "func" and literal.endswith(_BEFORE_HELPER):
                check = _is_helper
            parts.append(Part(field, check, ""))
    return Shape(start, tuple(parts))


class Pattern(NamedTuple):
    """A template of one or more lines, and what it stands for."""

    lines: tuple[Shape, ...]
    rules: tuple[str, ...]
    """Names of rules; none for what is said beside a reason, or by a kernel for a reason that no rule of ours has."""
    reason: bool = True
    category: str = ""
    part: bool = False
    """Whether these are the last lines of a message whose first ones are missing: no kernel prints them alone."""


class Found(NamedTuple):
    """Where a pattern was found: at line `at` of the lines given, over `length` lines."""

    at: int
    length: int
    patterns: tuple[Pattern, ...]
    values: tuple[tuple[str, str], ...]


def pattern(
    template: str, rules: tuple[str, ...], *, reason: bool = True, category: str = "", part: bool = False
) -> Pattern:
    """The pattern of a template as Rule.message; empty lines do not count."""
    return Pattern(tuple(shape(line) for line in template.split("\n") if line), rules, reason, category, part)


class Patterns:
    """Patterns, asked which of them a line was made from."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self._by_letter: dict[str, list[Pattern]] = {}
        self._any: list[Pattern] = []
        self._later = {line for each in patterns for line in each.lines[1:]}
        for each in patterns:
            first = each.lines[0].start[:1]
            if first:
                self._by_letter.setdefault(first, []).append(each)
            else:
                self._any.append(each)

    @property
    def shapes(self) -> set[Shape]:
        """Every line of every pattern."""
        known = (*self._any, *(each for found in self._by_letter.values() for each in found))
        return {line for each in known for line in each.lines}

    def is_later(self, found: Found) -> bool:
        """Whether what was found is one line that is also another pattern's second or third one."""
        return found.length == 1 and any(each.lines[0] in self._later for each in found.patterns)

    def at(self, lines: Sequence[str], at: int) -> Found | None:
        """What begins at line `at`: the patterns of most lines, then of most text. A pattern of several lines is found
        in its first ones too, where the text ends or goes on otherwise."""
        line = lines[at]
        best: list[tuple[tuple[int, int, int], Pattern, dict[str, str]]] = []
        for each in (*self._by_letter.get(line[:1], ()), *self._any):
            values = each.lines[0].match(line)
            if values is None:
                continue
            count = 1
            for more in each.lines[1:]:
                found = more.match(lines[at + count]) if at + count < len(lines) else None
                if found is None:
                    break
                values = {**values, **found}
                count += 1
            whole = count == len(each.lines)
            # Words of a first field are as good as text: few can stand there.
            first = values[each.lines[0].parts[0].field] if not each.lines[0].start else ""
            best.append(((count, whole, _text_of(each.lines[:count]) + len(first)), each, values))
        if not best:
            return None
        most = max(rank for rank, _, _ in best)
        chosen = [(each, values) for rank, each, values in best if rank == most]
        return Found(at, most[0], tuple(each for each, _ in chosen), tuple(chosen[0][1].items()))


def _text_of(lines: Sequence[Shape]) -> int:
    return sum(len(line.start) + sum(len(part.after) for part in line.parts) for line in lines)
