"""Facts that branches prove, and how long they hold: what the page writes at the ends of the source's lines.

A fact begins with the conditional jump that told it, and ends with the step after which no register or slot holds the
value it is of, or one computed from it; of a packet, when no pointer is left that may be used so far.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from vm.csource.syntax import Comparison, syntax_of
from vm.explain.facts import is_branch
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.trace.history import NotHereError, Piece, Way
from vm.trace.retell import stack_names
from vm.trace.snapshots import FIRST_SLOT, slot_index, value_at
from vm.trace.stored import StoredTrace
from vm.verifier.domain.scalar import Scalar
from vm.verifier.state import reg_types as t
from vm.verifier.state.frame import StackSlot
from vm.verifier.state.reg import RegState

if TYPE_CHECKING:
    from vm.program import LineInfo, Program

MAX_STEPS: Final = 8192
"""Steps before the cursor's, and behind it, that are looked at."""
MAX_PIECES: Final = 500
"""Paths, or parts of them, before the cursor's: taking up each costs as much as forty steps."""
MAX_FACTS: Final = 400
_MAX_LIVE: Final = 64
_MAX_LINE: Final = 400

_PLAIN: Final = re.compile(r"[A-Za-z_][\w.]*(?:(?:->|\.)\w+|\[\w+\])*")
"""A variable or a member: what is computed from one may be another value than the one that is compared."""

_FLIPPED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}

Place = tuple[int, int]


class Fact(NamedTuple):
    """Something that is known at the steps [first, last]; last is None where it holds on behind what was looked at.

    insn_idx -- the jump that proved it; line -- its 1-based line; text -- in C's terms, as far as the line tells names
    of   -- what it is of: a later fact of that, from the same line, takes its place
    lost -- whether step `last` lost it; else it gave way to another
    """

    insn_idx: int
    line: int
    text: str
    first: int
    last: int | None = None
    of: str = ""
    lost: bool = False


class Facts(NamedTuple):
    """The facts of the steps [first, last], which are of one path, oldest first. cut: older ones may be missing."""

    first: int
    last: int
    facts: tuple[Fact, ...]
    cut: bool


def facts_around(trace: StoredTrace, program: Program, step: int) -> Facts:
    """What is proved at a step and at those of its path around it.

    NotHereError where the step itself is in no block that is at hand; IndexError where there is no such step.
    """
    way = Way(trace, step)
    back, cut = _pieces(way.back(), lambda piece, room: piece._replace(first=max(piece.first, piece.last + 1 - room)))
    onward, _ = _pieces(way.onward(), lambda piece, room: piece._replace(last=min(piece.last, piece.first + room - 1)))
    back.reverse()
    path = back[-1].path
    own = [piece for piece in (*back, *onward) if piece.path == path]
    first, last = own[0].first, own[-1].last
    ink = _Ink(trace, program, way)
    for piece in (*back, *onward):
        ink.piece(piece)
    found = [
        each for each in (*ink.ended, *ink.living()) if each.first <= last and (each.last is None or each.last >= first)
    ]
    found.sort(key=lambda each: each.first)
    return Facts(first, last, tuple(found[-MAX_FACTS:]), cut or len(found) > MAX_FACTS)


def _pieces(pieces: Iterator[Piece], shortened: Callable[[Piece, int], Piece]) -> tuple[list[Piece], bool]:
    """Pieces of MAX_STEPS steps together, and whether there are more. NotHereError if there is none."""
    found: list[Piece] = []
    room = MAX_STEPS
    try:
        for piece in pieces:
            if room <= 0 or len(found) >= MAX_PIECES:
                return found, True
            short = shortened(piece, room)
            found.append(short)
            room -= short.last - short.first + 1
            if short != piece:
                return found, True
    except NotHereError:
        if not found:
            raise
        return found, True
    return found, False


class _Live(NamedTuple):
    """A fact that holds: with the places that hold what it is of. packet: the bytes proved, 0 for other facts."""

    fact: Fact
    places: set[Place]
    packet: int


