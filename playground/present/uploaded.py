"""Uploads that a request names: files in the worker's folder, put into the request as the texts they replace."""

from __future__ import annotations

import copy
import os
import tempfile
from typing import Any, Final

from playground.config.limits import FILES_BYTES
from playground.jobs.frames import UPLOAD
from playground.places import HEADER, LOG, NAMES, SOURCE, places, requests_of
from vm.errors import InputError

GONE: Final = "An uploaded file is no longer on the server: drop the file again."


def uploaded_path(name: str) -> str:
    """The file of an upload. InputError if it is not there."""
    path = os.path.join(tempfile.gettempdir(), f"{UPLOAD}{name}")
    if not os.path.exists(path):
        raise InputError(GONE)
    return path


def filled(question: dict[str, Any]) -> dict[str, Any]:
    """The request or question with the texts that it names by their uploads. InputError.

    A log stays a file, because it may be long.
    """
    if not any(place.upload and place.kind != LOG for place in places(question)):
        return question
    question = copy.deepcopy(question)
    for place in list(places(question)):
        if not place.upload or place.kind == LOG:
            continue
        what = f"{NAMES[place.kind]} {place.field}" if place.kind == HEADER else NAMES[place.kind]
        with open(uploaded_path(place.upload), "rb") as file:
            data = file.read()
        if place.kind in (SOURCE, HEADER) and b"\0" in data:
            raise InputError(f"{what} contains a NUL character: it is not a text file.")
        if place.kind == SOURCE and not data.strip():
            raise InputError("There is no source: the file that was uploaded is empty.")
        try:
            place.fill(data)
        except UnicodeDecodeError:
            raise InputError(f"{what} is not a text file: it is not UTF-8.") from None
    for request in requests_of(question):
        length = sum(len(text.encode()) for text in request.get("files", {}).values())
        if length > FILES_BYTES:
            raise InputError(f"All files beside the source have {length:,} bytes; at most {FILES_BYTES:,} are taken.")
    return question
