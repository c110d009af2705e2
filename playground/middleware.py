"""Headers of every response, and a check of the origin of POST requests."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from playground.http import foreign
from playground.views.errors import error_response

Handler = Callable[[HttpRequest], HttpResponse]


def security_headers(get_response: Handler) -> Handler:
    """The content policy; nosniff, referrer and opener policies are Django's own SecurityMiddleware's."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", settings.CONTENT_SECURITY_POLICY)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", settings.SECURE_REFERRER_POLICY)
        response.headers.setdefault("Cross-Origin-Opener-Policy", settings.SECURE_CROSS_ORIGIN_OPENER_POLICY)
        return response

    return middleware


def same_origin(get_response: Handler) -> Handler:
    """Refuse a POST that a page of another site sends. There are no cookies or sessions."""

    def middleware(request: HttpRequest) -> HttpResponse:
        changes = request.method not in ("GET", "HEAD", "OPTIONS")
        if changes and foreign(request.headers.get("Origin"), request.get_host()):
            return error_response(request, 403, "Requests from pages of other sites are refused.")
        return get_response(request)

    return middleware
