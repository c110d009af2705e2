"""Folders and archives (.tar, .tar.gz) on the command line: the programs in them, and the files that belong to each.

The rules are the page's for what is dropped on it (static/src/core/bundle.js). Archives are read in memory, within
bounds, and written nowhere; links and paths that lead out of them are left out.
"""

from __future__ import annotations

import io
import os
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from vm.compile.options import FILE_NAME, MAX_FILES, MAX_FILES_BYTES, RESERVED, SourceFile
from vm.errors import InputError, LimitError
from vm.namedtuples import NamedTuple

if TYPE_CHECKING:
    from tarfile import TarFile

UNPACKED: Final = 32 << 20
ENTRIES: Final = 4000
FILES: Final = 400
FILE_BYTES: Final = 2 << 20
"""Bytes of a folder or an unpacked archive, entries that are looked at, files that are kept, and bytes of one."""
_ARCHIVES: Final = (".tar", ".tar.gz", ".tgz")
_C: Final = re.compile(r"\.c\Z", re.I)
_TEXTS: Final = re.compile(r"\.(c|h|hpp|inc|cc|cpp|cxx|rs|zig)\Z", re.I)
_OBJECT: Final = re.compile(r"\.(o|elf)\Z", re.I)
_FOREIGN: Final = re.compile(r"(?:^|/)(?:\.[^/]*|node_modules|target|build)(?:/|\Z)")
_PROGRAM: Final = re.compile(
    r'^[ \t]*(?:\w[\w \t]*[\s*])?SEC\s*\(\s*"(?!license|\.?maps|version)'
    r'|section\s*\(\s*"(?!license|\.maps|version|maps)',
    re.M,
)
_INCLUDE: Final = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"\n]{1,256})"|<([^>\n]{1,256})>)', re.M)


class Member(NamedTuple):
    """A program: its own bytes, and the files that belong to it: headers of a C source, sources of an object."""

    data: bytes
    files: tuple[SourceFile, ...]


def is_bundle(path: str) -> bool:
    """Whether a FILE is a folder or, by its name, an archive."""
    return path.endswith(_ARCHIVES) or os.path.isdir(path)


def programs(path: str) -> dict[str, Member]:
    """The programs of a folder or an archive, the likeliest first: C sources, or objects where there is none.

    By their names as they are shown: "src.tar.gz/xdp/drop.bpf.c".

    InputError if it cannot be read or holds none, LimitError if it is too large.
    """
    files = dict(_walked(path) if os.path.isdir(path) else _unpacked(path))
    texts = {name: text for name, data in files.items() if (text := _text(name, data)) is not None}
    found = sorted((name for name, text in texts.items() if _C.search(name) and _PROGRAM.search(text)), key=_rank)
    needs = {name: needed(name, texts) for name in found}
    parts = {part for name, own in needs.items() for part in own if part != name}
    members = {name: Member(files[name], _beside(name, texts, needs[name])) for name in found if name not in parts}
    if not members:
        objects = sorted((name for name, data in files.items() if data[:4] == b"\x7fELF"), key=_rank)
        members = {name: Member(files[name], _made_of(files[name], texts)) for name in objects}
    if not members:
        raise InputError(
            'There is no BPF program in it: no .c file has a section with SEC("…"), and no file is an object.'
        )
    return {f"{path.rstrip('/')}/{name}": member for name, member in members.items()}


def needed(path: str, texts: Mapping[str, str]) -> list[str]:
    """Those of the files that one of them includes, and that these include."""
    found: list[str] = []
    todo = [path]
    for here in todo:
        for quoted, angled in _INCLUDE.findall(texts[here]):
            file = meant(quoted or angled, here, texts)
            if file is not None and file not in todo:
                found.append(file)
                todo.append(file)
    return found


def meant(name: str, including: str, files: Iterable[str]) -> str | None:
    """Which of the files an #include means: beside the file that has it, in the folder, or in one below it."""
    known = set(files)
    plain = _normal(name)
    for each in (_normal(f"{including.rpartition('/')[0]}/{name}"), plain):
        if each in known:
            return each
    return min((each for each in known if each.endswith(f"/{plain}")), default=None)


def _beside(path: str, texts: Mapping[str, str], needs: Sequence[str]) -> tuple[SourceFile, ...]:
    """The files that the source includes, without those whose names are reserved."""
    return tuple(SourceFile(name, texts[name]) for name in needs if name != path and name not in RESERVED)


