"""A server without REDIS_URL needs none of the packages of requirements/services.txt."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from django.conf import settings

LOADED = """
import sys, django
django.setup()
import playground.asgi, playground.jobs.service
loaded = {name.partition(".")[0] for name in sys.modules}
print(sorted(loaded & {"celery", "kombu", "redis", "channels_redis", "psycopg"}))
"""


def test_one_box_imports_no_services(tmp_path: Path) -> None:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "playground.settings", "BPFSCOPE_VAR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", LOADED],
        cwd=settings.BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == "[]"
