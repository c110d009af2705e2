"""The lines of a verifier's log, told apart by their shape alone.

The shapes are those of kernel/bpf/verifier.c and log.c, from 4.4 to 7.3.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from typing import Final, NamedTuple

from vm.logs.values import Stats


class Kind(Enum):
    """What a line is."""

    INSN = "an instruction that is visited"
    STATE = "a state, with or without the index of the next instruction"
    SOURCE = "a line of C"
    FROM = "another path is taken up"
    SAFE = "a path ends: a remembered state covers it"
    PRECISION = "backtracking"
    STATS = "the summary"
    HEADING = "subprograms, before the walk"
    LISTING = "an instruction of a listing before the walk"
    CALL = "a call or return: which frame's state follows"
    DEBUG = "what newer kernels tell of their own bookkeeping at level 2"
    LOOPED = "the states that an endless loop came back to"
    TEXT = "anything else: a message, or not the kernel's"


class Line(NamedTuple):
    """kind, and what it needs: insn_idx, code, text, and a joined state and the index before it.

    Of the first line of backtracking insn_idx is the instruction that it begins at.
    """

    kind: Kind
    insn_idx: int = -1
    code: int = -1
    text: str = ""
    state: str = ""
    next_idx: int = -1


_INSN: Final = re.compile(r"(\d{1,7}): \(([0-9a-f]{2})\) ?(.*)", re.DOTALL)
_INSTEAD: Final = re.compile(r"(\d{1,7}): (<invalid [\w -]{1,40}>)")
_STATE_START: Final = r"(?:frame\d{1,2}: ?)?(?:R\d{1,2}(?:_[rwWD]{1,3})?=|fp-?\d{1,4}(?:_[rwWD]{1,3})?=|refs=)"
_NUMBERED: Final = re.compile(r"(\d{1,7}): ?(" + _STATE_START + r".*|frame\d{1,2}:\s*)$", re.DOTALL)
_BARE: Final = re.compile(r"\s*(?=" + _STATE_START + r")(.*)", re.DOTALL)
_JOINED: Final = re.compile(r"\s; ?(?=" + _STATE_START + r"|cb$|async_cb$|frame\d{1,2}: ?$|$)")
_SECOND: Final = re.compile(r"\s(\d{1,7}): (?=" + _STATE_START + r")")
_FROM: Final = re.compile(r"from (\d{1,7}) to (\d{1,7})( \(speculative execution\))?:? ?(.*)", re.DOTALL)
_SAFE: Final = re.compile(r"(\d{1,7}): safe\s*$")
_PRECISION: Final = re.compile(
    r"\s*(?:mark_precise: |last_idx \d|regs=[\w,-]+ stack=|parent (?:state )?regs=|parent (?:didn't have|already had) "
    r"|propagating |mark_chain_precision)"
)
_BACKTRACKED: Final = re.compile(r"\s*(mark_precise: frame\d{1,2}: )?last_idx (\d{1,7}) first_idx ")
_PRECISION_STATE: Final = re.compile(r":\s+(?:frame\d{1,2}: ?)?(R\d{1,2}(?:_[rwWDP]{1,3})?=)")
_HEADING: Final = re.compile(
    r"func#\d+ @\d+|Validating \S{1,200}\(\) func#\d+|Func#\d+ |topo_order\[\d+\] = |subprog#\d+[: ]"
    r"|stack use/def subprog#\d+|Live regs before insn:|reg liveness|precise for insn"
)
_LISTED: Final = re.compile(r"\s*(?:\d{1,4} {1,7})?(\d{1,7}): (?:[0-9.]{10,11} )?(\([0-9a-f]{2}\) [^\t]*)")
_LISTING_HEAD: Final = re.compile(r"subprog#\d+[: ]|stack use/def subprog#\d+|Live regs before insn:")
_LIVE: Final = re.compile(r"\s*(?:\d{1,4} {1,7})?(\d{1,7}): [0-9.]{10,11} (\([0-9a-f]{2}\) .*)")
_DEBUG: Final = re.compile(r"\([\d,]{1,40}\) (?:frame \d|live stack)|SCC (?:enter|exit|backedge) ")
_REGISTERS_TO_CALLER: Final = re.compile(
    r"(?:caller|callee|returning from callee|to caller at \d{1,7}|returning from cb):\s*$"
)
_LOOPED: Final = re.compile(r"(?:cur|old) state: ?")
_PROCESSED: Final = re.compile(r"processed (\d{1,12}) insns?")
_LIMIT: Final = re.compile(r"\(limit (\d{1,12})\)")
_NUMBERS: Final = {
    "max_states": re.compile(r"\bmax_states_per_insn (\d{1,12})"),
    "total_states": re.compile(r"\btotal_states (\d{1,12})"),
    "peak_states": re.compile(r"\bpeak_states (\d{1,12})"),
    "mark_read": re.compile(r"\bmark_read (\d{1,12})"),
}
_TIME: Final = re.compile(r"verification time (\d{1,15}) usec\s*$")
_DEPTH: Final = re.compile(r"stack depth (\d[\d+]{0,400})(?: max \d+)?\s*$")
_INLINE_DEPTH: Final = re.compile(r", stack depth (\d[\d+]{0,200})")
_AT_FILE: Final = re.compile(r" @ ([^\s@][^@]{0,255}):(\d{1,9})\s*$")
_SUMMED_UP: Final = re.compile(r": (?=R\d|[a-zA-Z])")

_CACHED: Final = 400
"""Characters of the longest line that is remembered."""
BLANK: Final = Line(Kind.TEXT)


def told_apart(text: str) -> Line:
    """What a line is. `text` is the kernel's line, whatever stood before it taken away."""
    # Loops print the same lines again and again.
    return _known(text) if len(text) <= _CACHED else _told_apart(text)


