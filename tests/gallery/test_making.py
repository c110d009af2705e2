"""How the gallery is made: reading the folder, what kernels are given, what is kept of their answers."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import pytest

from scripts.gallery import content, kernels
from scripts.gallery.content import GALLERY, GalleryError, Sample, pages, slug
from scripts.gallery.kernels import batch, keep, message_of, recorded
from scripts.gallery.ours import Said, build, tidy


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of gallery/ that a test may spoil."""
    copy = tmp_path / "gallery"
    shutil.copytree(GALLERY, copy)
    monkeypatch.setattr(content, "GALLERY", copy)
    monkeypatch.setattr(kernels, "RECORDED", copy / "recorded")
    return copy


MEMORY = "memory-safety"
BROKEN = {
    "an unknown rule": (f"{MEMORY}.toml", "\n[no-such-rule]\ntext = ''\n", "no rule 'no-such-rule'"),
    "a rule of another category": (f"{MEMORY}.toml", "\n[register-uninitialized]\ntext = ''\n", "no rule"),
    "an unknown field": ("limits.toml", "\n[load-program-size]\nwords = ''\n", "words"),
    "a field of another type": ("limits.toml", "\n[load-program-size]\ntext = 1\n", "text"),
    "no TOML": (f"{MEMORY}.toml", "\n[", f"{MEMORY}.toml"),
    "a program of no rule": (f"{MEMORY}/no-such-rule.c", "int x;", "no rule"),
    "two programs of one rule": (f"{MEMORY}/packet-access-out-of-range.s", "exit", "one of them"),
    "a program where there is none": (f"{MEMORY}/helper-context-empty.c", "int x;", "reason why there is none"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_wrong_in_the_folder_is_said(folder: Path, what: str) -> None:
    name, text, sentence = BROKEN[what]
    if what.endswith(("field", "type")):
        (folder / name).write_text(text)
    else:
        with (folder / name).open("a") as out:
            out.write(text)
    with pytest.raises(GalleryError, match=sentence):
        pages()


def test_a_count_of_an_unknown_rule_is_said(folder: Path) -> None:
    (folder / "frequency.toml").write_text('source = ""\nrules = [{ rule = "no-such-rule", count = 1 }]\n')
    with pytest.raises(GalleryError, match="no-such-rule"):
        pages()


def test_recordings_are_read_as_they_were_kept(folder: Path) -> None:
    answers = {"b.c": ("2", Said("accept", 0, "")), "a.s": ("1", Said("reject", -13, "0: x\nR0 !read_ok", message="m"))}
    keep("0.1", answers)
    assert recorded("0.1") == answers
    assert recorded("0.2") == {}
    lines = (folder / "recorded" / "0.1.jsonl").read_text().splitlines()
    assert len(lines) == 2 and '"a.s"' in lines[0]


def test_a_digest_changes_with_source_and_options() -> None:
    one = Sample("a.c", "c", "int x;", {})
    assert one.digest != Sample("a.c", "c", "int y;", {}).digest
    assert one.digest != Sample("a.c", "c", "int x;", {"mcpu": "v4"}).digest
    assert one.digest == Sample("b.c", "c", "int x;", {}).digest


def test_assembly_is_given_to_the_kernel_with_its_maps() -> None:
    first = Sample("a.s", "asm", ".type xdp\n.map one array 4 8 1\nr1 = map[one] ll\nr0 = 2\nexit\n", {})
    second = Sample("b.s", "asm", ".type socket\n.map two hash 4 16 64\nr1 = map[two] ll\nr0 = 0\nexit\n", {})
    programs = [build(sample).program for sample in (first, second)]
    data = batch([program for program in programs if program is not None])
    assert struct.unpack_from("<2I", data) == (0, 2)  # no BTF, two maps
    assert struct.unpack_from("<8I16s", data, 8) == (2, 4, 8, 1, 0, 0, 0, 0, b"one".ljust(16, b"\0"))
    at = 8 + 2 * (8 * 4 + 16)
    assert struct.unpack_from("<I", data, at) == (2,)
    loads = []
    at += 4
    for _ in range(2):
        count = struct.unpack_from("<6I", data, at)[5]
        at += 24
        loads.append(struct.unpack_from("<BBhi", data, at)[3])
        at += 8 * count
    assert at == len(data) and loads == [0, 1]  # numbers of the maps


def test_a_log_is_tidied() -> None:
    log = "4: (18) r1 = 0xffff8ebf01234567       ; R1_w=scalar(umin=0xffffffffffffff00)\n"
    log += "verification time 1 usec\nstack depth 0\n"
    assert tidy(log) == "4: (18) r1 = 0xffff000000000000       ; R1_w=scalar(umin=0xffffffffffffff00)"
    assert message_of("too large\nprocessed 1000001 insns\n") == "too large\n"


def test_a_source_that_does_not_compile_is_said() -> None:
    with pytest.raises(GalleryError, match="x.c: 1: "):
        build(Sample("x.c", "c", "int f( {", {}))
    with pytest.raises(GalleryError, match="x.s: "):
        build(Sample("x.s", "asm", "r99 = 0", {}))


def test_folders_are_named_after_categories() -> None:
    assert slug("Execution Context Safety") == "execution-context-safety"
