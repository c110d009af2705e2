"""Making and opening share links."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from playground import disk, links, throttle
from playground.clients import request_client
from playground.jobs.service import toolchain
from playground.models import Link
from playground.places import NAMES, uploads_of
from playground.requests import BadRequest, check_request, check_title, check_view, parse, size
from playground.views.errors import error_response
from playground.views.pages import page, program_value

log = logging.getLogger("playground.share")

# What a link says of the cursor, as the page writes it (static/src/core/link.js).
VIEW = re.compile(r"#[\w%&=.+-]{1,200}", re.ASCII)


class Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def _too_long() -> Refused:
    return Refused(413, f"This is too long to share: at most {size(settings.SOURCE_BYTES)} of source can be stored.")


def _store(request: HttpRequest, text: str | bytes) -> links.Saved:
    if len(text) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        raise _too_long()
    try:
        value = parse(text, "What is shared")
        if not isinstance(value, dict):
            raise BadRequest("A shared program has to be an object with kind, source, options and input.")
        title = check_title(value.pop("title", ""))
        given = value.pop("view", None)
        view = None if given is None else check_view(given)
        checked = check_request(value)
    except BadRequest as error:
        raise Refused(413 if error.code == "size" else 400, error.message) from None
    if kinds := uploads_of(checked):
        what = NAMES[next(iter(kinds.values()))].lower()
        raise Refused(413, f"{what.capitalize()} was uploaded and is too long to share; share the part that matters.")
    if checked["kind"] == "log" and len(checked["source"].encode()) > settings.SHARED_LOG_BYTES:
        raise Refused(413, f"This log is too long to share: at most {size(settings.SHARED_LOG_BYTES)} can be stored.")
    client = request_client(request)
    if not throttle.allow("share", client, settings.SHARES_PER_HOUR):
        raise Refused(429, "Too many programs were shared from your address this hour; try again later.")
    kilobytes = len(text) + 1023 >> 10
    if not throttle.allow("share_bytes", client, settings.SHARE_MB_PER_HOUR << 10, kilobytes):
        raise Refused(429, "Too much was shared from your address this hour; try again later.")
    try:
        disk.need()
    except OSError:
        raise Refused(507, "The server has no disk space left; your program is still in the editor.") from None
    try:
        saved = links.save(checked, title, toolchain(), view)
    except (DatabaseError, links.BrokenLink):
        log.exception("a link could not be stored")
        raise Refused(503, "The link could not be stored. Your program is still in the editor; try again.") from None
    if saved.link.tombstone:
        raise Refused(410, f"This very program was shared before and removed: {saved.link.tombstone}")
    return saved


def _absolute(request: HttpRequest, link: Link) -> str:
    return request.build_absolute_uri(f"/s/{link.pk}")


@require_POST
def share_api(request: HttpRequest) -> HttpResponse:
    if request.content_type != "application/json":
        return error_response(request, 415, "Send the program as application/json.")
    try:
        saved = _store(request, _body(request))
    except Refused as refused:
        return error_response(request, refused.status, refused.message)
    answer = {"id": saved.link.pk, "url": _absolute(request, saved.link), "created": saved.link.created.isoformat()}
    return JsonResponse(answer, status=201 if saved.new else 200)


def _body(request: HttpRequest) -> bytes:
    try:
        return request.body
    except RequestDataTooBig:
        raise _too_long() from None


def _fields(request: HttpRequest) -> Mapping[str, str]:
    try:
        return request.POST.dict()
    except RequestDataTooBig:
        raise _too_long() from None


@require_POST
def share_form(request: HttpRequest) -> HttpResponse:
    """The same for the page's form: the content of its dialog, with the link or with the reason why there is none."""
    context = {"url": "", "view": "", "embed": "", "error": ""}
    status = 200
    try:
        fields = _fields(request)
        saved = _store(request, fields.get("program", ""))
        view = fields.get("view", "")
        context.update(
            url=_absolute(request, saved.link),
            view=view if VIEW.fullmatch(view) else "",
            embed=request.build_absolute_uri(f"/embed/{saved.link.pk}"),
        )
    except Refused as refused:
        context["error"] = refused.message
        status = refused.status
    response = render(request, "partials/share.html", context, status=status)
    response["HX-Reswap"] = "innerHTML"  # htmx shows the answer to a refused request only where it is told to
    return response


def open_link(link_id: str) -> Mapping[str, Any]:
    """The Program of docs/web.md. Refused, Http404."""
    link = Link.objects.filter(pk=link_id).first()
    if link is None:
        raise Http404
    if link.tombstone:
        raise Refused(410, f"This program was removed: {link.tombstone}")
    try:
        stored = links.content(link)
    except links.BrokenLink as error:
        log.error("%s", error)
        raise Refused(500, "The program stored under this link is damaged and cannot be shown.") from None
    return program_value(
        stored["request"],
        id=link.pk,
        title=stored["title"],
        toolchain=link.toolchain,
        created=link.created.isoformat(),
        view=stored["view"],
    )


@require_safe
def shared(request: HttpRequest, link_id: str) -> HttpResponse:
    try:
        response = page(request, open_link(link_id))
    except Refused as refused:
        return error_response(request, refused.status, refused.message)
    response["X-Robots-Tag"] = "noindex"
    return response


@require_safe
def shared_json(request: HttpRequest, link_id: str) -> HttpResponse:
    try:
        return JsonResponse({"program": open_link(link_id)})
    except Refused as refused:
        return error_response(request, refused.status, refused.message)
