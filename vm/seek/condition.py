"""Conditions on registers and stack slots: `r3.umax > 64`, `fp-8.type == map_value && r0 == 0`.

A register by itself stands for its value. A comparison of it holds where it holds for every value that the register
may have: `r3 > 64` is `r3.umin > 64`. Of what has no such value, and of fields that a value does not have, no
comparison holds. docs/seeking.md describes the language for users.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

import lark

from vm.bits import U32, U64
from vm.trace.records import RegView, ScalarView
from vm.trace.snapshots import slot_index

LONGEST: Final = 200
"""Characters of a condition, at most."""
KINDS: Final = (
    "number", "ctx", "packet", "packet_end", "packet_meta", "map_value", "map", "stack", "kernel", "memory", "func",
    "none",
)  # fmt: skip
"""What `.type` may be compared with; `none`: nothing is there."""

_GRAMMAR: Final = r"""
?start: any
?any: all | any "||" all
?all: one | all "&&" one
?one: "!" one -> negated
    | "(" any ")"
    | operand OPERATOR operand -> comparison
    | operand -> truth
operand: PLACE ["." WORD] -> place
    | NUMBER -> number
    | WORD -> word
OPERATOR: "==" | "!=" | "<=" | ">=" | "<" | ">"
PLACE.2: /(?:[0-7]:)?(?:r(?:10|[0-9])|fp-[0-9]{1,3})(?![\w:])/
NUMBER.1: /-?(?:0[xX][0-9a-fA-F]{1,16}|[0-9]{1,20})(?![\w:])/
WORD: /[a-zA-Z_][a-zA-Z0-9_]{0,31}/
%ignore /[ \t]+/
"""
_EXPECTED: Final = {
    "PLACE": "a register (r3) or stack slot (fp-8)", "NUMBER": "a number", "WORD": "a name",
    "OPERATOR": "== != < <= > >=", "DOT": ".", "LPAR": "(", "RPAR": ")", "BANG": "!",
    "__ANON_0": "||", "__ANON_1": "&&", "$END": "the end",
}  # fmt: skip
"""What the parser expects, in words."""


_NO_TEXT: Final = " Values are numbers, and types without quotation marks: r3 == 5, r3.type == map_value."
_MEANT: Final = {
    "=": " Equal is ==.", '"': _NO_TEXT, "'": _NO_TEXT, "and": " Write &&.", "or": " Write ||.", "not": " Write !.",
    "&": " Both is &&.", "|": " Either is ||.",
}  # fmt: skip
"""What is added where such a word or character stands in a condition."""


class ConditionError(Exception):
    """What is wrong with a condition: a sentence, and the column from 1 where."""

    def __init__(self, column: int, message: str) -> None:
        super().__init__(message)
        self.column = column
        self.message = message


def _bound(name: str) -> Callable[[RegView], int | None]:
    at = ScalarView._fields.index(name)

    def read(view: RegView) -> int | None:
        return view.scalar[at] if view.scalar is not None else None

    return read


FIELDS: Final[dict[str, Callable[[RegView], int | str | None]]] = {
    "type": lambda view: view.kind,
    "umin": _bound("umin"),
    "umax": _bound("umax"),
    "smin": _bound("smin"),
    "smax": _bound("smax"),
    "u32min": _bound("u32_min"),
    "u32max": _bound("u32_max"),
    "s32min": _bound("s32_min"),
    "s32max": _bound("s32_max"),
    "value": _bound("value"),
    "mask": _bound("mask"),
    "off": lambda view: view.off,
    "range": lambda view: view.range if view.kind in ("packet", "packet_meta", "packet_end") else None,
    "size": lambda view: view.size or None,
    "id": lambda view: view.id,
    "ref": lambda view: view.ref_obj_id,
    "null": lambda view: int(view.maybe_null),
    "precise": lambda view: int(view.precise),
}
"""What can be asked of a value, by the name in a condition. None: this value has no such field."""
OF_A_RUN: Final = ("umin", "umax", "smin", "smax", "u32min", "u32max", "s32min", "s32max", "value")
"""Fields of the machine's registers, which hold one number each."""

_OF_A_NUMBER: Final[dict[str, Callable[[int], int]]] = {
    **dict.fromkeys(("", "umin", "umax", "value"), lambda value: value & U64),
    **dict.fromkeys(("smin", "smax"), lambda value: value),
    **dict.fromkeys(("u32min", "u32max"), lambda value: value & U32),
    **dict.fromkeys(("s32min", "s32max"), lambda value: ((value & U32) ^ 1 << 31) - (1 << 31)),
}
"""The bounds of a known number, by field ("": its value): of the signed number."""

_OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


class Place(NamedTuple):
    """A register or stack slot: slot index (vm.trace.snapshots), in frame `frame` or, with -1, the current one."""

    frame: int
    slot: int


State = Callable[[Place], RegView | None]
"""What a place holds; None for nothing."""
_Test = Callable[[State], bool]
_Range = tuple[int, int]


