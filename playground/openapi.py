"""The OpenAPI 3.1 document of /api, made from the table of endpoints and the structures of the messages."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any, Final, get_args

import msgspec

from playground.messages import VERSION
from playground.messages.base import Wire
from playground.messages.endpoints import ENDPOINTS, RUN_ID, Endpoint, Messages, Problem, RunMessages, Started
from playground.messages.parts import PARTS
from playground.messages.reads import ListName
from playground.messages.told import STAGE_TYPES, STEPS
from playground.messages.told import TYPES as TOLD

REF: Final = "#/components/schemas/{name}"
NDJSON: Final = "application/x-ndjson"
PROBLEMS: Final[Mapping[int, str]] = {
    400: "the request is not one that this address takes",
    404: "the run is not stored",
    413: "the request or the answer is too long",
    422: "the question cannot be answered",
    429: "too many connections or requests from this address",
    503: "the server is busy",
}
VALUES: Final[Mapping[str, Mapping[str, Any]]] = {
    "run": {"schema": {"type": "string", "pattern": f"^{RUN_ID}$"}, "description": "id of the run"},
    "list": {"schema": {"type": "string", "enum": list(get_args(ListName))}, "description": "which list"},
}
"""What stands in the place of `{…}` in a path."""


@functools.cache
def document() -> dict[str, Any]:
    """The document, without `servers`: its addresses are relative to the server that answers it."""
    told: tuple[type[Wire], ...] = (*TOLD.values(), *STEPS.values(), *STAGE_TYPES, *PARTS.values())
    asked = [each for endpoint in ENDPOINTS for each in (endpoint.query, endpoint.body) if isinstance(each, type)]
    answers = [each.answer for each in ENDPOINTS if isinstance(each.answer, type)]
    kinds = [each for each in dict.fromkeys([*asked, *answers, Problem, Started, *told]) if issubclass(each, Wire)]
    _, schemas = msgspec.json.schema_components(kinds, ref_template=REF)
    _open(schemas, [each.__name__ for each in (*told, *(a for a in answers if isinstance(a, type)))])
    schemas["ServerMessage"] = {
        "description": "A message of the run socket (docs/protocol.md). A client ignores what it does not know.",
        "anyOf": [{"$ref": REF.format(name=each.__name__)} for each in told],
    }
    for kind in (Messages, RunMessages):
        schemas[kind.__name__]["properties"]["messages"]["items"] = {"$ref": REF.format(name="ServerMessage")}
    paths: dict[str, Any] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "bpfscope",
            "version": str(VERSION),
            "summary": "Compile, verify, translate and run eBPF programs",
        },
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _open(schemas: dict[str, Any], names: list[str]) -> None:
    """Answers may get more fields: only requests are closed."""
    left = list(names)
    seen = set()
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        schemas[name].pop("additionalProperties", None)
        left += re.findall(r"#/components/schemas/([\w.]+)", msgspec.json.encode(schemas[name]).decode())


def _operation(endpoint: Endpoint, schemas: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{endpoint.method.lower()}{endpoint.path}").strip("_"),
        "summary": endpoint.summary,
        "parameters": [*_path(endpoint), *_query(endpoint, schemas)],
        "responses": {str(endpoint.status): _answer(endpoint), **_problems()},
    }
    if endpoint.name == "run":
        made["responses"]["202"] = _json("accepted, with wait=no", Started)
    if endpoint.name == "share":
        made["responses"]["200"] = _answer(endpoint)
    if isinstance(endpoint.body, type):
        made["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": REF.format(name=endpoint.body.__name__)}}},
        }  # fmt: skip
    return made


def _path(endpoint: Endpoint) -> list[dict[str, Any]]:
    names = re.findall(r"\{(\w+)\}", endpoint.path)
    return [{"name": name, "in": "path", "required": True, **VALUES[name]} for name in names]


def _query(endpoint: Endpoint, schemas: Mapping[str, Any]) -> list[dict[str, Any]]:
    if endpoint.query is None:
        return []
    fields = schemas[endpoint.query.__name__]["properties"]
    return [
        {"name": name, "in": "query", "description": field.get("description", ""), "schema": field}
        for name, field in fields.items()
    ]


def _answer(endpoint: Endpoint) -> dict[str, Any]:
    if isinstance(endpoint.answer, str):
        return {"description": endpoint.summary, "content": {endpoint.answer: {"schema": {"type": "string"}}}}
    made = _json(endpoint.summary, endpoint.answer)
    if endpoint.lines:
        made["content"][NDJSON] = {"schema": {"type": "string", "description": "a ServerMessage a line, as it comes"}}
    return made


def _json(description: str, kind: type[Wire]) -> dict[str, Any]:
    return {
        "description": description,
        "content": {"application/json": {"schema": {"$ref": REF.format(name=kind.__name__)}}},
    }


def _problems() -> dict[str, Any]:
    return {str(status): _json(why, Problem) for status, why in PROBLEMS.items()}
