"""Folders and archives on the command line, and the sources of an object."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.vm.compile.test_own_files import MAIN, MINE
from vm.cli import bundles
from vm.cli.bundles import is_bundle, programs
from vm.cli.headers import file_name, named
from vm.cli.main import main
from vm.errors import InputError, LimitError

PASS = '#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\nSEC("xdp") int ok(struct xdp_md *c) { return 2; }\n'
FILES = {
    "src/bad/main.bpf.c": MAIN.replace('"mine.h"', '"lib/mine.h"'),
    "src/include/lib/mine.h": MINE,
    "src/pass.c": PASS + 'char LICENSE[] SEC("license") = "GPL";\n',
    "src/library.c": "int helper(void) { return 1; }\n",
    "src/build/old.c": PASS,
    "README": "text",
}


def _archive(files: dict[str, str], **more: tarfile.TarInfo) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, text in files.items():
            about = tarfile.TarInfo(name)
            about.size = len(text)
            archive.addfile(about, io.BytesIO(text.encode()))
        for about in more.values():
            archive.addfile(about)
    return gzip.compress(made.getvalue())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path / "src"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "all.tar.gz"
    path.write_bytes(_archive({name: text for name, text in FILES.items() if name.startswith("src/")}))
    return path


@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_all_programs_are_verified_with_their_headers(
    kind: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    path = request.getfixturevalue(kind)
    assert main(["verify", "--no-fixes", "--json", str(path)]) == 1
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(each["file"], each["verdict"]) for each in told] == [
        (f"{path}/bad/main.bpf.c", "reject"), (f"{path}/pass.c", "accept"),
    ]  # fmt: skip
    assert told[0]["failure"]["source_file"] == "include/lib/mine.h"


def test_a_verb_that_takes_one_program_takes_the_likeliest(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", str(folder), "--with", "--opt O1"]) == 0
    said = capsys.readouterr()
    assert f"{folder}/bad/main.bpf.c is taken; there are other programs: {folder}/pass.c" in said.err


def test_a_program_that_another_includes_is_none_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "all.c").write_text('SEC("xdp")\n#include "part.c"\n')
    (tmp_path / "part.c").write_text('SEC("tc")\n')
    ((name, member),) = programs(str(tmp_path)).items()
    assert name == f"{tmp_path}/all.c" and [file.name for file in member.files] == ["part.c"]


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        ('int SEC("filter") f(struct __sk_buff *skb)', True),
        ('static __always_inline int  SEC("xdp") f(void *c)', True),
        ('  SEC( "tc")', True),
        ('struct bpf_map_def SEC("maps") flows = {', False),
        ('char _license[] SEC("license") = "GPL";', False),
        ('__u32 _version SEC("version") = 1;', False),
        ('// as in SEC("xdp") of the other file', False),
        ('#define TRACE SEC("kprobe/x")', False),
    ],
)
def test_what_is_a_program(tmp_path: Path, line: str, is_one: bool) -> None:
    (tmp_path / "one.c").write_text(f"{line}\n")
    (tmp_path / "other.c").write_text('SEC("tc") int f(void *c) { return 0; }\n')
    found = {name.rpartition("/")[2] for name in programs(str(tmp_path))}
    assert found == ({"one.c", "other.c"} if is_one else {"other.c"})


def test_a_folder_of_objects(tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", str(folder / "pass.c"), "-o", str(tmp_path / "made" / "x.o")]) != 0
    made = tmp_path / "made"
    made.mkdir()
    assert main(["compile", str(folder / "pass.c"), "-o", str(made / "pass.o")]) == 0
    (made / "pass.h").write_text("")
    (found,) = programs(str(made))
    assert found.endswith("/pass.o")
    capsys.readouterr()
    assert main(["verify", str(made)]) == 0


def test_the_sources_of_an_object_are_named(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.rs").write_text("fn main() {}\n")
    path = str(tmp_path / "src" / "main.rs")
    ((name, text),) = named([path])
    assert path.endswith(name) and name.endswith("src/main.rs") and text == "fn main() {}\n"
    assert [file.name for file in named([f"lib.rs={path}"])] == ["lib.rs"]
    with pytest.raises(InputError):
        named([str(tmp_path / "none.rs")])
    assert file_name("/a/.hidden/b/c.rs") == "b/c.rs"
    assert len(file_name("/" + "d/" * 20 + "e.rs").split("/")) == 8


def test_an_object_of_rust_has_the_text_of_its_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = Path(__file__).parents[1] / "elf" / "lines"
    text = "match queue {"
    for more in ([], ["--file", str(lines / "queue.rs")]):
        assert main(["profile", "--no-advice", str(lines / "rustc.o"), *more]) == 0
        assert (text in capsys.readouterr().out) == bool(more)
    # In one folder they belong together.
    for name in ("rustc.o", "queue.rs"):
        shutil.copy(lines / name, tmp_path)
    assert main(["profile", "--no-advice", str(tmp_path)]) == 0
    assert text in capsys.readouterr().out


def _link(name: str, kind: bytes) -> tarfile.TarInfo:
    about = tarfile.TarInfo(name)
    about.type, about.linkname = kind, "/etc/passwd"
    return about


def test_what_leads_out_of_an_archive_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "x.tgz"
    files = {"ok.c": PASS, "../up.c": PASS, "/root.c": PASS, "a/../../b.c": PASS}
    path.write_bytes(_archive(files, link=_link("link.c", tarfile.SYMTYPE), hard=_link("hard.c", tarfile.LNKTYPE)))
    assert list(programs(str(path))) == [f"{path}/ok.c"]


def test_links_of_a_folder_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "ok.c").write_text(PASS)
    (tmp_path / "out.c").write_text(PASS)
    os.symlink(tmp_path / "out.c", tmp_path / "x" / "link.c")
    os.symlink(tmp_path, tmp_path / "x" / "up")
    assert [each.rpartition("/")[2] for each in programs(str(tmp_path / "x"))] == ["ok.c"]


# Made in the test: a compressed file holds the time, so it can be no part of a test's name.
BAD: dict[str, tuple[Callable[[], bytes], type[Exception]]] = {
    "empty": (lambda: b"", InputError),
    "text": (lambda: b"no archive", InputError),
    "compressed text": (lambda: gzip.compress(b"x" * 600), InputError),
    "damaged": (lambda: b"\x1f\x8bdamaged", InputError),
    "no program": (lambda: _archive({"a.txt": "no program"}), InputError),
    "cut": (lambda: _archive({"ok.c": PASS})[:60], InputError),
    "too large": (lambda: gzip.compress(bytes(bundles.UNPACKED + 1)), LimitError),
    "too many files": (lambda: _archive({f"{n}.h": "" for n in range(bundles.FILES + 1)}), LimitError),
}


@pytest.mark.parametrize(("make", "error"), BAD.values(), ids=BAD)
def test_bad_archives(
    tmp_path: Path, make: Callable[[], bytes], error: type[Exception], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.tar.gz"
    path.write_bytes(make())
    with pytest.raises(error):
        programs(str(path))
    assert main(["verify", str(path)]) in (2, 3)
    assert capsys.readouterr().err.startswith(f"{path}: ")


def test_what_is_a_folder_or_an_archive(tmp_path: Path) -> None:
    assert is_bundle(str(tmp_path)) and is_bundle("x.tar") and is_bundle("x.tgz")
    assert not is_bundle("x.c") and not is_bundle("x.tar.c")
    assert main(["verify", str(tmp_path / "none.tar")]) == 2
