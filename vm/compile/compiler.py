"""C to a BPF object: one confined clang, its findings as data, what is missing named or added."""

from __future__ import annotations

import contextlib
import os
import re
import time
from dataclasses import replace
from functools import lru_cache
from typing import Final, NamedTuple

from vm.compile import diagnostics, missing
from vm.compile.headers import (
    ADDED,
    EMPTY,
    HELPER_DEFS,
    OWN,
    PROGRAM,
    SEARCH,
    VMLINUX,
    helper_defs,
    overlay,
    own_directories,
    own_file,
)
from vm.compile.hints import hints
from vm.compile.model import Compilation, CompileOptions, Diagnostic, Missing
from vm.compile.options import MAX_SOURCE_BYTES, MCPUS, OPT_LEVELS, check_files
from vm.compile.others import lacks
from vm.compile.remarks import foreign, remarks
from vm.compile.strip import drop_debug
from vm.compile.toolchain import compiler_version, compilers, launcher, tool_name, toolchain
from vm.compile.vmlinux import vmlinux_for
from vm.errors import InputError, LimitError
from vm.recognise import recognise
from vm.sandbox import Limits
from vm.sandbox.layers import MIB

# Of one run of the compiler.
LIMITS: Final = Limits(
    wall=4.0, cpu=3, memory=1024 * MIB, file_size=16 * MIB, open_files=64, text=256 * 1024, output=16 * MIB
)
# Of the whole stage, in seconds: starting the sandbox, the first (cold) start of the compiler, all runs. With the start
# of a Python process before it and the report after it, the answer is there within ten seconds.
STAGE_WALL: Final = 7.0
# A run is not begun with less time than this left: it could only be stopped.
_WORTH_STARTING: Final = 0.25
MAX_OBJECT_BYTES: Final = 4 * MIB  # without DWARF
MAX_ROUNDS: Final = 5

_OVERLAY: Final = "overlay.json"
_OBJECT: Final = "program.o"
_OWN_NAMES: Final = (PROGRAM, "__FILE__", "__BASE_FILE__")
_PLAIN_INCLUDE: Final = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"]', re.M)
_FIXED: Final = (
    "-target", "bpf", "-g", "-std=gnu17", "-nostdinc",
    # Own lines reach BTF from the source the compiler holds, instead of from a file that a #line names.
    "-gembed-source", "-fdebug-compilation-dir=.", "-ffile-prefix-map=@JOB@=.",
    "-ivfsoverlay", _OVERLAY,
    "-fno-crash-diagnostics", "-ferror-limit=20", "-fmacro-backtrace-limit=2", "-ftemplate-backtrace-limit=2",
    "-Wall", "-Wno-unused", "-Wno-unknown-attributes", "-Wno-ignored-attributes", "-Wno-unused-command-line-argument",
    "-Wno-gnu-variable-sized-type-not-at-end", "-Wno-compare-distinct-pointer-types", "-Wno-address-of-packed-member",
    *diagnostics.FLAGS,
)  # fmt: skip

# As builds of libbpf programs have it, and as sources that have the line themselves spell it: so both together are one.
_ARCH: Final = "-D__TARGET_ARCH_x86="
_OWN_ARCH: Final = re.compile(r"^[ \t]*#[ \t]*define[ \t]+__TARGET_ARCH_(?!x86[ \t]*$)", re.M)

_LIMIT_SENTENCES: Final = {
    "time": (
        f"The compiler was stopped: one run may take {LIMITS.wall:g} seconds, "
        f"and all that one source needs {STAGE_WALL:g} seconds."
    ),
    "cpu": f"The compiler was stopped: it used more than {LIMITS.cpu} seconds of processor time.",
    "memory": "The compiler was stopped: it used more than 1 GiB of memory.",
    "output": "The compiler was stopped: it wrote more than this takes (16 MiB of object, 256 KiB of messages).",
}
# At the start of a line: what the user wrote is only ever quoted after "program.c:".
_OUT_OF_MEMORY: Final = re.compile(
    r"^(LLVM ERROR: out of memory|.*terminate called.*bad_alloc|Allocation failed)", re.M
)
_FILE_TOO_LARGE: Final = re.compile(
    r"^(?!program\.c:).*(File too large|file too large|IO failure on output stream)", re.M
)


