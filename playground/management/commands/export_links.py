"""`manage.py export_links [FILE]`: every shared program as a line of JSON, checked on the way out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError, CommandParser

from playground import links
from playground.models import Link


class Command(BaseCommand):
    help = "Write every shared program to FILE (or standard output), one JSON object a line; `import_links` reads them."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path | None = options["file"]
        if path is None:
            self._write(sys.stdout)
            return
        # Whole or not at all: a nightly export never leaves half a file under the name of a good one.
        part = path.with_name(f"{path.name}.part")
        with part.open("w", encoding="utf-8") as out:
            count = self._write(out)
        part.replace(path)
        self.stderr.write(f"{count} links")

    def _write(self, out: TextIO) -> int:
        count = 0
        for link in Link.objects.order_by("created", "pk").iterator():
            try:
                links.content(link)
            except links.BrokenLink as error:
                raise CommandError(str(error)) from None
            row = {
                "id": link.pk,
                "digest": link.digest,
                "schema": link.schema,
                "body": link.body,
                "toolchain": link.toolchain,
                "created": link.created.isoformat(),
                "tombstone": link.tombstone,
            }
            out.write(json.dumps(row, sort_keys=True) + "\n")
            count += 1
        return count
