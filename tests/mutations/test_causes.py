"""The explanation of a mutated program names the cause that was put there, and its place.

`make test` tries one mutant in PARTS, `make corpora` the others.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from tests.mutations.operators import OPERATORS, Mutant, mutants
from vm import pipeline
from vm.caps import NOBODY
from vm.pipeline import BuildOptions, Source
from vm.trace.records import Failure
from vm.trace.root_cause import CauseKind

HERE: Final = Path(__file__).parent
PARTS: Final = 4

RIGHT: Final = 0.90
WRONG: Final = 0.02


@cache
def not_rejected() -> frozenset[str]:
    """Mutants that the verifier does not reject: what was changed does not matter there, or keeps it from loading."""
    return frozenset((HERE / "harmless.txt").read_text().split())


def every_mutant() -> Iterator[Mutant]:
    for path in sorted((HERE / "programs").glob("*.c")):
        yield from mutants(path.stem, path.read_text())


def chosen(part: int) -> list[Mutant]:
    return [m for m in every_mutant() if zlib.crc32(m.name.encode()) % PARTS == part]


def failure_of(text: str) -> Failure | None:
    """Why the only program of a C source is rejected; None where it is not, or does not get to the verifier."""
    options, source = BuildOptions(), Source("c", text.encode(), "t")
    compiled = pipeline.compile_source(source, options)
    if not compiled.ok:
        return None
    found = next(iter(pipeline.check_object(pipeline.load(source, options, compiled.object), explain=True)))
    return found.failure if found.verdict == "reject" else None


def line_of(text: str, failure: Failure) -> str:
    line = failure.cause.line
    return text.split("\n")[line - 1] if line else ""


def judge(mutant: Mutant, failure: Failure) -> str:
    if failure.cause.kind is CauseKind.NONE:
        return "none"
    line = line_of(mutant.source, failure)
    right = any(failure.cause.kind is kind and any(word in line for word in words) for kind, words in mutant.kinds)
    return "right" if right else "wrong"


@pytest.fixture(scope="module", params=[0, *(pytest.param(part, marks=pytest.mark.corpus) for part in range(1, PARTS))])
def outcomes(request: pytest.FixtureRequest) -> list[tuple[Mutant, Failure | None]]:
    return [(mutant, failure_of(mutant.source)) for mutant in chosen(request.param)]


def test_there_are_many_of_every_kind() -> None:
    found = Counter(m.operator for m in every_mutant())
    assert len(list((HERE / "programs").glob("*.c"))) >= 40
    assert sum(found.values()) - len(not_rejected()) > 500
    assert set(found) == {operator.__name__ for operator in OPERATORS}
    assert not_rejected() <= {m.name for m in every_mutant()}


def test_the_verifier_rejects_them(outcomes: list[tuple[Mutant, Failure | None]]) -> None:
    passed = {mutant.name for mutant, failure in outcomes if failure is None}
    assert passed == not_rejected() & {mutant.name for mutant, _ in outcomes}


def test_the_cause_that_was_put_there_is_found(outcomes: list[tuple[Mutant, Failure | None]]) -> None:
    judged = [(judge(m, f), m, f) for m, f in outcomes if f is not None]
    count = Counter(said for said, _, _ in judged)
    wrong = [
        f"{m.name}: {f.cause.kind.value} in line {f.cause.line} ({line_of(m.source, f).strip()}): {f.explanation}"
        for said, m, f in judged
        if said == "wrong"
    ]
    assert count["right"] >= RIGHT * len(judged), "\n".join(wrong)
    assert count["wrong"] <= WRONG * len(judged), "\n".join(wrong)


def test_what_is_said_has_a_sentence_and_a_chain(outcomes: list[tuple[Mutant, Failure | None]]) -> None:
    for mutant, failure in outcomes:
        if failure is None:
            continue
        assert failure.needed, mutant.name
        assert 0 < len(failure.causes) <= 32, mutant.name
        assert failure.causes[-1].kind == "failed", mutant.name


COMPILED: Final = {
    "bytes_32": "size > 256",
    "kprobe_latency": "slot >= SLOTS",
    "stack_buffer": "len > BYTES",
    "subprog_global": "at >= CELLS",
    "tc_dns": "len >= NAME",
    "xdp_port_filter": "(tcp + 1) > data_end",
}


@pytest.mark.parametrize("name", COMPILED)
def test_a_check_that_the_compiler_changed_is_shown_with_the_code(name: str) -> None:
    """Programs that are right in C; the compiler drops their check, or makes it one of another register."""
    text = (HERE / "compiled" / f"{name}.c").read_text()
    failure = failure_of(text)
    assert failure is not None
    cause = failure.cause
    assert cause.kind is CauseKind.LOST_IN_COMPILATION, failure.explanation
    assert COMPILED[name] in line_of(text, failure)
    assert cause.source_check is not None and COMPILED[name] in cause.source_check.text
    assert "compiler" in failure.explanation
    if name in ("bytes_32", "stack_buffer"):
        assert cause.insns, "the comparison that the compiler made of it is shown beside the source"
        assert "which is computed from it" in failure.explanation


HEAD: Final = "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n"
TAIL: Final = '\nchar LICENSE[] SEC("license") = "GPL";\n'


def test_a_helper_that_writes_over_what_was_compared() -> None:
    text = f"""{HEAD}
SEC("tc")
int f(struct __sk_buff *skb)
{{
    char buffer[16] = {{}};
    __u32 len = skb->len;

    if (len > 16)
        return 0;
    bpf_skb_load_bytes(skb, 0, &len, 4);
    bpf_skb_load_bytes(skb, 4, buffer, len & 0xffffff);
    return buffer[3];
}}
{TAIL}"""
    failure = failure_of(text)
    assert failure is not None
    assert failure.cause.kind in (CauseKind.LOST_AT_CALL, CauseKind.CHECK_TOO_WEAK), failure.explanation


def test_a_key_with_bytes_that_were_never_written() -> None:
    text = f"""{HEAD}
struct key {{ __u32 a; __u8 b; }};
struct {{
    __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 8); __uint(key_size, 8); __uint(value_size, 8);
}} m SEC(".maps");
SEC("socket")
int f(struct __sk_buff *skb)
{{
    struct key key;

    key.a = skb->len;
    key.b = 1;
    return bpf_map_lookup_elem(&m, &key) != 0;
}}
{TAIL}"""
    options, source = BuildOptions(), Source("c", text.encode(), "t")
    compiled = pipeline.compile_source(source, options)
    assert compiled.ok, compiled.diagnostics
    program = pipeline.choose(pipeline.load(source, options, compiled.object), "f")
    failure = pipeline.verify(program, caps=NOBODY)[0].failure
    assert failure is not None
    assert failure.cause.kind is CauseKind.UNINITIALISED
