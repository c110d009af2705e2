"""Compiled copies of the verifier: used only for exactly the sources they were made of, and never needed."""

from __future__ import annotations

import ast
import importlib.machinery
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vm import native

ROOT = Path(native.ROOT)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the stack's sources, with what passes for a compiled copy of them."""
    shutil.copytree(ROOT / "vm", tmp_path / "vm", ignore=shutil.ignore_patterns(".native", "__pycache__"))
    root = str(tmp_path)
    folder = tmp_path / native.STORE / native.digest(root)
    folder.mkdir(parents=True)
    (folder / "modules.json").write_text(json.dumps([native.LIBRARY]))
    native.remember(folder.name, native.stamps(native.sources(root), root), root)
    return tmp_path


def python(root: Path, code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(root), **environment}
    return subprocess.run([sys.executable, "-c", code], cwd=root, env=env, text=True, capture_output=True)


def test_a_copy_of_the_sources_as_they_are_is_found(tree: Path) -> None:
    found = native.find(str(tree))
    assert found is not None
    assert found[native.LIBRARY] == str(tree / native.STORE / native.digest(str(tree)) / f"{native.LIBRARY}.so")


@pytest.mark.parametrize(
    "edited", ["vm/verifier/loop.py", "vm/isa/opcodes.py", "vm/program.py", "vm/verifier/mem/ctx.py"]
)
def test_an_edit_and_the_sources_run(tree: Path, edited: str) -> None:
    file = tree / edited
    before = file.stat()
    text = file.read_text()
    # The same size at the same time: what a careful editor can fake of a file.
    file.write_text(text.replace("e", "f", 1))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_size == before.st_size
    assert native.find(str(tree)) is None
    file.write_text(text)
    assert native.find(str(tree)) is not None, "and the copy is good again once the edit is taken back"


def test_a_touched_file_is_read_once(tree: Path) -> None:
    (tree / "vm/verifier/loop.py").touch()
    index = tree / native.STORE / native.INDEX
    before = index.read_text()
    assert native.find(str(tree)) is not None
    assert index.read_text() != before
    assert json.loads(index.read_text())["stamps"] == native.stamps(native.sources(str(tree)), str(tree))


def test_a_copy_for_another_python_is_not_found(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    suffixes = importlib.machinery.EXTENSION_SUFFIXES
    monkeypatch.setattr(sys, "version", "3.99")
    assert native.find(str(tree)) is not None, "a patch release loads what another one compiled"
    monkeypatch.setattr(importlib.machinery, "EXTENSION_SUFFIXES", [".cpython-399-x86_64-linux-gnu.so", *suffixes])
    assert native.find(str(tree)) is None


def test_nonsense_in_the_store_is_no_copy(tree: Path) -> None:
    index = tree / native.STORE / native.INDEX
    for nonsense in ("", "{", "[]", "{}", '{"stamps": {"../nothing": [1]}, "python": 1}'):
        index.write_text(nonsense)
        native.find(str(tree))
    shutil.rmtree(tree / native.STORE)
    assert native.find(str(tree)) is None


def test_a_library_that_cannot_be_loaded_is_left_alone(tree: Path) -> None:
    (tree / native.STORE / native.digest(str(tree)) / f"{native.LIBRARY}.so").write_bytes(b"no library")
    code = "import vm.verifier.loop; from vm import native; print(vm.verifier.loop.__file__, native.in_use())"
    done = python(tree, code, BPFSCOPE_COMPILED="")
    assert done.stdout.split() == [str(tree / "vm/verifier/loop.py"), "False"], done.stderr
    done = python(tree, code, BPFSCOPE_COMPILED="1")
    assert "ImportError" in done.stderr


def test_insisting_on_a_copy_that_is_not_there_fails(tree: Path) -> None:
    shutil.rmtree(tree / native.STORE)
    done = python(tree, "import vm.verifier", BPFSCOPE_COMPILED="1")
    assert done.returncode == 1
    assert "run tools/native.py" in done.stderr


def test_importing_vm_costs_nothing() -> None:
    code = "import sys; before = set(sys.modules); import vm; print(sorted(set(sys.modules) - before - {'vm'}))"
    assert python(ROOT, code).stdout.strip() in ("[]", "['__future__']")


def test_a_copy_depends_on_all_that_its_modules_import() -> None:
    """What is compiled in has to be hashed too: else a changed constant of another package would go unnoticed."""
    known = set(native.sources())
    for path in native.modules():
        for node in ast.walk(ast.parse((ROOT / path).read_text())):
            names: list[str] = []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for name in names:
                file = name.replace(".", "/") + ".py"
                if name.startswith("vm.") and (ROOT / file).is_file():
                    assert file in known, f"{path} imports {name}"


def test_what_is_compiled_is_the_walk() -> None:
    paths = native.modules()
    assert {"vm/verifier/loop.py", "vm/verifier/domain/scalar.py", "vm/trace/recorder.py"} <= set(paths)
    assert not [path for path in paths if path.endswith("__init__.py") or "/fixups/" in path]


def test_this_run_tests_what_it_says() -> None:
    """The suite is run with BPFSCOPE_COMPILED=1 where the verifier can be compiled, and this part once more with 0."""
    import vm.verifier.loop as loop

    wanted = os.environ.get(native.SWITCH)
    assert native.in_use() == str(loop.__file__).endswith(".so")
    if wanted in ("0", "1"):
        assert native.in_use() == (wanted == "1")
