"""The rewritten program as a person reads it."""

from __future__ import annotations

from pathlib import Path

from vm import pipeline
from vm.pipeline import BuildOptions, Source
from vm.pipeline.xlated_listing import RewrittenInsn

ROOT = Path(__file__).resolve().parents[3]


def rows(source: Source) -> tuple[RewrittenInsn, ...]:
    options = BuildOptions()
    compiled = pipeline.compile_source(source, options).object if source.kind == "c" else None
    obj = pipeline.load(source, options, compiled)
    verdict = pipeline.check(obj, obj.programs[0])
    assert verdict.accepted and verdict.env is not None
    return pipeline.rewritten_listing(pipeline.rewrite(verdict.env))


def test_what_the_verifier_wrote_is_marked() -> None:
    found = rows(Source("c", (ROOT / "examples/count_drop.c").read_bytes()))
    changed = {orig for _, orig, _, changed in found if changed}
    assert changed == {1, 2, 20}  # two context fields, and the lookup in an array, which is inlined
    assert (1, 1, "r2 = *(u64 *)(r1 +8)", True) in found
    assert sum(orig == 20 for _, orig, _, _ in found) == 7
    assert any(text == "r1 = map packets" and not changed for _, _, text, changed in found)


def test_calls_name_what_they_call() -> None:
    found = rows(Source("asm", b"call 7\nexit\n"))
    assert found[0][2:] == ("call bpf_get_prandom_u32", False)
