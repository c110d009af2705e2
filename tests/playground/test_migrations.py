"""Migrations without downtime: web processes of the last release go on beside a database that is migrated already."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
from django.db import migrations, models
from django.db.migrations.operations.base import Operation
from django.db.models import NOT_PROVIDED

import playground.migrations

FOLDER = Path(playground.migrations.__file__ or "").parent
OURS = sorted(path.stem for path in FOLDER.glob("[0-9]*.py"))


def disturbs(operation: Operation) -> str:
    """Why a process that knows nothing of an operation fails after it, or while it goes on; empty if it does not."""
    if isinstance(operation, (migrations.CreateModel, migrations.RunPython, migrations.RunSQL)):
        return ""  # what code does is looked at by hand: ours make triggers
    if isinstance(operation, migrations.AddField):
        filled = operation.field.null or getattr(operation.field, "db_default", NOT_PROVIDED) is not NOT_PROVIDED
        return "" if filled else "a row that the last release adds has no value for a new column"
    return "it changes what the last release reads or writes"


@pytest.mark.parametrize("name", OURS)
def test_a_migration_only_adds(name: str) -> None:
    operations = import_module(f"playground.migrations.{name}").Migration.operations
    assert {disturbs(each) for each in operations} == {""}


def test_what_disturbs_is_found() -> None:
    column: models.Field[str, str] = models.CharField(max_length=1)
    assert disturbs(migrations.AddField("link", "x", column))
    assert disturbs(migrations.RemoveField("link", "body"))
    assert disturbs(migrations.RenameField("link", "body", "text"))
    assert disturbs(migrations.AlterField("link", "body", column))
    assert disturbs(migrations.DeleteModel("link"))
    assert not disturbs(migrations.AddField("link", "x", models.CharField(max_length=1, null=True)))
    assert not disturbs(migrations.AddField("link", "x", models.CharField(max_length=1, db_default="")))
