"""`manage.py class_token NAME`: makes the address that gives a class a share of its own."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from playground.clients import MOST_SHARE, ClassToken

MOST_DAYS = 400


class Command(BaseCommand):
    help = "Print the path of an address that gives everybody who opens it a common share of the server."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="of the class: two tokens of one name have one share")
        parser.add_argument("--share", type=int, default=30, help="how many times what one address may have")
        parser.add_argument("--days", type=int, default=120, help="how long it is valid")

    def handle(self, *args: Any, **options: Any) -> None:
        name, share, days = options["name"], options["share"], options["days"]
        if not (name.isprintable() and 0 < len(name) <= 64):
            raise CommandError("The name has to be 1 to 64 printable characters.")
        if not 1 <= share <= MOST_SHARE:
            raise CommandError(f"--share has to be from 1 to {MOST_SHARE}.")
        if not 1 <= days <= MOST_DAYS:
            raise CommandError(f"--days has to be from 1 to {MOST_DAYS}.")
        self.stdout.write(f"/class/{ClassToken(name, share, int(time.time()) + days * 86400).text()}")
