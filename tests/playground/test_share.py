"""/api/share and /share: content-addressed, limited, same origin only."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client

from playground.models import Link

pytestmark = pytest.mark.django_db
REQUEST = {"kind": "c", "source": "int x;", "options": {"opt": "O1"}, "input": {"kind": "packet", "hex": "00ff"}}


def post(client: Client, value: Any, **more: Any) -> Any:
    text = value if isinstance(value, str | bytes) else json.dumps(value)
    return client.post("/api/share", text, content_type="application/json", **more)


def test_the_same_program_has_the_same_link(client: Client) -> None:
    first = post(client, REQUEST)
    assert first.status_code == 201
    answer = first.json()
    assert re.fullmatch("[a-km-np-z2-9]{16}", answer["id"])
    assert answer["url"] == f"http://testserver/s/{answer['id']}"
    again = post(client, {**REQUEST, "input": {"kind": "packet", "hex": "00 FF"}})  # another spelling of the same
    assert again.status_code == 200
    assert again.json()["id"] == answer["id"]
    assert post(client, {**REQUEST, "source": "int y;"}).json()["id"] != answer["id"]
    assert Link.objects.count() == 2


def test_another_key_gives_another_link(client: Client, settings: Any) -> None:
    first = post(client, REQUEST).json()["id"]
    settings.LINK_KEY = "another key of enough characters for all of this"
    assert post(client, REQUEST).json()["id"] != first


@pytest.mark.parametrize(
    ("value", "status", "sentence"),
    [
        ("{", 400, "not JSON"),
        ("[]", 400, "has to be an object"),
        ("[" * 60_000, 400, "not JSON"),
        ({**REQUEST, "source": "x" * 70_000}, 413, "at most 65,536 bytes"),
        ({**REQUEST, "source": ""}, 400, "There is no source"),
        ({**REQUEST, "title": "x" * 200}, 400, "A title"),
        ({**REQUEST, "title": 5}, 400, "A title"),
        ({**REQUEST, "title": "\ud800"}, 400, "half a character"),
        (
            json.dumps({**REQUEST, "title": "\udc00"}, ensure_ascii=False).encode("utf-8", "surrogatepass"),
            400,
            "not UTF-8",
        ),
        ({**REQUEST, "options": {"program": "\udfff"}}, 400, "half a character"),
        ('{"kind": "c", "source": "int x;", "input": {"kind": "event", "values": {"a": NaN}}}', 400, "not JSON"),
    ],
)
def test_says_what_cannot_be_shared(client: Client, value: Any, status: int, sentence: str) -> None:
    answer = post(client, value)
    assert answer.status_code == status
    assert sentence in answer.json()["error"]
    assert Link.objects.count() == 0


def test_takes_json_alone(client: Client) -> None:
    assert client.post("/api/share", {"source": "x"}).status_code == 415
    assert client.get("/api/share").status_code == 405


def test_a_page_of_another_site_is_refused(client: Client) -> None:
    for origin in ("https://elsewhere.example", "http://[", "null"):
        assert post(client, REQUEST, headers={"origin": origin}).status_code == 403
    assert Link.objects.count() == 0
    assert post(client, REQUEST, headers={"origin": "http://testserver"}).status_code == 201


def test_an_address_shares_only_so_many_an_hour(client: Client, settings: Any) -> None:
    settings.SHARES_PER_HOUR = 2
    answers = [post(client, {**REQUEST, "source": f"int x{n};"}).status_code for n in range(3)]
    assert answers == [201, 201, 429]
    other = post(client, REQUEST, REMOTE_ADDR="192.0.2.9")
    assert other.status_code == 201


def test_who_asks_is_read_from_the_proxy_only_when_there_is_one(client: Client, settings: Any) -> None:
    settings.SHARES_PER_HOUR = 1
    for number, status in ((1, 201), (2, 429)):
        header = {"x-forwarded-for": f"192.0.2.{number}"}
        assert post(client, {**REQUEST, "source": f"int x{number};"}, headers=header).status_code == status
    settings.TRUSTED_PROXIES = 1
    for number in (3, 4):
        header = {"x-forwarded-for": f"203.0.113.1, 192.0.2.{number}"}
        assert post(client, {**REQUEST, "source": f"int x{number};"}, headers=header).status_code == 201


def test_the_form_answers_with_a_piece_of_page(client: Client) -> None:
    answer = client.post("/share", {"program": json.dumps(REQUEST), "view": "#step=3&reg=1%3Afp-8"})
    assert answer.status_code == 200
    assert f'value="http://testserver/s/{Link.objects.get().pk}#step=3&amp;reg=1%3Afp-8"' in answer.content.decode()
    answer = client.post("/share", {"program": json.dumps({**REQUEST, "source": ""})})
    assert (answer.status_code, answer["HX-Reswap"]) == (400, "innerHTML")
    assert "There is no source" in answer.content.decode()


@pytest.mark.parametrize("view", ['#"><script>', "javascript:alert(1)", "#" + "a" * 201, "#\u0130", "#a\n"])
def test_a_view_that_the_page_did_not_write_is_left_out(client: Client, view: str) -> None:
    answer = client.post("/share", {"program": json.dumps(REQUEST), "view": view})
    assert f'value="http://testserver/s/{Link.objects.get().pk}"' in answer.content.decode()


def test_a_form_that_is_too_long_is_told_so(client: Client, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    answer = client.post("/share", {"program": json.dumps({**REQUEST, "source": "x" * 2000})})
    assert (answer.status_code, answer["HX-Reswap"]) == (413, "innerHTML")
    assert "too long to share" in answer.content.decode()


def test_no_cookie_is_set(client: Client) -> None:
    assert not post(client, REQUEST).cookies


def test_what_an_address_shares_is_bounded_in_bytes(client: Client, settings: Any) -> None:
    settings.SHARE_MB_PER_HOUR = 1
    statuses = []
    for n in range(20):
        statuses.append(post(client, {**REQUEST, "source": f"int x{n};" + "\n// a" * 12_000}).status_code)
    assert statuses[0] == 201 and statuses[-1] == 429


def test_no_link_is_made_when_the_disk_is_nearly_full(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playground.disk.free", lambda: 1 << 20)
    answer = post(client, {**REQUEST, "source": "int full;"})
    assert answer.status_code == 507 and "disk space" in answer.json()["error"]
