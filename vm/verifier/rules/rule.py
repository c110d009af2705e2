"""Rejections as values: each check of the verifier passes one to VerifierEnv.reject()."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from vm.namedtuples import NamedTuple

REGISTER: Final = "Register Type Safety"
MEMORY: Final = "Memory Safety"
LIFETIME: Final = "Resource Lifetime Safety"
CALL: Final = "Call Type Safety"
CONTEXT: Final = "Execution Context Safety"
STRUCTURE: Final = "Program Structure"
POLICY: Final = "Policy"
LIMITS: Final = "Limits"

CATEGORIES: Final = (REGISTER, MEMORY, LIFETIME, CALL, CONTEXT, STRUCTURE, POLICY, LIMITS)
"""The seven groups of rejections that Linux 7.3 names, and the limits."""

AS_CAUSE: Final = 0
"""Rule.errno of a rejection that returns the error of the rejection it follows from."""


class By(Enum):
    """Who refuses the program."""

    VERIFIER = "verifier"
    KERNEL = "kernel"
    """The system call refuses before the verifier runs: there is no log, and the message is ours."""
    LIBBPF = "libbpf"
    """The loader refuses, or replaces part of the verifier's log by its own message."""


class Topic(Enum):
    """Which facts explain a rejection: selects the function of vm.explain.advice that looks at them."""

    VALUE = "value"
    """The value of the register or slot at fault, and the steps that led to it."""
    POINTER = "pointer"
    """An access through what is no pointer, or may be NULL."""
    STACK = "stack"
    """An access that leaves the stack frame."""
    PACKET = "packet"
    """A packet access, and the comparisons with the packet's end on the path."""
    OFFSET = "offset"
    """A variable offset without one of its bounds."""
    SIZE = "size"
    """The size argument of a call without one of its bounds."""
    CONTEXT_FIELD = "context field"
    """An access of the program's context."""
    RESULT = "result"
    """A return value outside its range."""
    HELPER = "helper"
    """A helper that this program may not call."""
    KFUNC = "kfunc"
    """A kernel function that this program may not call."""
    HELD = "held"
    """Something acquired that is still held."""
    LIMIT = "limit"
    """A limit, and the loops that used it up."""
    PROGRAM = "program"
    """The program as a whole: its type, licence, hook, types or user."""
    KERNEL = "kernel"
    """An inconsistency the kernel reports about itself."""


class Rule(NamedTuple):
    """One reason for which a program is refused.

    name -- stable identifier: lower case, words joined by hyphens.
    errno -- positive, or AS_CAUSE.
    message -- what is said, as a format template with named fields; ends with the newlines the log has. A template of
               several lines is one message. Empty where the kernel says nothing.
    category -- one of CATEGORIES.
    needed -- what would have been accepted, as far as it can be said without the values; the place of the rejection
              says more where numbers matter.
    topic -- which facts explain it.
    also -- other errno values some places return with the same message.
    sentence -- index of the line of the message that names the reason (-1: the last); -2 joins all lines.
    by -- who refuses.
    """

    name: str
    errno: int
    message: str
    category: str
    needed: str
    topic: Topic = Topic.VALUE
    also: tuple[int, ...] = ()
    sentence: int = -1
    by: By = By.VERIFIER

    def text(self, values: Mapping[str, object]) -> str:
        """The message with its fields filled in."""
        return self.message.format_map(values)

    def split(self, text: str) -> tuple[str, tuple[str, ...]]:
        """(the line of a filled-in message that names the reason, the other lines)."""
        lines = [line for line in text.split("\n") if line]
        if not lines:
            return "", ()
        if self.sentence == JOINED:
            return " ".join(lines), ()
        at = self.sentence % len(lines)
        return lines[at], tuple(lines[:at] + lines[at + 1 :])


JOINED: Final = -2
"""Rule.sentence of a message whose lines are one sentence."""


class Note(NamedTuple):
    """A message in addition to a rejection: at the same instruction another rule's rejection follows, or none.

    message -- a format template as Rule.message.
    """

    name: str
    message: str

    def text(self, values: Mapping[str, object]) -> str:
        """The message with its fields filled in."""
        return self.message.format_map(values)


class Group(NamedTuple):
    """Rules that share category, need and explanation."""

    category: str
    needed: str
    topic: Topic = Topic.VALUE
    by: By = By.VERIFIER

    def rule(
        self,
        name: str,
        errno: int,
        message: str,
        *,
        topic: Topic | None = None,
        also: tuple[int, ...] = (),
        sentence: int = -1,
    ) -> Rule:
        """A rule of this group; `topic` if it is explained otherwise than the group's rules."""
        return Rule(name, errno, message, self.category, self.needed, topic or self.topic, also, sentence, self.by)