@lru_cache(maxsize=1 << 14)
def _known(text: str) -> Line:
    return _told_apart(text)


def _told_apart(text: str) -> Line:
    first = text[:1]
    found = _BY_FIRST.get(first)
    if found is not None:
        line = found(text)
        if line is not None:
            return line
    return BLANK


def _digit(text: str) -> Line | None:
    found = _INSN.match(text)
    if found is not None:
        if "\t" in found[3] and " -> " in found[3]:  # what a pass before the walk found out about registers
            return Line(Kind.LISTING, text=text)
        return _insn(int(found[1]), int(found[2], 16), found[3])
    found = _NUMBERED.match(text)
    if found is not None:
        return Line(Kind.STATE, int(found[1]), state=found[2])
    found = _SAFE.match(text)
    if found is not None:
        return Line(Kind.SAFE, int(found[1]))
    found = _INSTEAD.match(text)
    if found is not None:
        return Line(Kind.INSN, int(found[1]), -1, found[2])
    return Line(Kind.LISTING, text=text.strip()) if _LIVE.match(text) else None


def _insn(index: int, code: int, rest: str) -> Line:
    text, state, at = rest, "", -1
    joined = _JOINED.search(rest)
    if joined is not None:
        text, state = rest[: joined.start()], rest[joined.end() :]
        if state == "":
            state = " "
    else:
        second = _SECOND.search(rest)
        if second is not None:
            text, state, at = rest[: second.start()], rest[second.end() :], int(second[1])
    return Line(Kind.INSN, index, code, text.rstrip(), state, at)


def _source(text: str) -> Line | None:
    if len(text) > 1 and text[1] not in " \t":
        return None
    return Line(Kind.SOURCE, text=text[1:].strip())


def _space(text: str) -> Line | None:
    bare = _BARE.match(text)
    if bare is not None:
        return Line(Kind.STATE, state=bare[1])
    if _LIVE.match(text):
        return Line(Kind.LISTING, text=text.strip())
    return _precision(text)


def _from(text: str) -> Line | None:
    found = _FROM.match(text)
    if found is None:
        return None
    return Line(Kind.FROM, int(found[2]), int(found[1]), found[3] or "", found[4])


