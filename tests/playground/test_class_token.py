"""A class behind one address can have a share of its own."""

from __future__ import annotations

import time
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from django.test import RequestFactory

from playground.clients import COOKIE, ClassToken, class_token, request_client, scope_client
from playground.jobs.queue import Client


def made(name: str = "Networks 1", **options: Any) -> str:
    out = StringIO()
    call_command("class_token", name, stdout=out, **options)
    return out.getvalue().strip().removeprefix("/class/")


def test_the_address_makes_a_browser_one_of_the_class(client: Browser) -> None:
    token = made(share=50)
    answer = client.get(f"/class/{token}")
    assert answer.status_code == 302 and answer["Location"] == "/"
    cookie = answer.cookies[COOKIE]
    assert cookie["httponly"] and cookie["samesite"] == "Lax"
    request = RequestFactory().get("/", REMOTE_ADDR="192.0.2.1")
    request.COOKIES[COOKIE] = cookie.value
    assert request_client(request) == Client("class Networks 1", 50)
    scope = {"client": ("192.0.2.1", 1), "headers": [(b"cookie", f"x=1; {COOKIE}={cookie.value}".encode())]}
    assert scope_client(scope) == Client("class Networks 1", 50)


@pytest.mark.parametrize("token", ["", "nonsense", "a:b:c", "é", "x" * 10_000])
def test_a_token_that_was_not_made_here_is_none(client: Browser, token: str) -> None:
    assert class_token(token) is None
    if token:
        answer = client.get(f"/class/{token}")
        assert answer.status_code == 404 and COOKIE not in answer.cookies
    assert scope_client({"client": ("192.0.2.1", 1), "headers": [(b"cookie", f"{COOKIE}={token}".encode())]}) == Client(
        "192.0.2.1"
    )


def test_a_changed_or_old_token_is_none() -> None:
    token = made()
    assert class_token(token) is not None
    assert class_token(token[:-1] + ("A" if token[-1] != "A" else "B")) is None
    assert class_token(ClassToken("old", 3, int(time.time()) - 1).text()) is None


@pytest.mark.parametrize("options", [{"share": 0}, {"share": 100_000}, {"days": 0}, {"days": 10_000}, {"name": "\n"}])
def test_what_makes_no_token_is_said(options: dict[str, Any]) -> None:
    with pytest.raises(CommandError):
        made(**options)
