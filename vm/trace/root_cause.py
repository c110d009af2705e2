"""The root cause of a rejection in machine-readable form: a kind, and a place in the code and in the source."""

from __future__ import annotations

from enum import Enum
from typing import Final

from vm.namedtuples import NamedTuple


class CauseKind(Enum):
    """Kinds of causes. The place that belongs to a kind is in brackets; "access" is the rejected instruction."""

    NONE = "none"
    """No rule fits: category, state and steps are all there is. [access]"""
    MISSING_CHECK = "missing-check"
    """Nothing in the program compares the value before it is used. [access]"""
    CHECK_OF_ANOTHER_VALUE = "check-of-another-value"
    """A comparison is there, of another pointer, variable or copy. [the comparison]"""
    CHECK_TOO_WEAK = "check-too-weak"
    """A comparison, mask or loop bound of the value allows more than fits. [the comparison]"""
    CHECK_ON_ANOTHER_PATH = "check-on-another-path"
    """The comparison is there, but a path leads to the access without it. [the comparison]"""
    CHECK_AFTER_USE = "check-after-use"
    """The comparison comes after the access. [the comparison]"""
    WRONG_BRANCH = "wrong-branch"
    """The access is on the side of the comparison on which the value is not valid. [the comparison]"""
    WRONG_SIGN = "wrong-sign"
    """The value is bounded as a signed number only, and may be negative. [the comparison]"""
    WRONG_WIDTH = "wrong-width"
    """Other bits are compared than are used: 32 of 64, or a shortened copy. [the comparison]"""
    READ_AGAIN = "read-again"
    """The value was compared, and then read from memory a second time. [the comparison, or the store before]"""
    LOST_AT_CALL = "lost-at-call"
    """A call makes what was proven invalid, or its result carries no bounds. [the call]"""
    LOST_AT_SPILL = "lost-at-spill"
    """A store to the stack, of part of a value or over it, loses what was proven. [the store]"""
    LOST_IN_ARITHMETIC = "lost-in-arithmetic"
    """What is computed from a bounded value has no usable bound. [the computation]"""
    LOST_IN_COMPILATION = "lost-in-compilation"
    """The compiler left out a comparison of the source, or compares another register. [the comparison's line]"""
    NOT_RELEASED = "not-released"
    """Something acquired is still held. [where it was acquired]"""
    NOT_ACQUIRED = "not-acquired"
    """What is released or needed is not held. [access]"""
    USED_AFTER_RELEASE = "used-after-release"
    """Something is used, or released again, after it was given back. [the release]"""
    UNINITIALISED = "uninitialised"
    """A register or bytes of the stack were never written. [access]"""
    NOT_A_POINTER = "not-a-pointer"
    """A number is used as an address. [where the number comes from]"""
    WRONG_SIZE = "wrong-size"
    """A fixed size or offset that leaves the object. [access]"""
    WRONG_ARGUMENT = "wrong-argument"
    """A call gets another kind of value than it takes. [access]"""
    WRONG_MAP = "wrong-map"
    """The map's type or definition does not fit what is done with it. [access]"""
    WRONG_CONTEXT_FIELD = "wrong-context-field"
    """An access of the context that this program type does not have. [access]"""
    WRONG_PROGRAM_TYPE = "wrong-program-type"
    """A function that this type of program may not call. [access]"""
    WRONG_RESULT = "wrong-result"
    """A value is returned that this type of program must not return. [what set the value]"""
    WRONG_LICENCE = "wrong-licence"
    """The licence is not compatible with the GPL. [access]"""
    WRONG_PERMISSION = "wrong-permission"
    """The user lacks a capability. [access]"""
    READ_ONLY = "read-only"
    """A write to what may only be read. [access]"""
    POINTER_LEAKED = "pointer-leaked"
    """A pointer is stored or returned where users could read it. [access]"""
    POINTER_ARITHMETIC = "pointer-arithmetic"
    """A computation that the pointer does not allow. [the computation]"""
    MISALIGNED = "misaligned"
    """An access at an offset that is no multiple of its size. [access]"""
    FORBIDDEN_HERE = "forbidden-here"
    """Something that may not be done under a lock, in an RCU section, in a callback or without sleeping. [access]"""
    UNBOUNDED_LOOP = "unbounded-loop"
    """A loop whose end the verifier does not see. [the jump back]"""
    LIMIT_EXCEEDED = "limit-exceeded"
    """Another limit: stack, calls, arguments, size. [access]"""
    MALFORMED = "malformed"
    """Instructions, types or tables that no compiler should write. [access]"""
    UNKNOWN_NAME = "unknown-name"
    """A function, field, hook or type that this kernel does not have. [access]"""


class SourceCheck(NamedTuple):
    """A comparison in the user's source: its 1-based line, and its text on one line."""

    line: int
    text: str


class RootCause(NamedTuple):
    """The root cause of a rejection.

    step, insn_idx, line -- the place (see CauseKind); -1 and None where there is none. line counts from 1.
    source_check -- the comparison in the source, if the source was examined
    insns -- the instructions of its line, in order; empty if the compiler left none
    """

    kind: CauseKind = CauseKind.NONE
    step: int = -1
    insn_idx: int = -1
    line: int | None = None
    source_check: SourceCheck | None = None
    insns: tuple[int, ...] = ()


NO_CAUSE: Final = RootCause()