class _Ink:
    def __init__(self, trace: StoredTrace, program: Program, way: Way) -> None:
        self.trace = trace
        self.program = program
        self.way = way
        self.ended: list[Fact] = []
        self._live: list[_Live] = []
        self._places = program.lines

    def living(self) -> list[Fact]:
        return [live.fact for live in self._live]

    def piece(self, piece: Piece) -> None:
        """Goes over the steps of a piece, the next one of the path."""
        block = self.way.block(piece.number)
        begins = piece.start >= 0 and block.starts.first_step[piece.start] == piece.first
        if begins:
            self._taken_up(piece.path, block.starts.push_step[piece.start], piece.first)
        at = piece.first - block.first
        begin = block.starts.end[piece.start] if begins else block.end[at - 1] if at else 0
        depth = block.starts.depth[piece.start] if begins else block.depth[at - 1] if at else block.key_depth
        slots, writers = block.changes.slot, block.changes.writer
        last = piece.last - piece.forked
        for step in range(piece.first, last + 1):
            i = step - block.first
            end = block.end[i]
            insn = self.trace.insns[block.insn[i]]
            if end > begin:
                changed = slots[begin:end]
                if is_branch(insn):
                    told = {(k >> 8, k & 0xFF) for k, w in zip(changed, writers[begin:end], strict=True) if w != step}
                    if told:
                        self._proved(step, -1, block.insn[i], told, depth - 1)
                elif self._live:
                    self._step(step, insn, {(k >> 8, k & 0xFF) for k in changed}, depth, block.depth[i])
            elif block.depth[i] < depth and self._live:
                self._step(step, insn, set(), depth, block.depth[i])
            begin, depth = end, block.depth[i]

    def _taken_up(self, path: int, push: int, first: int) -> None:
        """A branch was taken: what the path started with beside what its fork found."""
        if push < 0:
            return
        insn_idx = self.trace.insn_idx(push)
        was, now = self.trace.raw_before(push), self.trace.start(path)
        if not is_branch(self.trace.insns[insn_idx]) or len(was) != len(now):
            return
        told = {
            (frame, idx)
            for frame, snap in enumerate(now)
            for idx in range(FIRST_SLOT + len(snap.stack))
            if value_at(now, frame, idx) is not value_at(was, frame, idx)
        }
        self._proved(push, path, insn_idx, told, len(now) - 1)

    # -- facts that begin ---------------------------------------------------------

    def _proved(self, step: int, path: int, insn_idx: int, told: set[Place], frame: int) -> None:
        """A jump told something about `told`. path: the one that begins with it, -1: the same goes on."""
        info = self._line(insn_idx)
        if info is None:
            return
        trace, insn = self.trace, self.trace.insns[insn_idx]
        was = trace.raw_before(step)
        now = trace.start(path) if path >= 0 else trace.raw(step)
        sides = [(frame, insn.dst_reg)] + ([(frame, insn.src_reg)] if o.src(insn.code) == o.X else [])
        packet = 0
        for place in sorted(told):
            old, new = _reg(value_at(was, *place)), _reg(value_at(now, *place))
            if old is not None and new is not None and t.type_is_pkt_pointer(new.type) and new.range > old.range:
                packet = max(packet, new.range)
        if packet:
            of = {place for place in told if _packet(_reg(value_at(now, *place)), packet)}
            self._begin(Fact(insn_idx, info.line, f"≥ {packet} B", step), of, packet)
            return
        for side, place in enumerate(sides):
            old, new = _reg(value_at(was, *place)), _reg(value_at(now, *place))
            if place not in told or old is None or new is None:
                continue
            other = _reg(value_at(was, *sides[1 - side])) if len(sides) > 1 else None
            fixed = len(sides) == 1 or (other is not None and other.is_const())
            named = _named(info.text, insn, fixed, old) or _Named(f"r{place[1]}")
            text = _text(old, new, named, o.cls(insn.code) == o.JMP32)
            if text:
                of = {place} | {
                    each
                    for each in told
                    if new.id and (same := _reg(value_at(now, *each))) is not None and same.id == new.id
                }
                self._begin(Fact(insn_idx, info.line, text, step, of=named.name), of, 0)

    def _begin(self, fact: Fact, places: set[Place], packet: int) -> None:
        for live in self._live:
            if (live.fact.line, live.fact.of) == (fact.line, fact.of):
                if live.fact.text == fact.text:
                    live.places.update(places)
                    return
                self._live.remove(live)
                self.ended.append(live.fact._replace(last=fact.first - 1))
                break
        if len(self._live) >= _MAX_LIVE:
            self.ended.append(self._live.pop(0).fact._replace(last=fact.first))
        self._live.append(_Live(fact, places, packet))

    def _line(self, insn_idx: int) -> LineInfo | None:
        found = bisect_right(self._places, insn_idx, key=lambda info: info.insn_off)
        return self._places[found - 1] if found else None

    # -- facts that go on, and end ----------------------------------------------------

    def _step(self, step: int, insn: Insn, changed: set[Place], depth: int, after: int) -> None:
        """A step wrote the places `changed`: facts about them end, unless a place keeps what they are of."""
        sources = self._sources(step, insn, changed, depth - 1)
        ended = []
        for live in self._live:
            kept = {place for place in live.places if place not in changed and place[0] < after}
            for place, of in sources:
                if place in changed and any(each in live.places for each in of) and self._holds(step, place, live):
                    kept.add(place)
            live.places.clear()
            live.places.update(kept)
            if not kept:
                ended.append(live)
        for live in ended:
            self._live.remove(live)
            self.ended.append(live.fact._replace(last=step, lost=True))

    def _holds(self, step: int, place: Place, live: _Live) -> bool:
        value = _reg(value_at(self.trace.raw(step), *place))
        return value is not None and (not live.packet or _packet(value, live.packet))

    def _sources(self, step: int, insn: Insn, changed: set[Place], frame: int) -> list[tuple[Place, list[Place]]]:
        """What an instruction writes, and from what."""
        cls = o.cls(insn.code)
        dst, src = (frame, insn.dst_reg), (frame, insn.src_reg)
        if cls in (o.ALU, o.ALU64):
            operation = o.op(insn.code)
            by_reg = o.src(insn.code) == o.X and operation not in (o.NEG, o.END)
            of = ([] if operation == o.MOV else [dst]) + ([src] if by_reg else [])
            return [(dst, of)]
        if cls == o.LDX:
            names = stack_names(self.trace.raw_before(step), frame, insn.src_reg, insn.off, 8)
            return [(dst, [slot_index(name) for name in names])]
        if cls == o.STX:
            return [(place, [src]) for place in changed if place[1] >= FIRST_SLOT]
        if insn.code == o.JMP | o.CALL:
            return [((frame + 1, n), [(frame, n)]) for n in range(1, 6)]
        if insn.code == o.JMP | o.EXIT:
            return [((frame - 1, 0), [(frame, 0)])]
        return []