class _Round(NamedTuple):
    """One run of the compiler."""

    object: bytes | None
    found: tuple[Diagnostic, ...]
    limit: str | None
    ms: float


def compile_c(source: str, options: CompileOptions | None = None) -> Compilation:
    """Compile one C source for BPF with BTF.

    A source that does not compile is a Compilation with ok=False; InputError where it cannot be tried
    (too large, clearly no C, unknown option, no compiler, no sandbox).
    """
    deadline = time.monotonic() + STAGE_WALL
    options = options or CompileOptions()
    _check(source, options)
    launcher(timeout=STAGE_WALL)
    if options.clang and options.clang not in compilers():
        raise InputError(f"There is no clang {options.clang[:8]} here; there are: {', '.join(compilers()) or 'none'}.")
    files = options.files
    vmlinux = missing.whole_facts(source, files).vmlinux
    license_ = missing.license_missing(source, files)
    given = [license_] if license_ and options.fix_includes else []
    first = _run(source, given, options, deadline, vmlinux=vmlinux)
    lacking = () if first.limit else missing.find(source, first.found, files=files)
    done, total = first, first.ms
    added = [license_] if license_ is not None else []
    left: tuple[Missing, ...] = lacking
    copied = () if first.object is not None or first.limit else foreign(source)
    if copied:
        added, left = [], ()
    # Also where it was not asked for: what is offered to be added shall be all that is missing.
    for _ in range(MAX_ROUNDS - 1):
        if not left:
            break
        added += left
        done = _run(source, added, options, deadline, vmlinux=vmlinux)
        total += done.ms
        left = () if done.limit else missing.find(source, done.found, frozenset(m.what for m in added), files)
    if options.fix_includes or copied:
        lacking = left
    else:
        done = first
        if license_ is not None and lacking:
            lacking = (*lacking, license_)
    offered = added if options.fix_includes or lacking else []
    shown = tuple(missing.prefix(offered, vmlinux=vmlinux).strip().split("\n")) if offered else ()
    found = done.found if done.object is not None or done.limit else (*done.found, *hints(source))
    return Compilation(
        done.object is not None,
        done.object,
        found,
        lacking,
        shown if options.fix_includes else (),
        compiler_version(max(_WORTH_STARTING, deadline - time.monotonic()), options.clang),
        total,
        done.limit,
        copied
        if copied or done.limit
        else remarks(
            source,
            done.object is not None,
            tuple(d for d in found if not d.file),
            offered,
            shown,
            missing.left_out(offered),
            added=options.fix_includes,
        ),
    )


def start_ahead() -> None:
    """Start a compiler that waits, confined, for the next source with default options. Errors are those of the run."""
    with contextlib.suppress(InputError):
        args = _arguments(CompileOptions(), "")
        files = (PROGRAM, ADDED, HELPER_DEFS, VMLINUX, EMPTY, _OVERLAY)
        launcher().start_ahead(
            "clang", args, files=files, templates={_OVERLAY: _overlay(())}, limits=LIMITS, fed=PROGRAM
        )


def _check(source: str, options: CompileOptions) -> None:
    try:
        size = len(source.encode())
    except UnicodeEncodeError as error:
        line = source[: error.start].count("\n") + 1
        raise InputError("The source holds half a character (a lone surrogate).", line=line) from None
    if size > MAX_SOURCE_BYTES:
        raise LimitError(
            f"The source has {size:,} bytes; the most this takes is {MAX_SOURCE_BYTES:,} (64 KiB).", "size"
        )
    if "\0" in source:
        line = source[: source.index("\0")].count("\n") + 1
        raise InputError("The source has a NUL character.", line=line)
    check_files(options.files)
    other = recognise(source)
    if other.sentence:
        raise InputError(other.sentence)
    if options.opt not in OPT_LEVELS:
        raise InputError(f"Unknown optimisation level {options.opt!r}: one of {', '.join(OPT_LEVELS)}.")
    if options.mcpu not in MCPUS:
        raise InputError(f"Unknown instruction set {options.mcpu!r}: one of {', '.join(MCPUS)}.")
    lacking = lacks(options.clang, options.mcpu)
    if lacking:
        raise InputError(lacking)


