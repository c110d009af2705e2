"""The user's own files beside a program: headers that a C source includes from its folder, and what --file names."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Final

from vm.compile.options import FILE_NAME, MAX_FILES, RESERVED, SourceFile, check_files
from vm.csource.text import CText
from vm.errors import InputError, LimitError

MAX_FILE_BYTES: Final = 1 << 20
"""Of one header, before it is known whether all of them are too long."""


def headers(path: str, text: str, given: Sequence[str] = ()) -> tuple[SourceFile, ...]:
    """The files beside the source at `path`, named relative to the folder that holds all of them and the source.

    given -- the values of --file: PATH, or NAME=PATH for the name that #include gives it
    InputError for one that cannot be read, LimitError for too many or too much.
    """
    folder = os.path.dirname(os.path.abspath(path))
    named: dict[str, str] = {}
    found: list[str] = []
    for value in given:
        name, sign, file = value.partition("=")
        if sign:
            named[name] = os.path.abspath(file)
        else:
            found.append(os.path.abspath(value))
    texts = {file: _read(file) for file in (*named.values(), *found)}
    _follow(folder, text, texts)
    for file in list(texts):
        _follow(os.path.dirname(file), texts[file], texts)
    root = os.path.commonpath([folder, *(os.path.dirname(file) for file in texts if file not in named.values())])
    files = [SourceFile(name, texts[file]) for name, file in named.items()]
    for file, content in texts.items():
        if file in named.values():
            continue
        name = os.path.relpath(file, root).replace(os.sep, "/")
        if FILE_NAME.match(name) or file in found:
            files.append(SourceFile(name, content))
    check_files(files)
    return tuple(files)


def named(given: Sequence[str]) -> tuple[SourceFile, ...]:
    """The files that --file names beside an object, as long a part of their paths as a name can have.

    The object's line information names paths: the more parts of one are the same, the surer is it the same file.
    InputError for one that cannot be read, LimitError for too many or too much.
    """
    found = []
    for value in given:
        name, sign, file = value.partition("=")
        found.append(SourceFile(name if sign else file_name(value), _read(file if sign else value)))
    check_files(found)
    return tuple(found)


def file_name(path: str) -> str:
    """The longest end of a path that can be the name of a file; the path itself if none can."""
    parts = os.path.abspath(path).split(os.sep)
    names = ("/".join(parts[at:]) for at in range(len(parts)))
    return next((name for name in names if FILE_NAME.match(name)), path)


def _follow(folder: str, text: str, texts: dict[str, str]) -> None:
    """Read the files that a text includes by "…" from its folder, and what they include."""
    todo = [(folder, text)]
    while todo:
        here, including = todo.pop()
        for name in _quoted(including):
            file = os.path.normpath(os.path.join(here, name))
            if file in texts or os.path.basename(file) in RESERVED or not os.path.isfile(file):
                continue
            if len(texts) >= MAX_FILES:
                raise LimitError(f"The source includes more than {MAX_FILES} files of its folder.", "size")
            texts[file] = _read(file)
            todo.append((os.path.dirname(file), texts[file]))


def _quoted(text: str) -> Iterator[str]:
    found = CText(text)
    for include in found.includes:
        if '"' in found.source[include.start : include.end] and not include.name.startswith("/"):
            yield include.name


def _read(file: str) -> str:
    try:
        with open(file, "rb") as f:
            data = f.read(MAX_FILE_BYTES + 1)
    except OSError as e:
        raise InputError(f"{file}: {e.strerror}.") from None
    if len(data) > MAX_FILE_BYTES:
        raise LimitError(f"{file} is larger than {MAX_FILE_BYTES:,} bytes (1 MiB).", "size")
    try:
        return data.decode()
    except UnicodeDecodeError as e:
        raise InputError(f"{file} is not UTF-8 text: byte {e.start} is wrong.") from None