def _reg(value: RegState | StackSlot | None) -> RegState | None:
    return value.spilled_ptr if isinstance(value, StackSlot) else value


def _packet(value: RegState | None, proved: int) -> bool:
    return value is not None and t.type_is_pkt_pointer(value.type) and value.range >= proved


# -- in C's terms -------------------------------------------------------------------


class _Named(NamedTuple):
    """What is compared, as the source line names it, and with which operator; "" where that is not told."""

    name: str
    operator: str = ""


def _named(line: str, insn: Insn, fixed: bool, old: RegState) -> _Named | None:
    """The name that a source line has for what a jump compares; None where the line does not tell for sure.

    fixed -- whether it is compared with a number that is known
    """
    found = _comparisons(line[:_MAX_LINE])
    if len(found) != 1:
        return None
    each = found[0]
    if old.type & t.PTR_MAYBE_NULL:
        return _Named(each.tests_null()) if _PLAIN.fullmatch(each.tests_null()) else None
    if not each.operator:
        return _Named(each.left) if _PLAIN.fullmatch(each.left) else None
    if not fixed or each.cast:
        return None
    left = _number(each.left) is None and not each.left.isupper()
    name, other = (each.left, each.right) if left else (each.right, each.left)
    number = _number(other)
    # A number that the jump does not have, or another by one: the compiler compares something else.
    if number is not None and o.src(insn.code) == o.K and abs(number - insn.imm) > 1:
        return None
    operator = each.operator if left else _FLIPPED.get(each.operator, each.operator)
    return _Named(name, operator) if _PLAIN.fullmatch(name) else None


@lru_cache(maxsize=512)
def _comparisons(line: str) -> tuple[Comparison, ...]:
    """The comparisons of one line of C, which may be half of a statement."""
    text = f"void f(void) {{ {line}\n;" + "}" * (1 + max(0, line.count("{") - line.count("}")))
    found = [each for function in syntax_of(text).functions for check in function.checks for each in check.comparisons]
    return tuple(dict.fromkeys(found))


def _number(text: str) -> int | None:
    try:
        return int(text.rstrip("uUlL"), 0)
    except ValueError:
        return None


def _text(old: RegState, new: RegState, named: _Named, low: bool) -> str:
    """What is known of a value now and was not before, "" for nothing that can be said in a few signs."""
    if old.type & t.PTR_MAYBE_NULL:
        return f"{named.name} {'=' if new.type == t.SCALAR_VALUE else '≠'} NULL"
    if old.type != t.SCALAR_VALUE or new.type != t.SCALAR_VALUE:
        return ""
    return _bounds(old.scalar, new.scalar, named, low)


def _bounds(old: Scalar, new: Scalar, named: _Named, low: bool) -> str:
    name = named.name
    if new.var_off.mask == 0 and old.var_off.mask:
        value = new.var_off.value
        return f"{name} = {value - (1 << 64) if value >> 63 else value}"
    pairs = [((old.umin, old.umax), (new.umin, new.umax)), ((old.smin, old.smax), (new.smin, new.smax))]
    if low:
        pairs += [((old.u32_min, old.u32_max), (new.u32_min, new.u32_max))]
        pairs += [((old.s32_min, old.s32_max), (new.s32_min, new.s32_max))]
    # What leaves the fewest values says most.
    lower, upper = min((now for was, now in pairs if now != was), key=lambda now: now[1] - now[0], default=(0, -1))
    if upper < lower:
        return ""
    was = next(was for was, now in pairs if now == (lower, upper) and now != was)
    if lower == was[0]:
        return f"{name} < {upper + 1}" if named.operator in ("<", ">=") else f"{name} ≤ {upper}"
    if upper == was[1]:
        return f"{name} > {lower - 1}" if named.operator in (">", "<=") else f"{name} ≥ {lower}"
    return f"{lower} ≤ {name} ≤ {upper}"
