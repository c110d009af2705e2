"""A fixture of the tests of the command line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vm.cli.main import main


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Any:
    """Calls a command: exit status, the lines of --json, and all that was printed."""

    def call(*argv: str) -> tuple[int, list[dict[str, Any]], str]:
        status = main(argv)
        captured = capsys.readouterr()
        lines = captured.out.splitlines()
        return status, [json.loads(line) for line in lines] if "--json" in argv else [], captured.out + captured.err

    return call
