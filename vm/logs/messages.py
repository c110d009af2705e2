"""From the lines of a log that are nothing else to the reason for which the program was refused."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Final, NamedTuple

from vm.logs.damaged import is_damaged
from vm.logs.templates import Found, Patterns, Shape, pattern
from vm.logs.values import Message, Whole
from vm.logs.wordings import NOT_REASONS, WORDINGS
from vm.verifier.rules.catalogue import all_notes, all_rules, rule_named
from vm.verifier.rules.rule import By

_REGISTER: Final = re.compile(r"\bR(\d{1,2})\b")

# Rules whose message names the instruction itself: they are found before or between instructions.
_NAMES_INSN: Final = {
    "infinite-loop": "insn",
    "back-edge": "insn",
    "unreachable-instruction": "insn",
    "jump-out-of-range": "insn",
    "jump-into-ldimm64": "insn",
}


class Text(NamedTuple):
    """A line that may be a message. number: of the line in the text."""

    number: int
    text: str


@cache
def patterns() -> Patterns:
    """The patterns of all rules and wordings. What libbpf or the system call says is in no verifier's log."""
    return Patterns(
        [
            *(pattern(rule.message, (rule.name,)) for rule in all_rules() if rule.message and rule.by is not By.KERNEL),
            *(pattern(each.template, each.rules, category=each.category, part=each.part) for each in WORDINGS),
            *(pattern(note.message, (), reason=False) for note in all_notes()),
            *(pattern(template, (), reason=False) for template in NOT_REASONS),
        ]
    )


_TAIL: Final = 64  # lines behind the last instruction that may be parts of one
_WRAPPED: Final = 40  # characters: mail and terminals break longer lines only
_CLOSING: Final = ",.;:)]"  # no kernel prints a space before these
_SEPARATING: Final = ",;"  # and each prints one behind these


def _joined(words: list[str]) -> list[str]:
    """The lines with a message that mail or a terminal broke into two or three in the place of the first of them."""
    found = list(words)
    width = max(map(len, words), default=0)
    for at in range(len(found)):
        for count in (2, 3):
            parts = found[at : at + count]
            if len(parts) < count or len(found[at]) < _WRAPPED or not all(parts) or any(map(is_known, parts[1:])):
                break
            alone = patterns().at([found[at]], 0)
            if alone is not None and not found[at].endswith(",") and found[at].count("(") == found[at].count(")"):
                break
            reasons = [text for text in _whole(parts, width) if _is_reason(text)]
            if len(reasons) == 1:
                found[at : at + count] = [reasons[0], *[""] * (count - 1)]
                break
    return found


def _whole(parts: list[str], width: int) -> list[str]:
    """What a broken line may have been. width -- of the longest line

    Mail breaks a line at a space, a terminal anywhere: the longest line may have been broken in the middle of a word.
    """
    texts = [parts[0]]
    for before, part in pairwise(parts):
        if part[0] in _CLOSING:
            between: tuple[str, ...] = ("",)
        else:
            between = (" ",) if len(before) < width or before[-1] in _SEPARATING else ("", " ")
        texts = [text + blank + part for text in texts for blank in between]
    return texts


def _is_reason(text: str) -> bool:
    known = patterns().at([text], 0)
    return known is not None and any(each.reason for each in known.patterns)


def first_reason(lines: Sequence[Text]) -> Message | None:
    """The first reason in lines that follow the last instruction."""
    words = _joined([_plain(line.text) for line in lines[:_TAIL]]) + [_plain(line.text) for line in lines[_TAIL:]]
    at = 0
    while at < len(words):
        found = patterns().at(words, at) if words[at] else None
        if found is not None and any(each.reason for each in found.patterns):
            return _message(lines, words, found)
        at += found.length if found is not None else 1
    return None


def last_reason(lines: Sequence[Text]) -> Message | None:
    """The last reason in lines among which no instruction is: what is said before the walk need not be the reason."""
    words = [_plain(line.text) for line in lines]
    best: Message | None = None
    at = 0
    while at < len(words):
        found = patterns().at(words, at) if words[at] else None
        if found is not None and any(each.reason for each in found.patterns):
            best = _message(lines, words, found)
        at += found.length if found is not None else 1
    return best


_REMARK: Final = re.compile(r"\s+(?:<[-=]{1,80}|//|←|⟵).{0,200}$")


def _plain(text: str) -> str:
    """A line without what people put around it: an arrow, emphasis, typographic quotes."""
    text = text.strip()
    if not text.isascii():
        text = text.translate(_QUOTES)
    if ("`" in text or '"' in text) and (inside := [each[2] for each in _CODE.finditer(text) if is_known(each[2])]):
        return inside[0]
    if text[:1] in ("*", "`") and text[-1:] == text[:1]:
        text = text.strip("*` ")
    return _REMARK.sub("", text) if "<" in text or "/" in text or not text.isascii() else text


_CODE: Final = re.compile(r"([`\"])([^`\"]{8,400})\1")
"""What stands between back quotes or quotes in a sentence."""
_QUOTES: Final = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "\u00a0": " "})


def is_known(text: str) -> bool:
    """Whether a line is one that kernels say, as a reason or beside one."""
    return patterns().at([text.strip()], 0) is not None


def is_rest(text: str) -> bool:
    """Whether a line is what is left of one that kernels say, characters of which are missing."""
    return is_damaged(text, _shapes())


@cache
def _shapes() -> frozenset[Shape]:
    return frozenset(patterns().shapes)


def _message(lines: Sequence[Text], words: Sequence[str], found: Found) -> Message:
    rules = tuple(dict.fromkeys(name for each in found.patterns for name in each.rules))
    end = found.at + found.length
    part = all(each.part for each in found.patterns)
    whole = Whole.NO if part else Whole.MAYBE if patterns().is_later(found) else Whole.YES
    return Message(
        words[found.at], tuple(words[found.at + 1 : end]), rules, found.values, lines[found.at].number, whole
    )


def register_of(message: Message) -> str:
    """The register that a message names, "R3"; "" for none."""
    for text in (message.text, *message.partners):
        found = _REGISTER.search(text)
        if found is not None:
            return f"R{int(found[1])}"
    number = dict(message.values).get("regno", "")
    return f"R{int(number)}" if number.isdecimal() else ""


def insn_of(message: Message) -> int | None:
    """The instruction that a message names as the one at fault; None if it does not."""
    for name in message.rules:
        number = dict(message.values).get(_NAMES_INSN.get(name, ""), "")
        if number.isdecimal():
            return int(number)
    return None


def category_of(message: Message) -> str:
    """The category that all rules of a message share; "" if they do not, or there is none."""
    found = {rule_named(name).category for name in message.rules}
    if not found:
        found = {
            each.category for each in WORDINGS if not each.rules and each.category and _is(each.template, message.text)
        }
    return found.pop() if len(found) == 1 else ""


def _is(template: str, text: str) -> bool:
    return Patterns([pattern(template, ())]).at([text], 0) is not None
