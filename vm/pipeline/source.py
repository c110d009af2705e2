"""The user's source and its compilation: the stages before there is an object."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vm.compile.options import MAX_SOURCE_BYTES as MAX_SOURCE_BYTES
from vm.compile.options import SourceFile as SourceFile
from vm.errors import InputError, LimitError

if TYPE_CHECKING:
    from vm.compile import Compilation, CompileOptions

MAX_ELF_BYTES: Final = 16 << 20  # for the command line; the server's own limit is smaller

KINDS: Final = ("c", "asm", "hex", "elf", "listing")


@dataclass(frozen=True, slots=True)
class Source:
    """What the user gave. kind is one of KINDS; `data` is the text in UTF-8, or the ELF's bytes.

    files -- the user's own headers, of a C source; of an object the sources that it was made of, for their text
    """

    kind: str
    data: bytes
    name: str = "program"
    files: tuple[SourceFile, ...] = ()

    def text(self) -> str:
        """The text of a C, assembly or hex source.

        LimitError if it has more than MAX_SOURCE_BYTES bytes, InputError if it is not UTF-8 or empty.
        """
        if len(self.data) > MAX_SOURCE_BYTES:
            raise LimitError(
                f"The source has {len(self.data):,} bytes; at most {MAX_SOURCE_BYTES:,} bytes (64 KiB) are taken. "
                "Leave out what the program does not need, or compile it yourself and load the object file.",
                "size",
            )
        try:
            text = self.data.decode()
        except UnicodeDecodeError as e:
            raise InputError(f"The source is not UTF-8 text: byte {e.start} is wrong.") from None
        if not text.strip():
            raise InputError("The source is empty: write a program, or take one of the examples.")
        return text


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """opt: O0-O2; mcpu: v1-v4; prog_type: section name of assembly and hex programs ("xdp").

    untyped -- section name whose type a function gets if libbpf does not know its own ("": it cannot be loaded, as
               libbpf leaves the type to the application then).
    clang -- major version of another compiler than the usual one; "": the usual one
    guess -- whether such a function is loaded as what its context and section name say was meant, before `untyped`
    """

    opt: str = "O2"
    mcpu: str = "v3"
    fix_includes: bool = False
    prog_type: str = "xdp"
    untyped: str = ""
    guess: bool = False
    clang: str = ""


class _Kept:
    """The compilations that were used last: what is asked about a program mostly begins with the same one."""

    MOST: Final = 32
    BYTES: Final = 8 << 20

    def __init__(self) -> None:
        self._found: OrderedDict[tuple[str, CompileOptions], Compilation] = OrderedDict()
        self._bytes = 0

    def get(self, key: tuple[str, CompileOptions]) -> Compilation | None:
        found = self._found.get(key)
        if found is not None:
            self._found.move_to_end(key)
        return found

    def add(self, key: tuple[str, CompileOptions], made: Compilation) -> None:
        """Keep a compilation that ended by itself: one that hit a limit may end otherwise next time."""
        if made.limit is not None:
            return
        self._found[key] = made
        self._bytes += len(made.object or b"")
        while len(self._found) > self.MOST or (self._bytes > self.BYTES and len(self._found) > 1):
            _, gone = self._found.popitem(last=False)
            self._bytes -= len(gone.object or b"")


_kept = _Kept()


def compile_source(source: Source, options: BuildOptions) -> Compilation:
    """Compiles C to an object file, or gives what the same source was compiled to a moment ago.

    The Compilation of a program that does not compile has ok=False.
    """
    from vm.compile import CompileOptions, compile_c

    wanted = CompileOptions(options.opt, options.mcpu, options.fix_includes, source.files, options.clang)
    key = source.text(), wanted
    made = _kept.get(key)
    if made is None:
        made = compile_c(*key)
        _kept.add(key, made)
    return made


def usual_compiler() -> str:
    """Name and version of the usual compiler: "clang 22.1.8"."""
    from vm.compile import compiler_version

    return compiler_version()


def compilers() -> tuple[str, ...]:
    """Major versions of the compilers that there are beside the usual one, oldest first; none where C is refused."""
    from vm.compile import compilers as offered

    try:
        return offered()
    except InputError:
        return ()


def start_compiler() -> None:
    """Start a compiler that waits for the next source with default options, for long-running callers."""
    from vm.compile import start_ahead

    start_ahead()
