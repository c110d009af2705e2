"""Sources that try to read a file of the server through the compiler, compiled for real to see that none does."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from vm.compile.compiler import compile_c
from vm.compile.model import Compilation, CompileOptions
from vm.errors import InputError, InternalError

_SECRET: Final = "bpfscope_canary_secret"
_WELL: Final = (
    '__attribute__((section("xdp"), used)) int prog(void *ctx)\n{\n    return 2;\n}\n'
    'char LICENSE[] __attribute__((section("license"), used)) = "GPL";\n'
)
# @ stands for the path of a file that holds the secret.
SOURCES: Final[dict[str, str]] = {
    "#include": '#include "@"\n',
    "#include, relative": '#include "../../../../../../../..@"\n',
    "#import": '#import "@"\n',
    "#include, digraph": '%:include "@"\n',
    "#embed": 'const char stolen[] = {\n#embed "@"\n};\n' + _WELL,
    ".incbin": '__asm__(".section .data\\n.incbin \\"@\\"\\n");\n' + _WELL,
    ".include": '__asm__(".include \\"@\\"\\n");\n' + _WELL,
    "#line": '#line 1 "@"\n' + _WELL,
    "#line, relative": '#line 1 "../../../../../../..@"\n' + _WELL,
}
_ORACLES: Final[dict[str, str]] = {
    "__has_include": '#if __has_include("@")\n#error there\n#endif\n' + _WELL,
    "__has_embed": '#if __has_embed("@")\n#error there\n#endif\n' + _WELL,
    "GCC dependency": '#pragma GCC dependency "@"\n' + _WELL,
    "#include, missing": '#include "@"\n',
}
_BOMBS: Final[dict[str, str]] = {
    "2 GiB array": "char a[1u << 31] = {1};\n",
    "sparse array": "int a[] = {[200000000] = 7, 1};\n",
}


def compiler_row() -> tuple[tuple[str, ...], str]:
    """(what leaked, why C is not compiled or "")."""
    try:
        good = compile_c(_WELL)
    except (InputError, InternalError) as error:
        return (), str(error)
    if not good.ok:
        return (), f"a correct program does not compile: {'; '.join(d.message for d in good.diagnostics)[:200]}"
    with tempfile.TemporaryDirectory(prefix="bpfscope-canary-") as directory:
        return tuple(_leaks(Path(directory))), ""


def _leaks(directory: Path) -> Iterator[str]:
    secret = directory / "secret.h"
    for name, source in SOURCES.items():
        # Lines that are no C, so that a message about them would quote them; one for each line with code.
        secret.write_text(f"{_SECRET}_0\n{_SECRET}_1 (\n{_SECRET}_2\n" * 4)
        done = compile_c(source.replace("@", str(secret)))
        if _SECRET in _everything(done):
            yield name
    for name, source in _ORACLES.items():
        text = source.replace("@", str(secret))
        secret.write_text(f"{_SECRET}\n")
        there = compile_c(text)
        secret.unlink()
        gone = compile_c(text)
        if _answer(there) != _answer(gone):
            yield f"existence of a file, by {name}"
    for name, source in _BOMBS.items():
        done = compile_c(source, CompileOptions())
        if done.ok or done.limit is None:
            yield f"{name} was not stopped"


def _everything(done: Compilation) -> str:
    return "\n".join(d.message for d in done.diagnostics) + (done.object or b"").decode("latin-1")


def _answer(done: Compilation) -> object:
    return done.ok, done.diagnostics, done.object
