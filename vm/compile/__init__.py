"""C to BPF objects, with a confined clang.

compile_c(source, CompileOptions()) -> Compilation
start()  -- begin the compiler's sandbox launcher before a worker confines itself
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vm.compile.model import Compilation, CompileOptions, Diagnostic, Missing

if TYPE_CHECKING:
    from vm.sandbox.check import Row

__all__ = [
    "Compilation",
    "CompileOptions",
    "Diagnostic",
    "Missing",
    "compile_c",
    "compiler_version",
    "measure",
    "start",
]


def compile_c(source: str, options: CompileOptions | None = None) -> Compilation:
    """See `vm.compile.compiler.compile_c` (imported when first called: importing this package costs nothing)."""
    from vm.compile.compiler import compile_c as run

    return run(source, options)


def compiler_version() -> str:
    """Name and version of the compiler in use: "clang 22.1.8"."""
    from vm.compile.toolchain import compiler_version as version

    return version()


def start() -> None:
    """Start the compiler's launcher. Call it before `vm.sandbox.confine_self`; InputError where C is refused."""
    from vm.compile.toolchain import start as begin

    begin()


def measure(*, compiler: bool = True) -> list[Row]:
    """`vm.sandbox.measure` with the compiler's canaries: what `manage.py sandbox_check` prints. A few seconds.

    compiler -- whether to compile the canaries, which is about half of the time
    """
    from vm.compile.canary import compiler_row
    from vm.sandbox import measure as layers

    return layers(compiler_row if compiler else None)
