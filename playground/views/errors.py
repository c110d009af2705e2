"""Error responses: a page, or JSON for requests that accept JSON."""

from __future__ import annotations

from http import HTTPStatus

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

SENTENCES = {
    400: "The request could not be understood.",
    403: "Access denied.",
    404: "There is no page at this address.",
    500: "An error occurred on the server. It has been logged.",
}


def wants_json(request: HttpRequest) -> bool:
    return request.path.startswith("/api/") or request.path.endswith(".json")


def error_response(request: HttpRequest, status: int, message: str = "") -> HttpResponse:
    message = message or SENTENCES.get(status, "")
    if wants_json(request):
        return JsonResponse({"error": message}, status=status)
    context = {"status": status, "title": HTTPStatus(status).phrase, "message": message}
    return render(request, "error.html", context, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, RequestDataTooBig):
        return error_response(request, 413, f"This is too long: at most {settings.BODY_BYTES:,} bytes are taken.")
    return error_response(request, 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_response(request, 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_response(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    return error_response(request, 500)
