"""Which of the lines behind the last instruction is the reason for which the program was refused."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from vm.logs.fault import refused
from vm.logs.messages import Text, first_reason, is_known, is_rest, last_reason
from vm.logs.reading import Read
from vm.logs.values import Message, Whole

# A line of Linux 7.3's diagnosis: where its first line is missing, its sentences look like messages.
_DIAGNOSIS: Final = re.compile(
    r"\s*(?:Source context|Instruction context|Causal path|Suggestion|Reason|At):?\s*$|\s*(?:>>>)?\s*\d{1,7} \| "
    r"|\s*\| |\S{1,200} @ \S{1,255}:\d{1,9}:\d{1,9}\s*$"
)
_NEGATIVE_RANGE: Final = re.compile(r"\br=(?:-\d|0xf{8})")
_ALSO_REMARKS: Final = frozenset(
    {
        "argument-reference-anonymous",
        "argument-reference-ambiguous",
        "argument-reference-missing",
        "argument-size-unknown",
        "context-argument-struct",
        "context-argument-without-name",
        "global-function-return-type",
        "kfunc-argument-unrecognized",
    }
)
"""Rules with the words of what kernels also say of a function's types, before they walk it all the same."""


def reason(read: Read) -> Message | None:
    """The reason as far as it is there, also if its first line is missing; None for none."""
    # Where the walk went on nothing was refused.
    tail = [line for line in read.tail if line.number > read.order.awaited]
    if not tail or read.order.reversed:
        return None
    found = first_reason(tail) if read.steps else last_reason(tail)
    if found is not None and _ALSO_REMARKS.intersection(found.rules):
        if read.steps:
            later = first_reason([line for line in tail if line.number > found.line])
            found = later if later is not None else found
        told = refused(read, found) if read.steps else read.terminated
        if not told and _ALSO_REMARKS.intersection(found.rules):
            return None
    if found is not None:
        return found
    return _unknown_reason(read, tail)


def _unknown_reason(read: Read, tail: Sequence[Text]) -> Message | None:
    """A reason whose words are not known: it stands between the last instruction, or the loader's first line, and the
    summary."""
    if any(_DIAGNOSIS.match(line.text) for line in tail):
        return None
    if not read.steps:
        last = tail[-1]
        unknown = not is_known(last.text) and not is_rest(last.text)
        if read.has_stats and read.delimited and unknown and not read.cut_anywhere:
            return Message(last.text.strip(), (), (), (), last.number)
        return None
    first = tail[0]
    message = Message(first.text.strip(), tuple(line.text.strip() for line in tail[1:4]), (), (), first.number)
    ended = read.ended_by == "" and read.terminated and not read.order.gaps
    if not ended or read.apart or is_known(first.text) or not _is_sentence(message.text) or not refused(read, message):
        return None
    return None if is_rest(message.text) else message


def is_whole(read: Read, message: Message, *, follows: bool, value: str) -> bool:
    """Whether the line that names the reason is there.

    follows -- the message stands behind the instruction that was refused
    value -- the register that it names, as it was printed last; "" where it was not
    """
    if message.whole is Whole.YES:
        return True
    if not (read.kernel_lines or read.has_stats) and sum(bool(line.text.strip()) for line in read.tail) == 1:
        return True  # somebody quotes one line
    # Only of a packet pointer that was compared in vain, whose range is negative, the line is said alone.
    return message.whole is Whole.MAYBE and follows and _NEGATIVE_RANGE.search(value) is not None


def is_behind(read: Read, message: Message) -> bool:
    """Whether a message stands right behind the last instruction, and that can be what it is about."""
    return not _broken(read.tail, message) and refused(read, message)


def _broken(tail: Sequence[Text], message: Message) -> bool:
    """Whether a line that no kernel prints stands before the message: the rest of a line of which a part is missing,
    and maybe lines after it."""
    return any(line.number < message.line and line.text.strip() and not is_known(line.text) for line in tail)


def _is_sentence(text: str) -> bool:
    """Whether a line may be a message whose words are not known, and not a part of a line."""
    return (
        text[:1].isalpha()
        and " " in text
        and text[-1:] not in ",;([{=:"
        and all(text.count(opening) == text.count(closing) for opening, closing in ("()", "[]", "{}"))
        and text.count("'") % 2 == 0
    )
