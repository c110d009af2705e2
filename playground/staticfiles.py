"""Static files under ASGI: WhiteNoise finds them, and here they are answered whole."""

from __future__ import annotations

import contextlib
import functools
import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware


class StaticFiles(WhiteNoiseMiddleware):
    """WhiteNoise answers with an open file, which Django under ASGI reads whole all the same, and warns of."""

    @staticmethod
    def serve(static_file: Any, request: HttpRequest) -> HttpResponse:
        found = static_file.get_response(request.method, request.META)
        content = b""
        if found.file is not None:
            with contextlib.closing(found.file):
                content = found.file.read()
        response = HttpResponse(content, status=int(found.status))
        del response["Content-Type"]  # WhiteNoise says it
        for name, value in found.headers:
            response[name] = value
        if found.file is not None:
            response["Content-Length"] = str(len(content))  # the file may be another one than at the start
        return response


@functools.cache
def first_modules() -> tuple[str, ...]:
    """Static names of the modules that are fetched before the first step is painted, as the build wrote them."""
    try:
        listed = json.loads(Path(settings.DATA_DIR, "static", "dist", "modules.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()  # the page is not built
    return tuple(f"dist/{name}" for name in listed)
