"""/api/openapi.json: the REST interface for programs that make clients of it."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from playground.openapi import document


@require_safe
def openapi(request: HttpRequest) -> JsonResponse:
    """The document, with this server's address."""
    server = {"url": request.build_absolute_uri("/").rstrip("/")}
    return JsonResponse({**document(), "servers": [server]}, headers={"Access-Control-Allow-Origin": "*"})
