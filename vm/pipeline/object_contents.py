"""The contents of a source's object file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vm.errors import InputError
from vm.pipeline.source import BuildOptions, Source, compile_source

if TYPE_CHECKING:
    from vm.contents import Contents


def contents(source: Source, options: BuildOptions) -> Contents:
    """The contents of an object file, of clang's for C; empty for assembly and hex, which have none.

    InputError if the source does not compile or the file is damaged.
    """
    from vm.contents import Contents
    from vm.contents import contents as read

    if source.kind == "elf":
        return read(source.data)
    if source.kind != "c":
        return Contents()
    compiled = compile_source(source, options)
    if compiled.object is None:
        raise InputError("The source does not compile, so there is no object file.")
    return read(compiled.object)
