"""The gallery of verifier errors: the list, which a pasted message searches, and a page for each error."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from playground.gallery import Error, Found, gallery, search
from playground.requests import size
from playground.views.errors import error_response
from playground.views.pages import page, program_value

TITLES: Final = {"rejected": "rejected", "fixed": "corrected"}


@require_http_methods(["GET", "HEAD", "POST"])
def errors(request: HttpRequest) -> HttpResponse:
    """The list of errors; `q` is a message, a log or words to search for, `category` a category's slug.

    A long log is posted. With htmx only the list is sent.
    """
    given = request.POST if request.method == "POST" else request.GET
    text, chosen = given.get("q", ""), given.get("category", "")
    if len(text) > settings.SOURCE_BYTES:
        return error_response(request, 413, f"This text is too long to search: at most {size(settings.SOURCE_BYTES)}.")
    everything = gallery()
    found = search(text) if text.strip() else [Found(error, "") for error in everything.errors.values()]
    if chosen:
        found = [each for each in found if each.error.slug == chosen]
    context = {"gallery": everything, "found": found, "query": text, "category": chosen}
    fragment = request.headers.get("HX-Request") == "true"
    response = render(request, "partials/errors.html" if fragment else "errors.html", context)
    response["Vary"] = "HX-Request"
    return response


def _find(name: str) -> Error:
    found = gallery().errors.get(name)
    if found is None:
        raise Http404
    return found


@require_safe
def rule(request: HttpRequest, name: str) -> HttpResponse:
    return render(request, "rule.html", {"error": _find(name), "gallery": gallery()})


@require_safe
def program(request: HttpRequest, name: str, which: str) -> HttpResponse:
    """The playground with the rejected or the corrected program."""
    error = _find(name)
    sample = error.program if which == "rejected" else error.fixed
    if sample is None:
        raise Http404
    return page(request, program_value(sample.request, example=f"{name}/{which}", title=f"{name}, {TITLES[which]}"))
