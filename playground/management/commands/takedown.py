"""`manage.py takedown`: list what visitors reported, take a shared program down, put it back."""

from __future__ import annotations

import re
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from playground.links import ID_PATTERN
from playground.models import Link, Report

REASON_LENGTH = 400


class Command(BaseCommand):
    help = (
        "Without arguments: list the reports. With a link: take it down; it answers 410 with the reason from then on, "
        "also as an embed and a picture, and its id is never used again."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("link", nargs="?", help="the id of a shared program, or its address")
        parser.add_argument("--reason", help="a sentence that visitors of the link are shown")
        parser.add_argument("--dismiss", action="store_true", help="only remove the reports about it")
        parser.add_argument("--undo", action="store_true", help="show the program again")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["link"] is None:
            self._list()
            return
        if sum(bool(options[name]) for name in ("reason", "dismiss", "undo")) != 1:
            raise CommandError("Give one of --reason SENTENCE, --dismiss and --undo.")
        link = self._link(options["link"])
        with transaction.atomic():
            if not options["dismiss"]:
                reason = self._reason(options["reason"]) if options["reason"] else ""
                Link.objects.filter(pk=link.pk).update(tombstone=reason)
            removed, _ = Report.objects.filter(link=link).delete()
        said = "still public" if options["dismiss"] else "taken down" if options["reason"] else "public again"
        self.stdout.write(f"{link.pk}: {said}; {removed} report{'' if removed == 1 else 's'} removed")

    def _list(self) -> None:
        reports = Report.objects.select_related("link").order_by("created", "pk")
        for report in reports.iterator():
            # Details are a stranger's text: as a literal it cannot move a terminal's cursor.
            details = f" {ascii(report.details)}" if report.details else ""
            self.stdout.write(f"{report.created:%Y-%m-%d %H:%M} /s/{report.link.pk} {report.reason}{details}")
        self.stderr.write(f"{reports.count()} reports")

    @staticmethod
    def _link(text: str) -> Link:
        found = re.fullmatch(f"(?:.*/)?({ID_PATTERN})(?:[#?].*)?", text)
        link = Link.objects.filter(pk=found[1]).first() if found else None
        if link is None:
            raise CommandError(f"There is no shared program {ascii(text[:200])}.")
        return link

    @staticmethod
    def _reason(text: str) -> str:
        if not (text.isprintable() and len(text) <= REASON_LENGTH and text.strip()):
            raise CommandError(f"--reason has to be printable text of at most {REASON_LENGTH} characters.")
        return text.strip()
