"""Profiles, advice and settings of C sources."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.corpus import patched
from vm import pipeline
from vm.cli.main import main
from vm.csource.text import apply
from vm.errors import InputError, LimitError
from vm.pipeline import BuildOptions, Profiled, Source
from vm.program import Object

ROOT = Path(__file__).parents[3]
PROGRAMS = sorted((ROOT / "tests/vm/profile/programs").glob("*.c"))
EXAMPLES = sorted((ROOT / "examples").glob("*.c"))
OPTIONS = BuildOptions()
KERNEL = json.loads((ROOT / "tests/vm/profile/programs/kernel.json").read_text())["programs"]


def built(text: str) -> Object:
    source = Source("c", text.encode(), "prog")
    compilation = pipeline.compile_source(source, OPTIONS)
    assert compilation.ok, compilation.diagnostics
    return pipeline.load(source, OPTIONS, compilation.object)


def profiles(text: str) -> dict[str, Profiled]:
    obj = built(text)
    return {program.name: pipeline.profiled(obj, program) for program in obj.programs}


def titles(text: str, name: str) -> list[str]:
    obj = built(text)
    found = pipeline.profiled(obj, pipeline.choose(obj, name))
    return [each.title for each in pipeline.advice(Source("c", text.encode(), "prog"), OPTIONS, obj, found)]


SHORTER = (ROOT / "tests/vm/profile/programs/shorter.c").read_text()


@pytest.mark.parametrize("path", [*PROGRAMS, *EXAMPLES], ids=lambda path: path.stem)
def test_each_advice_reduces_the_walk_as_it_says(path: Path) -> None:
    text = path.read_text()
    obj = built(text)
    for name, found in profiles(text).items():
        for advice in pipeline.advice(Source("c", text.encode(), "prog"), OPTIONS, obj, found, most=8):
            changed = apply(text, advice.fix)
            assert patched(text, advice.diff) == changed
            after = pipeline.check(built(changed), pipeline.choose(built(changed), name))
            assert after.accepted, advice.title
            assert after.insns_processed == advice.insns_processed, advice.title
            assert advice.insns_processed <= 0.9 * advice.before == 0.9 * found.verdict.insns_processed


@pytest.mark.parametrize("said", KERNEL, ids=lambda said: f"{said['program']}: {said['change'] or 'as it is'}")
def test_the_kernel_needs_as_much(said: dict[str, Any]) -> None:
    """kernel.json has what Linux 6.12 printed for the programs, and for what the changes make of them."""
    text = (PROGRAMS[0].parent / f"{said['source']}.c").read_text()
    obj = built(text)
    found = pipeline.profiled(obj, pipeline.choose(obj, said["program"]))
    if said["change"] is not None:
        changes = pipeline.advice(Source("c", text.encode(), "prog"), OPTIONS, obj, found, most=8)
        fix = next(each.fix for each in changes if each.title == said["change"])
        obj = built(apply(text, fix))
        found = pipeline.profiled(obj, pipeline.choose(obj, said["program"]))
    assert found.profile is not None
    assert (found.verdict.verdict, found.profile.insns_processed) == (said["verdict"], said["insns_processed"])
    assert said["states"] in (None, found.profile.states)


def test_what_is_advised() -> None:
    assert titles(SHORTER, "heavy")[:2] == ["Make weigh() a global function", "Do not inline weigh()"]
    assert titles(SHORTER, "looped")[0] == "Count with bpf_for()"
    too_long = (ROOT / "tests/vm/profile/programs/too_long.c").read_text()
    assert titles(too_long, "too_long") == ["Count with bpf_for()"]


def test_a_program_that_is_refused_for_another_reason_gets_no_advice() -> None:
    assert titles((ROOT / "examples/missing_bounds_check.c").read_text(), "drop_tcp") == []


@pytest.mark.parametrize(
    ("before", "after"),
    [("sum += *v;", "{ sum += *v; if (sum > 9) i += 2; }"), ("i < 400", "i < (*(volatile __u32 *)&ctx->data & 0xff)")],
    ids=["counter", "bound"],
)
def test_a_loop_that_changes_its_own_rounds_is_not_counted_otherwise(before: str, after: str) -> None:
    text = SHORTER.replace(before, after, 1)
    assert text != SHORTER
    assert "Count with bpf_for()" not in titles(text, "looped")


def test_a_counter_that_is_read_afterwards_stays() -> None:
    text = SHORTER.replace("for (__u32 i = 0; i", "__u32 i;\n    for (i = 0; i").replace(
        "sum > 100 ?", "sum > 100 + i ?"
    )
    assert "Count with bpf_for()" not in titles(text, "looped")


def test_a_global_function_is_verified_once() -> None:
    text = SHORTER.replace("static __always_inline int weigh", "__attribute__((noinline)) int weigh")
    found = profiles(text)["heavy"].profile
    assert found is not None
    weigh = next(row for row in found.functions if row.name == "weigh")
    assert weigh.alone and weigh.calls == 1
    assert weigh.insns + next(row for row in found.functions if row.name == "heavy").insns == found.insns_processed


SETTINGS = (ROOT / "tests/vm/profile/programs/settings.c").read_text()


def test_the_numbers_that_can_be_set() -> None:
    found = pipeline.settable(built(SETTINGS))
    assert [(c.name, c.value, c.least, c.most) for c in found] == [
        ("rounds", "4", -(1 << 31), (1 << 31) - 1), ("verbose", "true", 0, 1), ("mode", "FAST", 0, (1 << 32) - 1),
    ]  # fmt: skip


def test_a_setting_is_what_the_source_would_have_said() -> None:
    obj = built(SETTINGS)
    found = list(pipeline.settings(obj, "settings", {"rounds": ["1", "0x40"], "mode": ["SLOW"]}))
    assert [dict(each.values) for each in found] == [
        {"rounds": "1", "mode": "SLOW"},
        {"rounds": "0x40", "mode": "SLOW"},
    ]
    for each, rounds in zip(found, (1, 64), strict=True):
        said = built(SETTINGS.replace("rounds = 4", f"rounds = {rounds}").replace("mode = FAST", "mode = SLOW"))
        other = pipeline.check(said, said.programs[0])
        assert (each.verdict, each.insns_processed) == (other.verdict, other.insns_processed)
        assert other.env is not None and each.states == other.env.total_states
    assert found[0].insns_processed < found[1].insns_processed
    assert None not in (found[0].xlated, found[0].jited)


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"plain": ["1"]}, "no const volatile variable 'plain'"),
        ({"small": ["1"]}, "no const volatile variable 'small'"),
        ({"verbose": ["2"]}, "from 0 to 1"),
        ({"rounds": ["2147483648"]}, "to 2147483647"),
        ({"mode": ["<b>"]}, "one of FAST, SLOW"),
        ({"rounds": [str(n) for n in range(65)]}, "at most 64"),
    ],
)
def test_what_cannot_be_set_is_said(values: dict[str, list[str]], error: str) -> None:
    with pytest.raises(InputError, match=error) as caught:
        list(pipeline.settings(built(SETTINGS), "settings", values))
    assert isinstance(caught.value, LimitError) == ("at most" in error)


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    path = str(ROOT / "tests/vm/profile/programs/settings.c")
    assert main(["profile", "--json", path, "--set", "rounds=1,64"]) == 0
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert line["insns_processed"] == sum(row["insns"] for row in line["lines"]) > 0
    assert [each["values"] for each in line["settings"]] == [{"rounds": "1"}, {"rounds": "64"}]
    assert line["loops"][0]["rounds"] == 4
    assert main(["profile", path, "--no-advice"]) == 0
    assert "rounds" in capsys.readouterr().out
    assert main(["profile", path, "--set", "rounds"]) == 2
    assert main(["profile", str(ROOT / "examples/missing_bounds_check.c")]) == 0


def test_a_program_that_never_reaches_the_walk_has_an_empty_profile(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "empty.s"
    path.write_text(".type xdp\n    r0 = 0\n    goto +40\n    exit\n")
    assert main(["profile", "--json", str(path)]) == 0
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (line["verdict"], line["insns_processed"], line["lines"], line["advice"]) == ("reject", 0, [], [])
