"""SQLite: nothing takes a shared program's row away by putting another in its place.

`REPLACE INTO`, `INSERT OR REPLACE` and `UPDATE OR REPLACE` delete the rows they conflict with without asking the
triggers of migration 0002: SQLite asks those only with PRAGMA recursive_triggers. PostgreSQL has no such statement,
and its ON CONFLICT DO UPDATE is an update.
"""

from __future__ import annotations

from django.db import migrations

SENTENCE = "a shared program is never changed"
SQLITE = {
    "no_replace": f"""CREATE TRIGGER playground_link_no_replace BEFORE INSERT ON playground_link
        WHEN EXISTS (SELECT 1 FROM playground_link WHERE id = NEW.id OR rowid = NEW.rowid)
        BEGIN SELECT RAISE(ABORT, '{SENTENCE}'); END""",
    "no_move": f"""CREATE TRIGGER playground_link_no_move BEFORE UPDATE ON playground_link
        WHEN NEW.rowid IS NOT OLD.rowid
        BEGIN SELECT RAISE(ABORT, '{SENTENCE}'); END""",
}


def make(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        for statement in SQLITE.values():
            schema_editor.execute(statement)


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        for name in SQLITE:
            schema_editor.execute(f"DROP TRIGGER playground_link_{name}")


class Migration(migrations.Migration):
    dependencies = [("playground", "0002_links_never_change")]
    operations = [migrations.RunPython(make, drop)]
