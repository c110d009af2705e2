"""The catalogue of changes between kernels: its data, and which entry explains a difference."""

from __future__ import annotations

import re

import pytest

from vm.guests.changes import FOLDER, UNKNOWN, Change, catalogue, likely
from vm.guests.images import version_key

ENTRIES = pytest.mark.parametrize("change", catalogue(), ids=lambda change: str(change.id))


def test_there_are_many() -> None:
    assert len(catalogue()) >= 15
    assert len({change.id for change in catalogue()}) == len(catalogue())


def test_no_program_is_without_an_entry() -> None:
    programs = {path.name for path in FOLDER.iterdir() if path.suffix not in (".json", ".md")}
    assert programs == {change.program for change in catalogue()}


@ENTRIES
def test_an_entry_is_whole(change: Change) -> None:
    assert (FOLDER / f"{change.id}.json").is_file()
    assert change.title.endswith(".")
    assert version_key(change.before.kernel) < version_key(change.after.kernel)
    assert change.commit is None or re.fullmatch(r"[0-9a-f]{12}", change.commit)
    differs = change.before.verdict != change.after.verdict or change.before.message != change.after.message
    assert differs or change.before.log or change.after.log
    assert (change.match is not None) or not differs


@ENTRIES
def test_an_entry_explains_its_own_difference(change: Change) -> None:
    before, after = change.before, change.after
    if before.verdict == after.verdict or "error" in (before.verdict, after.verdict):
        return
    found = likely((before.kernel, before.verdict, before.message), (after.kernel, after.verdict, after.message))
    assert found is not None
    # Two entries may look the same to a user: the first is named, and it has the same message.
    named = next(each for each in catalogue() if each.id == found["id"])
    assert named.match == change.match


def test_equal_verdicts_need_no_cause() -> None:
    assert likely(("5.10", "accept", ""), ("6.1", "accept", "")) is None


def test_no_answer_is_no_difference() -> None:
    assert likely(("5.10", "limit", "The guest was out of time."), ("6.1", "accept", "")) is None


def test_what_no_entry_explains_is_said() -> None:
    found = likely(("5.10", "reject", "words that no kernel says"), ("6.1", "accept", ""))
    assert found == {"id": "", "title": UNKNOWN, "commit": ""}


def test_a_change_lies_between_its_kernels_only() -> None:
    message = "BPF_STX uses reserved fields"
    assert likely(("5.10", "reject", message), ("6.1", "accept", "")) != likely(
        ("6.18", "reject", message), ("7.0", "accept", "")
    )
