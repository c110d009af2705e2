"""The playground as a Django app."""

from __future__ import annotations

from django.apps import AppConfig


class PlaygroundConfig(AppConfig):
    name = "playground"
    default = True

    def ready(self) -> None:
        from playground import checks  # noqa: F401 - importing it registers them
