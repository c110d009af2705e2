"""docs/trace.md against what the program writes: its examples, its tables, its words."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from vm.cli.main import main
from vm.trace.retell import PRECISION_REASONS, RULES, WHYS
from vm.verifier.rules.rule import CATEGORIES

DOC = (Path(__file__).parents[2] / "docs" / "trace.md").read_text()
BLOCKS = [
    "\n".join(line[4:] for line in block.splitlines()) for block in re.findall(r"(?:^    .*\n?)+", DOC, re.MULTILINE)
]
PROGRAMS = [block for block in BLOCKS if block.startswith(".type")]
EXAMPLES = [[json.loads(line) for line in block.splitlines()] for block in BLOCKS if block.startswith("{")]


def traced(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    monkeypatch.chdir(tmp_path)
    Path("leak.s").write_text(source)
    main(["verify", "--json", "--trace", "out.jsonl", "leak.s"])
    return [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]


def test_there_is_an_example_for_each_program() -> None:
    assert len(PROGRAMS) == len(EXAMPLES) == 2


@pytest.mark.parametrize("number", [0, 1])
def test_examples_are_what_is_written(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = traced(PROGRAMS[number], tmp_path, monkeypatch)
    for example in EXAMPLES[number]:
        same_kind = [line for line in lines if line["record"] == example["record"]]
        assert example in same_kind


def test_fields_and_their_order_are_the_table_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", DOC.split("## As JSON lines")[1], re.MULTILINE)
    table = {record: re.findall(r"`(\w+)`", re.sub(r"\{[^}]*\}|\[[^\]]*\]|1, ", "", fields)) for record, fields in rows}
    lines = [line for source in PROGRAMS for line in traced(source, tmp_path, monkeypatch)]
    assert {line["record"] for line in lines} == set(table)
    order = [record for record, _ in rows]
    for line in lines:
        assert set(line) - {"record"} == set(table[line["record"]]), line["record"]
    for source in PROGRAMS:
        kinds = [order.index(line["record"]) for line in traced(source, tmp_path, monkeypatch)]
        assert kinds == sorted(kinds)


@pytest.mark.parametrize("number", [0, 1])
def test_folding_the_lines_gives_every_state(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second front end's reading: a path's start, then what each step sets and takes away."""
    from vm.asm import assemble
    from vm.pipeline.bpf_check import Walk

    lines = traced(PROGRAMS[number], tmp_path, monkeypatch)
    (program,) = assemble(PROGRAMS[number], name="leak.s").programs
    walk = Walk(program)
    for _ in walk.advance():
        pass
    trace = walk.recorder
    assert trace is not None
    states = {line["id"]: dict(line["start"]) for line in lines if line["record"] == "path"}
    for line in lines:
        if line["record"] != "step":
            continue
        state = states[line["path"]]
        for name in line["gone"]:
            del state[name]
        state.update(line["set"])
        want = {n: (v.text, v.written_at) for n, v in trace.state(line["step"]).items()}
        assert {n: (r["t"], r["w"]) for n, r in state.items()} == want


def test_words_of_the_trace_are_explained() -> None:
    words = {word for word, _, _ in RULES.values()} | set(PRECISION_REASONS)
    assert {word for word in words if f"`{word}`" not in DOC} == set()
    assert {name for name in CATEGORIES if name not in DOC} == set()


def test_what_a_comparison_came_to_is_a_sentence() -> None:
    """The page changes no letter of it: a register's name may stand in its place."""
    said = [*WHYS.values(), *(text for _, _, text in RULES.values())]
    assert [text for text in said if not text[0].isupper() or text.endswith(".")] == []


def test_kinds_of_causes_are_explained() -> None:
    source = Path(__file__).parents[2] / "vm" / "explain"
    text = "".join(path.read_text() for path in source.glob("*.py"))
    kinds = set(re.findall(r'Found\(\s*"(\w+)"', text)) | {
        "entry",
        "branch",
        "acquired",
        "checkpoint",
        "loop",
        "failed",
    }
    assert len(kinds) >= 14
    assert {kind for kind in kinds if f"`{kind}`" not in DOC} == set()


def test_a_trace_that_cannot_be_written_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("leak.s").write_text(PROGRAMS[0])
    assert main(["verify", "--trace", "no/such/place", "leak.s"]) == 2
    assert "No such file" in capsys.readouterr().err
