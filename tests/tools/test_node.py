"""Which node the page is built and tested with."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tools import node


def test_the_command_runs_node_and_npm(capfd: pytest.CaptureFixture[str]) -> None:
    if node.node_command("node") is None:
        pytest.skip("node is not installed (make setup)")
    assert node.main(["node", "--version"]) == 0
    assert capfd.readouterr().out.startswith("v")
    assert node.main(["npm", "--version"]) == 0


def test_what_it_does_not_run_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["bash"]):
        assert node.main(arguments) == 2
        assert "takes node, npm or npx" in capfd.readouterr().err


def test_without_the_package_the_machines_own_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(node, "PYTHON", broken)
    monkeypatch.setattr(shutil, "which", lambda tool: f"/bin/{tool}")
    assert node.node_command("npm") == ["/bin/npm"]
    monkeypatch.setattr(shutil, "which", lambda tool: None)
    assert node.node_command("npm") is None
    assert node.main(["npm", "ci"]) == 1


def test_scripts_find_the_same_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/bin")
    assert node.search_path(["/somewhere/node", "npm-cli.js"]) == "/somewhere:/bin"
