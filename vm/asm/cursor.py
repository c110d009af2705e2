"""Tokens of one line of assembly, and a cursor over them whose errors say what was expected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple, NoReturn

from vm.bits import U64
from vm.errors import InputError

_TOKEN: Final = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<number>0[xX][0-9a-fA-F]+|0[bB][01]+|\d+)(?![\w.])"
    r"|(?P<op>s>>=|s<=|s>=|s/=|s%=|s<|s>|<<=|>>=|[-+*/|&%^=!<>]=|[-+*/|&%^=<>()\[\],:#@])"
    r"|(?P<name>[A-Za-z_.$][\w.$]*)"
)
_COMMENT: Final = re.compile(r";|//|(?:^|(?<=\s))#")


class Token(NamedTuple):
    """kind: number, op, name, end. column is 1-based."""

    kind: str
    text: str
    column: int


class Ref(NamedTuple):
    """A name in an instruction that is resolved when the whole text is known.

    how -- jump (into off), long (into imm), call (subprogram, into imm), map, value (address in a map), symbol (map or
           function, whichever there is)
    """

    name: str
    how: str
    column: int
    addend: int = 0


class Cursor:
    """Reads the tokens of one line from left to right."""

    def __init__(self, text: str, line: int) -> None:
        self.line = line
        comment = _COMMENT.search(text)
        self.text = text[: comment.start()] if comment else text
        self.tokens = self._scan()
        self.at = 0

    def _scan(self) -> list[Token]:
        tokens, at = [], 0
        while at < len(self.text):
            match = _TOKEN.match(self.text, at)
            if match is None or match.lastgroup is None:
                bad = self.text[at:].split()[0][:20]
                raise InputError(
                    f"Line {self.line}, column {at + 1}: {bad!r} is no instruction text.", line=self.line, column=at + 1
                )
            if match.lastgroup != "space":
                tokens.append(Token(match.lastgroup, match[0], at + 1))
            at = match.end()
        tokens.append(Token("end", "", len(self.text.rstrip()) + 1))
        return tokens

    def peek(self, ahead: int = 0) -> Token:
        """The next token, or the one `ahead` of it."""
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)]

    def next(self) -> Token:
        """Take the next token."""
        token = self.peek()
        self.at += token.kind != "end"
        return token

    def accept(self, *texts: str) -> Token | None:
        """Take the next token if it is one of these."""
        return self.next() if self.peek().text in texts and self.peek().kind != "end" else None

    def expect(self, *texts: str) -> Token:
        """Take one of these, or fail."""
        return self.accept(*texts) or self.fail(" or ".join(repr(t) for t in texts))

    def end(self) -> None:
        """Nothing may follow."""
        if self.peek().kind != "end":
            self.fail("the end of the line")

    def fail(self, expected: str, token: Token | None = None) -> NoReturn:
        """InputError: `expected` was, and what stands there."""
        raise self.error(expected, token)

    def error(self, expected: str, token: Token | None = None) -> InputError:
        """What `fail` raises."""
        token = token or self.peek()
        found = f"found {token.text!r}" if token.kind != "end" else "the line ends"
        message = f"Line {self.line}, column {token.column}: expected {expected}, {found}."
        return InputError(message, line=self.line, column=token.column)

    def wrong(self, message: str, token: Token) -> NoReturn:
        """InputError about a token that was understood and cannot be used."""
        raise InputError(f"Line {self.line}, column {token.column}: {message}.", line=self.line, column=token.column)

    def number(self, what: str = "a number") -> int:
        """A number with an optional sign."""
        sign = -1 if self.accept("-") else 1
        if sign == 1 and self.accept("+"):
            sign = -1 if self.accept("-") else 1
        if self.peek().kind != "number":
            self.fail(what)
        return sign * parse_int(self.next().text)

    def ranged(self, low: int, high: int, what: str) -> int:
        """A number within [low, high]."""
        token = self.peek()
        value = self.number(what)
        if not low <= value <= high:
            self.wrong(f"{value} does not fit {what}: it holds {low} to {high}", token)
        return value

    def at_number(self) -> bool:
        """Whether a number, signed or not, comes next."""
        token = self.peek()
        return token.kind == "number" or (token.text in ("-", "+") and self.peek(1).kind == "number")

    def name(self, what: str) -> Token:
        """Take a name."""
        if self.peek().kind != "name":
            self.fail(what)
        return self.next()

    def choose(self, table: Mapping[str, int], what: str) -> int:
        """Take a name that the table has; its value."""
        token = self.peek()
        if token.text not in table:
            self.fail(what)
        return table[self.next().text]

    def register(self, what: str = "a register (r0 to r10)") -> int:
        """Take a 64-bit register."""
        return self.any_register(what, letters="r")[0]

    def any_register(self, what: str = "a register", letters: str = "rw") -> tuple[int, bool]:
        """Take a register: its number, and whether it is 64 bits wide."""
        token = self.peek()
        match = REGISTER.fullmatch(token.text)
        if match is None or match[1] not in letters:
            self.fail(what)
        number = int(match[2])
        if number > 15:  # four bits; the verifier has words for r11 and above
            self.wrong(f"there is no register {token.text}: they are {match[1]}0 to {match[1]}10", token)
        self.next()
        return number, match[1] == "r"

    def at_register(self) -> bool:
        """Whether a register comes next."""
        return REGISTER.fullmatch(self.peek().text) is not None

    def imm32(self, *, bits: bool) -> int:
        """A 32-bit immediate, as the signed number an instruction holds.

        bits -- whether 0x80000000 to 0xffffffff may stand for the negative numbers with those bits
        """
        token = self.peek()
        value = self.number()
        if bits and 1 << 31 <= value < 1 << 32:
            return value - (1 << 32)
        if not -(1 << 31) <= value < 1 << 31:
            self.wrong(
                f"{value} does not fit the instruction's 32 bits (sign-extended); a 64-bit load has room for it", token
            )
        return value

    def imm64(self) -> int:
        """A 64-bit immediate, unsigned."""
        token = self.peek()
        value = self.number()
        if not -(1 << 63) <= value < 1 << 64:
            self.wrong(f"{value} does not fit 64 bits", token)
        return value & U64

    def offset(self) -> int:
        """The signed 16-bit offset of a memory access."""
        return self.ranged(-(1 << 15), (1 << 15) - 1, "an offset of 16 bits")


REGISTER: Final = re.compile(r"([rw])(\d{1,2})")


def parse_int(text: str) -> int:
    """A number as the assembler writes it: decimal, 0x or 0b."""
    return int(text, 0) if text[:2].lower() in ("0x", "0b") else int(text)
