"""The gallery's data: each rule has a page, each page what it promises, and the index is what the data give."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from scripts.gallery import index
from scripts.gallery.__main__ import wrong
from scripts.gallery.content import GALLERY, Page, pages
from scripts.gallery.kernels import VERSIONS, recorded
from scripts.gallery.ours import Said, agree, build, say
from tests.corpus import sampled
from vm.verifier.rules.catalogue import TABLES, all_rules, rule_named

PAGES = pages()
INDEX = index.read()
# Tables of rules whose pages are all written.
WRITTEN: tuple[str, ...] = (
    "attach", "context", "fields", "functions", "helper_args", "internal", "kfunc_args", "lifetime", "limits", "loader",
    "memory", "policy", "register", "structure", "types",
)  # fmt: skip
RECORDED = {version: recorded(version) for version in VERSIONS}


def test_every_rule_has_one_page_and_the_frequent_ones_come_first() -> None:
    assert sorted(page.rule.name for page in PAGES) == sorted(rule.name for rule in all_rules())
    counts = [page.seen for page in PAGES]
    counted = sum(bool(each) for each in counts)
    assert counted
    assert all(counts[:counted])
    seen = [count for count in counts if count is not None]
    assert seen == sorted(seen, reverse=True)


def test_the_pages_of_finished_tables_are_complete() -> None:
    """`python -m scripts.gallery --missing` lists those that are not."""
    finished = {
        id(value) for table in TABLES if table.__name__.rpartition(".")[2] in WRITTEN for value in vars(table).values()
    }
    assert [page.rule.name for page in PAGES if id(page.rule) in finished and not page.complete] == []


BEGUN = [page for page in PAGES if page.complete]


@pytest.mark.parametrize("page", BEGUN, ids=lambda page: page.rule.name)
def test_a_page_has_its_words_and_programs(page: Page) -> None:
    sentences = page.text.count(". ") + page.text.count(": ") + 1
    assert 2 <= sentences <= 7 and page.text.endswith(".")
    assert not page.no_program or page.no_program.endswith(".")
    for sample in (page.program, page.fixed):
        if sample is not None:
            assert len(sample.source.encode()) < 8_000
            assert page.rule.name not in sample.source  # a comment says what the code does


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.rule.name)
def test_the_index_and_the_recordings_are_of_these_programs(page: Page) -> None:
    entry = INDEX[page.rule.name]
    samples = [sample for sample in (page.program, page.fixed) if sample is not None]
    for sample in samples:
        for version in VERSIONS:
            digest, _ = RECORDED[version][sample.path]
            assert digest == sample.digest, "run `make gallery` where the kernels are"
    ours = {}
    if page.program is not None and page.fixed is not None:
        ours = {page.program.path: Said(**entry["ours"]), page.fixed.path: Said(entry["fixed_ours"], 0, "")}
    kernels = {version: {path: said for path, (_, said) in RECORDED[version].items()} for version in VERSIONS}
    assert entry == json.loads(json.dumps(index.entry(page, ours, kernels))), "run `make gallery`"


def test_nothing_else_is_recorded_or_indexed() -> None:
    paths = {sample.path for page in PAGES for sample in (page.program, page.fixed) if sample is not None}
    assert all(set(RECORDED[version]) == paths for version in VERSIONS)
    assert list(INDEX) == [page.rule.name for page in PAGES]


COMPLETE = [page for page in PAGES if page.program is not None]
WALKED = sampled(COMPLETE)


@pytest.mark.parametrize("page", WALKED, ids=lambda page: page.rule.name)
def test_the_program_is_rejected_by_its_rule_and_the_corrected_one_accepted(page: Page) -> None:
    """By the verifier as it is now, not as the index says, and as the recorded kernel did."""
    assert page.program is not None and page.fixed is not None
    ours = {sample.path: say(sample, build(sample)) for sample in (page.program, page.fixed)}
    kernel = {path: said for path, (_, said) in RECORDED[VERSIONS[0]].items()}
    assert list(wrong(page, ours, {VERSIONS[0]: kernel})) == []
    entry = INDEX[page.rule.name]
    assert Said(**entry["ours"]) == ours[page.program.path], "run `python -m scripts.gallery --all`"


def test_what_is_wrong_is_found() -> None:
    page = next(page for page in COMPLETE if page.rule.name == "packet-access-out-of-range")
    assert page.program is not None and page.fixed is not None
    good = {page.program.path: Said("reject", -13, "log", page.rule.name), page.fixed.path: Said("accept", 0, "")}
    kernel = {**good, page.program.path: Said("reject", -13, "log")}
    assert list(wrong(page, good, {VERSIONS[0]: kernel})) == []
    other = {**good, page.program.path: Said("reject", -13, "log", "invalid-memory-access")}
    assert len(list(wrong(page, other, {VERSIONS[0]: kernel}))) == 1
    assert len(list(wrong(page, good, {VERSIONS[0]: {**kernel, page.program.path: Said("reject", -13, "else")}}))) == 1
    swapped = {page.program.path: good[page.fixed.path], page.fixed.path: good[page.program.path]}
    assert len(list(wrong(page, swapped, {VERSIONS[0]: swapped}))) == 3
    assert agree(Said("reject", -13, "; r0 = 0\n0: x"), Said("reject", -13, "0: x"), "asm")
    assert not agree(Said("reject", -13, "; r0 = 0\n0: x"), Said("reject", -13, "0: x"), "c")


def test_a_message_is_split_at_its_values() -> None:
    assert index.parts("R{regno} !read_ok\n") == [["R", " !read_ok"]]
    assert index.parts(rule_named("packet-access-out-of-range").message)[1] == ["R", " offset is outside of the packet"]
    assert index.parts("{a}{b}\n") == [] and index.parts("") == []
    assert index.parts("unknown opcode {code:02x}\n") == [["unknown opcode "]]


def test_the_end_of_a_log_is_split_into_message_and_diagnosis() -> None:
    log = "0: R1=ctx() R10=fp0\n; a; @ p.c:1\n0: (95) exit\nR0 !read_ok\n\n"
    log += "Verification failed: X: y\n\nReason:\n  z\n\nprocessed 1"
    assert index.split_log(log) == ("R0 !read_ok", "Verification failed: X: y\n\nReason:\n  z")
    assert index.split_log("unreachable insn 2\nprocessed 0 insns") == ("unreachable insn 2", "")


def test_no_file_is_left_over() -> None:
    names = {path.name for path in GALLERY.iterdir()}
    folders = {page.slug for page in PAGES}
    assert names <= folders | {f"{name}.toml" for name in folders} | {
        "frequency.toml", "threads.toml", "index.json", "recorded",
    }  # fmt: skip


def test_the_order_follows_from_what_was_counted() -> None:
    """Counts first, then the reports known of a rule: threads, logs, and one for a case without a count."""
    listed = tomllib.loads((GALLERY / "frequency.toml").read_text())["rules"]
    threads = tomllib.loads((GALLERY / "threads.toml").read_text())["threads"]
    found = {each["rule"]: each.get("threads", 0) for each in listed}
    assert {name: len(set(each)) for name, each in threads.items()} == {n: c for n, c in found.items() if c}
    assert all(re.fullmatch(r"[\w.-]+/[\w.-]+#\d+", each) for every in threads.values() for each in every)

    def rank(each: dict[str, Any]) -> tuple[int, int]:
        known = each.get("threads", 0) + each.get("logs", 0) + (each.get("count") == 0)
        return (0, -each["count"]) if each.get("count") else (1, -known)

    assert [rank(each) for each in listed] == sorted(rank(each) for each in listed)
    assert len(found) == len(listed)


def test_addresses_of_pages_stay() -> None:
    """names.txt has every name that a rule ever had: /errors/NAME is linked from elsewhere. New names are added."""
    names = (Path(__file__).parent / "names.txt").read_text().split()
    assert sorted(names) == sorted(page.rule.name for page in PAGES)
