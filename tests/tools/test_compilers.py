"""Getting other versions of clang: the table of wheels, and what is done when they are there or cannot be had."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tools import compilers
from vm.compile import others


def test_each_wheel_is_pinned_by_version_and_hash() -> None:
    assert list(compilers.WHEELS) == [str(major) for major in range(15, 22)]
    for wheel in compilers.WHEELS.values():
        assert re.fullmatch(r"0\.\d+\.\d+(\.post\d+)?", wheel.version) and re.fullmatch(r"[0-9a-f]{64}", wheel.digest)


def test_what_is_there_is_not_fetched_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(others.FOLDER_VARIABLE, str(tmp_path))
    (tmp_path / "clang-15").mkdir()
    (tmp_path / "clang-15" / "zig").write_text("")
    fetched = []

    def fetch(major: str, folder: Path) -> str:
        fetched.append(major)
        raise subprocess.CalledProcessError(1, ["pip"])

    monkeypatch.setattr(compilers, "fetch", fetch)
    assert compilers.main(["15"]) == 0 and fetched == []
    assert compilers.main(["15", "18"]) == 1 and fetched == ["18"]
    with pytest.raises(SystemExit, match="no clang 9"):
        compilers.main(["9"])
