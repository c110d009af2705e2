"""The explanation of rejected programs that were written without looking at the explanations names their cause.

Their kinds and places were decided by reading the programs, in tests/corpus/rejected/index.json.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.corpus import REJECTED, caps_of, index
from vm import pipeline
from vm.pipeline import BuildOptions, Source
from vm.trace.root_cause import CauseKind

WRITTEN: Final = [entry for entry in index() if "kinds" in entry]


@pytest.mark.parametrize("entry", [e for e in WRITTEN if not e["slow"]], ids=lambda entry: entry["file"])
def test_the_cause_is_the_one_that_was_written(entry: dict[str, Any]) -> None:
    text, options = (REJECTED / entry["file"]).read_text(), BuildOptions()
    source = Source("c", text.encode(), entry["file"].removesuffix(".c"))
    compiled = pipeline.compile_source(source, options)
    assert compiled.ok, compiled.diagnostics
    obj = pipeline.load(source, options, compiled.object)
    program = pipeline.choose(obj, entry["program"])
    failure = pipeline.check(obj, program, log_level=0, caps=caps_of(entry), explain=True).failure
    assert failure is not None
    line = text.split("\n")[failure.cause.line - 1] if failure.cause.line else ""
    assert failure.cause.kind.value in entry["kinds"], (failure.cause, failure.explanation)
    assert any(word in line for word in entry["words"]), (line, failure.explanation)


def test_there_are_many() -> None:
    assert len(WRITTEN) >= 60
    assert {kind for entry in WRITTEN for kind in entry["kinds"]} <= {kind.value for kind in CauseKind}
