"""Rejected programs as people write them: a fix is offered for most, and the verifier accepts every one that is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.corpus import REJECTED, asked, caps_of, index, patched, sampled
from vm import pipeline
from vm.caps import ROOT, Caps
from vm.csource.text import apply
from vm.pipeline import BuildOptions, Source, Verdict
from vm.program import Object, Program

INDEX = index()
ASKED = asked()
OPTIONS = BuildOptions()


def source_of(file: str) -> Source:
    return Source("c", (REJECTED / file).read_bytes(), file.removesuffix(".c"))


def loaded(source: Source, program: str, caps: Caps = ROOT) -> tuple[Object, Program, Verdict]:
    compilation = pipeline.compile_source(source, OPTIONS)
    assert compilation.ok, compilation.diagnostics
    obj = pipeline.load(source, OPTIONS, compilation.object)
    found = pipeline.choose(obj, program)
    return obj, found, pipeline.check(obj, found, log_level=0, caps=caps)


@pytest.mark.parametrize("entry", sampled(INDEX), ids=lambda entry: entry["file"])
def test_a_fix_is_offered_and_holds(entry: dict[str, Any]) -> None:
    source, caps = source_of(entry["file"]), caps_of(entry)
    obj, program, verdict = loaded(source, entry["program"], caps)
    assert verdict.failure is not None
    assert verdict.failure.rule == entry["rule"]
    found = list(pipeline.repairs(source, OPTIONS, obj, program, verdict=verdict, most=2, caps=caps))
    assert bool(found) or not entry["fixed"]
    before = {
        p.name: pipeline.check(obj, p, log_level=0, caps=caps).accepted for p in obj.programs if len(obj.programs) > 1
    }
    for each in found:
        text = patched(source.text(), each.diff)
        assert text == apply(source.text(), each.fix)
        again, _, after = loaded(Source("c", text.encode(), source.name), entry["program"], caps)
        assert after.accepted
        assert after.insns_processed == each.insns_processed
        assert each.title and each.why.endswith(".")
        for name, accepted in before.items():
            assert not accepted or pipeline.check(again, pipeline.choose(again, name), log_level=0, caps=caps).accepted


def test_as_many_are_offered_a_fix_as_was_promised() -> None:
    assert len(INDEX) >= 200
    assert sum(entry["fixed"] for entry in INDEX) >= 0.6 * len(INDEX)


def test_the_kernel_accepts_every_recorded_fix() -> None:
    assert len(ASKED) >= 0.5 * len(INDEX)
    assert {answer["verdict"] for answer in ASKED} == {"accept"}


@pytest.mark.parametrize("answer", sampled(ASKED[::8]), ids=lambda answer: answer["file"])
def test_the_kernel_says_the_same_of_recorded_fixes(answer: dict[str, Any]) -> None:
    source = source_of(answer["file"])
    changed = Source("c", patched(source.text(), answer["diff"]).encode(), source.name)
    assert loaded(changed, answer["program"])[2].verdict == answer["verdict"]
