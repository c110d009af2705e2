"""What compiling takes and gives: frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from vm.compile.options import SourceFile
from vm.program import Remark


class Diagnostic(NamedTuple):
    """One finding of the compiler, at its place in the user's source.

    line, column, end_column -- 1-based, in characters; 0 where it belongs to no place. end_column is past the last.
    severity -- error, warning or note
    option -- clang's name of the warning ("-Wreturn-type"), "" where it has none
    file -- the file beside the source that it is in; "": the source itself
    Findings inside a header of the system stand at the #include that brought it; the message names the header.
    """

    line: int
    column: int
    end_column: int
    severity: str
    message: str
    option: str = ""
    file: str = ""


class Missing(NamedTuple):
    """Something the source uses and does not have, that is known how to add.

    what -- its name: "IPPROTO_UDP", "u64", "license"
    add  -- the lines to put at the top of the source
    message -- a sentence for a person
    absent -- whether it is a header that is not there: it is taken as empty, and `add` only says so
    """

    what: str
    add: str
    message: str
    absent: bool = False


@dataclass(frozen=True, slots=True)
class CompileOptions:
    """opt: one of OPT_LEVELS; mcpu: one of MCPUS; fix_includes: add what is missing and say so; files: beside it.

    clang -- major version of another compiler than the usual one (vm.compile.others); "": the usual one
    """

    opt: str = "O2"
    mcpu: str = "v3"
    fix_includes: bool = False
    files: tuple[SourceFile, ...] = ()
    clang: str = ""


@dataclass(frozen=True, slots=True)
class Compilation:
    """The outcome of one compile.

    object  -- ELF bytes without DWARF (BTF is kept); None unless ok
    missing -- what could be added, where fix_includes was not asked for or did not suffice
    added   -- what fix_includes added, as lines of C
    compiler -- "clang 22.1.8"
    ms      -- wall time of the compiler and its sandbox
    limit   -- None, or which of time, cpu, memory, output was hit
    remarks -- what else the user should know about the source
    """

    ok: bool
    object: bytes | None
    diagnostics: tuple[Diagnostic, ...]
    missing: tuple[Missing, ...]
    added: tuple[str, ...]
    compiler: str
    ms: float
    limit: str | None = None
    remarks: tuple[Remark, ...] = ()
