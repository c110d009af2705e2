"""The database refuses to change or delete a shared program, whoever asks. Only its tombstone may be written."""

from __future__ import annotations

from django.db import migrations

KEPT = ("id", "digest", "schema", "body", "toolchain", "created")
SENTENCE = "a shared program is never changed"

SQLITE = [
    f"""CREATE TRIGGER playground_link_no_update BEFORE UPDATE OF {", ".join(KEPT)} ON playground_link
        BEGIN SELECT RAISE(ABORT, '{SENTENCE}'); END""",
    f"""CREATE TRIGGER playground_link_no_delete BEFORE DELETE ON playground_link
        BEGIN SELECT RAISE(ABORT, '{SENTENCE}'); END""",
]
POSTGRESQL = [
    f"""CREATE FUNCTION playground_link_kept() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION '{SENTENCE}'; END $$""",
    f"""CREATE TRIGGER playground_link_no_update BEFORE UPDATE OF {", ".join(KEPT)} ON playground_link
        FOR EACH ROW EXECUTE FUNCTION playground_link_kept()""",
    """CREATE TRIGGER playground_link_no_delete BEFORE DELETE ON playground_link
        FOR EACH ROW EXECUTE FUNCTION playground_link_kept()""",
    """CREATE TRIGGER playground_link_no_truncate BEFORE TRUNCATE ON playground_link
        EXECUTE FUNCTION playground_link_kept()""",
]


def make(apps, schema_editor):
    for statement in {"sqlite": SQLITE, "postgresql": POSTGRESQL}[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def drop(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    on_table = " ON playground_link" if vendor == "postgresql" else ""
    for name in ("no_update", "no_delete"):
        schema_editor.execute(f"DROP TRIGGER playground_link_{name}{on_table}")
    if vendor == "postgresql":
        schema_editor.execute("DROP TRIGGER playground_link_no_truncate ON playground_link")
        schema_editor.execute("DROP FUNCTION playground_link_kept()")


class Migration(migrations.Migration):
    dependencies = [("playground", "0001_initial")]
    operations = [migrations.RunPython(make, drop)]
