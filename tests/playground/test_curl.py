"""The examples of docs/rest.md, run as they stand; and the OpenAPI document."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from playground.messages.endpoints import ENDPOINTS
from tests.playground.test_server import address  # noqa: F401 - a fixture

EXAMPLES = re.findall(r"```sh\n(.*?)```", (Path(__file__).parents[2] / "docs" / "rest.md").read_text(), re.DOTALL)


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_every_example_runs(address: str, tmp_path: Path) -> None:  # noqa: F811
    script = "set -eo pipefail\n" + "".join(EXAMPLES)
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env={"SERVER": address, "PATH": "/usr/bin:/bin"}, capture_output=True,
        text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    run = json.loads((tmp_path / "run.json").read_text())
    assert [m["type"] for m in run["messages"]][-1] == "done"
    assert (tmp_path / "session.html").read_text().startswith("<!doctype html>")
    assert (tmp_path / "trace.jsonl").read_text().count('"type":"steps"') == 2


def test_the_examples_use_every_kind_of_endpoint() -> None:
    text = "".join(EXAMPLES)
    for endpoint in ENDPOINTS:
        if endpoint.name != "analysis":
            assert re.search(re.sub(r"/\\\{\w+\\\}", "/[^/ ]+", re.escape(endpoint.path)), text), endpoint.path


def test_the_document_is_whole(address: str) -> None:  # noqa: F811
    with urllib.request.urlopen(f"{address}/api/openapi.json") as answer:
        document = json.load(answer)
    assert document["openapi"] == "3.1.0" and document["servers"] == [{"url": address}]
    assert {(path, method.upper()) for path, each in document["paths"].items() for method in each} == {
        (each.path, each.method) for each in ENDPOINTS
    }
    names = set(document["components"]["schemas"])
    refs: set[str] = set()

    def collect(value: Any) -> None:
        if isinstance(value, dict):
            refs.update([value["$ref"].rpartition("/")[2]] if isinstance(value.get("$ref"), str) else [])
            for each in value.values():
                collect(each)
        elif isinstance(value, list):
            for each in value:
                collect(each)

    collect(document)
    assert refs <= names
    # What a question may leave out is not required here either.
    assert document["components"]["schemas"]["RecordQuestion"]["required"] == ["kind", "source"]
    assert document["components"]["schemas"]["CompareQuestion"]["required"] == ["kind", "source", "other"]
    assert document["components"]["schemas"]["Request"]["additionalProperties"] is False
    assert "additionalProperties" not in document["components"]["schemas"]["Verified"]
