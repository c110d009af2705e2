"""Records and their store: windows, damage, room."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Any

import pytest

from playground.jobs.frames import END, MESSAGE, READY, STEPS, Frame, FrameError, inflate, pack
from playground.jobs.record import Record
from playground.jobs.store import Store, request_key


def steps(first: int, count: int, run: int = 0, stage: str = "verify") -> Frame:
    message = {
        "type": "steps",
        "stage": stage,
        "run": run,
        "from": first,
        "steps": [{"n": first + n} for n in range(count)],
    }
    return pack(STEPS, message)


def filled(path: Path) -> Record:
    record = Record.create(path)
    record.append(pack(MESSAGE, {"type": "stage", "name": "é\u2028"}))
    for first in range(0, 1000, 256):
        record.append(steps(first, min(256, 1000 - first)))
    record.append(steps(0, 5, run=1, stage="run"))
    return record


@pytest.mark.parametrize(
    ("window", "chunks"),
    [((0, 1), [0]), ((255, 256), [0]), ((255, 257), [0, 256]), ((300, 900), [256, 512, 768]), ((1000, 1100), [])],
)
def test_a_window_is_the_chunks_that_hold_it(tmp_path: Path, window: tuple[int, int], chunks: list[int]) -> None:
    for record in (filled(tmp_path / "record"), Record.open(tmp_path / "record")):
        assert [entry.first for entry in record.window("verify", 0, *window)] == chunks
        assert record.total("verify") == 1000
        assert record.total("run", 1) == 5
        assert record.total("run") == 0


def test_a_record_reads_as_it_was_written(tmp_path: Path) -> None:
    written = filled(tmp_path / "record")
    read = Record.open(tmp_path / "record")
    assert read.entries == written.entries
    assert [read.text(entry) for entry in read.entries] == [written.text(entry) for entry in written.entries]
    assert "é\u2028" in read.text(read.entries[0])


def test_steps_have_to_follow_each_other(tmp_path: Path) -> None:
    record = filled(tmp_path / "record")
    with pytest.raises(FrameError, match="steps of verify from 7 after 1000"):
        record.append(steps(7, 1))


@pytest.mark.parametrize("cut", [1, 10, 21, 30])
def test_a_damaged_record_is_dropped(tmp_path: Path, cut: int) -> None:
    store = Store(tmp_path, 1 << 20)
    record = store.begin("ab" * 16)
    record.append(steps(0, 3))
    store.keep("ab" * 16, record)
    path = store.path("ab" * 16)
    path.write_bytes(path.read_bytes()[:-cut])
    assert store.find("ab" * 16) is None
    assert not path.exists()


def header(kind: int = STEPS, first: int = 0, to: int = 3, stage: str = "verify") -> bytes:
    return Frame(kind, stage, 0, first, to, 1, b"").encoded()


@pytest.mark.parametrize(
    "data",
    [header(first=1), header(kind=READY), header(kind=END), header(stage=""), header() + header()],
    ids=["gap", "ready", "end", "no stage", "twice"],
)
def test_a_record_with_headers_that_no_run_writes_is_damaged(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "record").write_bytes(data)
    with pytest.raises(FrameError):
        Record.open(tmp_path / "record")


@pytest.mark.parametrize("text", ["[]", "1", "[" * 100_000, "{"])
def test_a_message_that_is_no_object_is_no_frame(text: str) -> None:
    with pytest.raises(FrameError):
        Frame(END, "", 0, 0, 0, len(text), zlib.compress(text.encode())).value()


def test_a_record_has_a_bounded_number_of_messages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playground.jobs.record.MOST_ENTRIES", 10)
    record = Record.create(tmp_path / "record")
    with pytest.raises(FrameError, match="more than 10 messages"):
        for _ in range(11):
            record.append(pack(MESSAGE, {}))


def test_a_bomb_in_a_payload_is_not_opened() -> None:
    bomb = zlib.compress(bytes(10 << 20))
    with pytest.raises(FrameError, match="another length"):
        inflate(bomb, 100)
    with pytest.raises(FrameError, match="no zlib data"):
        inflate(b"garbage", 100)


def test_the_store_drops_what_was_not_asked_for_longest(tmp_path: Path) -> None:
    store = Store(tmp_path, 1 << 30)
    keys = [f"{n:032x}" for n in range(20)]
    store.pinned = {keys[0]}
    for age, key in enumerate(keys):
        record = store.begin(key)
        record.append(pack(MESSAGE, {"type": "stage", "noise": os.urandom(4000).hex()}))
        store.keep(key, record)
        os.utime(store.path(key), (1_000_000 + age, 1_000_000 + age))
    assert store.find(keys[1])  # asked for again just now
    store.most = 60_000
    store.sweep()
    left = [key for key in keys if store.path(key).exists()]
    assert keys[0] in left and keys[1] in left and keys[-1] in left and keys[2] not in left
    assert sum(store.path(key).stat().st_size for key in left) <= 60_000


def test_other_versions_and_old_parts_go_at_the_start(tmp_path: Path) -> None:
    old = tmp_path / "older"
    old.mkdir()
    (old / "x.run").write_bytes(b"")
    store = Store(tmp_path / "newer", 1 << 20)
    part = store.begin("00" * 16)
    os.utime(part.path, (0, 0))
    fresh = store.begin("11" * 16)
    store.start(tmp_path)
    assert not old.exists()
    assert not part.path.exists() and fresh.path.exists()


def test_keys_tell_requests_compilers_and_code_apart() -> None:
    base: dict[str, Any] = {"source": "a", "options": {"x": 1, "y": 2}}
    key = request_key(base, "clang 1", "v", "s")
    assert key == request_key({"options": {"y": 2, "x": 1}, "source": "a"}, "clang 1", "v", "s")
    others = [("clang 2", "v", "s"), ("clang 1", "w", "s"), ("clang 1", "v", "t")]
    assert len({key, request_key({}, "", "", ""), *(request_key(base, *other) for other in others)}) == 5
