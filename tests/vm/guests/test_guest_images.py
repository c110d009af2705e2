"""Where kernels are found, and what is said where there are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from vm.guests import images as i
from vm.guests.initrd import _SOURCES, initrd, program


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(i.FOLDER_VARIABLE, str(tmp_path))
    return tmp_path


def kernel(folder: Path, name: str) -> None:
    (folder / name / "modules").mkdir(parents=True)
    (folder / name / "vmlinuz").write_bytes(b"a kernel")
    (folder / name / "modules" / "0.ko").write_bytes(b"a module")


def test_kernels_are_ordered_by_version(folder: Path) -> None:
    for name in ("6.1", "5.10", "6.12", "apt"):
        kernel(folder, name)
    (folder / "7.0").mkdir()  # holds no image
    assert [image.name for image in i.images()] == ["5.10", "6.1", "6.12"]


def test_what_is_missing_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(i.QEMU_VARIABLE, "true")
    assert "make kernels" in i.missing()
    kernel(folder, "6.1")
    assert i.missing() == ""
    monkeypatch.setenv(i.QEMU_VARIABLE, "there-is-no-such-program")
    assert "QEMU" in i.missing()


def test_another_image_has_another_fingerprint(folder: Path) -> None:
    kernel(folder, "6.1")
    before = i.images()[0].fingerprint()
    (folder / "6.1" / "vmlinuz").write_bytes(b"another kernel")
    assert i.images()[0].fingerprint() != before


@pytest.mark.parametrize("name", _SOURCES)
def test_the_programs_of_a_guest_are_static(name: str) -> None:
    data = program(name)
    assert data[:4] == b"\x7fELF"
    assert len(data) < 64 << 10
    assert b"ld-linux" not in data


def test_the_archive_holds_init_and_modules(folder: Path) -> None:
    kernel(folder, "6.1")
    archive = initrd(i.images()[0])
    assert archive.startswith(b"070701")
    for name in (b"init\0", b"bin/sockets\0", b"modules/0.ko\0", b"TRAILER!!!\0"):
        assert name in archive
    assert len(archive) % 4 == 0