class Need(NamedTuple):
    """Something about one place without which a condition does not hold.

    of_number -- the same for a known number, as a signed one; None where its value does not decide it
    of_nothing -- whether it holds where the place is empty
    """

    place: Place
    holds: _Test
    of_number: Callable[[int], bool] | None
    of_nothing: bool


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition. places -- what it depends on; holds(state) -- whether it holds in a state; needs -- what it implies.

    whole -- whether it is its only need, and nothing else
    """

    places: tuple[Place, ...]
    holds: _Test
    needs: tuple[Need, ...] = ()
    whole: bool = False


class _Operand(NamedTuple):
    """One side of a comparison. text: a kind or None; ranges: (unsigned, signed) of a state.

    field -- reads one number of a state; known -- the number that it is
    """

    text: Callable[[State], str | None] | None
    ranges: Callable[[State], tuple[_Range, _Range] | None]
    negative: bool = False
    field: Callable[[State], int | None] | None = None
    known: int | None = None


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _known(value: int) -> tuple[_Range, _Range]:
    return (value, value), (value, value)


@cache
def _parser() -> lark.Lark:
    return lark.Lark(_GRAMMAR, parser="lalr", propagate_positions=True)


@lru_cache(maxsize=64)
def parse(text: str, *, run: bool = False) -> Condition:
    """The condition that a text is. run: for registers of a run, which hold numbers. ConditionError."""
    if len(text) > LONGEST:
        raise ConditionError(LONGEST + 1, f"A condition has at most {LONGEST} characters.")
    try:
        tree = _parser().parse(text)
    except lark.UnexpectedToken as error:
        ended = error.token.type == "$END"
        found = "The condition is not complete" if ended else f"“{error.token}” is not expected here"
        column = len(text) + 1 if ended else error.token.column
        more = "" if ended else _MEANT.get(str(error.token), "")
        raise ConditionError(column or 1, f"{found}; expected: {_words(error.expected)}.{more}") from None
    except lark.UnexpectedCharacters as error:
        more = _MEANT.get(error.char, "")
        raise ConditionError(error.column, f"“{error.char}” is not part of a condition here.{more}") from None
    maker = _Maker(run)
    holds = maker.test(tree)
    if not maker.places:
        raise ConditionError(1, "A condition has to be about a register (r3) or a stack slot (fp-8).")
    places = tuple(dict.fromkeys(maker.places))
    return Condition(places, holds, _needs(tree, run), len(places) == 1 and tree.data != "all")


def _needs(tree: Any, run: bool) -> tuple[Need, ...]:
    """What a condition implies of single places: itself, or those of the parts that all have to hold."""
    if tree.data == "all":
        return tuple(need for part in tree.children for need in _needs(part, run))
    maker = _Maker(run)
    holds = maker.test(tree)
    places = set(maker.places)
    if len(places) != 1:
        return ()
    return (Need(places.pop(), holds, _of_number(tree), holds(lambda place: None)),)


def _of_number(tree: Any) -> Callable[[int], bool] | None:
    """Comparisons of bounds and of the type with what is written, for known numbers; None if there are others."""
    if tree.data in ("any", "all", "negated"):
        parts = [_of_number(part) for part in tree.children]
        if None in parts:
            return None
        first, second = parts[0], parts[-1]
        assert first is not None and second is not None
        if tree.data == "negated":
            return lambda value: not first(value)
        if tree.data == "any":
            return lambda value: first(value) or second(value)
        return lambda value: first(value) and second(value)
    if tree.data != "comparison":
        return None
    left, sign, right = tree.children
    if left.data != "place" or right.data == "place":
        return None
    field = "" if left.children[1] is None else str(left.children[1])
    compare = _OPERATORS[str(sign)]
    text = str(right.children[0])
    if right.data == "word":
        same = compare("number", text)
        return lambda value: same
    wanted = _written(text)
    read = _OF_A_NUMBER.get("smin" if not field and wanted < 0 else field)
    return None if read is None else lambda value: compare(read(value), wanted)


def _written(text: str) -> int:
    return int(text, 0) if text.lower().lstrip("-").startswith("0x") else int(text)


def _words(names: Sequence[str] | set[str]) -> str:
    return " or ".join(_EXPECTED[name] for name in sorted(names, key=list(_EXPECTED).index) if name in _EXPECTED)


class _Maker:
    """Makes functions of a syntax tree. Its depth is bounded by the length of the text."""

    def __init__(self, run: bool) -> None:
        self.places: list[Place] = []
        self._run = run

    def test(self, tree: Any) -> _Test:
        parts = tree.children
        if tree.data == "any":
            left, right = self.test(parts[0]), self.test(parts[1])
            return lambda state: left(state) or right(state)
        if tree.data == "all":
            left, right = self.test(parts[0]), self.test(parts[1])
            return lambda state: left(state) and right(state)
        if tree.data == "negated":
            inner = self.test(parts[0])
            return lambda state: not inner(state)
        if tree.data == "truth":
            return self._truth(parts[0])
        return self._comparison(parts[0], str(parts[1]), parts[2])

    def _truth(self, operand: Any) -> _Test:
        side = self._operand(operand)
        if side.text is not None:
            raise ConditionError(operand.meta.column, f"Compare .type with one of {', '.join(KINDS)}.")

        def holds(state: State) -> bool:
            found = side.ranges(state)
            return found is not None and (found[0][0] > 0 or found[1][1] < 0)

        return holds

    def _comparison(self, left: Any, sign: str, right: Any) -> _Test:
        a, b = self._operand(left), self._operand(right)
        if (a.text is None) != (b.text is None):
            wrong = right if a.text is not None else left
            raise ConditionError(wrong.meta.column, f"A type is compared with a type: one of {', '.join(KINDS)}.")
        if a.text is not None and b.text is not None:
            if sign not in ("==", "!="):
                raise ConditionError(left.meta.column, "Types can only be equal (==) or not (!=).")
            first, second, compare = a.text, b.text, _OPERATORS[sign]
            return lambda state: compare(first(state), second(state))
        signed = a.negative or b.negative
        if a.field is not None and b.known is not None:
            field, wanted, compare = a.field, b.known, _OPERATORS[sign]

            def holds_of_field(state: State) -> bool:
                value = field(state)
                return value is not None and compare(value, wanted)

            return holds_of_field

        def holds(state: State) -> bool:
            one, other = a.ranges(state), b.ranges(state)
            return one is not None and other is not None and _certain(one[signed], sign, other[signed])

        return holds

    def _operand(self, tree: Any) -> _Operand:
        token = tree.children[0]
        if tree.data == "number":
            value = _written(token)
            if not -(1 << 63) <= value < 1 << 64:
                raise ConditionError(token.column, "The number does not fit into 64 bits.")
            ranges = _known(value)
            return _Operand(None, lambda state: ranges, negative=value < 0, known=value)
        if tree.data == "word":
            word = str(token)
            if word not in KINDS:
                known = ", ".join(KINDS)
                if re.fullmatch(r"R(?:10|\d)|FP", word):
                    raise ConditionError(token.column, f"Registers have small letters: {word.lower()}.")
                message = f"“{word}” is neither a register (r3), a stack slot (fp-8), nor a type: {known}."
                raise ConditionError(token.column, message)
            return _Operand(lambda state: word, lambda state: None)
        return self._of_place(token, tree.children[1])

    def _of_place(self, token: Any, field: Any) -> _Operand:
        name = str(token)
        if "fp-" in name and (int(name.rpartition("-")[2]) % 8 or not 0 < int(name.rpartition("-")[2]) <= 512):
            raise ConditionError(token.column, f"Stack slots are fp-8, fp-16, … fp-512: there is no {name}.")
        frame, index = slot_index(name)
        place = Place(frame if ":" in name else -1, index)
        self.places.append(place)
        if self._run and (":" in name or "fp-" in name):
            raise ConditionError(token.column, "In a run, conditions are about r0 to r10.")
        if field is None:
            return _Operand(None, lambda state: _value(state(place)))
        read = FIELDS.get(str(field))
        known = OF_A_RUN if self._run else tuple(FIELDS)
        if read is None or str(field) not in known:
            where = "In a run, a register has" if self._run else "A value has"
            raise ConditionError(field.column, f"There is no “.{field}”. {where}: {', '.join(known)}.")
        if str(field) == "type":

            def kind(state: State) -> str:
                view = state(place)
                return view.kind if view is not None else "none"

            return _Operand(kind, lambda state: None)

        def number_in(state: State) -> int | None:
            view = state(place)
            value = read(view) if view is not None else None
            return value if isinstance(value, int) else None

        def ranges(state: State) -> tuple[_Range, _Range] | None:
            value = number_in(state)
            return _known(value) if value is not None else None

        return _Operand(None, ranges, field=number_in)


def _value(view: RegView | None) -> tuple[_Range, _Range] | None:
    """The numbers that a register may hold; None for what is no number."""
    if view is None or view.kind != "number" or view.scalar is None:
        return None
    s = view.scalar
    return (s.umin, s.umax), (s.smin, s.smax)


def _certain(a: _Range, sign: str, b: _Range) -> bool:
    """Whether a comparison holds for all numbers of two ranges."""
    if sign == "==":
        return a[0] == a[1] == b[0] == b[1]
    if sign == "!=":
        return a[1] < b[0] or b[1] < a[0]
    if sign in ("<", "<="):
        return _OPERATORS[sign](a[1], b[0])
    return _OPERATORS[sign](a[0], b[1])


def number(value: int) -> RegView:
    """A machine's register, as a value that is known."""
    low = value & 0xFFFFFFFF
    s32 = low - (1 << 32) if low >> 31 else low
    signed = _signed(value)
    return RegView("number", "", scalar=ScalarView(value, value, signed, signed, value, 0, low, low, s32, s32))
