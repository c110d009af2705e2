"""Backups of links are taken from a server that runs, and restored to another one."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from django.conf import settings

from tests.playground.test_server import command


@contextmanager
def server(folder: Path) -> Iterator[str]:
    running = command(folder)
    assert running.stdout is not None
    found = re.fullmatch(r"bpfscope is at (http://.*)\n", running.stdout.readline())
    assert found
    try:
        yield found[1]
    finally:
        running.terminate()
        running.communicate(timeout=20)


def share(address: str, number: int) -> str:
    body = json.dumps({"kind": "asm", "source": f"r0 = {number}\nexit"}).encode()
    request = urllib.request.Request(f"{address}/api/share", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return str(json.load(answer)["id"])


def source(address: str, link: str) -> str:
    with urllib.request.urlopen(f"{address}/s/{link}.json", timeout=20) as answer:
        return str(json.load(answer)["program"]["request"]["source"])


def manage(folder: Path, *words: str) -> None:
    environment = {**os.environ, "BPFSCOPE_VAR": str(folder), "DJANGO_SETTINGS_MODULE": "playground.settings"}
    line = [sys.executable, "manage.py", *words]
    subprocess.run(line, cwd=settings.BASE_DIR, env=environment, check=True, timeout=60)


def export(old: Path, new: Path) -> None:
    manage(old, "export_links", str(new / "links.jsonl"))
    shutil.copy(old / "link_key", new)
    manage(new, "migrate", "-v0")
    manage(new, "import_links", str(new / "links.jsonl"))


def vacuum(old: Path, new: Path) -> None:
    with closing(sqlite3.connect(old / "bpfscope.sqlite3")) as database:
        database.execute(f"VACUUM INTO '{new / 'bpfscope.sqlite3'}'")
    shutil.copy(old / "link_key", new)


@pytest.mark.parametrize("backup", [export, vacuum])
def test_links_are_restored(tmp_path: Path, backup: Callable[[Path, Path], None]) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        folder.mkdir()
    with server(old) as address:
        links = [share(address, number) for number in range(20)]
        stop = threading.Event()

        def more() -> None:
            number = 1000
            while not stop.is_set():
                share(address, number := number + 1)

        sharing = threading.Thread(target=more)
        sharing.start()
        try:
            backup(old, new)
        finally:
            stop.set()
            sharing.join()
    with server(new) as address:
        assert [source(address, link) for link in links] == [f"r0 = {number}\nexit" for number in range(20)]
        assert share(address, 7) == links[7]  # with the same key: the same link
