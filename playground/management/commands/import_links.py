"""`manage.py import_links FILE`: put back what `export_links` wrote. Links that are there already stay as they are."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from playground.models import Link


class Command(BaseCommand):
    help = "Read shared programs from FILE, as export_links wrote them; all of them or none."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        added = 0
        with transaction.atomic(), options["file"].open(encoding="utf-8") as lines:
            for number, text in enumerate(lines, 1):
                added += self._add(number, json.loads(text))
        self.stderr.write(f"{added} links added")

    def _add(self, number: int, row: dict[str, Any]) -> int:
        if hashlib.sha256(row["body"].encode()).hexdigest() != row["digest"]:
            raise CommandError(f"line {number}: the body is not what its digest says; nothing was imported")
        known = Link.objects.filter(pk=row["id"]).first()
        if known is not None:
            if known.digest != row["digest"]:
                raise CommandError(f"line {number}: {row['id']} is another program here; nothing was imported")
            return 0
        link = Link(pk=row["id"], created=datetime.fromisoformat(row["created"]))
        for name in ("digest", "schema", "body", "toolchain", "tombstone"):
            setattr(link, name, row[name])
        link.save_base(raw=True, force_insert=True)  # save() would write today's date
        return 1
