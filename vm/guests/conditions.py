"""Conditions that an event has to meet to be recorded: `dport == 443`, `comm == "wget"`, `ctx+16:4 > 3`,
`packet+36:2 == 53`; or of what it did: `returns == 1`, `R6 > 1500`. Those of maps are in vm/guests/map_conditions.py.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from struct import unpack_from
from typing import Final, Literal, NamedTuple

from vm.btf.types import Btf
from vm.errors import InputError
from vm.kernel import types as t
from vm.program import Program
from vm.recorded.context_fields import AS_TOLD, ContextField, ContextFields
from vm.recorded.values import SNAPSHOT, RecordedEvent

CONTEXT_BYTES: Final = 4096
MAX_CONDITION: Final = 200
"""Characters."""
_OPERATORS: Final[Mapping[str, Callable[[int, int], bool]]] = {
    "==": operator.eq, "!=": operator.ne, "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt,
    "&": lambda value, mask: bool(value & mask),
}  # fmt: skip
_OF_TEXT: Final = ("==", "!=")
KEY: Final = r"""(?:[^\]"']|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)')"""
"""A part of a key in brackets, as a regular expression: a character, or a text or character of C, which may hold a
bracket."""
_CONDITION: Final = re.compile(
    rf"\s*([A-Za-z_][\w. ]*?|[A-Za-z_]\w*\[{KEY}+\][\w.]*|(?:ctx|packet)\+\d+:[1248])"
    r"\s*(==|!=|<=|>=|<|>|&)\s*(\S.*?)\s*", re.ASCII,
)  # fmt: skip
_RETURNS: Final = "returns"
_REGISTER: Final = re.compile(r"R(10|\d)")
_X86: Final = (0, 7, 6, 2, 1, 8, 3, 13, 14, 15, 5)  # of R0 to R10, as numbers of machine code
_PLACE: Final = re.compile(r"(ctx|packet)\+(\d{1,4}):([1248])", re.ASCII)
_PACKETS: Final[Mapping[int, str]] = {
    t.BPF_PROG_TYPE_XDP: "xdp_buff", t.BPF_PROG_TYPE_SCHED_CLS: "sk_buff", t.BPF_PROG_TYPE_SCHED_ACT: "sk_buff",
    t.BPF_PROG_TYPE_SOCKET_FILTER: "sk_buff", t.BPF_PROG_TYPE_CGROUP_SKB: "sk_buff",
}  # fmt: skip
"""The kernel's context of programs that get packets: its member `data` points to the packet."""


class Condition(NamedTuple):
    """A field of the context, of a global variable or of a map's value, how it is compared, and with what: a number, or
    text.
    """

    name: str
    operator: str
    value: int | bytes

    def check(self, program: Program, kernel: Btf) -> Check | None:
        """The check for events of a program; None if its context has no such field.

        InputError if the field never holds the value.
        """
        place = _PLACE.fullmatch(self.name)
        if place is not None and place[1] == "packet":
            held = _PACKETS.get(program.prog_type)
            if held is None or isinstance(self.value, bytes):
                return None
            return possible(Check(ContextField(int(place[2]), int(place[3])), self, kernel.offset_of(held, "data")))
        if place is not None:
            field: ContextField | None = ContextField(int(place[2]), int(place[3]))
        else:
            field = ContextFields(program, kernel).find(self.name) if program.prog_type in AS_TOLD else None
        if field is None or field.offset + field.size > CONTEXT_BYTES or field.text != isinstance(self.value, bytes):
            return None
        return possible(Check(field, self))

    def outcome(self) -> Outcome | None:
        """The condition as one of what an event did; None if it is one of its context.

        InputError if what it did never has the value.
        """
        if isinstance(self.value, bytes):
            if self.name == _RETURNS or _REGISTER.fullmatch(self.name):
                raise InputError(f"{self.name} is a number, and no text: {self.name} {self.operator} 1.")
            return None
        if self.name == _RETURNS:
            possible(Check(ContextField(0, 4, signed=True), self))
            return Outcome(self.operator, self.value, None)
        register = _REGISTER.fullmatch(self.name)
        if register is None:
            return None
        possible(Check(ContextField(0, 8), self))
        return Outcome(self.operator, self.value, _X86[int(register[1])])


class Outcome(NamedTuple):
    """A condition of what an event did. register -- what it held at any instruction; None: what the program returned"""

    operator: str
    value: int
    register: int | None

    def holds(self, event: RecordedEvent) -> bool:
        """Whether a recorded event meets the condition; one that is cut has not returned."""
        held = self._returned(event) if self.register is None else self._held(event, self.register)
        return any(_OPERATORS[self.operator](value, self.value) for value in held)

    def _held(self, event: RecordedEvent, register: int) -> Iterator[int]:
        """The register's values, with a sign if the condition's number has one."""
        form = "<q" if self.value < 0 else "<Q"
        states = len(event.offsets) - (not event.cut)  # the caller has its own registers
        return (unpack_from(form, event.registers, SNAPSHOT * n + 8 * register)[0] for n in range(states))

    @staticmethod
    def _returned(event: RecordedEvent) -> Iterator[int]:
        """The program's result, an int of C."""
        if not event.cut and event.offsets:
            yield unpack_from("<i", event.registers, SNAPSHOT * (len(event.offsets) - 1))[0]


class Check(NamedTuple):
    """A condition for the events of one program.

    packet -- where the kernel's context has a pointer to the packet, of which the field is a part; None: of the context
    """

    field: ContextField
    condition: Condition
    packet: int | None = None

    def holds(self, data: bytes) -> bool:
        """Whether the bytes of the field meet the condition; bytes that could not be read do not."""
        if len(data) != self.field.size:
            return False
        value = self.condition.value
        if isinstance(value, bytes):
            return (data.split(b"\0")[0] == value) == (self.condition.operator == "==")
        order: Literal["big", "little"] = "little" if self.packet is None else "big"
        found = int.from_bytes(data, order, signed=self.field.signed or value < 0)
        return _OPERATORS[self.condition.operator](found, value)


def possible(check: Check) -> Check:
    """The same check. InputError if its field never holds the value: nothing would be recorded, without a reason."""
    asked, (_, size, signed, _) = check.condition, check.field
    if isinstance(asked.value, bytes):
        if len(asked.value) > size:
            raise InputError(
                f"{asked.name[:64]} has room for {size} bytes: a text of {len(asked.value)} bytes is never in it."
            )
        return check
    bits = 8 * size
    low, high = -(1 << bits - 1), (1 << (bits - 1 if signed and asked.operator != "&" else bits)) - 1
    if not low <= asked.value <= high:
        numbers = f"from {low if signed else 0} to {high}"
        raise InputError(f"{asked.name[:64]} is a number {numbers}, and is not compared with {asked.value}.")
    return check


def condition(text: str) -> Condition | None:
    """Parses a condition; None for an empty text. InputError if it is invalid."""
    if not text.strip():
        return None
    found = _CONDITION.fullmatch(text) if len(text) <= MAX_CONDITION else None
    if found is None:
        raise InputError(
            "A condition is a field of the context, a global variable or the value of a map, a comparison and a value, "
            'or one of what the program did: pid == 42, comm != "sh", ctx+16:4 > 3, total > 5, counts[3].bytes == 0, '
            "returns == 1, R6 > 1500."
        )
    name, compared, value = found.groups()
    if value[0] in "\"'":
        if compared not in _OF_TEXT or len(value) < 2 or value[-1] != value[0]:
            raise InputError("A text stands in quotation marks, and is compared by == or !=.")
        return Condition(name, compared, value[1:-1].encode())
    try:
        return Condition(name, compared, int(value, 0))
    except ValueError:
        raise InputError(f"{value[:40]} is no number: a text stands in quotation marks.") from None
