"""Links in PostgreSQL: nobody changes them, and connections are pooled. Skipped where PostgreSQL is not installed."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from django.conf import settings

psycopg = pytest.importorskip("psycopg", reason="requirements/services.txt is not installed")
pytest.importorskip("psycopg_pool", reason="requirements/services.txt is not installed")
BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [
    Path(found) for found in (shutil.which("initdb"),) if found
]
USER = next((each.pw_name for each in pwd.getpwall() if each.pw_name == "postgres"), "")
pytestmark = [
    pytest.mark.skipif(not BINARIES, reason="PostgreSQL is not installed"),
    pytest.mark.skipif(os.getuid() == 0 and not USER, reason="PostgreSQL refuses root, and there is no user postgres"),
]
KEPT = "a shared program is never changed"
SHARING = """
import sys, threading
import django
django.setup()
from concurrent.futures import ThreadPoolExecutor
from django.db import close_old_connections, connection
from playground import links
def share(number):
    request = {"kind": "asm", "source": f"r0 = {number % 10}\\nexit\\n", "options": {}, "input": {"kind": "none"}}
    try:
        saved = links.save(request, "", "none")
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.02), count(*) FROM pg_stat_activity WHERE usename = 'web'")
            return saved.link.pk, cursor.fetchone()[1]
    finally:
        connection.close()  # as at the end of a request
with ThreadPoolExecutor(30) as threads:
    done = list(threads.map(share, range(90)))
print(len({name for name, _ in done}), max(count for _, count in done))
"""


class Database(NamedTuple):
    owner: str
    web: str


def run(command: list[str], **more: str) -> str:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "playground.settings", **more}
    done = subprocess.run(
        command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    user = USER if os.getuid() == 0 else None
    binaries = BINARIES[-1].parent
    folder = Path(tempfile.mkdtemp(prefix="bpfscope-pg-"))  # not pytest's, which others than its user cannot enter
    if user:
        shutil.chown(folder, user, user)
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    data = folder / "data"
    subprocess.run(
        [binaries / "initdb", "-D", data, "-U", "owner", "-A", "trust", "--no-sync", "--no-instructions"],
        user=user, check=True, capture_output=True, cwd=folder,
    )  # fmt: skip
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    control = [str(binaries / "pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log")]
    subprocess.run([*control, "-o", options, "start"], user=user, check=True, capture_output=True, cwd=folder)
    try:
        owner = f"postgres://owner@127.0.0.1:{port}/postgres"
        own = str(tmp_path_factory.mktemp("var"))
        run([sys.executable, "manage.py", "migrate"], DATABASE_URL=owner, BPFSCOPE_VAR=own)
        for _ in range(2):  # it can be repeated, as after each migration
            run(
                [
                    str(binaries / "psql"),
                    owner,
                    "-v",
                    "ON_ERROR_STOP=1",
                    "-v",
                    "password=it's",
                    "-f",
                    "deploy/rights.sql",
                ]
            )
        yield Database(owner, f"postgres://web:secret@127.0.0.1:{port}/postgres")
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], user=user, check=True, capture_output=True, cwd=folder)
        shutil.rmtree(folder, ignore_errors=True)


COLUMNS = "(id, digest, schema, body, toolchain, created, tombstone)"
ROW = "('kept', 'd', 1, 'body', 't', now(), '')"
CHANGES = [
    "UPDATE playground_link SET body = 'x'",
    "UPDATE playground_link SET id = 'x'",
    "UPDATE playground_link SET tombstone = 'x', digest = 'x'",
    "DELETE FROM playground_link",
    "TRUNCATE playground_link CASCADE",
    f"INSERT INTO playground_link {COLUMNS} VALUES {ROW} ON CONFLICT (id) DO UPDATE SET body = 'x'",
    "MERGE INTO playground_link l USING (SELECT 'kept' AS id) s ON l.id = s.id WHEN MATCHED THEN DELETE",
    "MERGE INTO playground_link l USING (SELECT 'kept' AS id) s ON l.id = s.id WHEN MATCHED THEN UPDATE SET body = 'x'",
]
FORBIDDEN = [
    "ALTER TABLE playground_link DISABLE TRIGGER ALL",
    "DROP TRIGGER playground_link_no_update ON playground_link",
    "DROP TABLE playground_link CASCADE",
    "CREATE OR REPLACE FUNCTION playground_link_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
    "SET session_replication_role = replica",
    "CREATE TABLE playground_other (x int)",
    "INSERT INTO django_migrations (app, name, applied) VALUES ('playground', 'x', now())",
]


def test_connections_are_pooled(database: Database, tmp_path: Path) -> None:
    said = run([sys.executable, "-c", SHARING], DATABASE_URL=database.web, BPFSCOPE_VAR=str(tmp_path))
    shared, connections = map(int, said.split())
    assert shared == 10
    assert 1 < connections <= 8


def test_a_backup_of_links_goes_into_postgresql(database: Database, tmp_path: Path) -> None:
    """Links of one box, in SQLite, are the same links in PostgreSQL."""
    first, second = tmp_path / "links", tmp_path / "again"
    run(
        [sys.executable, "manage.py", "export_links", str(first)], DATABASE_URL=database.web, BPFSCOPE_VAR=str(tmp_path)
    )
    one = {"BPFSCOPE_VAR": str(tmp_path), "DATABASE_URL": ""}
    run([sys.executable, "manage.py", "migrate"], **one)
    run([sys.executable, "manage.py", "import_links", str(first)], **one)
    run([sys.executable, "manage.py", "export_links", str(second)], **one)
    assert second.read_bytes() == first.read_bytes()
    run(
        [sys.executable, "manage.py", "import_links", str(second)],
        DATABASE_URL=database.web,
        BPFSCOPE_VAR=str(tmp_path),
    )


def test_links_are_never_changed(database: Database) -> None:
    with (
        psycopg.connect(database.owner, autocommit=True) as owner,
        psycopg.connect(database.web, autocommit=True) as web,
    ):
        web.execute(f"INSERT INTO playground_link {COLUMNS} VALUES {ROW}")
        for change in CHANGES:
            with pytest.raises(psycopg.errors.RaiseException, match=KEPT):
                owner.execute(change)
            with pytest.raises((psycopg.errors.RaiseException, psycopg.errors.InsufficientPrivilege)):
                web.execute(change)
        for change in FORBIDDEN:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                web.execute(change)
        with pytest.raises(psycopg.errors.UniqueViolation):
            web.execute(f"INSERT INTO playground_link {COLUMNS} VALUES {ROW}")
        # What is left: to take it down, and to report it.
        web.execute("UPDATE playground_link SET tombstone = 'why' WHERE id = 'kept'")
        web.execute(
            "INSERT INTO playground_report (link_id, reason, details, created) VALUES ('kept', 'spam', '', now())"
        )
        web.execute("DELETE FROM playground_report")
        row = web.execute("SELECT body, tombstone FROM playground_link WHERE id = 'kept'").fetchone()
        assert row == ("body", "why")
