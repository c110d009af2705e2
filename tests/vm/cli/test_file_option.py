"""Headers next to a C source on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.vm.compile.test_own_files import MAIN, MINE
from vm.cli.headers import headers
from vm.cli.main import main
from vm.compile.options import MAX_FILES
from vm.errors import InputError, LimitError


def _folder(tmp_path: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_what_the_source_includes_from_its_folder_is_found(tmp_path: Path) -> None:
    _folder(
        tmp_path, {"main.c": "", "a.h": '#include "lib/b.h"\n', "lib/b.h": "int b;\n", "vmlinux.h": "no", "c.h": ""}
    )
    found = headers(str(tmp_path / "main.c"), '#include "a.h"\n#include "vmlinux.h"\n#include "/etc/passwd"\n')
    assert {file.name: file.text for file in found} == {"a.h": '#include "lib/b.h"\n', "lib/b.h": "int b;\n"}


def test_a_header_above_the_source_has_a_name_in_their_folder(tmp_path: Path) -> None:
    _folder(tmp_path, {"src/main.c": "", "include/a.h": "int a;\n"})
    found = headers(str(tmp_path / "src/main.c"), '#include "../include/a.h"\n')
    assert [file.name for file in found] == ["include/a.h"]


def test_files_that_are_named(tmp_path: Path) -> None:
    _folder(tmp_path, {"main.c": "", "x/other.h": "int a;\n"})
    path = str(tmp_path / "x/other.h")
    assert [file.name for file in headers(str(tmp_path / "main.c"), "", [f"lib/mine.h={path}"])] == ["lib/mine.h"]
    assert [file.name for file in headers(str(tmp_path / "main.c"), "", [path])] == ["x/other.h"]
    with pytest.raises(InputError):
        headers(str(tmp_path / "main.c"), "", [str(tmp_path / "none.h")])
    with pytest.raises(InputError):
        headers(str(tmp_path / "main.c"), "", [f"../x.h={path}"])


def test_too_many_files(tmp_path: Path) -> None:
    names = [f"f{n}.h" for n in range(MAX_FILES + 1)]
    _folder(tmp_path, {"main.c": "", **dict.fromkeys(names, "")})
    with pytest.raises(LimitError):
        headers(str(tmp_path / "main.c"), "".join(f'#include "{name}"\n' for name in names))


def test_verify_names_the_header_and_fixes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(_folder(tmp_path, {"main.c": MAIN, "mine.h": MINE}) / "main.c")
    assert main(["verify", "--json", path]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["failure"]["line"], told["failure"]["source_file"]) == (5, "mine.h")
    assert told["failure"]["fixes"][0]["diff"].startswith("--- a/mine.h\n")


def test_findings_name_the_header(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(_folder(tmp_path, {"main.c": MAIN, "mine.h": "int a = ;\n"}) / "main.c")
    assert main(["compile", "--json", path]) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out)["diagnostics"][0]["file"] == "mine.h"
    assert "mine.h:1:9: error:" in captured.err