def _heading(text: str) -> Line | None:
    return Line(Kind.HEADING, text=text) if _HEADING.match(text) else None


def _called(text: str) -> Line | None:
    if _REGISTERS_TO_CALLER.match(text):
        return Line(Kind.CALL, text=text.rstrip(": \n"))
    return Line(Kind.LOOPED) if _LOOPED.match(text) else None


def _frame(text: str) -> Line | None:
    return _from(text) or _space(text) or _heading(text)


def _debug(text: str) -> Line | None:
    return Line(Kind.DEBUG) if _DEBUG.match(text) else None


def _precision(text: str) -> Line | None:
    if not _PRECISION.match(text):
        return None
    first = _BACKTRACKED.match(text)
    state = _PRECISION_STATE.search(text)
    return Line(
        Kind.PRECISION,
        int(first[2]) if first is not None else -1,
        text="mark_precise" if text.startswith("mark_precise") else "",
        state=text[state.start(1) :] if state is not None else "",
    )


def _stats(text: str) -> Line | None:
    if _PROCESSED.match(text) or _TIME.match(text) or _DEPTH.match(text):
        return Line(Kind.STATS, text=text)
    return None


def _propagating(text: str) -> Line | None:
    return _stats(text) or _precision(text)


def _s(text: str) -> Line | None:
    return _stats(text) or _heading(text)


def _returning(text: str) -> Line | None:
    return _called(text) or _precision(text) or _heading(text)


def _to_caller(text: str) -> Line | None:
    return _called(text) or _heading(text)


_BY_FIRST: Final = {
    **dict.fromkeys("0123456789", _digit),
    ";": _source, "(": _debug, "S": _debug,
    **dict.fromkeys(" \t", _space),
    "R": _space,
    "f": _frame,
    "c": _called, "r": _returning, "t": _to_caller, "o": _called,
    "m": _precision, "l": _precision,
    "p": _propagating, "v": _stats, "s": _s,
    "F": _heading, "V": _heading, "L": _heading,
}  # fmt: skip


def starts_listing(text: str) -> bool:
    """Whether a heading is followed by a listing of the program."""
    return _LISTING_HEAD.match(text) is not None


def listed(text: str) -> tuple[int, str] | None:
    """(index, opcode and words) of a line of such a listing."""
    found = _LISTED.match(text)
    if found is None:
        return None
    words = found[2]
    for mark in (" // ", "  ;", " ; use", " ; def"):
        at = words.find(mark)
        if at >= 0:
            words = words[:at]
    return int(found[1]), words.rstrip()


def source_of(text: str) -> tuple[str, str, int]:
    """(C line, file, number) of a SOURCE line's text; "" and 0 where it names none."""
    found = _AT_FILE.search(text)
    if found is None:
        return text, "", 0
    return text[: found.start()], found[1], int(found[2])


def summed_up(text: str) -> tuple[str, str] | None:
    """(instruction, message) of an instruction and the message after it put on one line by a loader."""
    found = _SUMMED_UP.search(text)
    return (text[: found.start()], text[found.end() :]) if found is not None else None


def add_stats(stats: Stats, text: str) -> Stats:
    """`stats` with what another line of the summary says."""
    processed = _PROCESSED.match(text)
    if processed is not None:
        limit = _LIMIT.search(text)
        depth = _INLINE_DEPTH.search(text)
        numbers = {name: shape.search(text) for name, shape in _NUMBERS.items()}
        return stats._replace(
            processed=int(processed[1]),
            limit=int(limit[1]) if limit is not None else -1,
            stack_depth=depth[1] if depth is not None else stats.stack_depth,
            **{name: int(found[1]) for name, found in numbers.items() if found is not None},
        )
    time = _TIME.match(text)
    if time is not None:
        return stats._replace(time=int(time[1]))
    found = _DEPTH.match(text)
    return stats._replace(stack_depth=found[1]) if found is not None else stats
