"""/healthz: how the server is, without waiting for a worker or the queue."""

from __future__ import annotations

import shutil

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from playground.jobs import service
from playground.models import Link


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    problems = []
    try:
        Link.objects.only("pk").first()
        links = True
    except DatabaseError:
        links = False
        problems.append("links cannot be read")
    free = shutil.disk_usage(settings.VAR_DIR).free >> 20
    if free < settings.DISK_FREE_MB:
        problems.append(f"only {free} MiB of disk are free")
    here = service.current()
    status = here.pool.status() if here else None
    if status and status["error"]:
        problems.append(status["error"])
    answer = {
        "ok": not problems,
        "problems": problems,
        "workers": {name: status[name] for name in ("size", "idle", "running")} if status else None,
        "queue": {"length": status["queued"], "most": status["queue_length"]} if status else None,
        "sandbox": here.pool.about.get("sandbox") if here else None,
        "disk_free_mb": free,
        "links": links,
    }
    return JsonResponse(answer, status=503 if problems else 200)
