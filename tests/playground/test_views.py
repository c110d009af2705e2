"""What a link stores of the page: bounded, spelt in one way, and given back as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from playground.models import Link
from playground.requests import BadRequest, check_view
from tests.playground.test_shared import embedded

REQUEST = {"kind": "c", "source": "int x;", "input": {"kind": "none"}}
VIEW = {
    "stage": "run",
    "step": 12,
    "packet": 2,
    "reg": "1:fp-16",
    "selected": {"name": "r3", "frame": 0},
    "pane": "log",
    "dock": False,
    "base": "hex",
    "layout": {"columns": [30, 40.5, 30], "closed": ["maps"], "scale": 150, "open": {"log": True, "dock": None}},
    "breakpoints": [
        {"kind": "line", "value": 3, "enabled": True},
        {"kind": "condition", "value": "r3.umax > 64", "enabled": False},
    ],
}


def post(client: Client, value: Any) -> Any:
    return client.post("/api/share", json.dumps(value), content_type="application/json")


@pytest.mark.django_db
def test_a_link_gives_back_the_view_it_was_made_with(client: Client) -> None:
    made = post(client, {**REQUEST, "title": "t", "view": VIEW})
    assert made.status_code == 201, made.content
    link = made.json()["id"]
    assert client.get(f"/s/{link}.json").json()["program"]["view"] == VIEW
    assert embedded(client.get(f"/s/{link}").content.decode(), "program")["view"] == VIEW
    assert Link.objects.get().schema == 2


@pytest.mark.django_db
def test_another_view_is_another_link_and_none_is_the_link_of_version_1(client: Client) -> None:
    plain = post(client, REQUEST).json()["id"]
    assert Link.objects.get(pk=plain).schema == 1
    assert client.get(f"/s/{plain}.json").json()["program"]["view"] is None
    assert post(client, {**REQUEST, "view": None}).json()["id"] == plain
    seen = {post(client, {**REQUEST, "view": view}).json()["id"] for view in (VIEW, {**VIEW, "step": 13}, {})}
    assert len(seen | {plain}) == 4


def test_what_is_the_default_is_left_out() -> None:
    assert check_view({"step": 0, "stage": "verify", "base": "dec", "dock": True, "pane": ""}) == {}
    assert check_view(VIEW) == VIEW


POINT = {"kind": "line", "value": 1, "enabled": True}


@pytest.mark.parametrize(
    ("view", "sentence"),
    [
        ([], "The view has to be an object"),
        ({"zoom": 1}, "a field 'zoom' in the view that is not known"),
        ({"step": -1}, "from 0"),
        ({"step": 1 << 60}, "a whole number"),
        ({"stage": "jit"}, "verify, run"),
        ({"reg": "x" * 200}, "at most 128"),
        ({"selected": 5}, "an object with name and frame"),
        ({"pane": "\ud800"}, "half a character"),
        ({"layout": []}, "an object of at most 64"),
        ({"layout": {str(n): n for n in range(65)}}, "at most 64"),
        ({"layout": {"a": list(range(65))}}, "at most 64"),
        ({"layout": {"a": {"b": {"c": 1}}}}, "at most 64"),
        ({"layout": {"a": float("inf")}}, "at most 64"),
        ({"layout": {"a": "x" * 200}}, "at most 64"),
        ({"breakpoints": [POINT] * 101}, "at most 100"),
        ({"breakpoints": [{**POINT, "kind": "word"}]}, "a list of at most 100"),
        ({"breakpoints": [{**POINT, "value": "x" * 300}]}, "a list of at most 100"),
        ({"breakpoints": [{**POINT, "value": None}]}, "a list of at most 100"),
        ({"breakpoints": [{**POINT, "more": 1}]}, "a list of at most 100"),
    ],
)
def test_a_view_that_no_page_makes_is_refused(view: Any, sentence: str) -> None:
    with pytest.raises(BadRequest, match=sentence):
        check_view(view)