def _made_of(data: bytes, texts: Mapping[str, str]) -> tuple[SourceFile, ...]:
    """The texts whose names the object holds, as many as are taken."""
    found: list[SourceFile] = []
    room = MAX_FILES_BYTES
    for name, text in texts.items():
        if name.rpartition("/")[2].encode() not in data or len(found) >= MAX_FILES or len(text.encode()) > room:
            continue
        room -= len(text.encode())
        found.append(SourceFile(name, text))
    return tuple(found)


def _rank(name: str) -> tuple[bool, int, str]:
    """ "x.bpf.c" first, then those nearer to the top, then by name."""
    return not name.endswith(".bpf.c"), name.count("/"), name


def _text(name: str, data: bytes) -> str | None:
    if not _TEXTS.search(name) or not FILE_NAME.match(name) or name.rpartition("/")[2] == "vmlinux.h":
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _wanted(name: str) -> bool:
    return not _FOREIGN.search(name) and bool(_TEXTS.search(name) or _OBJECT.search(name))


def _normal(path: str) -> str:
    """A path without "." and ".."; parts that lead out of the folder are dropped."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _walked(path: str) -> Iterator[tuple[str, bytes]]:
    """The files of a folder; links are not followed."""
    seen = kept = 0
    room = UNPACKED
    for folder, below, names in os.walk(path):
        here = os.path.relpath(folder, path).replace(os.sep, "/")
        prefix = "" if here == "." else f"{here}/"
        below[:] = sorted(each for each in below if not _FOREIGN.search(f"{prefix}{each}"))
        for name in sorted(names):
            seen += 1
            if seen > ENTRIES:
                raise LimitError(f"The folder has more than {ENTRIES:,} entries.", "size")
            file = os.path.join(folder, name)
            if not _wanted(prefix + name) or os.path.islink(file) or not os.path.isfile(file):
                continue
            kept += 1
            if kept > FILES:
                raise LimitError(f"The folder has more than {FILES} sources.", "size")
            try:
                with open(file, "rb") as f:
                    data = f.read(FILE_BYTES + 1)
            except OSError as e:
                raise InputError(f"{prefix}{name}: {e.strerror}.") from None
            room -= len(data)
            if room < 0:
                raise LimitError(f"The sources of the folder have more than {UNPACKED >> 20} MiB.", "size")
            if len(data) <= FILE_BYTES:
                yield prefix + name, data


def _unpacked(path: str) -> Iterator[tuple[str, bytes]]:
    """The files of an archive without the folder that all of them are in."""
    try:
        with open(path, "rb") as f:
            data = f.read(UNPACKED + 1)
    except OSError as e:
        raise InputError(f"{e.strerror}.") from None
    try:
        if data[:2] == b"\x1f\x8b":
            data = zlib.decompressobj(wbits=31).decompress(data, UNPACKED + 1)
        if len(data) > UNPACKED:
            raise LimitError(f"The archive has more than {UNPACKED >> 20} MiB.", "size")
        found = dict(_entries(data))
    except (zlib.error, ValueError, EOFError, OverflowError):
        raise InputError("The archive is damaged, or it is no tar archive.") from None
    top = next(iter(found), "").partition("/")[0]
    inner = all(name.startswith(f"{top}/") for name in found)
    yield from ((name[len(top) + 1 :] if inner else name, each) for name, each in found.items())


def _entries(data: bytes) -> Iterator[tuple[str, bytes]]:
    """ValueError for what is no archive."""
    import tarfile  # takes longer to import than a command without an archive to start

    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            yield from _members(archive)
    except tarfile.TarError as e:
        raise ValueError(str(e)) from None


def _members(archive: TarFile) -> Iterator[tuple[str, bytes]]:
    kept = 0
    for seen, member in enumerate(archive):
        if seen >= ENTRIES:
            raise LimitError(f"The archive has more than {ENTRIES:,} entries.", "size")
        name = member.name.removeprefix("./")
        if not member.isreg() or member.issparse() or member.size > FILE_BYTES or not _wanted(name):
            continue
        if name != _normal(name):  # absolute, or it leads out of the archive
            continue
        kept += 1
        if kept > FILES:
            raise LimitError(f"The archive has more than {FILES} sources.", "size")
        file = archive.extractfile(member)
        if file is not None:
            yield name, file.read()
