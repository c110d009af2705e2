from __future__ import annotations

import json
import os
import zlib
from pathlib import Path

import pytest

from vm.cli.main import main
from vm.kernel.facts import ABOUT, emulated


@pytest.fixture
def other(tmp_path: Path) -> str:
    """The emulated kernel once more, with one error number less."""
    for path in Path(str(emulated().folder)).iterdir():
        if path.name not in (ABOUT, "errno.json"):
            os.symlink(path, tmp_path / path.name)
    (tmp_path / ABOUT).write_text('{"release": "6.99.1", "banner": "Linux version 6.99.1"}')
    (tmp_path / "errno.json").write_text(json.dumps({n: v for n, v in emulated().errnos.items() if n != "EPERM"}))
    return str(tmp_path)


def test_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["facts"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(emulated().release + "\nLinux version ")
    assert "    211 helpers\n" in out
    assert main(["facts", "--json", "--part", "helpers"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record == {"release": emulated().release, "banner": emulated().banner, "counts": {"helpers": 211}}


def test_differences(other: str, capsys: pytest.CaptureFixture[str]) -> None:
    name = str(emulated().folder)
    assert main(["facts", name, other, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["from"], record["to"]) == (emulated().release, "6.99.1")
    assert record["changes"] == [
        {"part": "error numbers", "change": "removed", "name": "EPERM", "before": 1, "after": None}
    ]
    assert record["counts"]["error numbers"] == {"removed": 1} and record["counts"]["kfuncs"] == {}
    assert main(["facts", name, other]) == 0
    out = capsys.readouterr().out
    assert "kfuncs: the same\n" in out and "error numbers: 1 removed\n  - EPERM\n" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["/nothing/there"], "holds no facts"),
        (["a", "b", "c"], "at most two"),
        (["--part", "hooks"], "There is no part 'hooks'"),
    ],
)
def test_what_is_refused(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["facts", *arguments]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("helpers.json", b"[]", "make facts"),
        ("hooks.json", b'{"kfuncs": 3}', "make facts"),
        ("hooks.json", b"not JSON", "make facts"),
        ("vmlinux.btf.z", b"not zlib", "make facts"),
        ("vmlinux.btf.z", zlib.compress(b"Linux; 2 types; 9 bytes\nxxx"), "The BTF cannot be used"),
        ("kconfig.z", zlib.compress(b"banner\nno assignment\n"), "make facts"),
        ("ctx_access.json.xz", b"", "make facts"),
        ("errno.json", b"[1]", "make facts"),
    ],
)
def test_damaged_facts(other: str, name: str, content: bytes, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    (Path(other) / name).unlink()
    (Path(other) / name).write_bytes(content)
    assert main(["facts", str(emulated().folder), other]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1 and said in message
