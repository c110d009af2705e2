"""C to BPF objects, with a confined clang.

compile_c(source, CompileOptions()) -> Compilation
start()  -- begin the compiler's sandbox launcher before a worker confines itself
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vm.compile.model import Compilation, CompileOptions, Diagnostic, Missing
    from vm.sandbox.check import Row

__all__ = [
    "Compilation",
    "CompileOptions",
    "Diagnostic",
    "Missing",
    "compile_c",
    "compiler_version",
    "compilers",
    "measure",
    "start",
    "start_ahead",
]


def __getattr__(name: str) -> Any:
    """The values of vm.compile.model: who only needs to know what is allowed (options.py) does not import them."""
    if name not in ("Compilation", "CompileOptions", "Diagnostic", "Missing"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from vm.compile import model

    return getattr(model, name)


def compile_c(source: str, options: CompileOptions | None = None) -> Compilation:
    """See `vm.compile.compiler.compile_c` (imported when first called: importing this package costs nothing)."""
    from vm.compile.compiler import compile_c as run

    return run(source, options)


def start_ahead() -> None:
    """See `vm.compile.compiler.start_ahead`."""
    from vm.compile.compiler import start_ahead as run

    run()


def compiler_version(clang: str = "") -> str:
    """Name and version of the compiler in use, "clang 22.1.8", or of another one by its major version."""
    from vm.compile.toolchain import compiler_version as version

    return version(clang=clang)


def compilers() -> tuple[str, ...]:
    """See `vm.compile.toolchain.compilers`."""
    from vm.compile.toolchain import compilers as offered

    return offered()


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