@lru_cache(maxsize=16)
def _overlay(empty: tuple[str, ...], own: tuple[str, ...] = (), clang: str = "") -> bytes:
    return overlay(dict(toolchain(clang).directories), empty, own)


# Processes and the compilers that were read from the disk there: the first start may take longer than a compile should.
_warm: set[tuple[int, str]] = set()


def _limits(deadline: float, clang: str = "") -> Limits:
    """Of a run that begins now: a warm compiler has LIMITS, a cold one what is left of the stage."""
    left = deadline - time.monotonic()
    return replace(LIMITS, wall=min(LIMITS.wall, left) if (os.getpid(), clang) in _warm else left)


def _stopped(limit: str, ms: float) -> _Round:
    return _Round(None, (Diagnostic(0, 0, 0, "error", _LIMIT_SENTENCES[limit]),), limit, ms)


def _run(source: str, added: list[Missing], options: CompileOptions, deadline: float, *, vmlinux: bool) -> _Round:
    prefix = missing.prefix(added, vmlinux=vmlinux) if added else ""
    whole = "\n".join((source, *(file.text for file in options.files)))
    files = {
        PROGRAM: source.encode(),
        ADDED: prefix.encode(),
        HELPER_DEFS: helper_defs(),
        VMLINUX: vmlinux_for(whole + prefix),
        EMPTY: b"",
        _OVERLAY: _overlay(missing.left_out(added), tuple(file.name for file in options.files), options.clang),
    }
    files |= {own_file(number): file.text.encode() for number, file in enumerate(options.files)}
    args = _arguments(options, prefix, arch=not _OWN_ARCH.search(whole))
    limits = _limits(deadline, options.clang)
    if limits.wall < _WORTH_STARTING:
        return _stopped("time", 0.0)
    # One that may include itself is not given to a compiler that waits for it: clang would know it by two names.
    fed = "" if _may_include_itself(whole) else PROGRAM
    tool = tool_name(options.clang)
    result = launcher().run(tool, args, files=files, outputs=[_OBJECT], templates=[_OVERLAY], limits=limits, fed=fed)
    if result.limit is None:
        _warm.add((os.getpid(), options.clang))
    text = result.text.decode(errors="replace")
    limit = result.limit or _limit_in(text)
    if limit is not None:
        return _stopped(limit, result.ms)
    found = diagnostics.parse(text, source, options.files)
    data = result.outputs[_OBJECT] if result.status == 0 else None
    if result.status == 0 and data is None:
        return _stopped("output", result.ms)
    if result.status < 0 and data is None:
        found = (Diagnostic(0, 0, 0, "error", diagnostics.CRASHED),)
    if data is None and not any(d.severity == "error" for d in found):
        found = (*found, Diagnostic(0, 0, 0, "error", diagnostics.unexplained(text)))
    if data is not None:
        data = drop_debug(data)
        if len(data) > MAX_OBJECT_BYTES:
            return _stopped("output", result.ms)
    return _Round(data, found, None, result.ms)


def _may_include_itself(source: str) -> bool:
    """Whether a source contains its own name, or "include" elsewhere than where a file is named as it is."""
    return any(name in source for name in _OWN_NAMES) or source.count("include") > len(_PLAIN_INCLUDE.findall(source))


def _arguments(options: CompileOptions, prefix: str, *, arch: bool = True) -> list[str]:
    """The compiler's. prefix: what is put before the source; arch: whether the architecture is named here."""
    args = [*_FIXED, *([_ARCH] if arch else []), f"-{options.opt}", f"-mcpu={options.mcpu}"]
    if options.files:
        args.append(f"-ffile-prefix-map={OWN}/=./")
        for directory in own_directories(file.name for file in options.files):
            args += ["-I", directory]
    for directory in SEARCH:
        args += ["-isystem", directory]
    if prefix:
        args += ["-include", f"/include/src/{ADDED}"]
    return [*args, "-c", PROGRAM, "-o", _OBJECT]


def _limit_in(text: str) -> str | None:
    """Limits that the compiler itself noticed and reported."""
    if _OUT_OF_MEMORY.search(text):
        return "memory"
    if _FILE_TOO_LARGE.search(text):
        return "output"
    return None
