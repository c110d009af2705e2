"""/embed/<id>: a shared program in other people's pages; its picture, and oEmbed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import Resolver404, resolve
from django.views.decorators.http import require_safe

from playground import throttle
from playground.clients import request_client
from playground.jobs.frames import FrameError
from playground.jobs.queue import Busy
from playground.jobs.reading import Unreadable
from playground.jobs.run import FINISHED, Run
from playground.jobs.service import Closing, Service, current, first_entries, stored_record
from playground.picture import picture
from playground.snapshot import Snapshot, place, snapshot
from playground.views.errors import error_response
from playground.views.pages import page_context
from playground.views.share import Refused, open_link

log = logging.getLogger("playground.embed")
POLICY: Final = settings.CONTENT_SECURITY_POLICY.replace("frame-ancestors 'self'", "frame-ancestors *")
THEMES: Final = ("light", "dark")
RUN_SECONDS: Final = 3
"""A preview waits so long for a run that is not stored."""
RUNS_PER_HOUR: Final = 60
"""Runs that previews start, by address."""
FRAME: Final = (
    '<iframe src="{}" width="{}" height="{}" sandbox="allow-scripts allow-same-origin allow-popups" loading="lazy" '
    'referrerpolicy="no-referrer"></iframe>'
)
WIDTH, HEIGHT = 720, 480
NARROWEST, LOWEST = 320, 240
PICTURE_SECONDS: Final = 3600


def _framed(response: HttpResponse) -> HttpResponse:
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


@require_safe
async def embed(request: HttpRequest, link_id: str) -> HttpResponse:
    """What the link shows, without scripts; with `live` the page itself, in the frame."""
    try:
        program = await sync_to_async(open_link)(link_id)
    except Refused as refused:
        return _framed(error_response(request, refused.status, refused.message))
    theme = request.GET.get("theme", "")
    looks = {"theme": theme if theme in THEMES else "", "edit": request.GET.get("edit") == "1"}
    if request.GET.get("live") == "1":
        context = await sync_to_async(page_context)(program)
        return _framed(render(request, "page.html", {**context, **looks, "frame": "embed"}))
    query = {"live": "1", **({"theme": theme} if looks["theme"] else {}), **({"edit": "1"} if looks["edit"] else {})}
    shown = await _seen(request, program)
    context = {**looks, "shown": shown, "program": program, "live": f"?{urlencode(query)}"}
    return _framed(render(request, "embed.html", context))


@require_safe
async def link_picture(request: HttpRequest, link_id: str) -> HttpResponse:
    """The state that the link shows, as a PNG."""
    try:
        program = await sync_to_async(open_link)(link_id)
    except Refused as refused:
        return error_response(request, refused.status, refused.message)
    shown = await _seen(request, program)
    response = HttpResponse(await asyncio.to_thread(picture, shown), content_type="image/png")
    # Without a verdict it was drawn too early: the next one who asks may get more.
    response.headers["Cache-Control"] = f"public, max-age={PICTURE_SECONDS}" if shown.outcome else "no-store"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@require_safe
def oembed(request: HttpRequest) -> HttpResponse:
    """oEmbed 1.0, type `rich`, for addresses of links."""
    if request.GET.get("format", "json") != "json":
        return JsonResponse({"error": "Only JSON is answered here."}, status=501)
    try:
        address = urlsplit(request.GET.get("url", ""))
        found = resolve(address.path or "/")
    except (Resolver404, ValueError):
        raise Http404 from None
    if address.netloc != request.get_host() or found.url_name not in ("shared", "embed"):
        raise Http404
    try:
        program = open_link(found.kwargs["link_id"])
    except Refused as refused:
        return JsonResponse({"error": refused.message}, status=refused.status)
    width, height = (_size(request, name, own, least) for name, own, least in SIZES)
    source = request.build_absolute_uri(f"/embed/{program['id']}")
    return JsonResponse(
        {
            "version": "1.0",
            "type": "rich",
            "provider_name": "bpfscope",
            "provider_url": request.build_absolute_uri("/"),
            "title": program["title"] or "An eBPF program",
            "width": width,
            "height": height,
            "html": FRAME.format(source, width, height),
            "thumbnail_url": request.build_absolute_uri(f"/s/{program['id']}/picture.png"),
            "thumbnail_width": 1200,
            "thumbnail_height": 630,
        },
        headers={"Access-Control-Allow-Origin": "*"},
    )


SIZES: Final = (("maxwidth", WIDTH, NARROWEST), ("maxheight", HEIGHT, LOWEST))


def _size(request: HttpRequest, name: str, own: int, least: int) -> int:
    text = request.GET.get(name, "")
    return max(least, min(own, int(text))) if text.isdecimal() and len(text) < 6 else own


async def _seen(request: HttpRequest, program: Mapping[str, Any]) -> Snapshot:
    """What the link shows, as far as it is stored here or soon known."""
    view = program.get("view") or {}
    asked = program["request"]
    here = current()
    said: list[Any] = []
    steps: list[Any] = []
    if here is None or here.loop is not asyncio.get_running_loop():
        record = await sync_to_async(stored_record)(asked)
        messages = record["messages"] if record else []
        said, steps = ([m for m in messages if (m["type"] == "steps") is wanted] for wanted in (False, True))
        steps = [m for m in steps if m["stage"] == view.get("stage", "verify")]
    else:
        with contextlib.suppress(Busy, Closing, Unreadable, OSError, TimeoutError):
            said, steps = await _read(here, request, asked, view)
    return snapshot(asked, program["title"], view, said, steps)


async def _read(
    here: Service, request: HttpRequest, asked: dict[str, Any], view: Mapping[str, Any]
) -> tuple[list[Any], list[Any]]:
    """A run's messages, and the steps around the one that is looked at. Busy, Closing, Unreadable, OSError."""
    client = request_client(request)
    if not here.stored(asked) and not throttle.allow("preview", client, RUNS_PER_HOUR):
        return [], []
    run = here.open(asked, client=client)
    here.watch(run)
    try:
        async with asyncio.timeout(RUN_SECONDS):
            while run.state != FINISHED:
                change = run.change()
                if run.state != FINISHED:
                    await change.wait()
        said = await asyncio.to_thread(_messages, run)
        stages = {m["stage"]: m for m in said if m["type"] == "stage"}
        stage, number = place(view, stages)
        packet = view.get("packet", 0) if stage == "run" else 0
        return said, await _steps(here, run, stage, packet, number, client.name)
    finally:
        here.leave(run)


def _messages(run: Run) -> list[Any]:
    """The messages of a run but for steps. Unreadable."""
    try:
        return [json.loads(run.record.text(entry)) for entry in first_entries(run.record) if not entry.is_steps]
    except (FrameError, OSError):
        raise Unreadable("damaged") from None


async def _steps(here: Service, run: Run, stage: str, packet: int, number: int, network: str) -> list[Any]:
    """The `steps` messages that hold one step."""
    return [json.loads(text) for text in await here.reads.steps(run, stage, packet, number, number + 1, network)]
