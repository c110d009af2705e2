"""clang's text as data.

The command line asks for one line a finding, with its source ranges:
`program.c:3:10:{3:10-3:12}: error: …`, with "In file included from" lines before a finding in a header.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Final

from vm.compile.headers import ADDED, OWN, PROGRAM
from vm.compile.model import Diagnostic
from vm.compile.options import SourceFile

FLAGS: Final = (
    "-fno-caret-diagnostics",
    "-fdiagnostics-print-source-range-info",
    "-fno-color-diagnostics",
    "-fdiagnostics-show-option",
)
MAX_DIAGNOSTICS: Final = 100

_FINDING: Final = re.compile(
    r"(?P<file>[^:\n]+):(?P<line>\d+):(?P<column>\d+):(?P<ranges>(?:\{[\d:{}-]*\})?:?) ?"
    r"(?P<severity>fatal error|error|warning|note): (?P<message>.*)"
)
_PLACELESS: Final = re.compile(r"(?:<[^>]+>|[\w.-]+): ?(?P<severity>fatal error|error|warning): (?P<message>.*)")
_RANGE: Final = re.compile(r"\{(\d+):(\d+)-(\d+):(\d+)\}")
_INCLUDED: Final = re.compile(r"\s*(?:In file included )?from (?P<file>[^:\n]+):(?P<line>\d+)[:,]")
_WORD: Final = re.compile(r"\w+|.")
_OPTION: Final = re.compile(r" \[(?:-Werror,)?(-W[\w+=#-]{1,80})\]$")
_HEADER_DIR: Final = re.compile(r"^/include/[a-z]+/")

_CRASH: Final = re.compile(r"^(PLEASE submit a bug report|Stack dump:|.*frontend command failed)", re.M)
CRASHED: Final = "The compiler crashed on this source. That is a fault of the compiler, not of yours."


def parse(text: str, source: str, files: Iterable[SourceFile] = ()) -> tuple[Diagnostic, ...]:
    """The findings in clang's output, in order, at places in `source` and the user's own files."""
    if _CRASH.search(text):
        return (Diagnostic(0, 0, 0, "error", CRASHED),)
    texts = {PROGRAM: ("", source.split("\n"))}
    texts |= {f"{OWN}/{file.name}": (file.name, file.text.split("\n")) for file in files}
    found: list[Diagnostic] = []
    # The innermost #include of the user's that the findings in headers which follow come from.
    includer, include_line = PROGRAM, 0
    for row in text.split("\n"):
        if included := _INCLUDED.match(row):
            path = _normal(included["file"])
            if path in texts:  # clang names the innermost last
                includer, include_line = path, int(included["line"])
            continue
        finding = _FINDING.match(row)
        if finding is None:
            placeless = _PLACELESS.match(row)
            if placeless:
                message, option = _message(placeless["message"])
                found.append(Diagnostic(0, 0, 0, _severity(placeless["severity"]), message, option))
            continue
        path = _normal(finding["file"])
        if path in texts:
            include_line = 0
            found.append(_diagnostic(finding, *texts[path]))
        elif finding["severity"] not in ("note", "warning"):
            # Others are not the user's to mend, and where in a header a macro stands helps nobody here.
            found.append(_in_header(finding, *texts[includer], include_line))
    return tuple(dict.fromkeys(found))[:MAX_DIAGNOSTICS]


def _normal(path: str) -> str:
    """A path without what clang keeps of "../"."""
    return os.path.normpath(path) if path.startswith(OWN) else path


def _in_header(finding: re.Match[str], file: str, lines: list[str], include_line: int) -> Diagnostic:
    """A finding in a header of the system, at the #include of the user's that brought it."""
    message, option = _message(finding["message"])
    header = _HEADER_DIR.sub("", finding["file"])
    place = "in what was added" if header == ADDED else f"in <{header}>, line {finding['line']}"
    text = lines[include_line - 1] if 0 < include_line <= len(lines) else ""
    column, end = (1, len(text) + 1) if text else (0, 0)
    severity = _severity(finding["severity"])
    return Diagnostic(include_line, column, end, severity, f"{message} ({place})", option, file if text else "")


def _diagnostic(finding: re.Match[str], file: str, lines: list[str]) -> Diagnostic:
    line, column = int(finding["line"]), int(finding["column"])
    message, option = _message(finding["message"])
    severity = _severity(finding["severity"])
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    column = _characters(text, column)
    return Diagnostic(line, column, _end(finding["ranges"], line, column, text), severity, message, option, file)


def _characters(text: str, column: int) -> int:
    """clang counts bytes of UTF-8; an editor counts characters."""
    return len(text.encode()[: column - 1].decode(errors="replace")) + 1


def _end(ranges: str, line: int, column: int, text: str) -> int:
    """Past the last character of the range around the column, or of the word that starts there."""
    ends = [
        _characters(text, int(end_column))
        for first_line, first_column, last_line, end_column in _RANGE.findall(ranges)
        if int(first_line) == line == int(last_line) and _characters(text, int(first_column)) <= column
    ]
    ends = [end for end in ends if end > column]
    if ends:
        return min(ends)
    word = _WORD.match(text, column - 1)
    return word.end() + 1 if word else column + 1


def _severity(text: str) -> str:
    return "error" if text == "fatal error" else text


def _message(text: str) -> tuple[str, str]:
    """The sentence, cleaned, and the option that turns the finding off ("" if it has none)."""
    option = _OPTION.search(text)
    return (_clean(text[: option.start()]), option[1]) if option else (_clean(text), "")


def _clean(message: str) -> str:
    """Without control characters, and with virtual header directories left out."""
    message = re.sub(r"/include/[a-z]+/", "", message)
    return "".join(c if c.isprintable() else " " for c in message)[:1000]


def unexplained(text: str) -> str:
    """A sentence for a compiler that failed without a finding: its first words, cleaned."""
    first = next((line for line in text.split("\n") if line.strip()), "")
    if first.startswith("sandbox:"):
        return "The compiler could not be started in its sandbox."
    said = _clean(re.sub(r"/\S+", "…", first))[:200]
    return f"The compiler failed: {said}" if said else "The compiler failed and did not say why."
