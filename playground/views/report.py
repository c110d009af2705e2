"""`/s/<id>/report`: tell the operator that a shared program should not be public."""

from __future__ import annotations

import logging
from typing import Final

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from playground import metrics, throttle
from playground.clients import request_client
from playground.models import Link, Report
from playground.views.errors import error_response

log = logging.getLogger("playground.report")
MOST_OF_A_LINK: Final = 20
MOST: Final = 5000
"""Reports that are stored at the same time, of one link and together: further ones say nothing new."""
REASONS: Final = dict(Report.REASONS)


@require_http_methods(["GET", "HEAD", "POST"])
def report(request: HttpRequest, link_id: str) -> HttpResponse:
    """The form, and its answer. 404 without such a link, 410 where it was taken down already."""
    link = Link.objects.filter(pk=link_id).first()
    if link is None:
        raise Http404
    if link.tombstone:
        return error_response(request, 410, f"This program was removed: {link.tombstone}")
    context = {"link": link, "reasons": Report.REASONS, "most": Report.DETAILS_LENGTH, "chosen": "", "details": ""}
    if request.method != "POST":
        return _page(request, context, 200)
    try:
        fields = request.POST.dict()
    except RequestDataTooBig:
        return error_response(request, 413, "This report is too long.")
    reason, details = fields.get("reason", ""), fields.get("details", "").replace("\0", "").strip()
    context |= {"chosen": reason, "details": details[: Report.DETAILS_LENGTH]}
    if reason not in REASONS:
        return _page(request, {**context, "error": "Choose what is wrong with this program."}, 400)
    if len(details) > Report.DETAILS_LENGTH:
        return _page(request, {**context, "error": f"The details may have {Report.DETAILS_LENGTH:,} characters."}, 400)
    if not throttle.allow("report", request_client(request), settings.REPORTS_PER_HOUR):
        error = "Too many reports were sent from your address this hour; try again later."
        return _page(request, {**context, "error": error}, 429)
    try:
        _store(link, reason, details)
    except DatabaseError:
        log.exception("a report could not be stored")
        return _page(request, {**context, "error": "The report could not be stored; try again."}, 503)
    return _page(request, {**context, "sent": True}, 200)


def _store(link: Link, reason: str, details: str) -> None:
    """Store a report, unless there are enough of this link. The log says which link, never what the visitor wrote."""
    metrics.reports.labels(reason).inc()
    log.warning("the shared program %s was reported: %s", link.pk, reason)
    if Report.objects.filter(link=link).count() < MOST_OF_A_LINK and Report.objects.count() < MOST:
        Report.objects.create(link=link, reason=reason, details=details)


def _page(request: HttpRequest, context: dict[str, object], status: int) -> HttpResponse:
    response = render(request, "report.html", context, status=status)
    response["X-Robots-Tag"] = "noindex"
    return response
