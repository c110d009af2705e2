"""`manage.py warm_examples`: walk every example now, so that its page opens with a finished run."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from django.core.management.base import BaseCommand

from playground.examples import all_examples
from playground.jobs import service
from playground.jobs.service import stored_record


class Command(BaseCommand):
    help = "Run the examples that are not stored yet. The server does this too when it starts."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        for name, seconds in asyncio.run(self._warm()).items():
            self.stdout.write(f"{name:<24} {seconds:6.2f} s")
        missing = [name for name, example in all_examples().items() if stored_record(example.request) is None]
        if missing:
            self.stderr.write(f"not walked: {', '.join(missing)}")
            sys.exit(1)

    async def _warm(self) -> dict[str, float]:
        here = service.service()
        try:
            return await here.warm()
        finally:
            await service.close()
