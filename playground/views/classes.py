"""`/class/TOKEN`: the address that a teacher gives to a class."""

from __future__ import annotations

import time

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from playground.clients import COOKIE, class_token
from playground.views.errors import error_response


@require_safe
def join(request: HttpRequest, token: str) -> HttpResponse:
    """Make this browser one of the class, and show the page."""
    found = class_token(token)
    if found is None:
        return error_response(request, 404, "This address of a class is not valid any more: ask for another.")
    response = redirect("home")
    response.set_cookie(
        COOKIE, token, max_age=int(found.until - time.time()), secure=request.is_secure(), httponly=True, samesite="Lax"
    )
    response["Cache-Control"] = "no-store"
    return response
