"""The page itself, with a program in it, and the list of examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from playground.config.limits import CAPTURE_BYTES, OBJECT_BYTES
from playground.examples import Example, all_examples, default_example
from playground.glossary import glossary
from playground.jobs.service import current, stored_record, toolchain, version
from playground.messages.asked import ANALYSES
from playground.messages.programs import MAX_FILES
from playground.reference import search
from playground.staticfiles import first_modules

SCHEMA = 1
QUERY_LENGTH = 100
"""Characters of a search that count."""


def config() -> dict[str, Any]:
    """What the page's scripts have to know of this server."""
    return {
        "ws": "/ws/run",
        "poll": "/ws/poll",
        "examples": "/examples/",
        "analyses": list(ANALYSES),
        "limits": limits(),
        "version": version(),
        "kernel": kernel_release(),
        "kernels": real_kernels(),
        "kernels_missing": kernels_missing(),
    }


def limits() -> dict[str, int]:
    from playground.jobs.reading import SEEK_MS
    from playground.jobs.record import CHUNK, WINDOW

    return {
        "source_bytes": settings.SOURCE_BYTES,
        "files_bytes": settings.FILES_BYTES,
        "files": MAX_FILES,
        "elf_bytes": settings.ELF_BYTES,
        "object_bytes": OBJECT_BYTES,
        "log_bytes": settings.LOG_BYTES,
        "shared_log_bytes": settings.SHARED_LOG_BYTES,
        "upload_bytes": settings.UPLOAD_MB << 20,
        "pcap_bytes": settings.PCAP_BYTES,
        "capture_bytes": CAPTURE_BYTES,
        "packet_bytes": settings.PACKET_BYTES,
        "message_bytes": settings.MESSAGE_BYTES,
        "window": WINDOW,
        "chunk": CHUNK,
        "seek_ms": SEEK_MS,
    }


def program_value(request: Mapping[str, Any], **known: Any) -> dict[str, Any]:
    """The Program of docs/web.md."""
    base = {
        "schema": SCHEMA, "id": None, "example": None, "title": "", "toolchain": toolchain(), "created": None,
        "view": None,
    }  # fmt: skip
    return {**base, **known, "request": request}


def page(request: HttpRequest, program: Mapping[str, Any]) -> HttpResponse:
    return render(request, "page.html", page_context(program))


def page_context(program: Mapping[str, Any]) -> dict[str, Any]:
    """What page.html takes."""
    return {
        "program": program,
        "record": stored_record(program["request"]),
        "config": config(),
        "examples": [example.listed() for example in all_examples().values()],
        "kernel_release": kernel_release(),
        **kernel_parts(kernel_release()),
        "glossary": glossary(),
        "modules": first_modules(),
    }


def kernel_release() -> str:
    """Release of the emulated kernel as the workers say it; "" until the first one is up."""
    here = current()
    return str(here.pool.about.get("kernel", "")) if here else ""


def kernel_parts(release: str) -> dict[str, str]:
    """A release in two parts, of which a narrow page shows the first: "X.Y.Z" and "+deb12-cloud-amd64"."""
    series = release.partition("+")[0]
    return {"kernel_series": series, "kernel_build": release.removeprefix(series)}


def real_kernels() -> list[str]:
    """Series of the real kernels that the workers have, oldest first; none until the first worker is up."""
    here = current()
    return [str(name).partition("-")[0] for name in here.pool.about.get("guests", [])] if here else []


def kernels_missing() -> str:
    """What the server lacks for real kernels, a sentence; "" if nothing, or until the first worker is up."""
    here = current()
    return str(here.pool.about.get("kernels_missing", "")) if here else ""


def _example_program(example: Example) -> dict[str, Any]:
    return program_value(example.request, example=example.name, title=example.title)


def _find(name: str) -> Example:
    found = all_examples().get(name)
    if found is None:
        raise Http404
    return found


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    return page(request, _example_program(default_example()))


@require_safe
def about(request: HttpRequest) -> HttpResponse:
    return render(request, "about.html", {"kernel_release": kernel_release()})


@require_safe
def glossary_page(request: HttpRequest) -> HttpResponse:
    query = request.GET.get("q", "")[:QUERY_LENGTH]
    words = query.lower().split()
    terms = [e for e in glossary() if all(word in f"{e['term']} {e['text']}".lower() for word in words)]
    return render(request, "glossary.html", {"query": query, "terms": terms, "groups": search(query)})


@require_safe
def example(request: HttpRequest, name: str) -> HttpResponse:
    return page(request, _example_program(_find(name)))


@require_safe
def example_json(request: HttpRequest, name: str) -> HttpResponse:
    program = _example_program(_find(name))
    return JsonResponse({"program": program, "record": stored_record(program["request"])})


@require_safe
def examples(request: HttpRequest) -> HttpResponse:
    template = "partials/examples.html" if request.headers.get("HX-Request") == "true" else "examples.html"
    response = render(request, template, {"examples": [item.listed() for item in all_examples().values()]})
    response["Vary"] = "HX-Request"
    return response
