"""Sweeping removes what dead launchers left, and nothing that is merely called alike."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from vm.sandbox.launcher import SPOOL_PREFIX, sweep
from vm.sandbox.server import LOCK_NAME

LONG_AGO = 1_000_000_000


def aged(folder: Path, *files: str) -> Path:
    folder.mkdir()
    for name in files:
        (folder / name).write_text("x")
    os.utime(folder, (LONG_AGO, LONG_AGO))
    return folder


def test_a_dead_launchers_spool_goes(tmp_path: Path) -> None:
    dead = aged(tmp_path / f"{SPOOL_PREFIX}dead", LOCK_NAME, "job")
    sweep(str(tmp_path))
    assert not dead.exists()


def test_a_living_ones_stays(tmp_path: Path) -> None:
    alive = aged(tmp_path / f"{SPOOL_PREFIX}alive", LOCK_NAME)
    with open(alive / LOCK_NAME) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        sweep(str(tmp_path))
    assert alive.exists()


def test_what_no_launcher_made_stays(tmp_path: Path) -> None:
    others = [
        aged(tmp_path / "bpfscope-tests-1", "something"),
        aged(tmp_path / "bpfscope-fork", LOCK_NAME),
        aged(tmp_path / f"{SPOOL_PREFIX}notes", "something"),
    ]
    sweep(str(tmp_path))
    assert all(folder.exists() for folder in others)
